"""fanotify records cut in place and merged by process, directory and name.

The kernel merges waiting events of one name and process, so a mask is a set of kinds without order; one read is
merged here the same way, and no object is made for a name nobody watches.
Layout: struct fanotify_event_metadata, then info records (type u8, pad u8, length u16, file system id 8 bytes,
struct file_handle, name, NUL padding), the pidfd record last.  Source: fanotify(7), copy_info_records_to_user()
in fs/notify/fanotify/fanotify_user.c for the order.
"""

from __future__ import annotations

import functools
import os
import struct
from typing import Final

import msgspec

from sentinair.kernel.handles import UNKNOWN, Directories, Directory
from sentinair.model import event

__all__ = ["OVERFLOW", "Change", "Moved", "Records", "Sweep"]

OVERFLOW: Final = 0x4000
_ONDIR: Final = 0x40000000
_RENAME: Final = 0x10000000
_DELETE: Final = 0x200
_NOT_FILE: Final = _ONDIR | OVERFLOW
_SLOW: Final = _NOT_FILE | _RENAME

_FID, _DFID_NAME, _PIDFD, _OLD_NAME, _NEW_NAME = 1, 2, 4, 10, 12
_META: Final = struct.Struct("=IxxHQ4xi")  # event_len, metadata_len, mask, pid
_SIGNED: Final = struct.Struct("=i")
_PID_AT: Final = (
    20  # of the metadata: pid is its last field, so pid, info header, handle and name are one slice
)

_ACTIONS: Final = (
    (0x100, event.CREATE),
    (0x8, event.WRITE),
    (0x4, event.ATTRIB),
    (0x80, event.RENAME),  # FAN_MOVED_TO, on kernels without FAN_RENAME
    (_RENAME, event.RENAME),
    (0x40 | _DELETE, event.DELETE),  # FAN_MOVED_FROM: the old name is gone
    (0x20, event.OPEN),
)


class Change(msgspec.Struct):
    """What one process did to one name within one read."""

    mask: int
    pid: int  # 0: in no namespace of ours
    path: bytes
    flags: int  # what the directory's Interest says of the name
    old_path: bytes | None = None
    on_directory: bool = False

    @property
    def actions(self) -> int:
        """Bits of model.event.ACTIONS."""
        return _actions(self.mask)


@functools.lru_cache(maxsize=256)  # few masks occur, each of them often
def _actions(mask: int) -> int:
    actions = 0
    for bits, action in _ACTIONS:
        if mask & bits:
            actions |= action
    return actions


class Moved(msgspec.Struct, frozen=True):
    """A directory got another path: nothing below it sends events of its own."""

    old_path: bytes | None  # None: it was in no directory we can name
    new_path: bytes | None


class Sweep(msgspec.Struct):
    """One read."""

    changes: list[Change]
    moved: list[Moved]
    gone: set[int]  # pids that had ended when the record was read
    alive: set[int]
    records: int = 0
    overflow: bool = False
    unnamed: int = 0  # records whose directory was gone before its path could be learned


