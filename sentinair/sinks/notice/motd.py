"""The message of the day: a file in a directory of the forwarder's own, to which a link in /run/motd.d leads.

pam_motd(8) reads what lies in /run/motd.d, and that directory is root's: the forwarder may replace and remove its own
file and nothing else there (systemd/tmpfiles.d).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from sentinair.errors import PermissionFault, StorageFault
from sentinair.settings.guarded import write_atomically
from sentinair.sinks.ground import run_folder

__all__ = ["FOLDER", "LINK", "NAME", "Motd", "place"]

FOLDER: Final = Path("/run/sentinair/notice")
NAME: Final = "motd"
LINK: Final = Path("/run/motd.d/sentinair")
_MODE: Final = 0o644  # pam_motd(8) may read as the person who logs in


def place(state: Path) -> Path:
    """Where the file of the agent with this state directory lies."""
    return run_folder(state) / FOLDER.name / NAME


class Motd:
    """Not thread-safe.  Methods raise StorageFault, PermissionFault."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def show(self, text: str | None) -> None:
        """Put text, ASCII, in the place of what stood there, whole or not at all; None takes it away."""
        self._check_folder()
        if text is not None:
            write_atomically(self._path, text.encode("ascii"), _MODE, alone=True)
            return
        try:
            self._path.unlink(missing_ok=True)  # a link goes, not what it leads to
        except OSError as fault:
            raise StorageFault(
                f"cannot be removed: {fault.strerror}",
                where=str(self._path),
                remedy="see what was put in its place",
            ) from fault

    def _check_folder(self) -> None:
        """Nobody else may have a hand in it: what is put there is read to all who log in."""
        folder = self._path.parent
        try:
            found = folder.lstat()
        except OSError as fault:
            raise StorageFault(
                f"is not there: {fault.strerror}",
                where=str(folder),
                remedy="make it with systemd-tmpfiles --create",
            ) from fault
        mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not mine or found.st_mode & 0o022:
            raise PermissionFault(
                "is not a directory that only this user may write",
                where=str(folder),
                remedy="make it again with systemd-tmpfiles --create",
            )
