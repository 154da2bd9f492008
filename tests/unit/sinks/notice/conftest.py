"""A /dev of the test's own: real pseudo-terminals that no person of this host has."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sentinair.sinks.notice.terminals import Terminals

__all__ = ["GROUP", "Desk", "Pty", "desk"]

GROUP: Final = 5
# linux/tty ioctls that termios does not name: ioctl_tty(2).
TIOCSPTLCK: Final = 0x40045431
TIOCGPTN: Final = 0x80045430


class Pty:
    """One session's terminal, mesg y unless told otherwise."""

    def __init__(self, folder: Path, mode: int, owner: int, group: int) -> None:
        self.master = os.open(folder / "ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        fcntl.ioctl(self.master, TIOCSPTLCK, struct.pack("=i", 0))
        (number,) = struct.unpack("=i", fcntl.ioctl(self.master, TIOCGPTN, struct.pack("=i", 0)))
        self.path = folder / str(number)
        self.slave = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.chown(self.path, owner, group)
        self.path.chmod(mode)

    def read(self) -> bytes:
        """All that is on its screen since the last look."""
        found = b""
        while True:
            try:
                found += os.read(self.master, 65536)
            except BlockingIOError:
                return found

    def fill(self) -> None:
        """Nobody reads: its buffers are full, also those that the kernel moves bytes to a moment later."""
        for _ in range(20):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(self.slave, b"x")
            time.sleep(0.01)

    def stop(self) -> None:
        """As Ctrl-S does: tcflow(3)."""
        termios.tcflow(self.slave, termios.TCOOFF)

    def close(self) -> None:
        os.close(self.slave)
        os.close(self.master)


class Desk:
    def __init__(self, devices: Path) -> None:
        self.devices = devices
        self.pts = devices / "pts"
        self.logins = devices / "utmp"
        self.terminals = Terminals(devices, self.logins, GROUP)
        self._open: list[Pty] = []

    def pty(self, mode: int = 0o620, owner: int = 1000, group: int = GROUP) -> Pty:
        made = Pty(self.pts, mode, owner, group)
        self._open.append(made)
        return made

    def close(self) -> None:
        for one in self._open:
            one.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    if os.geteuid():
        pytest.skip("needs root: mounts a devpts of its own")
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="sentinair-desk-") as name:
        devices = Path(name)
        devices.chmod(0o755)  # other users come by
        (devices / "pts").mkdir()
        yield from mounted(devices)


def mounted(devices: Path) -> Iterator[Desk]:
    words = ["mount", "-t", "devpts", "-o", "newinstance,mode=600,ptmxmode=666", "devpts"]
    done = subprocess.run([*words, str(devices / "pts")], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.decode()}")
    made = Desk(devices)
    try:
        yield made
    finally:
        made.close()
        subprocess.run(["umount", str(devices / "pts")], check=True)