class Records:
    """Cuts one read after another; holds the directory cache."""

    def __init__(self, directories: Directories, *, pidfds: bool = True) -> None:
        """pidfds: the group was opened with FAN_REPORT_PIDFD."""
        self._directories = directories
        self._pidfd_type = _PIDFD if pidfds else -1
        self._data = b""
        self._index: dict[bytes, Change] = {}
        self._dead: list[bytes] = []
        self._later: list[int] = []

    def cut(self, data: bytes) -> Sweep:
        """All of one read.  Closes the process descriptors that came with it.

        data: whole records, as read(2) of a fanotify group returns them.
        """
        sweep = Sweep([], [], set(), set())
        self._data, self._index = data, {}
        self._dead, self._later = [], []
        pidfds: list[int] = []
        try:
            self._walk(data, sweep, pidfds)
        finally:
            _close(pidfds)
        for at in self._later:  # their directory may have been named by a later record
            self._slow(at, sweep, final=True)
        for key in self._dead:
            self._directories.pop(key, None)
        self._directories.forget_unknown()
        self._index = {}
        return sweep

    def _walk(self, data: bytes, sweep: Sweep, pidfds: list[int]) -> None:
        """The hot loop: ordinary changes of files; all else goes to _slow."""
        meta, signed, index, changes = (
            _META.unpack_from,
            _SIGNED.unpack_from,
            self._index,
            sweep.changes,
        )
        directories, alive, gone = self._directories, sweep.alive, sweep.gone
        pidfd_type = self._pidfd_type
        at, end = 0, len(data)
        while at < end:
            length, info, mask, pid = meta(data, at)
            begin, at = at, at + length
            sweep.records += 1
            if data[at - 8] == pidfd_type:
                (pidfd,) = signed(data, at - 4)
                if pidfd >= 0:
                    pidfds.append(pidfd)
                    alive.add(pid)
                else:
                    gone.add(pid)
            if mask & _SLOW:
                if mask & _NOT_FILE or not self._file_renamed(sweep, mask, pid, begin + info):
                    self._slow(begin, sweep)
                continue
            info += begin
            if data[info] == _FID:  # a link count changed: the record on the name says more
                continue
            key = data[begin + _PID_AT : info + (data[info + 2] | data[info + 3] << 8)]
            change = index.get(key)
            if change is not None:
                change.mask |= mask
                continue
            name_at = info + 20 + data[info + 12]
            directory = directories[data[info + 4 : name_at]]
            flags = directory.constant
            if flags == 0:
                if directory is UNKNOWN:
                    self._later.append(begin)
                continue
            name = data[name_at : data.find(b"\0", name_at)]
            if flags is None:
                flags = directory.flags(name)
                if not flags:
                    continue
            change = index[key] = Change(mask, pid, directory.prefix + name, flags)
            changes.append(change)

    def _slow(self, at: int, sweep: Sweep, *, final: bool = False) -> None:
        """Renames, directories, the overflow marker, and second attempts."""
        length, meta_length, mask, pid = _META.unpack_from(self._data, at)
        if mask & OVERFLOW:
            sweep.overflow = True
            return
        parts = self._parts(at + meta_length, at + length)
        place = parts.get(_NEW_NAME) or parts.get(_DFID_NAME)
        old = parts.get(_OLD_NAME)
        target = parts.get(_FID)
        unknown = [
            part for part in (place, old) if part is not None and self._directory(part) is UNKNOWN
        ]
        if unknown and not final:
            self._later.append(at)
            return
        if place is None or len(unknown) == (1 if old is None else 2):
            sweep.unnamed += 1
            return
        if old is not None:
            self._renamed(sweep, mask, pid, old, place)
        else:
            self._changed(sweep, mask, pid, place)
        if mask & _ONDIR and target is not None:
            self._learn(mask, place, target)

    def _parts(self, at: int, end: int) -> dict[int, tuple[int, int]]:
        """Info records by type: (offset, end)."""
        parts = {}
        while at + 4 <= end:
            size = self._data[at + 2] | self._data[at + 3] << 8
            if size < 4:
                break
            parts[self._data[at]] = (at, at + size)
            at += size
        return parts

    def _directory(self, part: tuple[int, int]) -> Directory:
        return self._directories[self._handle(part)]

    def _handle(self, part: tuple[int, int]) -> bytes:
        at = part[0]
        return self._data[at + 4 : at + 20 + self._data[at + 12]]

    def _name(self, part: tuple[int, int]) -> bytes:
        at = part[0] + 20 + self._data[part[0] + 12]
        return self._data[at : self._data.find(b"\0", at)]

    def _key(self, pid: int, part: tuple[int, int]) -> bytes:
        """The key under which _walk would merge a change of that name."""
        return _SIGNED.pack(pid) + bytes([_DFID_NAME]) + self._data[part[0] + 1 : part[1]]

    def _changed(self, sweep: Sweep, mask: int, pid: int, place: tuple[int, int]) -> None:
        directory, name = self._directory(place), self._name(place)
        if name == b".":  # the directory itself, reported on itself
            path = directory.path
            flags = self._directories.flags_of(path)
        else:
            path, flags = directory.prefix + name, directory.flags(name)
        if not flags:
            return
        key = self._key(pid, place)
        change = self._index.get(key)
        if change is not None:
            change.mask |= mask
            return
        change = self._index[key] = Change(mask, pid, path, flags, None, bool(mask & _ONDIR))
        sweep.changes.append(change)

    def _file_renamed(self, sweep: Sweep, mask: int, pid: int, old: int) -> bool:
        """The usual rename, of a file between directories that still exist; False: not the usual one.

        old: where the first info record begins.
        """
        data, directories = self._data, self._directories
        new = old + (data[old + 2] | data[old + 3] << 8)
        if data[old] != _OLD_NAME or data[new] != _NEW_NAME:
            return False
        old_name, new_name = old + 20 + data[old + 12], new + 20 + data[new + 12]
        source = directories[data[old + 4 : old_name]]
        target = directories[data[new + 4 : new_name]]
        if source is UNKNOWN or target is UNKNOWN:
            return False
        if source.constant == 0 == target.constant:
            return True
        before = data[old_name : data.find(b"\0", old_name)]
        after = data[new_name : data.find(b"\0", new_name)]
        flags = source.flags(before) | target.flags(after)
        self._index.pop(self._key(pid, (old, new)), None)
        if flags:
            key = self._key(pid, (new, new + (data[new + 2] | data[new + 3] << 8)))
            made = Change(mask, pid, target.prefix + after, flags, source.prefix + before)
            self._add_rename(sweep, key, made)
        return True

    def _renamed(
        self, sweep: Sweep, mask: int, pid: int, old: tuple[int, int], new: tuple[int, int]
    ) -> None:
        source, target = self._directory(old), self._directory(new)
        old_path = None if source is UNKNOWN else source.prefix + self._name(old)
        new_path = None if target is UNKNOWN else target.prefix + self._name(new)
        flags = source.flags(self._name(old)) | target.flags(self._name(new))
        on_directory = bool(mask & _ONDIR)
        if on_directory:
            sweep.moved.append(Moved(old_path, new_path))
            self._directories.clear()
        self._index.pop(self._key(pid, old), None)  # what comes now is another file of that name
        if not flags:
            return
        if new_path is None:  # moved where no path leads: for us it is gone
            assert old_path is not None
            sweep.changes.append(Change(mask & ~_RENAME | _DELETE, pid, old_path, flags))
            return
        made = Change(mask, pid, new_path, flags, old_path, on_directory)
        self._add_rename(sweep, self._key(pid, new), made)

    def _add_rename(self, sweep: Sweep, key: bytes, made: Change) -> None:
        """Merge with what happened to the new name before, unless that was a rename from elsewhere."""
        change = self._index.get(key)
        if change is not None and change.old_path in (None, made.old_path):
            change.mask |= made.mask
            change.old_path = made.old_path
            change.flags |= made.flags
            return
        self._index[key] = made
        sweep.changes.append(made)

    def _learn(self, mask: int, place: tuple[int, int], target: tuple[int, int]) -> None:
        """A record on a directory names it and gives its handle: needed when it is gone a moment later."""
        name, key = self._name(place), self._handle(target)
        directory = self._directory(place)
        if name == b"." or directory is UNKNOWN:
            return
        if self._directories.get(key, UNKNOWN) is UNKNOWN:
            self._directories.learn(key, directory.prefix + name)
        if mask & _DELETE:
            self._dead.append(key)


def _close(pidfds: list[int]) -> None:
    """Close them in unbroken runs: one close_range(2) where a loop would be thousands of calls."""
    pidfds.sort()
    first = last = -1
    for pidfd in pidfds:
        if pidfd == last + 1 and first >= 0:
            last = pidfd
            continue
        if first >= 0:
            os.closerange(first, last + 1)
        first = last = pidfd
    if first >= 0:
        os.closerange(first, last + 1)
