"""Which file systems to mark: one mark for each that holds something watched, as mounts come and go.

One that refuses a mark by name is handed on, to be watched in another way.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import msgspec

from sentinair.kernel.handles import Directories
from sentinair.kernel.mounts import Mount, covering
from sentinair.monitors.watch import Watch

__all__ = ["Applied", "Group", "Kept", "Marks"]

_NAMELESS: Final = (errno.ENODEV, errno.EOPNOTSUPP, errno.EXDEV)
"""What fanotify_mark(2) says of a file system without handles, or with several of its own."""


class Group(Protocol):
    """What is needed of kernel.fanotify.Fanotify."""

    def mark_filesystem(self, path: bytes) -> None: ...


class Kept(msgspec.Struct, frozen=True):
    """What the other way of watching made of the file systems it was given."""

    entered: tuple[Mount, ...]  # newly watched
    refused: dict[Mount, str]  # and why


Other = Callable[[tuple[Mount, ...], Sequence[Mount]], Kept]
"""Watches these of all mounts, and no others."""


class Applied(msgspec.Struct, frozen=True):
    """What one look at the mount table changed."""

    marked: tuple[bytes, ...]  # mount points of file systems newly watched
    refused: tuple[tuple[bytes, str], ...]  # mount point, why it is not watched; each told once


class Marks:
    """Keeps the marks of one group in step with the mount table."""

    def __init__(self, group: Group, watch: Watch, directories: Directories, other: Other) -> None:
        """other: takes the file systems that refuse a mark by name."""
        self._group = group
        self._watch = watch
        self._directories = directories
        self._other = other
        self._others: frozenset[bytes] = frozenset()  # mount points the other way watches
        self._marked: set[bytes] = set()  # devices
        self._refused: set[tuple[bytes, bytes]] = set()  # device, point
        self._places: dict[bytes, list[bytes]] = {}
        self.barred: frozenset[bytes] = frozenset()
        """Mount points no system call may touch: a server behind them may never answer."""
        self.notes: tuple[str, ...] = ()

    def apply(self, mounts: Iterable[Mount]) -> Applied:
        """Mark what is new and holds watched paths; forget what is gone."""
        mounts = tuple(mounts)
        self.barred = frozenset(mount.point for mount in mounts if mount.untouchable)
        relevant = [
            mount
            for mount in mounts
            if self._holds_watched(mount) and covering(mounts, mount.point) is mount
        ]
        self._marked &= {mount.device for mount in mounts}
        places: dict[bytes, list[bytes]] = {}
        marked: list[bytes] = []
        refused: dict[Mount, str] = {}
        nameless: list[Mount] = []
        for mount in sorted(relevant, key=lambda mount: (mount.root != b"/", len(mount.point))):
            if mount.untouchable:
                refused[mount] = f"{mount.kind.decode()} answers by a server: not touched"
                continue
            try:
                fsid = os.statvfs(mount.point).f_fsid.to_bytes(8, "little")
                if mount.device not in self._marked:
                    self._group.mark_filesystem(mount.point)
                    self._marked.add(mount.device)
                    marked.append(mount.point)
            except OSError as fault:
                if fault.errno in _NAMELESS:
                    nameless.append(mount)
                else:
                    refused[mount] = fault.strerror or str(fault)
                continue
            places.setdefault(fsid, []).append(mount.point)
        kept = self._other(mounts, nameless)
        self._others = frozenset(mount.point for mount in nameless if mount not in kept.refused)
        if places != self._places:
            self._places = places
            self._directories.place(places)
        marked += [mount.point for mount in kept.entered]
        return Applied(tuple(marked), self._told_once(refused | kept.refused))

    @property
    def points(self) -> frozenset[bytes]:
        """Mount points of all that is watched."""
        return self._others.union(*self._places.values())

    def _holds_watched(self, mount: Mount) -> bool:
        return not mount.pseudo and self._watch.directory(mount.point).below

    def _told_once(self, refused: dict[Mount, str]) -> tuple[tuple[bytes, str], ...]:
        self.notes = tuple(f"{os.fsdecode(mount.point)}: {why}" for mount, why in refused.items())
        known = {(mount.device, mount.point) for mount in refused}
        new = tuple(
            (mount.point, why)
            for mount, why in refused.items()
            if (mount.device, mount.point) not in self._refused
        )
        self._refused = known
        return new
