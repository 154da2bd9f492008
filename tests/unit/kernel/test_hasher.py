"""Real files, FIFOs, leases, holes and a FUSE mount that nobody serves; hashed by the real child."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from sentinair.kernel import procfs
from sentinair.kernel.hasher import HashRequest, HashResult, HashWorker
from sentinair.kernel.hashing import Pace, Unsure, digest
from sentinair.model.process import FileId

HELD = """
import fcntl, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[1], "r+")
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def worker(**options: int) -> Iterator[HashWorker]:
    made = HashWorker(**options)
    try:
        yield made
    finally:
        made.close()


def answers(made: HashWorker, count: int = 1, secs: float = 15.0) -> list[HashResult]:
    found: list[HashResult] = []
    deadline = time.monotonic() + secs
    while len(found) < count and time.monotonic() < deadline:
        poll = select.poll()
        if made.fileno() >= 0:
            poll.register(made.fileno(), select.POLLIN)
        poll.poll((made.timeout_secs() or 0.0) * 1000)
        found += made.results()
    return found


def hashed(made: HashWorker, path: Path) -> HashResult:
    request = HashRequest(os.fsencode(path))
    found = made.submit(request) or answers(made)[0]
    assert found.request == request
    return found


def identity(path: Path) -> FileId:
    found = path.stat()
    return FileId(found.st_dev, found.st_ino, found.st_ctime_ns)


def test_a_file_is_hashed_and_named_by_its_state(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(700_000))
    with worker() as made:
        found = hashed(made, path)
    assert found.sha256 == sha256(path.read_bytes()).digest()
    assert (found.file_id, found.unsure) == (identity(path), None)


def test_many_files_are_answered_in_order_by_one_child(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(200)]
    for path in paths:
        path.write_bytes(path.name.encode())
    with worker() as made:
        for path in paths:
            assert made.submit(HashRequest(os.fsencode(path))) is None
        child = made._pid
        found = answers(made, len(paths))
        assert made._pid == child
    assert [one.sha256 for one in found] == [sha256(path.read_bytes()).digest() for path in paths]


def test_the_hash_of_a_known_state_is_not_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with worker(max_cached=1) as made:
        request = HashRequest(os.fsencode(path), identity(path))
        assert made.submit(request) is None
        assert answers(made)[0].sha256 == sha256(b"x").digest()
        again = made.submit(request)
        assert again is not None
        assert again.sha256 == sha256(b"x").digest()
        assert made.hashed == 1


def test_another_state_than_the_wanted_one_is_not_hashed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    wanted = identity(path)
    path.rename(tmp_path / "old")
    path.write_bytes(b"y")
    with worker() as made:
        made.submit(HashRequest(os.fsencode(path), wanted))
        (found,) = answers(made)
    assert found.sha256 is None
    assert found.unsure is not None
    assert "another file" in found.unsure


def test_a_running_program_is_hashed_even_when_its_name_is_gone(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copy("/bin/sleep", program)
    child = subprocess.Popen([program, "60"])
    try:
        while (facts := procfs.look(child.pid)) is None or facts.exe != os.fsencode(program):
            time.sleep(0.001)
        program.unlink()
        facts = procfs.look(child.pid)
        assert facts is not None
        with worker() as made:
            made.submit(HashRequest(os.fsencode(program), facts.exe_id, child.pid))
            (found,) = answers(made)
    finally:
        child.kill()
        child.wait()
    assert found.sha256 == sha256(Path("/bin/sleep").read_bytes()).digest()


def test_a_program_whose_process_is_gone_is_hashed_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"program")
    with worker() as made:
        made.submit(HashRequest(os.fsencode(path), identity(path), pid=2**22 - 1))
        assert answers(made)[0].sha256 == sha256(b"program").digest()


@pytest.mark.parametrize("kind", ["fifo", "link", "directory", "absent", "large"])
def test_what_is_no_file_to_read_is_refused_with_its_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "link":
            path.symlink_to("/etc/passwd")
        case "directory":
            path.mkdir()
        case "large":
            path.write_bytes(bytes(1001))
    with worker(max_bytes=1000) as made:
        found = hashed(made, path)
    assert found.sha256 is None
    assert found.unsure


