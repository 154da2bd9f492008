"""Where the forwarder, or the engine it talks to, can die between a record and its receipt."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Final, NamedTuple

from sentinair.roles.engine.drop_answers import DropAnswers
from sentinair.roles.engine.sinks import Sinks
from sentinair.roles.forwarder.delivery import Delivery
from sentinair.roles.forwarder.orders import Orders
from sentinair.roles.forwarder.role import Role
from sentinair.roles.forwarder.worker import Worker
from sentinair.settings import guarded
from sentinair.sinks.drop import kind as kind_module
from sentinair.sinks.drop import place as place_module
from sentinair.sinks.drop import sink as sink_module
from sentinair.sinks.drop.memory import Memory
from sentinair.sinks.drop.place import Place
from sentinair.sinks.drop.segment import Limits, Segment
from sentinair.sinks.drop.signer import EngineSigner
from sentinair.sinks.drop.sink import DropSink
from sentinair.store import session as session_module
from sentinair.store.keys import KeyRing
from tests.harness.kill_points import Call, arm
from tests.harness.sink_file import FileSink

__all__ = ["POINTS", "Point", "armed"]


class Point(NamedTuple):
    """One place to die at."""

    call: Call
    role: str = "forwarder"
    most: int = 3  # it dies there the first time, or up to this one
    doing: str = ""  # what the forwarder must be asked for: replay, back
    refusing: bool = False  # one entry of each round is refused, which takes a second
    quiet: bool = False  # heartbeats come at once
    capped: bool = False  # old segments have to go


def _replaying(*words: object, **_named: object) -> bool:
    """Of Delivery.deliver: one entry, as a replayed dead letter is."""
    return len(words[1]) == 1  # type: ignore[arg-type]


_OWN: Final = {
    # the segment
    "temporary file made": Point(Call(Place, "make", True)),
    "segment half written": Point(Call(Place, "write", True)),
    "segment written, not synced": Point(Call(Segment, "_flush", True)),
    "segment synced, not renamed": Point(Call(Segment, "finish", True)),
    "manifest to be asked for": Point(Call(EngineSigner, "sign", False)),
    "manifest signed, not written": Point(Call(EngineSigner, "sign", True)),
    "certificates asked for": Point(Call(EngineSigner, "certificates", True), most=1),
    "certificates written": Point(Call(sink_module, "lead_to", True)),
    "intent to be kept": Point(Call(Memory, "begin", False)),
    "memory synced, not renamed": Point(Call(Path, "replace", False)),
    "memory renamed, directory not synced": Point(Call(guarded, "sync", False)),
    "intent kept": Point(Call(Memory, "begin", True)),
    "file to be renamed": Point(Call(place_module, "rename_new", False)),
    "segment renamed, directory not synced": Point(Call(Place, "put", True)),
    "directory synced": Point(Call(Place, "sync", True)),
    "manifest to be written": Point(Call(Place, "put_bytes", False)),
    "manifest renamed, directory not synced": Point(Call(Place, "put_bytes", True)),
    "old segments to be deleted": Point(Call(Place, "remove", False), capped=True),
    "intent to be forgotten": Point(Call(Memory, "done", False)),
    "intent forgotten": Point(Call(Memory, "done", True)),
    "heartbeat to be signed": Point(Call(DropSink, "_beat", False), most=1, quiet=True),
    "heartbeat renamed, directory not synced": Point(Call(os, "rename", True), most=1, quiet=True),
    "heartbeat replaced": Point(Call(Place, "replace", True), most=1, quiet=True),
    "some fsync": Point(Call(os, "fsync", False), most=12),
    # the cursor
    "delivered, cursor not moved": Point(Call(Delivery, "deliver", True)),
    "cursor moved, not reported": Point(Call(Orders, "advance", True)),
    "report to be sent": Point(Call(Role, "_report", False), most=2),
    "report sent, receipt not come": Point(Call(Orders, "word", True), most=3),
    "receipt to be taken": Point(Call(Orders, "kept", False), most=2),
    "receipt taken": Point(Call(Orders, "kept", True), most=2),
    # dead letters
    "half of a batch refused": Point(Call(FileSink, "deliver", False), most=4, refusing=True),
    "dead letter made, not kept": Point(Call(Worker, "_refused", False), most=1, refusing=True),
    "dead letter kept, cursor not": Point(Call(Worker, "_refused", True), most=1, refusing=True),
    "replay asked for": Point(Call(Orders, "take", True), most=1, doing="replay", refusing=True),
    "replay half done": Point(
        Call(Delivery, "deliver", True, _replaying), most=1, doing="replay", refusing=True
    ),
    "replay done, not reported": Point(
        Call(Orders, "replayed", True), most=1, doing="replay", refusing=True
    ),
    "gone back": Point(Call(Orders, "rewind", True), most=4, doing="back"),
}
_ENGINE: Final = {
    "report heard, not stored": Point(Call(Sinks, "hear", True), "engine"),
    "positions stored, not committed": Point(
        Call(session_module, "write_positions", True), "engine", most=2
    ),
    "report stored, receipt not sent": Point(Call(Sinks, "committed", False), "engine"),
    "dead letter heard, not recorded": Point(
        Call(Sinks, "_refused", True), "engine", most=1, refusing=True
    ),
    "signature made, not recorded": Point(Call(KeyRing, "sign", True), "engine", most=2),
    "signature recorded, answer lost": Point(Call(DropAnswers, "sign", True), "engine"),
}
POINTS: Final[dict[str, Point]] = _OWN | _ENGINE


def armed(name: str, nth: int) -> None:
    """Called in the process that is to die."""
    if POINTS[name].quiet:
        vars(kind_module)["Limits"] = functools.partial(Limits, quiet_ns=1)
    arm(POINTS[name].call, nth)
