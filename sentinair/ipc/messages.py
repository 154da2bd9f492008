"""What senders and the engine say to each other.  Versioned; unknown messages end the connection."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from sentinair.errors import DataFault
from sentinair.model.delivery import (
    Count,
    Key,
    Letter,
    Position,
    SinkHealth,
    SinkName,
)
from sentinair.model.event import Observation
from sentinair.model.export import Exported, Wanted
from sentinair.model.ports import Probe
from sentinair.model.process import FileId, Int64, Process

__all__ = [
    "VERSION",
    "Ack",
    "AskExport",
    "AskHash",
    "AskInventory",
    "AskRescan",
    "AskSink",
    "Batch",
    "ExportWord",
    "ForForwarder",
    "GiveUpExport",
    "Health",
    "Hello",
    "KeptSink",
    "Own",
    "SinkReport",
    "SinkWord",
    "SinksKept",
    "Wake",
    "Welcome",
    "decode_from_engine",
    "decode_from_sender",
    "encode",
]

VERSION: Final = 1
Seq = Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]  # leaves room for what follows it in a batch


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """First message of a sender, once its sources are ready."""

    version: int
    sender: str  # "sensor" or "execs"
    run: bytes  # 8 random bytes: this life of the sender
    pid: int
    start: int | None
    ready_ns: Int64  # wall clock when all its sources were on
    lanes: dict[str, int]  # lane to the seq its next event will get
    probes: tuple[Probe, ...]


class Batch(msgspec.Struct, frozen=True, array_like=True, tag="batch"):
    """Observations of one source, numbered first_seq, first_seq + 1, … in one lane.

    writers: facts on the processes these observations name by pid and start, as far as the sender knows them.
    """

    lane: str  # "vital" or "bulk"
    first_seq: Seq
    source: str  # "fanotify", "inotify", "rescan", "cnproc", "psutil", …
    writers: tuple[Process, ...]
    events: tuple[Observation, ...]


class Health(msgspec.Struct, frozen=True, array_like=True, tag="health"):
    """What a sender's monitors did since the last one; sent every 10 s and after each Welcome."""

    monitors: dict[str, bool]  # monitor to: did it tick since the last message
    counters: dict[str, int]  # e.g. "own_writes_dropped", "bulk_bytes"; totals of this run
    notes: dict[str, str]  # monitor to what a person should know; "" when all is well


class SinkWord(msgspec.Struct, frozen=True, array_like=True):
    """One sink's part of a report."""

    name: SinkName
    position: Position
    health: SinkHealth
    letters: Annotated[
        tuple[Letter, ...], msgspec.Meta(max_length=256)
    ]  # new dead letters, all at or before position
    delivered: Annotated[
        tuple[Key, ...], msgspec.Meta(max_length=256)
    ]  # dead letters that were delivered after all
    # All up to it is with the sink, but behind position may be lost there; None: position.
    given: Position | None = None


class SinkReport(msgspec.Struct, frozen=True, array_like=True, tag="sinks"):
    """How far the sinks are; the forwarder sends the next only when SinksKept has come for this one."""

    number: Count  # 1, 2, … in one life of the forwarder
    words: Annotated[tuple[SinkWord, ...], msgspec.Meta(max_length=256)]


ExportId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]


class ExportWord(msgspec.Struct, frozen=True, array_like=True, tag="exporting"):
    """How far one export is; sent while it goes on, at most five times a second, and at its end."""

    id: ExportId
    state: Literal["waiting", "running", "done", "failed"]
    count: Count = 0  # entries written
    whole: Count | None = None  # entries there are; None: not known
    why: Annotated[str, msgspec.Meta(max_length=1000)] = ""  # it failed; escaped
    exported: Exported | None = None  # of one that is done


class AskExport(msgspec.Struct, frozen=True, array_like=True, tag="export"):
    """Write what a person wants into data/exports."""

    id: ExportId
    wanted: Wanted
    begun: bool = False  # this forwarder, or one before it, has begun it


class GiveUpExport(msgspec.Struct, frozen=True, array_like=True, tag="give up"):
    """The person wants it no more."""

    id: ExportId


class KeptSink(msgspec.Struct, frozen=True, array_like=True):
    """What the record holds of one sink."""

    name: str
    position: Position
    paused: bool


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag="welcome"):
    """The engine's answer to Hello: what is committed of this run, and who we are."""

    version: int
    committed: dict[str, int]  # lane to last committed seq of this run; absent: none
    own: tuple[
        tuple[int, int], ...
    ]  # (pid, start) of our roles: their writes under the state are dropped
    chain: str = ""  # for the forwarder: id of the chain that events belong to now
    sinks: tuple[KeptSink, ...] = ()  # for the forwarder
    # For the forwarder: all that is not finished, and nothing else is wanted.
    exports: tuple[AskExport, ...] = ()


class Own(msgspec.Struct, frozen=True, array_like=True, tag="own"):
    """Who we are now, for the sensor: another role has come since its welcome."""

    own: tuple[tuple[int, int], ...]  # as in Welcome


class Ack(msgspec.Struct, frozen=True, array_like=True, tag="ack"):
    """All up to these seqs is on disk."""

    committed: dict[str, int]


class AskRescan(msgspec.Struct, frozen=True, array_like=True, tag="rescan"):
    """List these roots again (empty: all that is watched)."""

    reason: str  # "gap" or "asked"
    roots: tuple[bytes, ...]
    gaps: tuple[bytes, ...]  # gap_ids the Scanned will name


class AskInventory(msgspec.Struct, frozen=True, array_like=True, tag="inventory"):
    """List all processes again; the Scanned (scope "processes") names these gaps."""

    gaps: tuple[bytes, ...]


class AskHash(msgspec.Struct, frozen=True, array_like=True, tag="hash"):
    """Hash this executable, if it still is that file."""

    path: bytes
    file_id: FileId
    pid: int  # /proc/pid/exe is tried first: it is the executed inode even when the path is not
    of: int  # event id the HashEvent will name


class Wake(msgspec.Struct, frozen=True, array_like=True, tag="wake"):
    """The record has grown."""


class SinksKept(msgspec.Struct, frozen=True, array_like=True, tag="kept"):
    """All up to this report is on disk."""

    number: int


class AskSink(msgspec.Struct, frozen=True, array_like=True, tag="sink"):
    """What a person wants of one sink."""

    name: str
    do: Literal["pause", "resume", "try", "letters", "back"]
    letters: tuple[Key, ...] = ()  # with "letters": deliver these again
    seq: int = 0  # with "back": go on after this record


FromSender = Hello | Batch | Health | SinkReport | ExportWord
ForForwarder = Wake | SinksKept | AskSink | AskExport | GiveUpExport
FromEngine = Welcome | Ack | AskRescan | AskInventory | AskHash | Own | ForForwarder

_sender: Final[msgspec.msgpack.Decoder[FromSender]] = msgspec.msgpack.Decoder(FromSender)
_engine: Final[msgspec.msgpack.Decoder[FromEngine]] = msgspec.msgpack.Decoder(FromEngine)
encode: Final = msgspec.msgpack.Encoder().encode


def decode_from_sender(body: bytes) -> FromSender:
    """One message of a sender.  Raises DataFault if it is none."""
    try:
        return _sender.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise DataFault(f"not a sender's message: {fault}") from fault


def decode_from_engine(body: bytes) -> FromEngine:
    """One message of the engine.  Raises DataFault if it is none."""
    try:
        return _engine.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise DataFault(f"not an engine's message: {fault}") from fault
