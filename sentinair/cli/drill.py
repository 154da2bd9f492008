"""`sentinair drill`: harmless acts by real kernel events, and which alerts came of them, how fast."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
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
    technique: str  # ATT&CK id that the alert must name; "" for an act not done
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
    """Raise alerts by harmless acts, and time them.

    Writes and removes files named sentinair-drill-…, and runs a copy of the shell named as a network tool. Exit status
    1 if an alert did not come.
    """
    call(places.control, "status")  # no engine, no drill
    acts, skipped = drill_acts.choose(_watched(places))
    outcomes = [Outcome(name, "", None, reason=reason) for name, reason in skipped]
    since_ns = time.time_ns()
    with _ended_cleanly(), reading(places) as reader:
        outcomes = [*(perform(reader, act) for act in acts), *outcomes]
        raised = raised_by(reader, since_ns, [act.token for act in acts])
    if as_json:
        for outcome in outcomes:
            emit(outcome)
    else:
        _show(places, outcomes, [alert.id for alert in raised])
    if any(outcome.came is False for outcome in outcomes):
        ctx.exit(1)


def _watched(places: Places) -> list[Path]:
    """Watched roots that are plain paths; what the sensor works by, not what the configuration says by now."""
    watch = read_compiled(places.run / "sensor.msgpack").files.watch
    return [Path(root) for root in watch if not set("*?[") & set(root)]


def perform(reader: Reader, act: drill_acts.Act, wait_secs: float = WAIT_SECS) -> Outcome:
    """Do act, wait for its alert in the database, undo the act."""
    since_ns = time.time_ns()
    try:
        with act.done() as done_ns:
            alert = _wait(reader, act, since_ns, done_ns + int(wait_secs * 1e9))
            millis = (time.monotonic_ns() - done_ns) // 1_000_000
    except OSError as fault:
        return Outcome(
            act.name,
            act.technique,
            None,
            reason=f"{fault.filename or act.name}: {fault.strerror or fault}",
        )
    if alert is None:
        return Outcome(act.name, act.technique, False, reason=f"no alert within {wait_secs:g} s")
    return Outcome(act.name, act.technique, True, millis, alert.id, alert.title)


def _wait(
    reader: Reader, act: drill_acts.Act, since_ns: int, deadline_mono_ns: int
) -> Alert | None:
    while True:
        for alert in raised_by(reader, since_ns, [act.token]):
            if act.technique in alert.techniques:
                return alert
        if time.monotonic_ns() >= deadline_mono_ns:
            return None
        time.sleep(POLL_SECS)


def raised_by(reader: Reader, since_ns: int, tokens: Sequence[str]) -> list[Alert]:
    """The newest alerts since then that name one of these tokens."""
    page = reader.alerts(AlertFilter(since_ns=since_ns), limit=SEEN_TOGETHER)
    marks = [token.encode() for token in tokens]
    return [
        alert for alert in page.rows if any(mark in msgspec.json.encode(alert) for mark in marks)
    ]


def _show(places: Places, outcomes: Sequence[Outcome], ids: Sequence[str]) -> None:
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
    slowest = max((outcome.millis or 0 for outcome in came), default=0)
    click.echo(
        f"{len(came)} of {len(done)} alerts came{f', the slowest after {slowest} ms' if came else ''}."
    )
    if ids:
        click.echo("Close them, and what else the drill raised, with:")
        words_before = ["sentinair", places.arguments(), "alerts resolve --comment drill"]
        click.echo("  " + " ".join(word for word in [*words_before, *ids] if word))


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
