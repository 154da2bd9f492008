"""Faults a person can act on: where it is, what is wrong, what to do, and the exit status that says its kind.

Exit statuses follow sysexits(3) where it has one; the table stands in docs/reference.md.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ConfigFault",
    "DataFault",
    "EngineAbsent",
    "Fault",
    "PermissionFault",
    "SentinairError",
    "SinkAway",
    "SinkRefused",
    "StorageFault",
    "UsageFault",
    "VersionFault",
]


class SentinairError(Exception):
    """One clear sentence for a person: `where: what; remedy`.

    where: file, line, path, socket or command the fault is at; may be "".
    what: what is wrong, with limit and actual value if there are any.
    remedy: what the reader can do about it; may be "".
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.remedy}" if self.remedy else text


class UsageFault(SentinairError):
    """The command was called wrongly (exit status 2)."""

    exit_status = 2


class EngineAbsent(SentinairError):
    """The command needs the engine and the engine does not answer (exit status 69)."""

    exit_status = 69


class StorageFault(SentinairError):
    """Reading or writing failed: full disk, damaged file, lost device (exit status 74)."""

    exit_status = 74


class RecordGone(StorageFault):
    """The ledger was taken away or replaced while the engine wrote it (exit status 74)."""


class VersionFault(SentinairError):
    """The record was written by another version of this program: only a person can choose (exit status 74)."""

    exit_status = 74


class DataFault(SentinairError):
    """Bytes from another process or from disk do not have the promised form (exit status 74)."""

    exit_status = 74


class SinkAway(SentinairError):
    """A sink cannot be reached, or does not answer in time: try again later (exit status 74)."""

    exit_status = 74
    undone = False  # whether what it took since its last trouble was not delivered after all


class SinkRefused(SentinairError):
    """A sink will never take one parcel; those before it were taken (exit status 74)."""

    exit_status = 74

    def __init__(self, what: str, *, index: int, where: str = "", remedy: str = "") -> None:
        """index: of the refused parcel in what was to be delivered."""
        super().__init__(what, where=where, remedy=remedy)
        self.index = index


class PermissionFault(SentinairError):
    """The caller may not do this, or a file's owner or mode is unsafe (exit status 77)."""

    exit_status = 77


class Fault(SentinairError):
    """One fault in one configuration file; ConfigFault carries all of them.

    where is `file:line`; what names the key path, what was expected and what was found.
    """

    exit_status = 78


class ConfigFault(SentinairError):
    """The configuration cannot be used: all faults at once, one a line (exit status 78)."""

    exit_status = 78

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} fault(s) in the configuration")
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)
