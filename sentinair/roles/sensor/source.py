"""The face of every file source, and what it watches; choice says which source works here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Protocol

import msgspec

from sentinair.kernel.mounts import Mount, covering
from sentinair.model.ports import Probe
from sentinair.monitors.file import FileMonitor, Taken
from sentinair.monitors.watch import Watch, beginning
from sentinair.settings.compiled import SensorSettings

__all__ = ["FileSource", "Reading", "real_state", "watch_of"]


class Reading(msgspec.Struct):
    """What one read of a file source, or one look at the mount table, brought."""

    taken: Taken
    overflow: bool = False
    entered: list[bytes] = []  # directories whose content came without events: to be listed at once
    rewalk: list[bytes] = []  # paths whose content went without events: to be compared
    refused: list[tuple[bytes, str]] = []  # mount points that cannot be watched, and why

    def add(self, taken: Taken, overflow: bool) -> None:
        """What another kernel source brought at the same time."""
        self.taken.vital += taken.vital
        self.taken.bulk += taken.bulk
        self.taken.writers |= taken.writers
        self.overflow |= overflow


class FileSource(Protocol):
    """Where file events come from."""

    name: str
    probe: Probe
    monitor: FileMonitor
    watch: Watch

    def filenos(self) -> tuple[int, ...]:
        """Readable when read() has something to bring."""
        ...

    def read(self) -> Reading:
        """What waits.  Raises OSError when the source is broken for good."""
        ...

    def mounted(self) -> Reading:
        """The mount table changed: watch what came."""
        ...

    def test(self) -> None:
        """Cause a record of the source's own, to be read like any other."""
        ...

    def counters(self) -> dict[str, int]: ...
    def notes(self) -> tuple[str, ...]: ...
    def close(self) -> None: ...


def watch_of(
    settings: SensorSettings, mounts: tuple[Mount, ...], *, with_state: bool = True
) -> Watch:
    """The globs of the settings; the state directory is watched and critical whatever they say.

    with_state: False leaves it out instead, for a source that cannot tell our own writes from others'.
    The kernel tells real paths: a glob that begins with a link stands for where the link leads, too.
    """
    files = settings.files
    state = real_state(settings)
    watch, ignore, critical, hashed = (
        _with_real(map(os.fsencode, globs), mounts)
        for globs in (files.watch, files.ignore, files.critical, files.hash)
    )
    if with_state:
        return Watch((*watch, state), ignore, (*critical, state), hashed)
    below = state + b"/"
    critical = tuple(glob for glob in critical if glob != state and not glob.startswith(below))
    return Watch(watch, (*ignore, state), critical, hashed)


def real_state(settings: SensorSettings) -> bytes:
    """The state directory as the kernel names it."""
    return os.path.realpath(os.fsencode(settings.state))


def _with_real(globs: Iterable[bytes], mounts: tuple[Mount, ...]) -> tuple[bytes, ...]:
    found: dict[bytes, None] = {}
    for glob in globs:
        found[glob] = None
        start = beginning(glob)
        mount = covering(mounts, start)
        if mount is not None and not mount.untouchable:
            rest = glob[len(start) :] if glob.startswith(start) else b""
            found[os.path.realpath(start) + rest] = None
    return tuple(found)
