"""What a check of `sentinair doctor` finds."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding", "fail", "ok", "warn"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the doctor's report."""

    check: str
    level: Literal["ok", "warn", "fail"]
    text: str
    remedy: str = ""  # what a person can do; "" when all is well


def ok(check: str, text: str) -> Finding:
    return Finding(check, "ok", text)


def warn(check: str, text: str, remedy: str) -> Finding:
    """Works, with less than it could."""
    return Finding(check, "warn", text, remedy)


def fail(check: str, text: str, remedy: str) -> Finding:
    """Does not work, or cannot be trusted."""
    return Finding(check, "fail", text, remedy)
