"""Terminals of people: who hears a line, who does not, and what is never opened."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from sentinair.sinks.notice.terminals import Reached, Terminals, logged_in, tty_group
from tests.harness.agent import wait_for
from tests.unit.sinks.notice.conftest import GROUP, Desk

pytestmark = pytest.mark.root
LINE = "Sentinair says this"
ON_SCREEN = LINE.encode()
TTY_MAJOR = 4


def utmp(*lines: str, kind: int = 7) -> bytes:
    form = struct.Struct("=hxxi32s4s32s256shhiii16s20x")
    none = (b"", b"", b"", 0, 0, 0, 0, 0, b"")
    return b"".join(form.pack(kind, 1, line.encode(), *none) for line in lines)


def test_everyone_who_lets_others_write_hears_it(desk: Desk) -> None:
    first, second = desk.pty(), desk.pty(owner=0)
    assert desk.terminals.tell(LINE) == Reached(2, 0, 0)
    assert ON_SCREEN in first.read()
    assert ON_SCREEN in second.read()


@pytest.mark.parametrize(("mode", "group"), [(0o600, GROUP), (0o622, GROUP), (0o666, GROUP), (0o620, 0), (0o620, 1000)])  # fmt: skip
def test_who_said_mesg_n_or_has_no_terminals_shape_hears_nothing(
    desk: Desk, mode: int, group: int
) -> None:
    quiet, other = desk.pty(mode=mode, group=group), desk.pty()
    assert desk.terminals.tell(LINE) == Reached(1, 0, 0)
    assert quiet.read() == b""
    assert ON_SCREEN in other.read()


def test_a_full_or_stopped_terminal_is_passed_over_and_the_others_hear_it(desk: Desk) -> None:
    full, before, stopped, after = desk.pty(), desk.pty(), desk.pty(), desk.pty()
    full.fill()
    stopped.stop()
    for _ in range(50):
        assert desk.terminals.tell(LINE) == Reached(2, 2, 0)
    assert before.read().count(ON_SCREEN) == after.read().count(ON_SCREEN) == 50
    assert ON_SCREEN not in full.read()
    assert stopped.read() == b""


def test_no_number_of_stopped_terminals_keeps_the_last_person_from_hearing(desk: Desk) -> None:
    for _ in range(200):
        desk.pty().stop()
    last = desk.pty()
    assert desk.terminals.tell(LINE) == Reached(1, 200, 0)
    assert ON_SCREEN in last.read()


def test_a_terminal_whose_writer_waits_does_not_hold_up_others(desk: Desk) -> None:
    held, other = desk.pty(), desk.pty()
    held.fill()
    os.set_blocking(held.slave, True)
    writer = subprocess.Popen(["cat", "/dev/zero"], stdout=held.slave)  # holds its write lock
    try:
        state = Path(f"/proc/{writer.pid}/stat")
        assert wait_for(lambda: ") S " in state.read_text(), 10.0) is not None
        assert desk.terminals.tell(LINE) == Reached(1, 1, 0)
    finally:
        writer.kill()
        writer.wait()
    assert ON_SCREEN in other.read()


def test_each_line_begins_at_the_left_on_a_screen_in_raw_mode(desk: Desk) -> None:
    raw = desk.pty()
    modes = termios.tcgetattr(raw.slave)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(raw.slave, termios.TCSANOW, modes)
    desk.terminals.tell(LINE)
    assert raw.read() == b"\r\n" + ON_SCREEN + b"\r\n"


def test_links_files_fifos_and_directories_in_the_place_of_a_terminal_are_left_alone(
    desk: Desk, tmp_path: Path
) -> None:
    real = desk.pty()
    victim = tmp_path / "victim"
    victim.write_bytes(b"kept")
    for path in (victim,):
        os.chown(path, 1000, GROUP)
        path.chmod(0o620)
    (desk.devices / "tty1").symlink_to(victim)
    (desk.devices / "tty2").symlink_to(real.path)
    os.link(victim, desk.devices / "tty3")
    os.mkfifo(desk.devices / "tty4", 0o620)
    os.chown(desk.devices / "tty4", 1000, GROUP)
    (desk.devices / "tty5").mkdir()
    reader = os.open(desk.devices / "tty4", os.O_RDONLY | os.O_NONBLOCK)
    assert desk.terminals.tell(LINE) == Reached(1, 0, 0)
    assert real.read().count(ON_SCREEN) == 1
    assert victim.read_bytes() == b"kept"
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_link_in_the_place_of_the_directory_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    heard = desk.pty()
    other = tmp_path / "other"
    other.mkdir()
    (other / "pts").symlink_to(desk.pts)
    assert Terminals(other, desk.logins, GROUP).tell(LINE) == Reached(0, 0, 0)
    assert heard.read() == b""


@pytest.mark.parametrize("device", [(1, 3), (4, 0), (5, 0), (5, 2), (10, 130), (136, 0)])
def test_devices_that_are_no_line_are_not_opened(desk: Desk, device: tuple[int, int]) -> None:
    """memory, the console in front, the own terminal, ptmx, a watchdog that opening would start, a second name of a pseudo-terminal."""
    path = desk.devices / "tty9"
    os.mknod(path, 0o020620, os.makedev(*device))
    os.chown(path, 1000, GROUP)
    path.chmod(0o620)
    assert desk.terminals.tell(LINE) == Reached(0, 0, 0)


def test_a_console_counts_while_somebody_is_logged_in_on_it(desk: Desk) -> None:
    """A line without a driver behind it: that it was tried is what shows."""
    path = desk.devices / "ttyS99"
    os.mknod(path, 0o020620, os.makedev(204, 1000))
    os.chown(path, 0, GROUP)
    path.chmod(0o620)
    assert desk.terminals.tell(LINE) == Reached(0, 0, 0), "a login prompt is nobody's"
    os.chown(path, 1000, GROUP)
    assert desk.terminals.tell(LINE) == Reached(0, 0, 1), "a person's"
    os.chown(path, 0, GROUP)
    desk.logins.write_bytes(utmp("ttyS98", "ttyS99"))
    assert desk.terminals.tell(LINE) == Reached(0, 0, 1), "root's, as utmp says"
    desk.logins.write_bytes(utmp("ttyS99", kind=6))
    assert desk.terminals.tell(LINE) == Reached(0, 0, 0), "a login prompt again"


def test_a_line_that_carries_a_protocol_is_left_alone(desk: Desk) -> None:
    line, other = desk.pty(), desk.pty()
    null = 27  # N_NULL, linux/tty.h: takes nothing and says nothing
    try:
        fcntl.ioctl(line.slave, termios.TIOCSETD, struct.pack("=i", null))
    except OSError as fault:
        pytest.skip(f"this kernel has no line discipline N_NULL: {fault}")
    assert desk.terminals.tell(LINE) == Reached(1, 0, 1)
    assert ON_SCREEN in other.read()


def test_an_ordinary_user_reaches_the_own_terminals_only(desk: Desk) -> None:
    mine, other = desk.pty(owner=1000), desk.pty(owner=1001)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(1000)
            os.setuid(1000)
            os.write(tell, json.dumps(desk.terminals.tell(LINE)).encode())
        finally:
            os._exit(0)
    os.close(tell)
    assert json.loads(os.read(told, 100) or b"null") == [1, 0, 1]
    os.waitpid(child, 0)
    os.close(told)
    assert ON_SCREEN in mine.read()
    assert other.read() == b""


def test_a_member_of_group_tty_reaches_all_of_them_from_a_namespace_that_hides_the_group(
    desk: Desk,
) -> None:
    """As under the unit: PrivateUsers=yes maps root and the forwarder's own user only."""
    heard, quiet = desk.pty(), desk.pty(mode=0o600)
    program = (
        "import os, sys; from pathlib import Path\n"
        "from sentinair.sinks.notice.terminals import Terminals, tty_group\n"
        "group = tty_group(Path('/etc/group'), Path('/proc/self/gid_map'))\n"
        f"print(group, *Terminals(Path({str(desk.devices)!r}), Path('/none'), group).tell({LINE!r}))\n"
    )
    words = ["setpriv", "--reuid", "1000", "--regid", "1000", "--groups", str(GROUP)]
    words += ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    done = subprocess.run(
        [*words, sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if "unshare" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(f"needs user namespaces: {done.stderr}")
    assert done.stdout.split() == ["65534", "1", "0", "0"], done.stderr
    assert ON_SCREEN in heard.read()
    assert quiet.read() == b""


def test_a_line_leaves_no_descriptor_behind(desk: Desk) -> None:
    full = desk.pty()
    full.fill()
    desk.pty()
    desk.terminals.tell(LINE)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        desk.terminals.tell(LINE)
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_no_list_of_logins_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "utmp"
    assert logged_in(path) == frozenset()
    path.write_bytes(utmp("tty1") + b"cut")
    assert logged_in(path) == {"tty1"}
    os.mkfifo(tmp_path / "fifo")
    assert logged_in(tmp_path / "fifo") == frozenset()
    (tmp_path / "link").symlink_to(path)
    assert logged_in(tmp_path / "link") == frozenset()


@pytest.mark.parametrize(
    ("groups", "mapped", "gid"),
    [
        ("root:x:0:\ntty:x:7:\n", "0 0 4294967295\n", 7),
        ("root:x:0:\n", "0 0 4294967295\n", 5),
        ("tty:x:nonsense:\n", "", 5),
        ("tty:x:5:\n", "0 0 1\n990 990 1\n", 65534),
        ("tty:x:5:\n", "0 5 1\n", 0),
        ("tty:x:5:\n", "100 0 10\n", 105),
    ],
)
def test_the_group_of_terminals_is_the_number_it_shows_as_here(
    tmp_path: Path, groups: str, mapped: str, gid: int
) -> None:
    (tmp_path / "group").write_text(groups)
    (tmp_path / "map").write_text(mapped)
    assert tty_group(tmp_path / "group", tmp_path / "map") == gid