def test_a_lease_held_by_another_process_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "leased"
    path.write_bytes(b"x")
    holder = subprocess.Popen([sys.executable, "-c", HELD, path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"held\n":
            pytest.skip("leases do not work on this file system")
        began = time.monotonic()
        with worker() as made:
            found = hashed(made, path)
    finally:
        holder.kill()
        holder.communicate()
    assert found.unsure == "another process holds a lease on it"
    assert time.monotonic() - began < 5


def test_holes_are_zeros_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(20 << 20)
        file.seek(10 << 20)
        file.write(b"middle")
    with worker() as made:
        assert hashed(made, path).sha256 == sha256(path.read_bytes()).digest()


def test_the_deadline_holds_against_a_slow_budget(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(4 << 20))
    with worker(bytes_per_sec=1 << 20, deadline_secs=1) as made:
        found = hashed(made, path)
    assert found.unsure == "it takes longer than the deadline"


def test_the_budget_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(2 << 20))
    with worker(bytes_per_sec=4 << 20) as made:
        began = time.monotonic()
        assert hashed(made, path).sha256 is not None
        hashed(made, path)
        assert time.monotonic() - began > 0.7  # 4 MiB at 4 MiB a second, less the first chunk


def test_a_change_while_reading_leaves_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1 << 20))

    class Meddler(Pace):
        def spend(self, size: int, rate: int, deadline: float) -> None:
            path.write_bytes(b"short")

    with pytest.raises(Unsure):
        digest(os.fsencode(path), 0, None, 1 << 30, 1 << 30, time.monotonic() + 5, Meddler())

    class Toucher(Pace):
        def spend(self, size: int, rate: int, deadline: float) -> None:
            time.sleep(0.02)
            os.utime(path)

    with pytest.raises(Unsure, match="while it was read"):
        digest(os.fsencode(path), 0, None, 1 << 30, 1 << 30, time.monotonic() + 5, Toucher())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_a_file_system_nobody_serves_costs_one_child_and_no_more(tmp_path: Path) -> None:
    point = tmp_path / "fuse"
    point.mkdir()
    other = tmp_path / "other"
    other.write_bytes(b"other")
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    try:
        if libc.mount(b"none", os.fsencode(point), b"fuse", 6, options):
            pytest.skip("FUSE cannot be mounted here")
        with worker(deadline_secs=1) as made:
            made._deadline_secs = 0.2
            made.submit(HashRequest(os.fsencode(point / "file")))
            made.submit(HashRequest(os.fsencode(other)))
            first, second = answers(made, 2)
            assert first.unsure == "reading it hung; the hashing process was killed"
            assert second.sha256 == sha256(b"other").digest()
            assert made.killed == 1
    finally:
        os.close(device)  # whoever hangs gets ENOTCONN
        libc.umount2(os.fsencode(point), 2)


def test_a_child_that_dies_is_said_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(8 << 20))
    with worker(bytes_per_sec=1 << 20) as made:
        made.submit(HashRequest(os.fsencode(path)))
        time.sleep(0.2)
        os.kill(made._pid, signal.SIGKILL)
        assert answers(made)[0].unsure == "the hashing process died"
        path.write_bytes(b"x")
        assert hashed(made, path).sha256 == sha256(b"x").digest()


def test_a_child_that_ended_for_want_of_work_is_replaced_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with worker() as made:
        hashed(made, path)
        child = made._pid
        assert made._socket is not None
        made._socket.shutdown(
            1
        )  # what the child sees is what its time-out does: it returns from main()
        while Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
            time.sleep(0.005)
        assert hashed(made, path).sha256 == sha256(b"x").digest()
        assert made._pid != child


def test_the_queue_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with worker(max_waiting=2) as made:
        found = [made.submit(HashRequest(os.fsencode(path))) for _ in range(5)]
        refused = [one for one in found if one is not None]
        assert len(refused) == 2  # one is with the child, two wait
        assert made.waiting == 3
        assert len(answers(made, 3)) == 3


def test_no_child_and_no_descriptor_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))
    with worker() as made:
        hashed(made, path)
        child = made._pid
    assert not Path(f"/proc/{child}").exists()
    assert len(os.listdir("/proc/self/fd")) == before
    assert made.fileno() == -1
    assert made.timeout_secs() is None


def test_without_a_child_each_file_is_answered_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    path = tmp_path / "file"
    path.write_bytes(b"x")
    with worker() as made:
        monkeypatch.setattr(os, "posix_spawn", refused)
        found = made.submit(HashRequest(os.fsencode(path)))
        assert found is not None
        assert found.unsure == "no hashing process: Resource temporarily unavailable"
        monkeypatch.undo()
        assert hashed(made, path).sha256 == sha256(b"x").digest()


def test_too_many_children_that_hang_in_the_kernel_end_the_hashing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    sleepers = [subprocess.Popen(["/bin/sleep", "60"]) for _ in range(4)]
    with worker() as made:
        made._hung = [one.pid for one in sleepers]
        found = made.submit(HashRequest(os.fsencode(path)))
        assert found is not None
        assert found.unsure == "no hashing process: 4 of them hang in the kernel"
        for one in sleepers:
            one.kill()
            os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        assert hashed(made, path).sha256 == sha256(b"x").digest()
    for one in sleepers:
        one.wait()
