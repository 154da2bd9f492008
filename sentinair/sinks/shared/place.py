"""Where a shared database lies: a directory nobody else may write, in it the file, its journal, and a damaged one.

SQLite opens by name; so it has to be sure beforehand that no name in there can be anybody else's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from pathlib import Path
from typing import Final

from sentinair.errors import SinkAway

__all__ = ["REFILL", "SharedPlace"]

log = logging.getLogger("sentinair.shared")

REFILL: Final = "`sentinair sinks replay NAME --after 0` brings the alerts again"

_MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ALONE: Final = 0o600
_OTHERS_WRITE: Final = 0o022
_UNWRITTEN: Final = 0o640
# Where others write the file, the journal must be there before SQLite needs it: it would give one that it makes, and
# one that is empty, the mode of the file (os_unix.c, robust_open).  A first byte of 0 says that there is nothing to
# roll back (pager.c, hasHotJournal).
_NO_JOURNAL: Final = bytes(512)
_TYPES: Final = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class SharedPlace:
    """Methods raise SinkAway."""

    def __init__(self, path: Path, mode: int) -> None:
        """path: of the file, absolute; its parents are trusted up to the directory.  mode: of the file."""
        self.path = path
        self.journal = path.with_name(f"{path.name}-journal")
        self.damaged = path.with_name(f"{path.name}.damaged")
        self.is_written_by_others = bool(mode & _OTHERS_WRITE)
        self._mode = mode
        self._found: tuple[int, int] | None = None  # device and inode
        self._known: tuple[int, int] | None = None  # the same, once our tables were in it

    def ready(self) -> bool:
        """See that all is in its place, and put there what is missing; True: the file is empty, as a new one is.

        Raises SinkAway once if the file that was there is gone or another one: its rows are no more.
        """
        try:
            self._check_directory()
            found = self._look(self.path)
            if found is None:
                with contextlib.suppress(FileNotFoundError):
                    self.journal.unlink()  # it belonged to another file
                self._make(self.path, _ALONE)
                found = os.lstat(self.path)
            # While SQLite makes the first journal of a file, with the file's mode, nobody else may write either.
            _allow(self.path, found, self._mode if found.st_size else _ALONE)
            self._ready_journal()
        except OSError as fault:
            raise self._refused(fault) from fault
        self._tell_change(found)
        return found.st_size == 0

    def _ready_journal(self) -> None:
        found = self._look(self.journal)
        if found is not None and (
            found.st_mode & _OTHERS_WRITE or (self.is_written_by_others and not found.st_size)
        ):
            self.journal.unlink()  # others may have written it, or could once it is SQLite's
            found = None
        if found is not None:
            _allow(self.journal, found, self._mode & _UNWRITTEN)
        elif self.is_written_by_others:
            self._make(self.journal, self._mode & _UNWRITTEN, _NO_JOURNAL)

    def begins_anew(self) -> bool:
        """Whether it is empty by now; if so it is as new, and nobody is told of a change."""
        try:
            if os.lstat(self.path).st_size:
                return False
        except OSError as fault:
            raise self._refused(fault) from fault
        self._known = None
        return True

    def written(self) -> None:
        """It holds our tables now."""
        self._known = self._found
        try:
            _allow(self.path, os.lstat(self.path), self._mode)
            self._ready_journal()
        except OSError as fault:
            raise self._refused(fault) from fault

    def _refused(self, fault: OSError) -> SinkAway:
        return SinkAway(
            f"cannot be used: {fault.strerror}",
            where=str(fault.filename or self.path),
            remedy="see that its directory is there, belongs to this user and has room",
        )

    def set_aside(self) -> None:
        """Give the file and its journal another name, in place of what was set aside before."""
        self._known = None
        try:
            for ending in ("", "-journal"):
                with contextlib.suppress(FileNotFoundError):
                    old = self.path.with_name(self.path.name + ending)
                    old.replace(self.damaged.with_name(self.damaged.name + ending))
        except OSError as fault:
            raise SinkAway(
                f"is damaged, and cannot be set aside: {fault.strerror}",
                where=str(self.path),
                remedy="move it away",
            ) from fault

    def _tell_change(self, found: os.stat_result) -> None:
        self._found = found.st_dev, found.st_ino
        known, self._known = self._known, self._found if found.st_size else None
        if known is not None and known != self._known:
            what = "was taken away, replaced or emptied by somebody: it begins anew"
            log.error("%s %s", self.path, what)
            raise SinkAway(what, where=str(self.path), remedy=REFILL)

    def _check_directory(self) -> None:
        found = os.lstat(self.path.parent)
        where, mode = str(self.path.parent), stat.S_IMODE(found.st_mode)
        if not stat.S_ISDIR(found.st_mode):
            raise SinkAway("is not a directory", where=where, remedy="name a directory itself")
        if found.st_uid not in (0, os.geteuid()):
            raise SinkAway(
                f"belongs to uid {found.st_uid}, must belong to uid {os.geteuid()} or root",
                where=where,
                remedy=f"chown {os.geteuid()} it",
            )
        if mode & _OTHERS_WRITE:
            raise SinkAway(
                f"has mode {mode:04o}, others may put files there",
                where=where,
                remedy="chmod go-w it; who is to write has `writable: true`",
            )

    def _look(self, path: Path) -> os.stat_result | None:
        """None: there is nothing of this name."""
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            what = _TYPES.get(stat.S_IFMT(found.st_mode), "no plain file")
        elif found.st_uid != os.geteuid():
            what = f"a file of uid {found.st_uid}"
        elif found.st_nlink > 1:
            what = "a file with a second name"
        else:
            return found
        raise SinkAway(f"is {what}", where=str(path), remedy="move it away")

    def _make(self, path: Path, mode: int, content: bytes = b"") -> None:
        descriptor = os.open(path, _MAKE, _ALONE)
        try:
            os.write(descriptor, content)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def _allow(path: Path, found: os.stat_result, mode: int) -> None:
    if stat.S_IMODE(found.st_mode) != mode:
        os.chmod(path, mode)
