"""An export that the command itself writes: to standard output, or to a folder with a manifest."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec

from sentinair import __version__
from sentinair.cli.places import Places
from sentinair.codecs.times import rfc3339
from sentinair.errors import EngineAbsent, SentinairError, SinkAway, StorageFault, UsageFault
from sentinair.ipc.control import call
from sentinair.model.export import Exported, Wanted, stem_of
from sentinair.model.text import shown
from sentinair.roles.engine.requests import user_name
from sentinair.sinks.drop.place import Place
from sentinair.sinks.export.file import as_file, as_stream, codec_of
from sentinair.sinks.export.manifest import ENDING, ExportManifest, Sealed, Unsigned
from sentinair.store.access import open_as_reader
from sentinair.store.exporting import Chosen
from sentinair.store.outgoing import OutgoingReader

__all__ = ["Told", "tell_of", "to_folder", "to_stdout"]

OWNER: Final = "command"  # of temporary files: the forwarder clears its own only
_T = TypeVar("_T")


class Told(msgspec.Struct, frozen=True):
    """A file that was written, for people."""

    file: str  # path
    manifest: str  # path
    format: str
    count: int
    bytes: int
    sha256: str
    made: str  # RFC 3339
    signed: bool
    why_unsigned: str | None
    readable: bool  # by the caller


def to_stdout(places: Places, wanted: Wanted) -> None:
    """Raises SentinairError."""
    with _reading(places) as reader:
        chosen = Chosen(reader, wanted, _host())
        entries = _watched(chosen.entries(), chosen.whole)
        as_stream(codec_of(wanted), entries, sys.stdout.buffer, time.time_ns())


def to_folder(places: Places, wanted: Wanted, folder: Path, *, make: bool = False) -> Told:
    """make: also the folder, where there is none.  Raises SentinairError; then nothing of the file is left."""
    why: str | None = None

    def seal(exported: Exported) -> Sealed | Unsigned:
        nonlocal why
        try:
            return _asked(places, wanted, exported)
        except UsageFault:
            raise  # an export that this record cannot hold
        except SentinairError as fault:  # a file that nobody signed for is better than none
            why = "engine down" if isinstance(fault, EngineAbsent) else fault.what
            return Unsigned(why, _said(reader, wanted, exported))

    try:
        if make:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with _reading(places) as reader, Place(os.fspath(folder), OWNER) as place:
            chosen = Chosen(reader, wanted, _host())
            exported, _ = as_file(
                place,
                codec_of(wanted),
                _watched(chosen.entries(), chosen.whole),
                stem_of(wanted),
                time.time_ns(),
                seal=seal,
                certificates=reader.epochs,
            )
    except (SinkAway, OSError) as fault:
        why_not = fault.what if isinstance(fault, SinkAway) else str(fault.strerror)
        raise StorageFault(
            f"the export cannot be written: {why_not.removeprefix('cannot be written: ')}",
            where=shown(os.fsencode(folder)),
            remedy="give --out a folder that you may write to and that has room",
        ) from fault
    return tell_of(folder, wanted, exported, why)


def tell_of(folder: Path, wanted: Wanted, exported: Exported, why_unsigned: str | None) -> Told:
    """exported as it lies in folder."""
    path = folder / exported.file
    name = shown(os.fsencode(path))
    return Told(
        file=name,
        manifest=name + ENDING,
        format=wanted.codec,
        count=exported.count,
        bytes=exported.bytes,
        sha256=exported.sha256,
        made=rfc3339(exported.made_ns),
        signed=why_unsigned is None,
        why_unsigned=why_unsigned,
        readable=os.access(path, os.R_OK),
    )


def _asked(places: Places, wanted: Wanted, exported: Exported) -> Sealed:
    params: dict[str, object] = {
        "wanted": msgspec.to_builtins(wanted),
        "exported": msgspec.to_builtins(exported),
    }
    try:
        return msgspec.convert(call(places.control, "export.seal", params), Sealed)
    except msgspec.ValidationError as fault:
        raise StorageFault(f"the engine's seal is none: {fault}") from fault


def _said(reader: OutgoingReader, wanted: Wanted, exported: Exported) -> ExportManifest:
    head, chains = reader.head(), reader.chains()
    return ExportManifest(
        host=_host(),
        chain=chains[-1][1] if chains else "",
        version=__version__,
        by=user_name(os.getuid()),
        writer="command",
        wanted=wanted,
        exported=exported,
        head_seq=head.seq,
        head_link=head.link.hex(),
        said_ns=time.time_ns(),
    )


def _host() -> str:
    return shown(socket.gethostname())


def _reading(places: Places) -> OutgoingReader:
    return OutgoingReader(places.database, open_as_reader(places.database))


def _watched(entries: Iterable[_T], whole: Callable[[], int | None]) -> Iterator[_T]:
    """entries, with a bar on a terminal's standard error."""
    length = whole() if sys.stderr.isatty() else None
    if length is None:
        yield from entries
        return
    with click.progressbar(entries, length=length, label="exporting", file=sys.stderr) as bar:
        yield from bar
