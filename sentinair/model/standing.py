"""What stands open now: what a person who has just come must know first."""

from __future__ import annotations

import msgspec

from sentinair.model.alert import Alert

__all__ = ["Loss", "Standing"]


class Loss(msgspec.Struct, frozen=True):
    """A gap after which the truth is not told again.  Times: wall clock, ns."""

    id: str  # hexadecimal
    source: str  # as in GapEvent: not escaped
    reason: str  # of model.event.GAP_REASONS, or a later version's own
    lost: int | None  # None: cannot be counted
    since_ns: int


class Standing(msgspec.Struct, frozen=True):
    """Of one moment."""

    critical: int = 0  # critical alerts that nobody has answered
    newest: tuple[Alert, ...] = ()  # the first of them, newest first
    losses: tuple[Loss, ...] = ()  # all that are open, oldest first
