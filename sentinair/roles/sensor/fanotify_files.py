"""File events by fanotify."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentinair.kernel import fanotify
from sentinair.kernel.handles import Directories
from sentinair.kernel.mounts import Mount, MountTable, covering
from sentinair.kernel.records import Moved, Records, Sweep
from sentinair.model.event import CREATE, DELETE, RENAME
from sentinair.model.ports import Probe
from sentinair.monitors.file import FileMonitor, Taken
from sentinair.monitors.marks import Kept, Marks
from sentinair.roles.sensor.source import Reading, real_state, watch_of
from sentinair.settings.compiled import SensorSettings

if TYPE_CHECKING:  # it costs 3 MB, and few hosts need it
    from sentinair.roles.sensor.nameless import Nameless

__all__ = ["FanotifyFiles"]


class FanotifyFiles:
    """fanotify: names, processes, rename pairs."""

    name = "fanotify"

    def __init__(self, settings: SensorSettings, table: MountTable, level: fanotify.Level) -> None:
        """Raises OSError if the group cannot be opened; mounts that refuse a mark are told by mounted()."""
        self.probe = Probe(
            self.name, works=True, reason=f"works: {level.name}", limits=level.limits
        )
        self._read_bytes = fanotify.raise_file_limit()
        self._group = fanotify.Fanotify(level)
        self.watch = watch = watch_of(settings, table.read())
        self._table = table
        self._directories = Directories(watch.directory)
        self._records = Records(self._directories, pidfds=level.pidfds)
        self._nameless: Nameless | None = None
        self._settings = settings
        self._marks = Marks(self._group, watch, self._directories, self._keep_nameless)
        self._reading = frozenset(map(os.fsencode, settings.files.read_watch))
        self._unmarked: dict[bytes, str] = {}  # of _reading: why their opening is not seen
        self.monitor = FileMonitor(real_state(settings), barred=lambda: self._marks.barred)
        self._unnamed = 0
        self._seen = 0
        self._test_file = os.memfd_create("sentinair-test", os.MFD_CLOEXEC)
        self._can_test = self._mark_test()

    def filenos(self) -> tuple[int, ...]:
        if self._nameless is None:
            return (self._group.fileno(),)
        return self._group.fileno(), self._nameless.fileno()

    def read(self) -> Reading:
        reading = self._named()
        if self._nameless is not None:
            self._nameless.read(self.monitor, reading)
        return reading

    def _named(self) -> Reading:
        data = self._group.read(self._read_bytes)
        seen_ns, mono_ns = time.time_ns(), time.monotonic_ns()
        if not data:
            return Reading(Taken([], [], {}))
        sweep = self._records.cut(data)
        self._seen += sweep.records
        self._unnamed += sweep.unnamed
        if sweep.overflow:  # the rename of a directory may be among what is lost
            self._directories.clear()
        reading = Reading(self.monitor.take(sweep, seen_ns, mono_ns), sweep.overflow)
        self._renew_marks(reading.taken)
        self._follow(sweep, reading)
        return reading

    def mounted(self) -> Reading:
        mounts = self._table.read()
        before = set(self._marks.points)
        applied = self._marks.apply(mounts)
        gone = before - set(self._marks.points)
        for path in self._reading:
            self._mark_reading(path)
        reading = Reading(Taken([], [], {}), refused=list(applied.refused))
        reading.entered = list(applied.marked)
        reading.rewalk = [point for point in gone if covering(mounts, point) is not None]
        return reading

    def test(self) -> None:
        if self._can_test:
            os.close(os.open(f"/proc/self/fd/{self._test_file}", os.O_RDONLY | os.O_CLOEXEC))

    def counters(self) -> dict[str, int]:
        return {
            "file_records": self._seen,
            "file_unnamed": self._unnamed,
            "own_writes_dropped": self.monitor.own_dropped,
            "directories_cached": len(self._directories),
        }

    def notes(self) -> tuple[str, ...]:
        unmarked = sorted(self._unmarked.items())
        blind = (f"{os.fsdecode(path)}: its opening is not seen: {why}" for path, why in unmarked)
        nameless = () if self._nameless is None else self._nameless.notes()
        return (*self._marks.notes, *nameless, *blind)

    def close(self) -> None:
        if self._nameless is not None:
            self._nameless.close()
        self._group.close()
        os.close(self._test_file)

    def _keep_nameless(self, mounts: tuple[Mount, ...], wanted: Sequence[Mount]) -> Kept:
        if self._nameless is None:
            if not wanted:
                return Kept((), {})
            module = importlib.import_module("sentinair.roles.sensor.nameless")
            without_state = watch_of(self._settings, mounts, with_state=False)
            try:
                made: Nameless = module.Nameless(self.watch, without_state)
            except OSError as fault:
                return Kept((), dict.fromkeys(wanted, fault.strerror or str(fault)))
            self._nameless = made
        return self._nameless.keep(mounts, wanted)

    def _follow(self, sweep: Sweep, reading: Reading) -> None:
        """Directories that moved: what is in them now has other paths, without an event for each."""
        for moved in sweep.moved:
            if moved.new_path is not None and self._holds(moved.new_path):
                reading.entered.append(moved.new_path)
            if self._lost_sight(moved):
                assert moved.old_path is not None
                reading.rewalk.append(moved.old_path)

    def _holds(self, path: bytes) -> bool:
        verdict = self.watch.directory(path)
        return verdict.any or verdict.below

    def _lost_sight(self, moved: Moved) -> bool:
        """Below the old path something was watched, and no event of the directory itself says it went."""
        old = moved.old_path
        if old is None or not self._holds(old):
            return False
        new_flags = 0 if moved.new_path is None else self.watch.flags(moved.new_path)
        return not (self.watch.flags(old) | new_flags)

    def _renew_marks(self, taken: Taken) -> None:
        """A path watched for reading stands for another file now: its mark went with the old one."""
        if not self._reading:
            return
        for event in (*taken.vital, *taken.bulk) if taken.bulk else taken.vital:
            if event.actions & (CREATE | RENAME | DELETE) and event.path in self._reading:
                self._mark_reading(event.path)

    def _mark_reading(self, path: bytes) -> None:
        self._unmarked.pop(path, None)
        mount = covering(self._table.read(), path)
        if mount is None or mount.untouchable:
            self._unmarked[path] = "a server answers for the file system it lies on"
            return
        try:
            self._group.mark_reading(path)
        except (FileNotFoundError, NotADirectoryError):
            return  # its creation will be an event
        except OSError as fault:
            self._unmarked[path] = fault.strerror or str(fault)

    def _mark_test(self) -> bool:
        try:
            self._group.mark_reading(b"/proc/self/fd/%d" % self._test_file, follow=True)
        except OSError:
            return False
        return True
