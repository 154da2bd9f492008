"""The detector of written rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sentinair.detect.fields import FILE_EVENT, PROCESS_CREATION, EventView, Texts, View
from sentinair.detect.ground import Ground
from sentinair.detect.sigma.apart import read_apart
from sentinair.detect.sigma.correlate import Correlator
from sentinair.detect.sigma.gate import FileGate, judged_actions
from sentinair.detect.sigma.index import ProcessIndex
from sentinair.detect.sigma.kept import dump, take_over
from sentinair.detect.sigma.match import Evidence, compile_evidence, compile_test
from sentinair.detect.sigma.rule import Rule
from sentinair.detect.sigma.verdicts import Verdicts, looked_at
from sentinair.errors import ConfigFault
from sentinair.model.alert import Detection, Joined, Match
from sentinair.model.event import FileEvent, ProcessEvent
from sentinair.model.ports import Reading
from sentinair.model.process import Process

__all__ = ["CompiledRule", "SigmaDetector", "detect", "detector", "judgement"]

_CREATIONS: Final = frozenset({"exec", "inventory"})  # an inventory finds what began unseen


class CompiledRule:
    """A rule with its closures."""

    __slots__ = ("_evidence", "actions", "adjust", "holds", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.holds = compile_test(rule.test)
        self.adjust = tuple((compile_test(one.test), one) for one in rule.adjust)
        self.actions = judged_actions(rule) if rule.logsource == FILE_EVENT else 0
        """bits of model.event.ACTIONS it is asked about; 0 for rules on processes"""
        self._evidence: Evidence | None = None

    def evidence(self, view: View) -> list[Match]:
        """What made it hold; made ready when it holds for the first time, which most rules never do."""
        if self._evidence is None:
            self._evidence = compile_evidence(self.rule.test)
        return self._evidence(view)


def detect(compiled: CompiledRule, view: View) -> Detection | None:
    """The rule's judgement on one view; None if it does not hold."""
    return judgement(compiled, view) if compiled.holds(view) else None


def judgement(compiled: CompiledRule, view: View) -> Detection:
    """What a rule says of a view for which it holds."""
    rule = compiled.rule
    voice = next((adjust for holds, adjust in compiled.adjust if holds(view)), None)
    why = rule.why
    if voice is not None and voice.note:
        why = (voice.note, *why)
    return Detection(
        rule_id=rule.id,
        title=rule.title,
        description=rule.description,
        category=rule.category,
        severity=rule.severity if voice is None else voice.severity,
        confidence=rule.confidence if voice is None else voice.confidence,
        source="sigma",
        matches=tuple(compiled.evidence(view)),
        why=why,
        next_steps=rule.next_steps,
        techniques=rule.techniques,
        tactics=rule.tactics,
        rule_author=rule.author,
        rule_license=rule.license,
        rule_link=rule.link,
        group=tuple("\n".join((field, *view.texts(field))) for field in rule.group_by),
    )


class SigmaDetector:
    """Judges file and process events by rules, and what rules noticed by correlations.

    A rule on process_creation sees exec and inventory events; one on file_event sees the actions it speaks of, and
    created, written and renamed files if it speaks of none.
    """

    name = "sigma"

    def __init__(
        self,
        rules: Iterable[Rule],
        users: Mapping[int, str] | None = None,
        correlator: Correlator | None = None,
        *,
        silent: frozenset[str] = frozenset(),
        reading: Reading | None = None,
    ) -> None:
        """users: uid to login name, for the field User.  silent: ids of rules that raise no alert of their own.

        reading: which files it was made from; None: none.
        """
        self.correlator = Correlator(()) if correlator is None else correlator
        self.reading = Reading() if reading is None else reading
        self._silent = silent
        compiled = [CompiledRule(rule) for rule in rules]
        self._users = {} if users is None else users
        self._files = [one for one in compiled if one.rule.logsource == FILE_EVENT]
        processes = [one for one in compiled if one.rule.logsource == PROCESS_CREATION]
        self._processes = ProcessIndex((one, one.rule.test) for one in processes)
        self._verdicts = Verdicts[list[CompiledRule]](looked_at(one.rule.test for one in processes))
        self._file_gate = FileGate(one.rule for one in self._files)

    def judge(self, joined: Joined) -> Iterable[Detection]:
        """Detections for one event; empty for the usual event."""
        event = joined.event
        if isinstance(event, FileEvent):
            if not self._file_gate.passes(event):
                return ()
            actions = event.actions
            return self._ask([one for one in self._files if one.actions & actions], joined)
        if isinstance(event, ProcessEvent) and event.action in _CREATIONS:
            return self._judge_process(joined.process or event.process, joined)
        return ()

    def _judge_process(self, process: Process, joined: Joined) -> list[Detection]:
        key = self._verdicts.key(process)
        held = None if key is None else self._verdicts.get(key)
        view: EventView | None = None
        if held is None:
            low: dict[str, Texts] = {}
            held = self._processes.candidates(process, low)
            if held:
                view = EventView(joined, self._users, low)
                held = [one for one in held if one.holds(view)]
            if key is not None:
                self._verdicts.keep(key, held)
        if not held:
            return []
        if view is None:
            view = EventView(joined, self._users)
        return self._found(held, view, joined)

    def tick(self, now_ns: int) -> Iterable[Detection]:
        """What correlations say whose window is over."""
        return self.correlator.tick(now_ns)

    def _ask(self, rules: list[CompiledRule], joined: Joined) -> list[Detection]:
        view = EventView(joined, self._users)
        return self._found([one for one in rules if one.holds(view)], view, joined)

    def _found(self, held: list[CompiledRule], view: View, joined: Joined) -> list[Detection]:
        if not held:
            return []
        found = [judgement(one, view) for one in held if one.rule.id not in self._silent]
        counted = [one.rule.id for one in held if self.correlator.counts(one.rule.id)]
        if counted:
            found += self.correlator.take(counted, view, joined.event.seen_ns, joined.event_id)
        return found

    # -- what the engine keeps for it ----------------------------------------------------------------------------

    @property
    def changes(self) -> int:
        """Grows with each change of what save() gives."""
        return self.correlator.changes

    def save(self) -> bytes:
        """What correlations remember."""
        return dump(self.correlator)

    def restore(self, data: bytes) -> None:
        """Goes on with what save() gave, of this set of rules or another.  Raises DataFault; then nothing changed."""
        take_over(self.correlator, data)

    def notes(self) -> dict[str, int]:
        """What its memory holds, and what it had to let go."""
        return {
            "correlation_groups": len(self.correlator),
            "correlation_forgotten": self.correlator.forgotten,
            "correlation_late": self.correlator.late,
        }


def detector(ground: Ground) -> SigmaDetector:
    """The detector over ground.rules_dir.

    Raises ConfigFault with every fault of every file; with ground.partial only if no rule at all can be used.
    """
    read = read_apart(ground.rules_dir)
    if read.faults and not (ground.partial and read.rules):
        raise ConfigFault(list(read.faults))
    return SigmaDetector(
        read.rules,
        ground.users,
        Correlator(read.correlations, read.silent),
        silent=read.silent,
        reading=Reading(len(read.rules), len(read.correlations), read.digest, read.faults),
    )
