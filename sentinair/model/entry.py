"""What leaves the host: one record of the ledger, or one event, with what makes it unique everywhere."""

from __future__ import annotations

from typing import Literal

import msgspec

from sentinair.model.alert import Alert

__all__ = ["Entry", "Parcel"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on its way out.  host, chain, stream and seq together are its name for every receiver, forever."""

    host: str  # name of this host, escaped (model.text.shown)
    chain: str  # chain id, 32 lower-case hexadecimal digits
    stream: Literal["record", "event"]
    seq: int  # of the record in the ledger; of an event: its id
    kind: str  # record kind, "alert.raised"; of an event: its event_type, "file"
    time_ns: int  # wall clock: when it was recorded; of an event: when it was seen
    version: str  # of the agent that sends it
    alert: Alert | None = None  # of the kinds alert.*: the whole alert as it was then
    data: dict[
        str, object
    ] = {}  # of all others: what the record says; of an event: as event_json shows it
    link: str | None = None  # of a record: its chain link, 64 hexadecimal digits


class Parcel(msgspec.Struct, frozen=True):
    """One entry and what a codec made of it; body is empty for a sink that takes entries as they are."""

    entry: Entry
    body: bytes
