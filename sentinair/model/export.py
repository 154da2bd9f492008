"""An export on demand: what is wanted of the record, and what the file made of it is."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from sentinair.errors import UsageFault
from sentinair.model.alert import SEVERITIES, STATUSES
from sentinair.model.event import KINDS

__all__ = ["ALERTS_ONLY", "FORMATS", "Exported", "Wanted", "What", "checked", "stem_of"]

FORMATS: Final = ("json", "ndjson", "csv", "xml", "cef", "leef", "ecs", "ocsf")
ALERTS_ONLY: Final = ("json", "csv", "xml")
"""The guide's files, which have no place for events."""

What = Literal["alerts", "events"]
_Text = Annotated[str, msgspec.Meta(max_length=256)]
_Texts = Annotated[tuple[_Text, ...], msgspec.Meta(max_length=64)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Moment = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_Name = Annotated[
    str, msgspec.Meta(pattern=r"^sentinair_(alerts|events)_\d{1,20}(-\d+)?(\.[a-z]+){1,2}\Z")
]


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A format and a filter.  Empty or None: any.  Times: wall clock, ns; since included, until not."""

    codec: str  # one of FORMATS
    what: What = "alerts"
    since_ns: _Moment | None = None
    until_ns: _Moment | None = None
    severity: _Texts = ()  # of alerts
    status: _Texts = ()  # of alerts
    kind: _Texts = ()  # of events
    source: _Texts = ()
    limit: _Count = 0  # 0: all


class Exported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finished file, as who wrote it tells it."""

    file: _Name
    count: _Count
    bytes: _Count
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    # Lowest and highest seq of a record that last changed one of the alerts, or event id; None: nothing.
    first: _Count | None
    last: _Count | None
    made_ns: _Moment  # wall clock: when it was begun


def checked(wanted: Wanted) -> Wanted:
    """wanted, if it can be had.  Raises UsageFault."""
    if wanted.codec not in FORMATS:
        raise UsageFault(f"no format {wanted.codec!r}", remedy=f"there are {', '.join(FORMATS)}")
    if wanted.what == "events" and wanted.codec in ALERTS_ONLY:
        raise UsageFault(
            f"{wanted.codec} files hold alerts only",
            remedy="for events take ndjson, cef, leef, ecs or ocsf",
        )
    if wanted.kind and wanted.what == "alerts":
        raise UsageFault("--kind chooses events", remedy="give --events too")
    if (wanted.severity or wanted.status) and wanted.what == "events":
        raise UsageFault("--severity and --status choose alerts", remedy="leave --events away")
    for name, given, known in (
        ("severity", wanted.severity, SEVERITIES),
        ("status", wanted.status, STATUSES),
        ("kind", wanted.kind, KINDS),
    ):
        strange = sorted(set(given) - set(known))
        if strange:
            raise UsageFault(f"no {name} {strange[0]!r}", remedy=f"there are {', '.join(known)}")
    return wanted


def stem_of(wanted: Wanted) -> str:
    """What the file's name begins with."""
    return f"sentinair_{wanted.what}"
