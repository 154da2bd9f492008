"""A suppression in the shape users rely on."""

from __future__ import annotations

from typing import Any

from sentinair.codecs.times import rfc3339
from sentinair.model.suppression import Suppression
from sentinair.model.text import shown

__all__ = ["render"]


def render(wish: Suppression, now_ns: int) -> dict[str, Any]:
    """wish as JSON-able dict: times as RFC 3339 in UTC, None for what it does not name or what is not yet."""
    return {
        "id": wish.id,
        "active": wish.ended_ns is None and now_ns < wish.expires_ns,
        "rule": wish.rule,
        "path": None if wish.path is None else shown(wish.path),
        "program": None if wish.program is None else shown(wish.program),
        "user": wish.user,
        "reason": wish.reason,
        "author": wish.author,
        "created": rfc3339(wish.created_ns),
        "expires": rfc3339(wish.expires_ns),
        "count": wish.count,
        "last": None if wish.last_ns is None else rfc3339(wish.last_ns),
        "ended": None if wish.ended_ns is None else rfc3339(wish.ended_ns),
        "ended_by": wish.ended_by,
    }
