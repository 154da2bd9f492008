"""The parts of verifying that need nothing of each other: any process with the same snapshot may do any of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sentinair.store.verify.plan import UNDECODABLE, Finding, Plan
from sentinair.store.verify.search import check_search
from sentinair.store.verify.span import Span, scan
from sentinair.store.verify.tables import (
    MAX_LINES,
    Find,
    check_integrity,
    check_schema,
    stream_sums,
    sum_of_files,
)

__all__ = ["Done", "Performer", "Task", "perform", "perform_all", "tasks_for"]

SPAN_RECORDS: Final = 10_000  # some 0.1 s, so that both processes end at nearly one time


class Task(msgspec.Struct, frozen=True):
    """kind "span" reads records first..last; the others look at the whole file."""

    kind: str  # span | integrity | search | streams | files | schema
    first: int = 0
    last: int = 0


class Done(msgspec.Struct):
    """The result of one task."""

    findings: list[Finding]
    span: Span | None = None
    sums: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)  # of "streams"
    files: bytes | None = None  # of "files"; None: they could not be read, which is a finding


def tasks_for(plan: Plan) -> list[Task]:
    """All tasks, the long ones first."""
    names = ("integrity", "search", "streams", "files", "schema")
    whole = [Task(name) for name in names]
    last = plan.head.seq
    firsts = range(1, last + 1, SPAN_RECORDS)
    return whole + [Task("span", first, min(first + SPAN_RECORDS - 1, last)) for first in firsts]


def perform(
    connection: sqlite3.Connection, plan: Plan, task: Task, told: Callable[[int], None]
) -> Done:
    """Do one task.  told: how many more records were read.  What cannot be read is a finding."""
    if task.kind == "span":
        return Done([], scan(connection, plan, task.first, task.last, told))
    done = Done([])

    def sum_streams(on: sqlite3.Connection, _: Find) -> None:
        done.sums = stream_sums(on)

    def sum_files(on: sqlite3.Connection, _: Find) -> None:
        done.files = sum_of_files(on)

    checks: dict[str, tuple[str, Callable[[sqlite3.Connection, Find], None]]] = {
        "integrity": ("file", check_integrity),
        "schema": ("schema", check_schema),
        "search": ("search index", check_search),
        "streams": ("table streams", sum_streams),
        "files": ("table files", sum_files),
    }
    where, run = checks[task.kind]
    found: list[str] = []
    try:
        run(connection, found.append)
    except (*UNDECODABLE, sqlite3.Error, TypeError) as fault:
        found.append(f"cannot be read: {fault}")
    done.findings = [Finding(where, what) for what in found[:MAX_LINES]]
    return done


Performer = Callable[[sqlite3.Connection, Plan, Sequence[Task], Callable[[int], None]], list[Done]]
"""Performs tasks, in any order, and returns all results."""


def perform_all(
    connection: sqlite3.Connection, plan: Plan, tasks: Sequence[Task], told: Callable[[int], None]
) -> list[Done]:
    """All tasks one after the other, in this process."""
    return [perform(connection, plan, task, told) for task in tasks]
