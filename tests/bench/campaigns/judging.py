"""What judging one process event costs: the community's rules, and those with our own, on recorded and made events.

Half of the events are programs that ran on this machine while ordinary work was done, half are made from the rules'
own literals.  Each event is distinct and no detector sees one twice, so no kept verdict ever helps.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence

import msgspec

from sentinair.detect.fields import PROCESS_CREATION
from sentinair.detect.sigma.detector import SigmaDetector
from sentinair.detect.sigma.files import read_rules
from sentinair.detect.sigma.rule import Rule
from sentinair.errors import UsageFault
from sentinair.model.alert import Joined
from sentinair.model.event import ProcessEvent
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.benign_acts import ACTS
from tests.bench.campaigns.benign import done
from tests.bench.campaigns.sigma import SEED, joined, rule_of
from tests.bench.figures import ROOT, Figures
from tests.harness.agent import Agent
from tests.harness.sigma_events import made_events
from tests.harness.sigma_rules import NEEDS_DATA, matching_rules, sigma_files

SIZES = {"small": 5, "full": 60}  # made events for each rule, at least
RUNS = 5
WORK = ("git", "build", "rotation", "backup", "session")


def run(size: str) -> Figures:
    """Microseconds a distinct event, the best of five runs.  Raises UsageFault without the community's rules."""
    need_root()
    files = [one for one in matching_rules(sigma_files()) if one.category == PROCESS_CREATION]
    if not files:
        raise UsageFault(NEEDS_DATA, remedy="set it to that folder's path")
    community = [rule_of(one.text, one) for one in files]
    own = [
        r for r in read_rules(ROOT / "config" / "rules").rules if r.logsource == PROCESS_CREATION
    ]
    made = list(made_events([one.values for one in files], PROCESS_CREATION, SIZES[size], SEED))
    names = sorted({one["User"] for one in made if "User" in one})
    uids = {name: uid for uid, name in enumerate(names)}
    literal = _distinct(joined(PROCESS_CREATION, one, uids) for one in made)
    recorded = _distinct(_recorded())
    promises = Promises()
    promises.keep(len(recorded) >= 200, f"200 distinct programs ran, not {len(recorded)}")
    warm, literal = literal[::2], literal[1::2]
    both = _balanced(recorded, literal)
    users = dict(enumerate(names))
    all_rules = [*community, *own]
    return promises.onto(
        {
            "community_rules": len(community),
            "own_rules": len(own),
            "recorded": len(recorded),
            "made": len(literal),
            "events": len(both),
            "community_us": _cost(community, users, both, warm),
            "all_us": _cost(all_rules, users, both, warm),
            "all_on_recorded_us": _cost(all_rules, users, recorded, warm),
            "all_on_made_us": _cost(all_rules, users, literal, warm),
        }
    )


def _recorded() -> Iterator[Joined]:
    """Programs as a real agent stored them while ordinary work was done."""
    with workplace() as folder, Agent(folder / "agent") as agent:
        for act in ACTS:
            if act.name in WORK:
                done(act, folder / "desk", 1)
        agent.process_marker()
        for row in agent.stored.events("process"):
            event = row.event
            if isinstance(event, ProcessEvent) and event.action == "exec":
                yield Joined(event, row.process or event.process)


def _distinct(found: Iterator[Joined | None]) -> list[Joined]:
    """Each program once: by all that a rule can look at."""
    kept: dict[bytes, Joined] = {}
    for one in found:
        if one is not None and one.process is not None:
            bare = msgspec.structs.replace(one.process, pid=1, start=None, ppid=None)
            kept.setdefault(msgspec.msgpack.encode(bare), one)
    return list(kept.values())


def _balanced(recorded: Sequence[Joined], literal: Sequence[Joined]) -> list[Joined]:
    """As many of the one as of the other, in turn."""
    count = min(len(recorded), len(literal))
    step = len(literal) // count
    return [one for pair in zip(recorded, literal[::step], strict=False) for one in pair]


def _cost(
    rules: Sequence[Rule], users: dict[int, str], events: Sequence[Joined], warm: Sequence[Joined]
) -> float:
    """warm: other events, that have the expressions compiled which are compiled when first asked."""
    best = float("inf")
    for _ in range(RUNS):
        judge = SigmaDetector(rules, users).judge
        for event in warm:
            judge(event)
        gc.collect()
        gc.freeze()  # the thousands of events made here are not the engine's to look through
        began = time.perf_counter()
        for event in events:
            judge(event)
        best = min(best, time.perf_counter() - began)
    return round(best / len(events) * 1e6, 1)
