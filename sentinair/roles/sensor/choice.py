"""Which file source works here: asked for by the settings, found by trying."""

from __future__ import annotations

import importlib

from sentinair.errors import StorageFault
from sentinair.kernel import fanotify
from sentinair.kernel.mounts import MountTable
from sentinair.roles.sensor.fanotify_files import FanotifyFiles
from sentinair.roles.sensor.source import FileSource
from sentinair.settings.compiled import SensorSettings

__all__ = ["choose"]


def choose(settings: SensorSettings, table: MountTable) -> FileSource:
    """fanotify if it works and is not ruled out, else inotify.

    Raises StorageFault if neither works.
    """
    why = "files.source is inotify"
    if settings.files.source != "inotify":
        probe, level = fanotify.probe()
        if level is not None:
            return FanotifyFiles(settings, table, level)
        why = probe.reason
        if settings.files.source == "fanotify":
            raise StorageFault(
                f"files.source is fanotify, which does not work here: {why}",
                remedy="set files.source to auto",
            )
    # watchdog costs 3 MB: loaded only where it is the source
    module = importlib.import_module("sentinair.roles.sensor.inotify_files")
    source: FileSource = module.InotifyFiles(settings, table, why)
    return source
