"""Figures: percentiles, and on what machine and which commit they were taken."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ROOT", "Figures", "commit", "machine", "percentile", "spread"]

ROOT = Path(__file__).parents[2]
Figures = dict[str, object]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of values do not exceed (nearest rank).

    Raises ValueError if values is empty.
    """
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # ceiling
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def spread(values: Sequence[float], digits: int = 1) -> Figures:
    """count, p50, p99 and max of values, rounded; only count when there are none."""
    if not values:
        return {"count": 0}
    return {
        "count": len(values),
        "p50": round(percentile(values, 0.50), digits),
        "p99": round(percentile(values, 0.99), digits),
        "max": round(max(values), digits),
    }


def machine() -> Figures:
    """What the figures were taken on."""
    return {
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "arch": platform.machine(),
    }


def commit() -> str:
    """The checkout's commit, with "+" when files differ from it; "unknown" outside a checkout."""
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if head.returncode:
        return "unknown"
    changed = subprocess.run(
        [
            "git",
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            "sentinair",
            "config",
            "tests/bench",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
