"""What goes over the socket: an entry as one line of JSON, and what a subscriber asks for."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from sentinair.codecs.any_json import to_json
from sentinair.codecs.times import rfc3339_or_none
from sentinair.errors import DataFault
from sentinair.model.entry import Entry

__all__ = ["MAX_LINE", "MAX_REQUEST", "TOPICS", "Topic", "asked", "line", "message_of", "topic_of"]

Topic = Literal["alerts", "events", "metrics"]
TOPICS: Final[tuple[Topic, ...]] = get_args(Topic)
MAX_REQUEST: Final = 4096
MAX_LINE: Final = 256 << 10
_EXAMPLE: Final = '{"subscribe": ["alerts", "events", "metrics"]}'
_LONGEST: Final = 8192  # characters of one text; what is cut says length and hash


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    subscribe: Annotated[tuple[Topic, ...], msgspec.Meta(min_length=1, max_length=8)]


_request = msgspec.json.Decoder(_Request).decode


def asked(raw: bytes) -> frozenset[Topic]:
    """The topics of a request, without its line feed.  Raises DataFault."""
    try:
        return frozenset(_request(raw).subscribe)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise DataFault(f"no request: {fault}", remedy=f"send {_EXAMPLE}") from fault


def topic_of(entry: Entry) -> Topic | None:
    """None: it is for no topic."""
    if entry.alert is not None:
        return "alerts"
    return "events" if entry.stream == "event" else None


def message_of(entry: Entry) -> bytes:
    """The line of an alert or event."""
    alert = entry.alert
    data: dict[str, Any]
    if alert is not None:
        data = {
            "type": entry.kind,
            "alert_id": alert.id,
            "severity": alert.severity,
            "title": alert.title,
            "description": alert.description,
            "timestamp": rfc3339_or_none(alert.time_ns),
        }
    else:
        data = {
            "id": entry.seq,
            "timestamp": rfc3339_or_none(entry.time_ns),
            "event_type": entry.kind,
            "source": entry.data.get("source"),
            "data": entry.data,
        }
    return line(entry.time_ns, topic=topic_of(entry), seq=entry.seq, data=data)


def line(time_ns: int, **told: Any) -> bytes:
    """One message; data that would make it longer than MAX_LINE is replaced by its size."""
    whole: dict[str, Any] = {"timestamp": rfc3339_or_none(time_ns), **told}
    made = to_json(whole, _LONGEST)
    if len(made) >= MAX_LINE:
        made = to_json({**whole, "data": {"left_out_bytes": len(made)}}, _LONGEST)
    return made + b"\n"
