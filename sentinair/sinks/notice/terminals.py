"""The terminals of people logged in, and one line to each of them: like wall(1), and like it never to who said `mesg n`.

Every pseudo-terminal counts: it is there only while a person's session, window or pane holds it, and windows of a desktop
are in no list of logins.  A console or serial line is always there, so it counts while its owner is a person (login(1)
gives it away and takes it back), or, where that is root, while utmp(5) says that somebody is logged in on it.

What is opened: looked at first with O_PATH, which drives no device (open(2)), and through that very descriptor, so that
nothing can be put in its place.  It must be a character device of group tty that its group may write and others may not
(mesg(1)), of a terminal's kind, and carry a person's screen: the usual line discipline, not SLIP or PPP (ioctl_tty(2)).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Reached", "Terminals", "logged_in", "tty_group"]

_PTS: Final = re.compile(r"[0-9]{1,7}")
_LINES: Final = re.compile(r"tty(?:S|AMA|USB|ACM)?[0-9]{1,3}|hvc[0-9]{1,2}")
# Documentation/admin-guide/devices.txt
_PTS_MAJORS: Final = range(136, 144)
_LINE_MAJORS: Final = (4, 166, 188, 204, 229)  # consoles and ttyS, ttyACM, ttyUSB, ttyAMA, hvc
_FOREGROUND: Final = os.makedev(4, 0)  # /dev/tty0: one of the others once more
_N_TTY: Final = 0  # linux/tty.h
_TTY_GID: Final = 5  # where no group has the name: what systemd, Debian and Red Hat give it
_NOBODY: Final = 65534  # what an unmapped group shows as: user_namespaces(7), overflowgid
# utmp(5) on Linux with glibc: type, pid, line, id, user, host, exit status, session, time, address, unused.
_ENTRY: Final = struct.Struct("=hxxi32s4s32s256shhiii16s20x")
_USER_PROCESS: Final = 7
_MAX_LOGINS: Final = 1 << 20  # bytes of that file that are read
_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


class Reached(NamedTuple):
    """What became of one line."""

    heard: int
    stopped: int  # held up by their owner, or full: they got nothing, or a part
    closed: int  # not ours to write to, or gone meanwhile


class Terminals:
    """Not thread-safe.  Waits for no terminal, and leaves none out however many there are: kernel.pty.max bounds them."""

    def __init__(self, devices: Path, logins: Path, group: int) -> None:
        """devices: /dev.  logins: utmp(5).  group: gid that terminals have, as tty_group() gives it."""
        self._devices = devices
        self._logins = logins
        self._group = group

    def tell(self, line: str) -> Reached:
        """line: printable ASCII.  Raises OSError if the devices cannot be listed."""
        # A terminal may be in raw mode, in which nothing makes a new line begin at the left.
        data = b"\r\n" + line.encode("ascii") + b"\r\n"
        counts = {"heard": 0, "stopped": 0, "closed": 0}
        logins = logged_in(self._logins)
        for folder, name in self._names():
            with self._looked_at(folder, name, logins) as seen:
                if seen is not None:
                    counts[_write(seen, data)] += 1
        return Reached(**counts)

    def _names(self) -> Iterator[tuple[int, str]]:
        """Each with a descriptor of the directory it is in."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        devices = os.open(self._devices, flags)
        try:
            yield from ((devices, name) for name in _listed(devices, _LINES))
            try:
                below = os.open("pts", flags | os.O_NOFOLLOW, dir_fd=devices)
            except OSError:
                return  # none, or something else in its place
            try:
                yield from ((below, name) for name in _listed(below, _PTS))
            finally:
                os.close(below)
        finally:
            os.close(devices)

    @contextmanager
    def _looked_at(self, folder: int, name: str, logins: frozenset[str]) -> Iterator[int | None]:
        """A descriptor to open it through, if it is a terminal to write to."""
        try:
            seen = os.open(name, _LOOK, dir_fd=folder)
        except OSError:
            yield None
            return
        try:
            yield seen if self._counts(os.fstat(seen), name, logins) else None
        finally:
            os.close(seen)

    def _counts(self, found: os.stat_result, name: str, logins: frozenset[str]) -> bool:
        if not stat.S_ISCHR(found.st_mode) or found.st_gid != self._group:
            return False
        if not found.st_mode & stat.S_IWGRP or found.st_mode & stat.S_IWOTH:
            return False
        major = os.major(found.st_rdev)
        if _PTS.fullmatch(name):
            return major in _PTS_MAJORS
        if major not in _LINE_MAJORS or found.st_rdev == _FOREGROUND:
            return False
        return found.st_uid != 0 or name in logins


def _listed(folder: int, pattern: re.Pattern[str]) -> list[str]:
    return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))


def _write(seen: int, data: bytes) -> str:
    """heard, stopped or closed."""
    try:
        # Not by name: what was looked at is what is opened (proc(5), /proc/pid/fd).
        terminal = os.open(f"/proc/self/fd/{seen}", _WRITE)
    except OSError:
        return "closed"
    try:
        if not os.isatty(terminal) or _discipline(terminal) != _N_TTY:
            return "closed"
        return "heard" if os.write(terminal, data) == len(data) else "stopped"
    except BlockingIOError:
        return "stopped"
    except OSError:
        return "closed"
    finally:
        with contextlib.suppress(OSError):
            os.close(terminal)


def _discipline(terminal: int) -> int:
    told = fcntl.ioctl(terminal, termios.TIOCGETD, struct.pack("=i", -1))
    number: int
    (number,) = struct.unpack("=i", told)
    return number


def logged_in(path: Path) -> frozenset[str]:
    """Lines on which somebody is logged in, as utmp(5) at path says; none where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return frozenset()
    try:
        with os.fdopen(descriptor, "rb") as stream:
            data = stream.read(_MAX_LOGINS)
    except OSError:
        return frozenset()
    data = data[: len(data) // _ENTRY.size * _ENTRY.size]
    return frozenset(
        line.partition(b"\0")[0].decode("ascii", "replace")
        for kind, _, line, *_ in _ENTRY.iter_unpack(data)
        if kind == _USER_PROCESS
    )


def tty_group(groups: Path, mapped: Path) -> int:
    """The gid that terminals show here.  groups: /etc/group.  mapped: /proc/self/gid_map (user_namespaces(7)).

    Where the group is not mapped it shows as nobody's, as others do; what may be opened is still the kernel's to say,
    and a process outside group tty has no right to any terminal but its own.
    """
    gid = _TTY_GID
    with contextlib.suppress(OSError, ValueError):
        for line in groups.read_text("utf-8", "replace").splitlines():
            name, _, number, *_ = [*line.split(":"), "", ""]
            if name == "tty":
                gid = int(number)
                break
    try:
        rows = [
            [int(word) for word in line.split()] for line in mapped.read_text("ascii").splitlines()
        ]
    except (OSError, ValueError):
        return gid
    for inside, outside, count in (row for row in rows if len(row) == 3):
        if outside <= gid < outside + count:
            return inside + gid - outside
    return _NOBODY if rows else gid
