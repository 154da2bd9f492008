"""`sentinair drill`: harmless acts by real kernel events, and which alerts came of them, how fast."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import click
import msgspec

from sentinair.cli import drill_acts
from sentinair.cli.options import json_option
from sentinair.cli.output import emit, table
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import reading
from sentinair.errors import SentinairError
from sentinair.ipc.control import call
from sentinair.model.alert import Alert
from sentinair.settings.compiled import read_compiled
from sentinair.store.read import AlertFilter, Reader

__all__ = ["Outcome", "drill", "perform"]

POLL_SECS: Final = 0.02
WAIT_SECS: Final = 5.0
SEEN_TOGETHER: Final = 100  # alerts looked at for the token: what else is raised in these seconds


class Outcome(msgspec.Struct, frozen=True):
    """What became of one act."""

    act: str
    expects: str
    came: bool | None  # None: the act could not be done, and reason says why
    millis: int | None = None  # act done to alert readable in the database
    alert: str | None = None
    title: str | None = None
    reason: str | None = None


@click.command()
@json_option
@click.pass_context
@pass_places
def drill(places: Places, ctx: click.Context, as_json: bool) -> None:
    """Do harmless things that must raise alerts, and say which came and how fast.

    Writes and removes files named sentinair-drill-…, and runs a copy of the shell named as a network tool. Exit status
    1 if an alert did not come.
    """
    call(places.control, "status")  # no engine, no drill
    watched = _watched(places)
    with _ended_cleanly(), reading(places) as reader:
        outcomes = []
        for outcome in _all(reader, watched):
            outcomes.append(outcome)
            if as_json:
                emit(outcome)
    if not as_json:
        _show(places, outcomes)
    if any(outcome.came is False for outcome in outcomes):
        ctx.exit(1)


def _watched(places: Places) -> list[Path]:
    """Watched roots that are plain paths; what the sensor works by, not what the configuration says by now."""
    watch = read_compiled(places.run / "sensor.msgpack").files.watch
    return [Path(root) for root in watch if not set("*?[") & set(root)]


def _all(reader: Reader, watched: list[Path]) -> Iterator[Outcome]:
    acts, skipped = drill_acts.choose(watched)
    for act in acts:
        yield perform(reader, act)
    for name, reason in skipped:
        yield Outcome(name, "", None, reason=reason)


def perform(reader: Reader, act: drill_acts.Act, wait_secs: float = WAIT_SECS) -> Outcome:
    """Do act, wait for its alert in the database, undo the act."""
    since_ns = time.time_ns()
    try:
        with act.done() as done_ns:
            alert = _wait(reader, act.token, since_ns, done_ns + int(wait_secs * 1e9))
            millis = (time.monotonic_ns() - done_ns) // 1_000_000
    except OSError as fault:
        return Outcome(
            act.name,
            act.expects,
            None,
            reason=f"{fault.filename or act.name}: {fault.strerror or fault}",
        )
    if alert is None:
        return Outcome(act.name, act.expects, False, reason=f"no alert within {wait_secs:g} s")
    return Outcome(act.name, act.expects, True, millis, alert.id, alert.title)


def _wait(reader: Reader, token: str, since_ns: int, deadline_mono_ns: int) -> Alert | None:
    while True:
        page = reader.alerts(AlertFilter(since_ns=since_ns), limit=SEEN_TOGETHER)
        for alert in page.rows:
            if token.encode() in msgspec.json.encode(alert):
                return alert
        if time.monotonic_ns() >= deadline_mono_ns:
            return None
        time.sleep(POLL_SECS)


def _show(places: Places, outcomes: list[Outcome]) -> None:
    words = {True: "came", False: "MISSING", None: "not done"}
    table(
        ("ACT", "ALERT", "MS", "WHICH"),
        [
            (
                outcome.act,
                words[outcome.came],
                "" if outcome.millis is None else str(outcome.millis),
                outcome.title or outcome.reason or "",
            )
            for outcome in outcomes
        ],
    )
    done = [outcome for outcome in outcomes if outcome.came is not None]
    came = [outcome for outcome in done if outcome.came]
    click.echo(f"{len(came)} of {len(done)} alerts came.")
    if came:
        ids = " ".join(outcome.alert or "" for outcome in came)
        options = places.arguments()
        click.echo(
            f"To close them: sentinair {options + ' ' if options else ''}alerts resolve --comment drill {ids}"
        )


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """SIGTERM removes what the acts made, as Ctrl-C does."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SentinairError(
            "ended by SIGTERM", where="drill", remedy="what the drill had made is removed"
        )

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
