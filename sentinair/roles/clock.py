"""This host's clocks, handed to whatever takes a model.ports.Clock."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_ns(self) -> int:
        return time.monotonic_ns()
