"""A person's written, expiring wish not to see some detections, and what became of them meanwhile."""

from __future__ import annotations

import msgspec

__all__ = ["Suppression", "SuppressionCounted", "SuppressionRemoved", "Tally"]


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """What suppression.added says, with the counts so far.

    Of rule, path, program and user every one that is given must hold.  path and program are globs over whole paths
    (alerts.glob); text fields are escaped (model.text.shown), but for the globs, which are as they were given.
    """

    id: str  # lower-case UUIDv7
    rule: str | None = None  # rule id
    path: str | None = None  # of the file
    program: str | None = None  # of the process that acted
    user: str | None = None  # login name, or uid in digits
    reason: str
    author: str  # who the caller of the control socket proved to be
    created_ns: int  # wall clock, as all times here
    expires_ns: int
    count: int = 0  # detections held back
    last_ns: int | None = None  # when the last of them was; None: none was
    ended_ns: int | None = None  # None: it counts
    ended_by: str | None = None  # None: its time was up, or it has not ended


class Tally(msgspec.Struct, frozen=True):
    """One suppression's counts since it began."""

    id: str
    count: int
    last_ns: int | None


class SuppressionCounted(msgspec.Struct, frozen=True):
    """suppression.counted: the tallies of all suppressions that count, whether or not they have changed."""

    tallies: tuple[Tally, ...]


class SuppressionRemoved(msgspec.Struct, frozen=True):
    """suppression.removed: the end of one, with its last counts."""

    id: str
    by: str | None  # None: its time was up
    time_ns: int
    count: int
    last_ns: int | None
