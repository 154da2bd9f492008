"""inotify behind the same face as fanotify; loaded only where fanotify does not work or is ruled out."""

from __future__ import annotations

import os
import time

from sentinair.errors import StorageFault
from sentinair.kernel import inotify
from sentinair.kernel.mounts import MountTable
from sentinair.model.ports import Probe
from sentinair.monitors.file import FileMonitor, Taken
from sentinair.monitors.tree import Tree
from sentinair.monitors.watch import Watch
from sentinair.roles.sensor.source import Reading, real_state, watch_of
from sentinair.settings.compiled import SensorSettings

__all__ = ["InotifyFiles"]

_MANY = 3  # refused paths named in a note


class InotifyFiles:
    """One watch per directory; no processes."""

    name = "inotify"

    def __init__(self, settings: SensorSettings, table: MountTable, why: str) -> None:
        """why: what speaks against fanotify.  Raises StorageFault if inotify does not work either."""
        found = inotify.probe()
        self.probe = Probe(
            self.name, works=found.works, reason=f"fallback: {why}", limits=found.limits
        )
        if not found.works:
            raise StorageFault(f"no file source works: {why}; {found.reason}")
        self.watch: Watch = watch_of(settings, table.read(), with_state=False)
        self._table = table
        self._barred: frozenset[bytes] = frozenset()
        self._group = inotify.Inotify()
        self._tree = Tree(self._group, self.watch, lambda path: path not in self._barred)
        self.monitor = FileMonitor(real_state(settings), barred=lambda: self._barred)
        self._points: frozenset[bytes] | None = None
        self._seen = 0

    def filenos(self) -> tuple[int, ...]:
        return (self._group.fileno(),)

    def read(self) -> Reading:
        records = self._group.read()
        seen_ns, mono_ns = time.time_ns(), time.monotonic_ns()
        made = self._tree.cut(list(records))
        self._seen += len(records)
        reading = Reading(self.monitor.take(made.sweep, seen_ns, mono_ns), made.sweep.overflow)
        reading.entered = made.entered
        if made.sweep.overflow:  # directories may have been made without a record
            self._tree.rebuild()
        return reading

    def mounted(self) -> Reading:
        mounts = self._table.read()
        self._barred = frozenset(mount.point for mount in mounts if mount.untouchable)
        points = frozenset(mount.point for mount in mounts if not mount.pseudo)
        reading = Reading(Taken([], [], {}))
        if self._points is None:
            self._tree.rebuild()
        else:
            for point in sorted(points ^ self._points):
                verdict = self.watch.directory(point)
                if verdict.any or verdict.below:
                    self._tree.enter(point)
                    reading.rewalk.append(point)
        self._points = points
        return reading

    def test(self) -> None:
        self._group.test()

    def counters(self) -> dict[str, int]:
        return {
            "file_records": self._seen,
            "own_writes_dropped": self.monitor.own_dropped,
            "directories_watched": len(self._tree),
        }

    def notes(self) -> tuple[str, ...]:
        refused = self._tree.refused
        if not refused:
            return ()
        some = [f"{os.fsdecode(path)} ({why})" for path, why in list(refused.items())[:_MANY]]
        more = len(refused) - len(some) + self._tree.refused_more
        return (f"not watched: {', '.join(some)}{f' and {more} more' if more > 0 else ''}",)

    def close(self) -> None:
        self._group.close()
