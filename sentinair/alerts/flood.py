"""One rule that finds something new thousands of times a minute becomes one more alert, not thousands."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sentinair.model.alert import Detection

__all__ = ["MAX_A_MINUTE", "Flood"]

MAX_A_MINUTE: Final = 200  # more than a person can read in that time
_MINUTE_NS: Final = 60_000_000_000


class Flood:
    """Counts the alerts each rule raises in a minute."""

    def __init__(self) -> None:
        self._raised: dict[tuple[str, str], tuple[int, int]] = {}  # to (minute's begin, alerts)

    def gathered(self, detection: Detection, now_ns: int) -> Detection:
        """detection as it is; or, beyond MAX_A_MINUTE, as part of one alert for all that follow.

        Asked once for each alert that would be new.  Memory: one entry for each rule and severity.
        """
        key = (detection.rule_id, detection.severity)
        begin, count = self._raised.get(key, (now_ns, 0))
        if not 0 <= now_ns - begin < _MINUTE_NS:  # a minute later, or the clock was set back
            begin, count = now_ns, 0
        self._raised[key] = (begin, count + 1)
        if count < MAX_A_MINUTE:
            return detection
        return replace(
            detection,
            title=f"{detection.title}, and more",
            description=f"More than {MAX_A_MINUTE} alerts of this rule came within a minute. Those that follow are "
            f"counted here; their events are all kept, and this is the first: {detection.description}",
            group=("many",),
        )
