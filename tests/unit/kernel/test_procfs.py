"""Facts from /proc, read from real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sentinair.kernel import procfs
from sentinair.model.process import Process


def looked(pid: int) -> Process:
    facts = procfs.look(pid)
    assert facts is not None
    return facts


def sleeping(program: str | Path, *words: str, **options: str) -> subprocess.Popen[bytes]:
    """A child that has begun its program."""
    child = subprocess.Popen([str(program), *words], cwd=options.get("cwd"))
    itself = os.readlink("/proc/self/exe")
    while os.readlink(f"/proc/{child.pid}/exe") == itself or looked(child.pid).argv is None:
        time.sleep(0.001)
    return child


def test_a_running_process_is_known_whole() -> None:
    child = sleeping("/bin/sleep", "60", cwd="/usr")
    try:
        facts = looked(child.pid)
    finally:
        child.kill()
        child.wait()
    found = os.stat("/bin/sleep")
    assert facts.argv == (b"/bin/sleep", b"60")
    assert facts.exe == os.path.realpath(b"/bin/sleep")
    assert facts.cwd == b"/usr"
    assert (facts.ppid, facts.uid, facts.euid) == (os.getpid(), os.getuid(), os.geteuid())
    assert facts.exe_id is not None
    assert (facts.exe_id.device, facts.exe_id.inode) == (found.st_dev, found.st_ino)
    assert facts.exe_id.ctime_ns == found.st_ctime_ns
    assert not (facts.deleted or facts.memfd or facts.exited)


def test_start_is_that_of_the_kernel_and_tells_processes_apart() -> None:
    before = procfs.ticks_of(time.monotonic_ns())
    child = subprocess.Popen(["/bin/sleep", "60"])
    after = procfs.ticks_of(time.monotonic_ns())
    try:
        began = procfs.start(child.pid)
        assert began is not None
        assert before - 1 <= began <= after
        assert looked(child.pid).start == began
        assert procfs.parent(child.pid) == os.getpid()
    finally:
        child.kill()
        child.wait()
    assert procfs.start(child.pid) is None
    assert procfs.parent(child.pid) is None
    assert procfs.look(child.pid) is None


def test_a_zombie_keeps_user_and_parent_and_is_said_to_have_ended() -> None:
    child = subprocess.Popen(["/bin/true"])
    try:
        while not (facts := looked(child.pid)).exited:
            time.sleep(0.001)
        assert facts.exited
        assert (facts.argv, facts.exe, facts.exe_id) == (None, None, None)
        assert (facts.ppid, facts.uid) == (os.getpid(), os.getuid())
        assert facts.start is not None
    finally:
        child.wait()


@pytest.mark.skipif(
    not Path("/proc/2/stat").exists(), reason="no kernel threads in this pid namespace"
)
def test_a_kernel_thread_has_no_program_and_an_empty_command_line() -> None:
    facts = looked(2)
    assert (facts.exe, facts.argv, facts.exited) == (None, (), False)


def test_a_program_whose_name_is_gone_is_marked_deleted(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copy("/bin/sleep", program)
    child = sleeping(program, "60")
    try:
        program.unlink()
        facts = looked(child.pid)
    finally:
        child.kill()
        child.wait()
    assert facts.deleted
    assert not facts.memfd
    assert facts.exe == os.fsencode(program)
    assert facts.exe_id is not None


def test_a_program_in_anonymous_memory_is_marked_memfd() -> None:
    memory = os.memfd_create("hidden", os.MFD_CLOEXEC)
    with os.fdopen(memory, "wb") as file:
        file.write(Path("/bin/sleep").read_bytes())
        file.flush()
        pid = os.posix_spawn(f"/proc/{os.getpid()}/fd/{memory}", ["named-else", "60"], {})
        try:
            while (facts := looked(pid)).argv != (b"named-else", b"60"):
                time.sleep(0.001)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert facts.memfd
    assert not facts.deleted
    assert facts.exe == b"/memfd:hidden"


def test_an_argument_vector_without_end_is_cut() -> None:
    child = sleeping("/bin/sleep", "60", *["x" * 100_000 for _ in range(3)])
    try:
        argv = looked(child.pid).argv
    finally:
        child.kill()
        child.wait()
    assert argv is not None
    assert sum(len(word) + 1 for word in argv) <= procfs.MAX_ARGV_BYTES + 1


def test_empty_arguments_stay_arguments() -> None:
    child = sleeping("/bin/sh", "-c", "sleep 60; :", "", "x", "")
    try:
        argv = looked(child.pid).argv
    finally:
        child.kill()
        child.wait()
    assert argv == (b"/bin/sh", b"-c", b"sleep 60; :", b"", b"x", b"")


def test_a_process_name_with_brackets_and_spaces_does_not_shift_fields() -> None:
    script = "import ctypes,time;ctypes.CDLL(None).prctl(15,b') Z 7 (x)',0,0,0);time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", script])
    try:
        stat = Path(f"/proc/{child.pid}/comm")
        while b"Z 7" not in stat.read_bytes():
            time.sleep(0.005)
        facts = looked(child.pid)
    finally:
        child.kill()
        child.wait()
    assert facts.ppid == os.getpid()
    assert not facts.exited


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change user")
def test_a_setuid_program_has_two_users() -> None:
    script = "import os,time;os.setresuid(65534,0,0);time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", script])
    try:
        while (facts := looked(child.pid)).uid == 0:
            time.sleep(0.005)
    finally:
        child.kill()
        child.wait()
    assert (facts.uid, facts.euid) == (65534, 0)


def test_this_process_is_among_all_processes_and_threads_are_not() -> None:
    found = procfs.pids()
    assert os.getpid() in found
    assert found == sorted(found)


def test_the_boot_id_is_32_hexadecimal_digits() -> None:
    assert len(procfs.boot_id()) == 32
    assert procfs.boot_id() == procfs.boot_id().lower()
    assert int(procfs.boot_id(), 16)


def test_no_descriptor_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for pid in procfs.pids():
        procfs.look(pid)
    assert len(os.listdir("/proc/self/fd")) == before


@given(some.binary(max_size=200))
def test_any_bytes_as_a_command_line_make_arguments(line: bytes) -> None:
    argv = procfs._argv(line, kernel=False)
    assert (argv is None) == (line == b"")
    assert b"\0".join(argv or ()) in (line, line.removesuffix(b"\0"))


@given(some.integers(0, 2**32 - 1), some.integers(0, 2**32 - 1))
def test_uids_are_read_from_a_status_file(real: int, effective: int) -> None:
    status = f"Name:\tx\nUid:\t{real}\t{effective}\t{effective}\t0\nGid:\t0\t0\t0\t0\n".encode()
    assert procfs._uids(status) == (real, effective)
    assert procfs._uids(b"Name:\tx\n") == (None, None)
