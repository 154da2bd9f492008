"""What the hashing child does with one file, here in this process."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sentinair.kernel import hashing
from sentinair.kernel.hashing import Digest, Pace, Unsure, digest
from sentinair.kernel.hashwire import HAS_ID, HAS_SHA256, REPLY, REQUEST


def state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_ctime_ns


def hashed(path: Path, pid: int = 0, wanted: tuple[int, int, int] | None = None) -> Digest:
    soon = time.monotonic() + 5
    return digest(os.fsencode(path), pid, wanted, 1 << 20, 1 << 40, soon, Pace())


@pytest.mark.parametrize("size", [0, 1, hashing.CHUNK - 1, hashing.CHUNK, hashing.CHUNK + 1])
def test_every_size_is_hashed_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    assert hashed(path) == (state(path), sha256(path.read_bytes()).digest())


@given(
    some.lists(some.tuples(some.integers(0, 20), some.binary(min_size=1, max_size=50)), max_size=5)
)
def test_holes_anywhere_are_zeros(parts: list[tuple[int, bytes]]) -> None:
    memory = os.memfd_create("sparse")
    try:
        for page, data in parts:
            os.pwrite(memory, data, page * 4096)
        os.ftruncate(memory, 21 * 4096 + 7)
        content = os.pread(memory, 1 << 20, 0)
        summed = hashing._summed(memory, len(content), 1 << 40, time.monotonic() + 5, Pace())
    finally:
        os.close(memory)
    assert summed == sha256(content).digest()


def test_a_file_that_cannot_tell_its_holes_is_read_whole() -> None:
    reading, writing = os.pipe()  # lseek(2) on a pipe: ESPIPE
    try:
        assert hashing._extent(reading, 3, 10) == (3, 10)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_program_is_read_through_its_process(tmp_path: Path) -> None:
    child = subprocess.Popen(["/bin/sleep", "60"])
    try:
        while os.readlink(f"/proc/{child.pid}/exe") == os.readlink("/proc/self/exe"):
            time.sleep(0.001)
        sleep = Path("/bin/sleep")
        found = hashed(tmp_path / "absent", child.pid, state(sleep))
        assert found == (state(sleep), sha256(sleep.read_bytes()).digest())
        other = tmp_path / "other"
        other.write_bytes(b"other")
        assert hashed(other, child.pid, state(other))[1] == sha256(b"other").digest()
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("kind", "why"),
    [("fifo", "regular"), ("directory", "regular"), ("link", "regular"), ("large", "limit")],
)
def test_what_is_not_to_be_read_says_why_and_what_it_is(
    tmp_path: Path, kind: str, why: str
) -> None:
    path = tmp_path / kind
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to("/etc/passwd")
        case "large":
            path.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(Unsure, match=why) as caught:
        hashed(path)
    assert caught.value.seen is not None
    assert caught.value.seen[1] == path.lstat().st_ino


def test_another_file_than_the_wanted_is_told_with_its_identity(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with pytest.raises(Unsure, match="another file") as caught:
        hashed(path, 0, (1, 2, 3))
    assert caught.value.seen == state(path)


def test_a_file_cut_short_has_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_extent", lambda _file, at, size: (at, size))
    path = tmp_path / "file"
    path.write_bytes(b"short")
    file = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(Unsure, match="shorter"):
            hashing._summed(file, 100, 1 << 40, time.monotonic() + 5, Pace())
    finally:
        os.close(file)


def test_the_budget_makes_readers_wait_and_the_deadline_ends_it() -> None:
    pace = Pace()
    began = time.monotonic()
    pace.spend(50, 1000, began + 5)
    pace.spend(50, 1000, began + 5)
    assert 0.09 <= time.monotonic() - began < 2
    with pytest.raises(Unsure, match="deadline"):
        pace.spend(100_000, 1000, began + 5)


def asked(path: bytes, wanted: tuple[int, int, int] | None = None) -> bytes:
    head = REQUEST.pack(0, HAS_ID if wanted else 0, *(wanted or (0, 0, 0)), 1 << 20, 1 << 40, 5.0)
    return head + path


def test_the_child_answers_until_its_parent_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(socket, "socket", lambda *, fileno: theirs)
    ended: list[int] = []
    child = threading.Thread(target=lambda: ended.append(hashing.main()))
    child.start()
    with ours:
        ours.send(asked(os.fsencode(path), state(path)))
        flags, *seen, summed = REPLY.unpack_from(ours.recv(1000))
        assert (flags, tuple(seen)) == (HAS_ID | HAS_SHA256, state(path))
        assert summed == sha256(b"x").digest()
        ours.send(asked(b"/absent"))
        answer = ours.recv(1000)
        assert REPLY.unpack_from(answer)[0] == 0
        assert answer[REPLY.size :] == b"No such file or directory"
        ours.send(asked(os.fsencode(tmp_path)))
        answer = ours.recv(1000)
        assert REPLY.unpack_from(answer)[0] == HAS_ID
        assert b"regular" in answer[REPLY.size :]
    child.join(5)
    theirs.close()
    assert ended == [0]


def test_a_child_without_work_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(socket, "socket", lambda *, fileno: theirs)
    monkeypatch.setattr(hashing, "IDLE_SECS", 0.05)
    with ours, theirs:
        assert hashing.main() == 0
