"""What judging a drop says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

__all__ = ["Drop", "Export", "Finding", "Known", "Line", "Signed", "Unjudged"]


class Unjudged(Exception):
    """The drop could not be looked at: no directory, no key."""


class Finding(NamedTuple):
    """One thing that is not as it was written."""

    kind: str  # missing, repeated, foreign, stale, cut, corrupted, misplaced, forged or unsigned
    where: str  # a file, or a chain
    what: str
    seq: int | None = None  # the lowest it puts in doubt


class Known(NamedTuple):
    """Where the drop of one sink ended when it was judged before."""

    number: int  # of its last manifest
    manifest: str  # SHA-256 of what that signed: 64 hex


class Signed(NamedTuple):
    """A manifest or heartbeat whose seal is good."""

    name: str
    sha: str  # SHA-256 of what is signed: its name among manifests
    said: Mapping[str, Any]

    @property
    def line(self) -> str:
        """Entries with the same one follow each other by seq."""
        return f"{self.said['chain']} {self.said['stream']}"

    @property
    def sink(self) -> str:
        """Manifests with the same one name each other."""
        return f"{self.said['host']} {self.said['sink']}"


@dataclass
class Line:
    """The segments of one chain, stream and sink that are here."""

    host: str
    chain: str
    stream: str
    sink: str
    first: int
    last: int
    segments: int
    entries: int
    lost: int  # entries deleted to stay below the cap, as declared here


@dataclass
class Export:
    """An export that is what its manifest says."""

    file: str
    host: str
    count: int
    by: str  # who asked for it
    writer: str  # who wrote it, and whose word its content is: "forwarder", or a person's command
    unsigned: str | None  # why nobody signed for it; None: it is signed


@dataclass
class Drop:
    """The verdict."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    ends: dict[str, Known] = field(default_factory=dict)  # by host and sink: for the next look
    made_ns: dict[str, int] = field(default_factory=dict)  # wall clock of the newest file of each

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The lowest seq in doubt; None: none."""
        return min((one.seq for one in self.findings if one.seq is not None), default=None)

    def find(self, kind: str, where: str, what: str, seq: int | None = None) -> None:
        self.findings.append(Finding(kind, where, what, seq))

    def as_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "first_bad": self.first_bad,
            "lines": [asdict(line) for line in self.lines],
            "exports": [asdict(export) for export in self.exports],
            "findings": [one._asdict() for one in self.findings],
            "notes": self.notes,
        }
