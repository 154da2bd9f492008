"""Judges what blinds the agent: lost events, and others' hands in its own state."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from sentinair.detect.ground import Ground
from sentinair.kernel.procfs import start
from sentinair.model.alert import Detection, Joined, Match
from sentinair.model.event import (
    ATTRIB,
    CREATE,
    DELETE,
    GAP_REASONS,
    RENAME,
    WRITE,
    FileEvent,
    GapEvent,
    TamperEvent,
    action_names,
)
from sentinair.model.process import Process
from sentinair.model.text import shown

__all__ = ["ALTERED", "LOST", "OWN_STATE", "GapDetector", "detector"]

ALTERED: Final = "sentinair-record-altered"
LOST: Final = "sentinair-events-lost"
OWN_STATE: Final = "sentinair-own-state-changed"
_CHANGES: Final = CREATE | WRITE | ATTRIB | RENAME | DELETE
_SEVERITY: Final = {"restart": "low"}  # stopping and starting the agent is ordinary work
_START_SLACK: Final = (
    2  # ticks between a fork event and the kernel's own start time of the same process
)
# A reader of the database opens its shared-memory index for writing (SQLite, wal.html, section "Shared Memory");
# the index holds no truth, SQLite rebuilds it.
_HARMLESS_SUFFIX: Final = b"-shm"


class GapDetector:
    """Raises an alert for every gap, for a record that is not as it was written, and for changes to the state directory by anyone but the agent.

    The sensor drops what the roles write themselves; of the rest, what the engine has started is its own, too.
    """

    name = "gap"

    def __init__(self, state_dir: bytes, engine: tuple[int, int]) -> None:
        """state_dir: absolute path, raw, without symlinks.  engine: its pid and start."""
        self._engine = engine
        self._state = state_dir
        self._below = state_dir.rstrip(b"/") + b"/"

    def judge(self, joined: Joined) -> Iterable[Detection]:
        """Detections for one event; empty for the usual event."""
        event = joined.event
        if isinstance(event, FileEvent):
            ours = self._is_ours(event.path) or (
                event.old_path is not None and self._is_ours(event.old_path)
            )
            return self._touched(event) if ours and not self._is_child(joined.process) else ()
        if isinstance(event, TamperEvent):
            return (_altered(event),)
        return (_lost(event),) if isinstance(event, GapEvent) else ()

    def tick(self, now_ns: int) -> Iterable[Detection]:  # noqa: ARG002 - the protocol's
        """Knows no time."""
        return ()

    def _is_ours(self, path: bytes) -> bool:
        return path.startswith(self._below) or path == self._state

    def _is_child(self, process: Process | None) -> bool:
        """Whether the engine started it: SQLite in our own full check opens -wal for writing because it may."""
        pid, start = self._engine
        return process is not None and any(
            parent.pid == pid
            and parent.start is not None
            and abs(parent.start - start) <= _START_SLACK
            for parent in process.parents
        )

    def _touched(self, event: FileEvent) -> tuple[Detection, ...]:
        if not event.actions & _CHANGES:
            return ()
        if event.actions & _CHANGES == WRITE and event.path.endswith(_HARMLESS_SUFFIX):
            return ()
        path = shown(event.path)
        return (
            Detection(
                rule_id=OWN_STATE,
                title="The agent's own state was changed by somebody else",
                description=f"{path}: {', '.join(action_names(event.actions))}.",
                category="tamper",
                severity="critical",
                confidence=0.9,
                source="gap",
                matches=(Match("TargetFilename", path, f"below {shown(self._state)}"),),
                why=(
                    "Only the agent's own processes have reason to write here; record and keys lie in this folder.",
                    "Who wants to hide on this host begins with its record.",
                ),
                next_steps=(
                    "Run `sentinair verify` on the state directory, with the public key kept elsewhere.",
                    "Find out who or what the named process is before you end it.",
                    "Compare the record's head with the last copy kept on another machine.",
                ),
                techniques=("T1070", "T1685"),
                tactics=("stealth", "defense-impairment"),
            ),
        )


def _altered(event: TamperEvent) -> Detection:
    what = shown(event.what)
    return Detection(
        rule_id=ALTERED,
        title="The record is not as it was written",
        description=f"Found by the {shown(event.found_by)}: {what}.",
        category="tamper",
        severity="critical",
        confidence=0.95,
        source="gap",
        matches=(Match("what", what, "any finding"),),
        why=(
            "Every record is chained and signed when it is written: it does not change by itself.",
            "A failing disk changes bytes too; either way the record cannot be taken at its word.",
        ),
        next_steps=(
            "Run `sentinair verify` on the state directory, with the public key kept elsewhere.",
            "Copy the state directory to another medium before anything else is done with it.",
            "Look at the disk's own health, and at who was logged in since the last good check.",
        ),
        techniques=("T1070",),
        tactics=("stealth",),
    )


def _lost(event: GapEvent) -> Detection:
    reason = GAP_REASONS.get(event.reason, event.reason)
    count = "an unknown number of events" if event.lost is None else f"{event.lost} events"
    source = shown(event.source)
    matches = [Match("source", source, "any gap"), Match("reason", shown(event.reason), "any gap")]
    if event.lost is not None:
        matches.append(Match("lost", str(event.lost), "any gap"))
    return Detection(
        rule_id=LOST,
        title="Events were lost",
        description=f"{source} lost {count}: {shown(reason)}.",
        category="coverage",
        severity=_SEVERITY.get(event.reason, "medium"),
        confidence=1.0,
        source="gap",
        matches=tuple(matches),
        why=(
            "In this interval something can have happened that no rule has judged.",
            "A flood of harmless events is also a way to hide one that is not.",
        ),
        next_steps=(
            "A rescan follows by itself; `sentinair status` says when the truth is restored.",
            "Look at what was busy then: `sentinair events list --since 1h`.",
            "If it returns under ordinary load, raise files.max_queued_events or processes.receive_buffer_bytes.",
        ),
        tactics=("defense-impairment",),
        group=(event.source, event.reason),
    )


def detector(ground: Ground) -> GapDetector:
    """The detector over ground.state_dir, in the engine's own process."""
    state = os.path.realpath(os.fsencode(ground.state_dir))
    return GapDetector(state, (os.getpid(), start(os.getpid()) or 0))
