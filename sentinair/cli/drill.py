"""`sentinair drill`: harmless acts by real kernel events, one for each rule that has one, and which alerts came."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import click
import msgspec

from sentinair.cli.drill_acts import Program
from sentinair.cli.drill_host import Host
from sentinair.cli.drill_plan import Planned, plan
from sentinair.cli.drill_run import Runner
from sentinair.cli.drill_score import Outcome, score, show
from sentinair.cli.moments import short
from sentinair.cli.options import json_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import reading
from sentinair.cli.suppressions import Counted, counted_now
from sentinair.codecs.times import from_rfc3339
from sentinair.detect.sigma.files import RulesRead, read_rules
from sentinair.detect.sigma.rule import Rule
from sentinair.errors import ConfigFault, SentinairError, UsageFault
from sentinair.ipc.control import call
from sentinair.model.text import shown
from sentinair.settings.compiled import read_compiled
from sentinair.store.newest import newest_alerts
from sentinair.store.read import AlertFilter, Reader

__all__ = ["drill"]

MARK: Final = "sentinair-drill-"
_HOME: Final = Path("/var/lib")  # nobody watches it, and nothing there is called by its name
_COUNTS: Final = "it counts what other rules find over a time, which no single act can show"
_AFTERMATH_SECS: Final = 0.6  # what removing the files raises is there by then


@click.command()
@click.option(
    "--rule", "wanted", metavar="ID", multiple=True, help="Only this rule, by id or file name; may be repeated."
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave its alerts open instead of resolving them.")
@json_option
@click.pass_context
@pass_places
def drill(
    places: Places, ctx: click.Context, wanted: tuple[str, ...], keep: bool, as_json: bool
) -> None:
    """Raise an alert of each rule by a harmless act, and time it.

    Starts copies of /bin/true under the names of tools, and makes and removes files named sentinair-drill-….  Exit
    status 1 if an alert did not come.
    """
    rules, counting = _chosen(read_rules(places.config / "rules"), wanted)
    compiled = read_compiled(places.run / "sensor.msgpack")
    token = MARK + os.urandom(8).hex()
    call(places.control, "drill.begin", {"token": token})
    outcomes: list[Outcome] = []
    try:
        with _ended_cleanly(), reading(places) as reader:
            since_ns, before = time.time_ns(), counted_now(places)
            try:
                drilled = _drill(reader, rules, token, Host(compiled))
                outcomes = [*_explained(drilled, before, counted_now(places)), *counting]
            finally:
                if not keep:
                    _resolve(places, reader, token, since_ns)
    finally:
        found = score(outcomes)
        counts = {"came": found.came, "missing": found.missing, "not_drilled": found.not_drilled}
        call(places.control, "drill.end", {"token": token, **counts})
    if as_json:
        for outcome in outcomes:
            emit(outcome)
        emit({"score": found})
    else:
        show(outcomes)
    if found.missing:
        ctx.exit(1)


def _chosen(read: RulesRead, wanted: Sequence[str]) -> tuple[list[Rule], list[Outcome]]:
    """The rules to drill, and what counts them, which is not; all, or those named by id or file name.

    Raises ConfigFault where the rules have faults, UsageFault for a name that is none.
    """
    if read.faults:
        raise ConfigFault(list(read.faults))
    rules = [rule for rule in read.rules if rule.id not in read.silent]
    names = {name for rule in rules for name in _names(rule.id, rule.file)}
    names |= {name for one in read.correlations for name in _names(one.head.id, one.file)}
    for name in wanted:
        if name not in names:
            raise UsageFault(
                f"there is no rule {shown(name)!r} that raises alerts",
                remedy="give its id, or its file's name without .yml",
            )
    chosen = set(wanted) or names
    counting = [
        Outcome(one.head.id, one.head.title, one.head.techniques, "counted", None, reason=_COUNTS)
        for one in read.correlations
        if chosen & _names(one.head.id, one.file)
    ]
    return [rule for rule in rules if chosen & _names(rule.id, rule.file)], counting


def _names(rule_id: str, file: str) -> set[str]:
    return {rule_id, Path(file).stem}


def _drill(reader: Reader, rules: Sequence[Rule], token: str, host: Host) -> list[Outcome]:
    folder = _HOME if host.writable(bytes(_HOME)) else Path(tempfile.gettempdir())
    program = Program(token, folder)
    with program.made():
        planned: list[Planned] = [
            plan(rule, f"{token}-{number:04d}", program, host, folder)
            for number, rule in enumerate(rules)
        ]
        return Runner(reader, planned).run()


def _explained(
    outcomes: Sequence[Outcome], before: Mapping[str, Counted], after: Mapping[str, Counted]
) -> Iterator[Outcome]:
    """outcomes; an alert that stayed away while a suppression of its rule held more back than before says so."""
    busy = [
        wish
        for key, wish in after.items()
        if wish["count"] > before.get(key, {"count": 0})["count"]
    ]
    for one in outcomes:
        wish = next((wish for wish in busy if wish["rule"] in (None, one.rule)), None)
        if one.came is False and wish is not None:
            ends = short(from_rfc3339(wish["expires"]))
            reason = f"held back by suppression {wish['id']} until {ends}"
            yield msgspec.structs.replace(one, reason=reason)
        else:
            yield one


def _resolve(places: Places, reader: Reader, token: str, since_ns: int) -> None:
    """Answer what the drill raised, also beside the rules it drilled."""
    time.sleep(_AFTERMATH_SECS)
    for alert in newest_alerts(reader, AlertFilter(since_ns=since_ns)):
        # Only what the engine marked: others may have used the token, which everybody can read.
        if alert.details.get("drill_token") == token and alert.status in ("open", "acknowledged"):
            call(
                places.control,
                "alert.answer",
                {"id": alert.id, "verb": "resolve", "comment": f"raised by the drill {token}"},
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
