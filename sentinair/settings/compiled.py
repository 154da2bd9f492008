"""The compiled file: all that sensor and execs may know, made from root-owned files before they start.

msgpack of one SensorSettings, written atomically with mode 0644.  The reader trusts it only if nobody but root
or the reader itself could have written it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import DataFault, StorageFault
from sentinair.settings.guarded import read_guarded, write_atomically
from sentinair.settings.types import FilesSettings, Lanes, ProcessesSettings, Settings

__all__ = ["FORMAT", "SensorSettings", "compile_settings", "read_compiled", "write_compiled"]

FORMAT: Final = 1
MAX_BYTES: Final = 4 << 20
_REMEDY: Final = "make it again with `sentinair config compile`"


class SensorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the senders work by; paths are UTF-8 text, os.fsencode gives the kernel's bytes."""

    format: int = FORMAT
    state: (
        str  # absolute path of the state directory: watched, critical, and never by our own writes
    )
    lanes: Lanes = Lanes()
    files: FilesSettings = FilesSettings()
    processes: ProcessesSettings = ProcessesSettings()


def compile_settings(
    settings: Settings, state: Path, watch: tuple[Path, ...] = ()
) -> SensorSettings:
    """The senders' part of settings.  watch: paths of `run --watch`; if any, they replace files.watch."""
    files = settings.files
    if watch:
        roots = tuple(os.path.abspath(path) for path in watch)
        files = msgspec.structs.replace(files, watch=roots)
    return SensorSettings(
        state=os.path.abspath(state),
        lanes=settings.agent.lanes,
        files=files,
        processes=settings.processes,
    )


def write_compiled(path: Path, compiled: SensorSettings) -> None:
    """Write atomically, readable to the role users whatever the umask.  Raises StorageFault."""
    write_atomically(path, msgspec.msgpack.encode(compiled), 0o644)


def read_compiled(path: Path) -> SensorSettings:
    """The settings of this sender.

    Raises StorageFault if unreadable, PermissionFault if it is a link, no regular file, or somebody but root
    and this user could have written it, DataFault if it is not what this version writes.
    """
    try:
        data = read_guarded(path, MAX_BYTES, _REMEDY)
    except FileNotFoundError as fault:
        raise StorageFault("is not there", where=str(path), remedy=_REMEDY) from fault
    try:
        compiled = msgspec.msgpack.decode(data, type=SensorSettings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise DataFault(
            f"is not a compiled settings file: {fault}", where=str(path), remedy=_REMEDY
        ) from fault
    if compiled.format != FORMAT:
        raise DataFault(
            f"has format {compiled.format}, this version reads {FORMAT}",
            where=str(path),
            remedy=_REMEDY,
        )
    return compiled
