"""What to do about an alert whose rule brings no advice of its own: what helps with any, with what the host has."""

from __future__ import annotations

from typing import Final

from sentinair.model.event import Event, FileEvent, ProcessEvent

__all__ = ["general_steps"]

_LAST: Final = (
    "See what else happened then with `sentinair events list --since 1h`; if it was nobody's work, save "
    "what can be saved before anything is changed."
)
_FILE: Final = (
    "Ask the person shown whether this change was theirs, and what for.",
    "Ask whose file it is with `dpkg -S` or `rpm -qf` and its path, and compare it with a backup.",
    _LAST,
)
_PROCESS: Final = (
    "Ask the person shown whether they started it, and what for.",
    "Ask whose program it is with `dpkg -S` or `rpm -qf` and its path; one that no package owns is suspect.",
    _LAST,
)


def general_steps(event: Event) -> tuple[str, ...]:
    """Steps for a file or a process; none for what is neither."""
    if isinstance(event, FileEvent):
        return _FILE
    return _PROCESS if isinstance(event, ProcessEvent) else ()
