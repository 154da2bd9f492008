"""Joins correlations with the rules they name, wherever these were read; what cannot be joined is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sentinair.detect.fields import FIELDS
from sentinair.detect.sigma.correlation import Correlation, Draft
from sentinair.detect.sigma.hints import meant, meant_or_known
from sentinair.detect.sigma.rule import Rule
from sentinair.errors import Fault

__all__ = ["Resolved", "resolve"]

MAX_DEPTH: Final = 16
_OWN_FAULT: Final = "see that it stands in the folder, and that nothing is wrong with it"


class Resolved(msgspec.Struct, frozen=True):
    """correlations: those that can run, each behind the ones it counts.  silent: ids that raise no alert of their own."""

    correlations: tuple[Correlation, ...]
    silent: frozenset[str]
    faults: tuple[Fault, ...]


def resolve(rules: Iterable[Rule], drafts: Sequence[Draft]) -> Resolved:
    """Rules that a correlation names stay silent even where that correlation is refused: they were not made to speak."""
    joiner = _Joiner({rule.id: rule for rule in rules}, drafts)
    for draft in drafts:
        joiner.join(draft.correlation.head.id)
    spoken = {id_ for draft, ids in joiner.named if draft.correlation.generate for id_ in ids}
    named = {id_ for _, ids in joiner.named for id_ in ids}
    return Resolved(tuple(joiner.done.values()), frozenset(named - spoken), tuple(joiner.faults))


class _Joiner:
    def __init__(self, rules: Mapping[str, Rule], drafts: Sequence[Draft]) -> None:
        self.done: dict[str, Correlation] = {}
        self.named: list[tuple[Draft, tuple[str, ...]]] = []
        self.faults: list[Fault] = []
        self._rules = rules
        self._drafts = {draft.correlation.head.id: draft for draft in drafts}
        self._open: list[str] = []  # the chain that is being joined
        self._refused: set[str] = set()
        self._by_name: dict[str, list[str]] = {}
        for id_, name in [
            *((rule.id, rule.name) for rule in rules.values()),
            *((id_, draft.correlation.head.name) for id_, draft in self._drafts.items()),
        ]:
            if name:
                self._by_name.setdefault(name, []).append(id_)

    def join(self, id_: str) -> bool:
        """Whether this correlation, and all it counts, can run."""
        if id_ in self.done or id_ in self._refused:
            return id_ in self.done
        draft = self._drafts[id_]
        before = len(self.faults)
        self._open.append(id_)
        found = [self._find(draft, name, line) for name, line in draft.names]
        ids = tuple(one for one in found if one is not None)
        self.named.append((draft, ids))
        for (name, line), one in zip(draft.names, found, strict=True):
            if one not in self._drafts:
                continue
            if len(self._open) >= MAX_DEPTH:
                self._add(
                    draft, line, f"more than {MAX_DEPTH} correlations on each other", "join some"
                )
            elif not self.join(one):
                self._add(draft, line, f"the correlation {name!r} that it counts is refused")
        if len(self.faults) == before:
            self._check(draft, ids)
        self._open.pop()
        if len(self.faults) > before:
            self._refused.add(id_)
            return False
        self.done[id_] = msgspec.structs.replace(
            draft.correlation,
            rules=ids,
            aliases={
                alias: {self._known(name) or name: field for name, field in fields.items()}
                for alias, fields in draft.correlation.aliases.items()
            },
        )
        return True

    def _add(self, draft: Draft, line: int, what: str, remedy: str = _OWN_FAULT) -> None:
        self.faults.append(Fault(what, where=f"{draft.correlation.file}:{line}", remedy=remedy))

    def _known(self, name: str) -> str | None:
        low = name.lower()
        if low in self._rules or low in self._drafts:
            return low
        found = self._by_name.get(name, [])
        return found[0] if len(found) == 1 else None

    def _find(self, draft: Draft, name: str, line: int) -> str | None:
        id_ = self._known(name)
        if id_ is None:
            several = len(self._by_name.get(name, ()))
            if several:
                self._add(draft, line, f"{several} rules are called {name!r}", "name it by its id")
            else:
                close = meant(name, self._by_name)
                self._add(draft, line, f"there is no rule {name!r}", close or _OWN_FAULT)
        elif id_ in self._open:
            self._add(draft, line, f"counts itself through {name!r}", "break the circle")
            return None
        return id_

    # -- fields ------------------------------------------------------------------------------------------------

    def _check(self, draft: Draft, ids: tuple[str, ...]) -> None:
        made = draft.correlation
        aliases = self._aliases(draft, ids)
        for field, line in zip(made.group_by, draft.group_lines, strict=True):
            self._check_field(draft, ids, aliases, field, line)
        for field in made.fields:
            self._check_field(draft, ids, aliases, field, draft.field_line)
        for alias, line in draft.alias_lines.items():
            if alias not in (*made.group_by, *made.fields):
                self._add(draft, line, f"the alias {alias!r} is not used", "name it in group-by")

    def _aliases(self, draft: Draft, ids: tuple[str, ...]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for alias, fields in draft.correlation.aliases.items():
            for name, field in fields.items():
                id_ = self._known(name)
                if id_ not in ids or id_ is None:
                    line = draft.alias_lines[alias]
                    what = f"the alias {alias!r} speaks of {name!r}, which is none of its rules"
                    names = [one for one, _ in draft.names]
                    self._add(
                        draft, line, what, meant(name, names) or f"its rules: {', '.join(names)}"
                    )
                else:
                    found.setdefault(alias, {})[id_] = field
        return found

    def _check_field(
        self,
        draft: Draft,
        ids: tuple[str, ...],
        aliases: Mapping[str, Mapping[str, str]],
        name: str,
        line: int,
    ) -> None:
        for id_ in ids:
            field = aliases.get(name, {}).get(id_, name)
            offered = self._offered(id_)
            if field not in offered:
                title = self._title(id_)
                what = f"events of {title!r} have no field {field!r}"
                self._add(draft, line, what, meant_or_known(field, offered))
                return

    def _offered(self, id_: str) -> frozenset[str]:
        """Fields that an occurrence of this rule or correlation has."""
        rule = self._rules.get(id_)
        if rule is not None:
            return FIELDS[rule.logsource]
        made = self.done[id_]
        own = frozenset(made.group_by)
        if made.waits:  # judged when time has passed: there is no one event that made it
            return own
        below: list[frozenset[str]] = [self._offered(one) for one in made.rules]
        return own | frozenset.intersection(*below)

    def _title(self, id_: str) -> str:
        rule = self._rules.get(id_)
        return rule.title if rule is not None else self.done[id_].head.title
