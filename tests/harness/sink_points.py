"""Where the forwarder can die between a record and its receipt in sinks other than the drop, and within an export."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, Literal, NamedTuple

from sentinair.roles.forwarder.exports import Exporter
from sentinair.roles.forwarder.orders import Orders
from sentinair.sinks.drop.place import Place
from sentinair.sinks.export.manifest import ENDING
from sentinair.sinks.shared import database as database_module
from sentinair.sinks.shared import handover as handover_module
from sentinair.sinks.shared.database import SharedDatabase
from sentinair.sinks.syslog import sink as syslog_module
from sentinair.sinks.syslog.sink import SyslogSink
from sentinair.sinks.syslog.transport import Stream
from tests.harness.kill_points import Call, arm

__all__ = ["POINTS", "Side", "SinkPoint", "armed", "spill"]

Side = Literal["shared", "snapshot", "syslog", "export"]
_BRIEF_NS: Final = 50_000_000
_SMALL_BYTES: Final = 4096  # of a copy at once: half of one is written by several calls


class SinkPoint(NamedTuple):
    """One place to die at."""

    side: Side  # what the forwarder has to do with
    call: Call
    most: int = 1  # it dies there the first time, or up to this one
    least: int = 1
    spilling: bool = False  # pages of a transaction reach the file before its end
    brief: bool = False  # what was sent is soon past being lost
    dropping: bool = False  # the receiver ends each connection but the last one early


def _settled(orders: Orders, holding: dict[str, int]) -> bool:
    """Of Orders.settle: what was held back from the report no longer is."""
    return not holding and orders._sure != orders.position


def _of_export(_place: Place, _temporary: str, name: str, *_: object) -> bool:
    """Of Place.put: the export itself, and not its manifest."""
    return not name.endswith(ENDING)


POINTS: Final[dict[str, SinkPoint]] = {
    # the shared database
    "file made, no table yet": SinkPoint("shared", Call(SharedDatabase, "_agree", False)),
    "rows in a transaction": SinkPoint(
        "shared", Call(database_module, "_put_alert", True), most=12
    ),
    "first pages written, not committed": SinkPoint(
        "shared", Call(SharedDatabase, "_agree", True), spilling=True
    ),
    "pages written, not committed": SinkPoint(
        "shared", Call(SharedDatabase, "_keep_cap", False), most=4, spilling=True
    ),
    "rows committed, not reported": SinkPoint(
        "shared", Call(SharedDatabase, "put", True), least=3, most=4
    ),  # the first two are alerts
    # its closed copy
    "copy half written": SinkPoint("snapshot", Call(Place, "write", True), most=12),
    "copy written, not synced": SinkPoint("snapshot", Call(Place, "sync", False)),
    "copy synced, not renamed": SinkPoint("snapshot", Call(Place, "give_name", False)),
    "last copy synced, not renamed": SinkPoint(
        "snapshot", Call(Place, "give_name", False), most=2, least=2
    ),
    "copy renamed, directory not synced": SinkPoint("snapshot", Call(Place, "give_name", True)),
    # syslog
    "messages to be sent": SinkPoint("syslog", Call(Stream, "send", False), most=3),
    "one message of some sent": SinkPoint("syslog", Call(Stream, "_has_ended", False), most=4),
    "messages sent, not remembered": SinkPoint("syslog", Call(Stream, "send", True), most=3),
    "messages sent, not settled": SinkPoint("syslog", Call(SyslogSink, "deliver", True), most=3),
    "messages settled, not reported": SinkPoint(
        "syslog", Call(Orders, "settle", True, _settled), brief=True
    ),
    "connection to be made again": SinkPoint(
        "syslog", Call(Orders, "fall_back", True), dropping=True
    ),
    "connection made again": SinkPoint(
        "syslog", Call(Stream, "_connected", True), most=2, least=2, dropping=True
    ),
    # an export
    "export half written": SinkPoint("export", Call(Place, "write", True)),
    "export written, not renamed": SinkPoint("export", Call(Exporter, "_sealed", False)),
    "manifest sealed, not written": SinkPoint("export", Call(Exporter, "_sealed", True)),
    "manifest in place, export not": SinkPoint("export", Call(Place, "put", False, _of_export)),
    "export renamed, directory not synced": SinkPoint(
        "export", Call(Place, "put", True, _of_export)
    ),
}


def armed(name: str, nth: int) -> None:
    """Called in the process that is to die."""
    point = POINTS[name]
    if point.spilling:
        spill()
    if point.side == "snapshot":
        vars(handover_module)["_CHUNK"] = _SMALL_BYTES
    if point.brief:
        vars(syslog_module).update(AGAIN_NS=_BRIEF_NS, _SLOT_NS=_BRIEF_NS)
    arm(point.call, nth)


def spill() -> None:
    """Let the shared database keep no page of a transaction in memory.  Only in a process of the test's own."""
    real = SharedDatabase._restrict

    def restrict(self: SharedDatabase, connection: sqlite3.Connection) -> None:
        real(self, connection)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA cache_spill = 1")

    vars_of: Any = SharedDatabase
    vars_of._restrict = restrict
