"""File systems that refuse to be marked by name: inotify tells the names, fanotify by descriptor who wrote.

Creating, renaming and deleting there name no process.  Loaded only where such a file system is watched.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable

from sentinair.kernel import inotify, written
from sentinair.kernel.fanotify import WRITTEN, Fanotify
from sentinair.kernel.mounts import Mount, covering
from sentinair.monitors.file import FileMonitor
from sentinair.monitors.marks import Kept
from sentinair.monitors.tree import Tree
from sentinair.monitors.watch import Watch
from sentinair.roles.sensor.source import Reading

__all__ = ["Nameless"]


class Nameless:
    """Both sources for all such mounts, read as one."""

    def __init__(self, watch: Watch, without_state: Watch) -> None:
        """without_state: what inotify may watch, which cannot tell our own writes from others'.

        Raises OSError if either kernel source cannot be opened.
        """
        self._watch = watch
        self._writes = Fanotify(WRITTEN)
        try:
            self._names = inotify.Inotify(writes=False)
        except OSError:
            self._writes.close()
            raise
        self._tree = Tree(self._names, without_state, self._may_enter)
        self._mounts: tuple[Mount, ...] = ()
        self._points: dict[bytes, bytes] = {}  # mount point to device
        self._marked: set[bytes] = set()  # devices
        self._both = select.epoll()
        self._both.register(self._names.fileno(), select.EPOLLIN)
        self._both.register(self._writes.fileno(), select.EPOLLIN)

    def fileno(self) -> int:
        return self._both.fileno()

    def keep(self, mounts: tuple[Mount, ...], wanted: Iterable[Mount]) -> Kept:
        """Watch these of all mounts, and no others."""
        before, self._mounts, self._points = self._points, mounts, {}
        self._marked &= {mount.device for mount in mounts}
        entered: list[Mount] = []
        refused: dict[Mount, str] = {}
        for mount in wanted:
            try:
                if mount.device not in self._marked:
                    self._writes.mark_filesystem(mount.point)
                    self._marked.add(mount.device)
            except OSError as fault:
                refused[mount] = fault.strerror or str(fault)
                continue
            self._points[mount.point] = mount.device
            if before.get(mount.point) != mount.device:
                self._tree.enter(mount.point)
                entered.append(mount)
        return Kept(tuple(entered), refused)

    def read(self, monitor: FileMonitor, reading: Reading) -> None:
        """Add what waits to reading."""
        seen_ns, mono_ns = time.time_ns(), time.monotonic_ns()
        data = self._writes.read()
        named = self._tree.cut(list(self._names.read()))
        writes = written.cut(data, self._watch.flags)
        for sweep in (writes, named.sweep):
            reading.add(monitor.take(sweep, seen_ns, mono_ns), sweep.overflow)
        reading.entered += named.entered
        if named.sweep.overflow:  # directories may have been made without a record
            for point in self._points:
                self._tree.enter(point)

    def notes(self) -> tuple[str, ...]:
        """One for each mount, and one for directories beyond the limit of watches."""
        by_point = (
            f"{os.fsdecode(point)}: names no process but of writing (watched by inotify)"
            for point in sorted(self._points)
        )
        refused = self._tree.refused
        more = len(refused) + self._tree.refused_more
        first = next(iter(refused.items()), None)
        if first is None:
            return tuple(by_point)
        return (*by_point, f"{more} directories are not watched: {first[1]}")

    def close(self) -> None:
        self._both.close()
        self._names.close()
        self._writes.close()

    def _may_enter(self, path: bytes) -> bool:
        mount = covering(self._mounts, path)
        return mount is not None and self._points.get(mount.point) == mount.device
