"""How long to wait after failures: exponential with full jitter.

Source: M. Brooker, "Exponential Backoff And Jitter", 2015: full jitter spreads those who come back together best.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FIRST_SECS", "LONGEST_SECS", "wait_secs"]

FIRST_SECS: Final = 1.0
LONGEST_SECS: Final = 300.0


def wait_secs(failures: int, share: float) -> float:
    """Seconds to wait after so many failures one after the other (>= 1).

    share: a random number, 0 <= share < 1.  Raises ValueError outside these ranges.
    """
    if failures < 1 or not 0 <= share < 1:
        raise ValueError(f"{failures} failures, share {share}")
    doublings = min(
        failures - 1, 20
    )  # 2**20 s is beyond the longest; larger powers need not be built
    return share * min(LONGEST_SECS, FIRST_SECS * 2.0**doublings)
