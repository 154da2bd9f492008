"""The community's Linux rules on made events: our verdicts beside those of pySigma and SQLite, rule by rule.

Judged are each whole rule, each of its selections alone, and all rules at once as the engine does it: with index,
gate and kept verdicts, on real event values.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
import yaml

from sentinair.detect.fields import FIELDS, FILE_EVENT, PROCESS_CREATION, FieldsView
from sentinair.detect.sigma.detector import SigmaDetector
from sentinair.detect.sigma.files import read_rule
from sentinair.detect.sigma.match import compile_test
from sentinair.detect.sigma.rule import Rule
from sentinair.errors import UsageFault
from sentinair.model.alert import Joined
from sentinair.model.event import CREATE, FileEvent, ProcessEvent
from sentinair.model.process import Parent, Process
from tests.bench.bed import Promises
from tests.bench.figures import Figures
from tests.harness.sigma_events import made_events
from tests.harness.sigma_oracle import Fields, Oracle
from tests.harness.sigma_rules import NEEDS_DATA, SigmaFile, matching_rules, selections, sigma_files

SIZES = {"small": 40, "full": 400}  # events for each rule, at least
SEED = 20_261_101
MIN_EVENTS, MIN_SHARE = 5_000, 0.2


class Difference(msgspec.Struct, frozen=True):
    """Where the two may differ, and who is right."""

    when: Callable[[Fields], bool]  # of the event
    right: str
    why: str


def _no_address(event: Fields) -> bool:
    try:
        ipaddress.ip_address(event.get("DestinationIp", "::"))
    except ValueError:
        return True
    return False


DIFFERENCES: Mapping[str, Difference] = {
    "text that is no address": Difference(
        _no_address, "ours", "the backend makes 127.0.0.0/8 the text 127.*, which 127.00.1 is too"
    ),
}


class Tally:
    """What came of it, over all categories."""

    def __init__(self) -> None:
        self.rules = self.events = self.matched = self.verdicts = self.joined = 0
        self.explained: Counter[str] = Counter()
        self.wrong: list[str] = []  # differences nobody explained
        self.idle: list[str] = []  # rules and selections that never held, or always

    def compare(
        self, what: str, ours: set[int], theirs: set[int], events: Sequence[Fields]
    ) -> None:
        """Verdicts as positions in events."""
        self.verdicts += len(events)
        for at in sorted(ours ^ theirs):
            event = events[at]
            label = next((name for name, one in DIFFERENCES.items() if one.when(event)), None)
            if label is None:
                self.wrong.append(f"{what}: ours {at in ours} on {dict(event)}")
            else:
                self.explained[label] += 1
        if not 0 < len(theirs) < len(events):
            self.idle.append(what)


def run(size: str) -> Figures:
    """All rules of the test data.  Raises UsageFault where there is none."""
    files = matching_rules(sigma_files())
    if not files:
        raise UsageFault(NEEDS_DATA, remedy="set it to that folder's path")
    tally, promises = Tally(), Promises()
    for category in sorted(FIELDS):
        _category(category, [one for one in files if one.category == category], size, tally)
    share = tally.matched / tally.events
    promises.keep(tally.events >= MIN_EVENTS, f"{MIN_EVENTS} events, not {tally.events}")
    promises.keep(share >= MIN_SHARE, f"{MIN_SHARE:.0%} of events match a rule, not {share:.1%}")
    promises.keep(not tally.wrong, f"every verdict is the oracle's: {tally.wrong[:5]}")
    promises.keep(not tally.idle, f"each rule and selection holds and fails: {tally.idle[:9]}")
    return promises.onto(
        {
            "rules": tally.rules,
            "events": tally.events,
            "matching_share": round(share, 3),
            "verdicts": tally.verdicts,
            "judged_at_once": tally.joined,
            "unexplained": len(tally.wrong),
            "explained": {
                name: {
                    "count": count,
                    "right": DIFFERENCES[name].right,
                    "why": DIFFERENCES[name].why,
                }
                for name, count in tally.explained.items()
            },
        }
    )


def _category(category: str, files: Sequence[SigmaFile], size: str, tally: Tally) -> None:
    events = list(made_events([one.values for one in files], category, SIZES[size], SEED))
    oracle = Oracle(FIELDS[category], events)
    views = [FieldsView({name: (text,) for name, text in one.items()}) for one in events]
    rules: list[Rule] = []
    held: dict[str, set[int]] = {}
    for file in files:
        rule = rule_of(file.text, file)
        rules.append(rule)
        held[rule.id] = oracle.holds(file.values)
        tally.compare(file.path.stem, _ours(rule, views), held[rule.id], events)
        for name, values in selections(file):
            chosen = rule_of(yaml.safe_dump(values, allow_unicode=True).encode(), file)
            what = f"{file.path.stem}: {name}"
            tally.compare(what, _ours(chosen, views), oracle.holds(values), events)
    oracle.close()
    tally.rules += len(rules)
    tally.events += len(events)
    tally.matched += len(set().union(*held.values()))
    _at_once(rules, held, events, tally)


def rule_of(text: bytes, file: SigmaFile) -> Rule:
    """The rule as our reader has it.  Raises UsageFault."""
    rule, faults = read_rule(text, str(file.path))
    if rule is None:
        raise UsageFault("; ".join(map(str, faults)), where=str(file.path))
    return rule


def _ours(rule: Rule, views: Sequence[FieldsView]) -> set[int]:
    holds = compile_test(rule.test)
    return {at for at, view in enumerate(views) if holds(view)}


def _at_once(
    rules: Sequence[Rule], held: Mapping[str, set[int]], events: Sequence[Fields], tally: Tally
) -> None:
    names = sorted({one["User"] for one in events if "User" in one})
    detector = SigmaDetector(rules, dict(enumerate(names)))
    uids = {name: uid for uid, name in enumerate(names)}
    category = rules[0].logsource
    for at, event in enumerate(events):
        given = joined(category, event, uids)
        if given is None:
            continue
        tally.joined += 1
        ours = {one.rule_id for one in detector.judge(given)}
        theirs = {rule_id for rule_id, found in held.items() if at in found}
        if ours != theirs:
            tally.wrong.append(f"at once: {sorted(ours ^ theirs)} on {dict(event)}")


def joined(category: str, event: Fields, uids: Mapping[str, int]) -> Joined | None:
    """The event as the engine gets it; None where it can have no such event."""

    def raw(field: str) -> bytes | None:
        return event[field].encode() if field in event else None

    def line(field: str) -> tuple[bytes, ...] | None:
        return (event[field].encode(),) if field in event else None

    login = event.get("LogonId")
    if login is not None and not login.isdecimal():
        return None
    parents = (Parent(1, 2, raw("ParentImage"), line("ParentCommandLine")),)
    process = Process(
        pid=7,
        start=9,
        exe=raw("Image"),
        argv=line("CommandLine"),
        cwd=raw("CurrentDirectory"),
        uid=uids[event["User"]] if "User" in event else None,
        auid=None if login is None else int(login),
        parents=parents,
    )
    if category == PROCESS_CREATION:
        return Joined(ProcessEvent(seen_ns=1, mono_ns=1, action="exec", process=process), process)
    if category == FILE_EVENT and "TargetFilename" in event:
        path = event["TargetFilename"].encode()
        return Joined(FileEvent(seen_ns=1, mono_ns=1, path=path, actions=CREATE), process)
    return None
