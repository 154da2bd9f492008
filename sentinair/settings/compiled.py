"""The compiled files: all that sensor and execs, or the forwarder, may know, made from root-owned files before they start.

msgpack of one SensorSettings or ForwarderSettings, written atomically with mode 0644.  The reader trusts it only if
nobody but root or the reader itself could have written it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sentinair.errors import DataFault, StorageFault
from sentinair.settings.guarded import read_guarded, write_atomically
from sentinair.settings.registered import look_up
from sentinair.settings.sinks import SinkSettings
from sentinair.settings.types import FilesSettings, Lanes, ProcessesSettings, Settings

__all__ = [
    "FORMAT",
    "ForwarderSettings",
    "PlacedSink",
    "SensorSettings",
    "compile_settings",
    "compile_sinks",
    "read_compiled",
    "read_sinks",
    "write_compiled",
]

FORMAT: Final = 1
MAX_BYTES: Final = 4 << 20
_REMEDY: Final = "make it again with `sentinair config compile`"
_Form = TypeVar("_Form", "SensorSettings", "ForwarderSettings")


class SensorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the senders work by; paths are UTF-8 text, os.fsencode gives the kernel's bytes."""

    format: int = FORMAT
    state: (
        str  # absolute path of the state directory: watched, critical, and never by our own writes
    )
    lanes: Lanes = Lanes()
    files: FilesSettings = FilesSettings()
    processes: ProcessesSettings = ProcessesSettings()


class PlacedSink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sink that is to work, and where its code is."""

    settings: SinkSettings
    sink: str  # `module:attribute` of what makes it
    codec: str | None  # of its codec's class; None: it takes entries as they are


class ForwarderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the forwarder works by: what is enabled, and nothing else."""

    format: int = FORMAT
    state: str  # absolute path of the state directory
    allow_networks: tuple[str, ...] = ()
    sinks: tuple[PlacedSink, ...] = ()


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


def compile_sinks(settings: Settings, state: Path) -> ForwarderSettings:
    """The forwarder's part of settings, which have been checked.  Raises StorageFault."""
    wanted = [sink for sink in settings.sinks.to if sink.enabled]
    kinds = look_up("sentinair.sinks") if wanted else {}
    codecs = look_up("sentinair.codecs") if wanted else {}
    return ForwarderSettings(
        state=os.path.abspath(state),
        allow_networks=settings.sinks.allow_networks,
        sinks=tuple(
            PlacedSink(settings=sink, sink=kinds[sink.kind], codec=codecs.get(sink.codec))
            for sink in wanted
        ),
    )


def write_compiled(path: Path, compiled: SensorSettings | ForwarderSettings) -> None:
    """Write atomically, readable to the role users whatever the umask.  Raises StorageFault."""
    write_atomically(path, msgspec.msgpack.encode(compiled), 0o644)


def read_compiled(path: Path) -> SensorSettings:
    """The settings of this sender.

    Raises StorageFault if unreadable, PermissionFault if it is a link, no regular file, or somebody but root
    and this user could have written it, DataFault if it is not what this version writes.
    """
    return _read(path, SensorSettings)


def read_sinks(path: Path) -> ForwarderSettings:
    """The settings of the forwarder.  Raises as read_compiled does."""
    return _read(path, ForwarderSettings)


def _read(path: Path, form: type[_Form]) -> _Form:
    try:
        data = read_guarded(path, MAX_BYTES, _REMEDY)
    except FileNotFoundError as fault:
        raise StorageFault("is not there", where=str(path), remedy=_REMEDY) from fault
    try:
        compiled = msgspec.msgpack.decode(data, type=form)
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
