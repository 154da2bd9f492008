"""One watch for each directory that matters, kept in step with a tree that changes.

inotify watches directories, not trees: a directory made, or moved here, is watched when its record is read, and
what was put into it before has no records.  So it is reported as entered, for somebody to list it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from sentinair.kernel.records import Change, Sweep
from sentinair.monitors.watch import Watch

__all__ = ["Source", "Tree", "TreeSweep"]

MAX_REFUSED: Final = 1000  # beyond the limit of watches every directory is refused
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED, _ISDIR = 0x4000, 0x8000, 0x40000000
_RENAME = 0x10000000  # FAN_RENAME: what a Change calls a paired rename


class Record(Protocol):
    """kernel.inotify.Raw."""

    @property
    def watch(self) -> int: ...
    @property
    def mask(self) -> int: ...
    @property
    def cookie(self) -> int: ...
    @property
    def name(self) -> bytes: ...


class Source(Protocol):
    """What is needed of kernel.inotify.Inotify."""

    def add(self, directory: bytes) -> int: ...
    def remove(self, watch: int) -> None: ...


class TreeSweep(msgspec.Struct):
    """One read: changes as fanotify's, and directories whose content has no records."""

    sweep: Sweep
    entered: list[bytes]


class Tree:
    """Watches by number and by path."""

    def __init__(
        self, source: Source, watch: Watch, may_enter: Callable[[bytes], bool] = lambda _: True
    ) -> None:
        """may_enter: whether the directory at that path may be touched (no FUSE mount)."""
        self._source = source
        self._watch = watch
        self._may_enter = may_enter
        self._paths: dict[int, bytes] = {}
        self._watches: dict[bytes, int] = {}
        self.refused: dict[
            bytes, str
        ] = {}  # directories without a watch, and why: the first MAX_REFUSED
        self.refused_more = 0  # refusals beyond these

    def __len__(self) -> int:
        return len(self._paths)

    def rebuild(self) -> None:
        """Watch all that is to be watched now: at the start, and after records were lost."""
        self.refused.clear()
        self.refused_more = 0
        for path in [path for path in self._watches if not os.path.isdir(path)]:
            self._forget(path)
        for root in self._watch.roots():
            above = root
            while above != b"/":
                above = os.path.dirname(above)
                self._add(above)  # where root itself is made, renamed or deleted
            self.enter(root)

    def enter(self, path: bytes) -> None:
        """Watch the directory path and all below it that matter; the watch is on before it is listed."""
        waiting = [path]
        while waiting:
            here = waiting.pop()
            verdict = self._watch.directory(here)
            if not (verdict.any or verdict.below) or not self._add(here):
                continue
            if not verdict.below:
                continue
            try:
                with os.scandir(here) as entries:
                    inside = [
                        entry.path for entry in entries if entry.is_dir(follow_symlinks=False)
                    ]
            except OSError:
                continue  # gone, or not ours to read: the listing says so
            waiting.extend(inside)

    def cut(self, records: list[Record]) -> TreeSweep:
        """One read as changes, merged by path; keeps the watches in step."""
        sweep = Sweep([], [], set(), set(), records=len(records))
        made = TreeSweep(sweep, [])
        index: dict[bytes, Change] = {}
        halves: dict[int, bytes] = {}  # cookie to old path, until its other half comes
        for record in records:
            if record.mask & _OVERFLOW:
                sweep.overflow = True
                continue
            directory = self._paths.get(record.watch)
            if directory is None:
                continue
            if record.mask & _IGNORED:
                self._drop(record.watch)
                continue
            path = directory.rstrip(b"/") + b"/" + record.name if record.name else directory
            if record.mask & _MOVED_FROM:
                halves[record.cookie] = path
                if record.mask & _ISDIR:
                    self._forget(path)
                continue
            old = halves.pop(record.cookie, None) if record.mask & _MOVED_TO else None
            self._note(made, index, record, path, old)
        for path in halves.values():
            self._change(sweep, index, _DELETE, path, self._watch.flags(path))
        return made

    def _note(
        self,
        made: TreeSweep,
        index: dict[bytes, Change],
        record: Record,
        path: bytes,
        old: bytes | None,
    ) -> None:
        if record.mask & _ISDIR and record.mask & (_CREATE | _MOVED_TO):
            self.enter(path)
            if path in self._watches:
                made.entered.append(path)
        flags = self._watch.flags(path)
        if old is None:
            self._change(made.sweep, index, record.mask, path, flags)
            return
        index.pop(old, None)  # what comes now is another file of that name
        flags |= self._watch.flags(old)
        if flags:
            index[path] = Change(_RENAME, 0, path, flags, old, bool(record.mask & _ISDIR))
            made.sweep.changes.append(index[path])

    def _change(
        self, sweep: Sweep, index: dict[bytes, Change], mask: int, path: bytes, flags: int
    ) -> None:
        if not flags:
            return
        change = index.get(path)
        if change is not None:
            change.mask |= mask
            return
        index[path] = Change(mask, 0, path, flags, None, bool(mask & _ISDIR))
        sweep.changes.append(index[path])

    def _add(self, path: bytes) -> bool:
        if not self._may_enter(path):
            return False
        try:
            watch = self._source.add(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as fault:
            if path in self.refused or len(self.refused) < MAX_REFUSED:
                self.refused[path] = fault.strerror or str(fault)
            else:
                self.refused_more += 1
            return False
        before = self._paths.get(watch)
        if before is not None and before != path:
            self._watches.pop(before, None)
        self._paths[watch] = path
        self._watches[path] = watch
        return True

    def _forget(self, path: bytes) -> None:
        """path was moved away: its watches go on telling of it under a path that is not its own."""
        below = path + b"/"
        for each in [each for each in self._watches if each == path or each.startswith(below)]:
            watch = self._watches[each]
            self._drop(watch)
            self._source.remove(watch)

    def _drop(self, watch: int) -> None:
        path = self._paths.pop(watch, None)
        if path is not None and self._watches.get(path) == watch:
            del self._watches[path]
