"""What the API may change: a listed set of settings that cannot blind the agent, kept beside the state.

The administrator's files are never rewritten; these values are laid over them by the engine.  Retention may only
become longer than the files say, so that no key can shorten what is kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sentinair.errors import ConfigFault, DataFault, Fault
from sentinair.settings.checks import check
from sentinair.settings.convert import convert, dotted
from sentinair.settings.describe import value_of
from sentinair.settings.guarded import read_guarded, write_atomically
from sentinair.settings.nodes import Document, Plain
from sentinair.settings.types import Settings

__all__ = ["ALLOWED", "NAME", "Overrides", "merge", "read_overrides", "write_overrides"]

S = TypeVar("S", bound=msgspec.Struct)

NAME: Final = "overrides.json"
MAX_BYTES: Final = 64 << 10
_NOT_LESS: Final = frozenset(
    {"store.retention.events_days", "store.retention.alerts_days", "store.retention.critical_days"}
)
ALLOWED: Final = _NOT_LESS | {
    "agent.log_level",
    "alerts.merge_window_secs",
    "api.rate_limiting.requests_per_minute",
}


class Overrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """version grows by one with each change: it is the API's ETag."""

    version: int = 0
    values: dict[str, bool | int | str] = {}


def read_overrides(state: Path) -> Overrides:
    """What stands in state; none is version 0.  Raises DataFault, StorageFault or PermissionFault."""
    path = state / NAME
    try:
        # Its writer is the engine, its readers are people too: who owns the state may own what is in it.
        trusted = frozenset({os.stat(state).st_uid})
        return msgspec.json.decode(read_guarded(path, MAX_BYTES, trusted=trusted), type=Overrides)
    except FileNotFoundError:
        return Overrides()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise DataFault(
            f"is damaged: {fault}",
            where=str(path),
            remedy="remove it: the settings in the configuration folder count then",
        ) from fault


def write_overrides(state: Path, overrides: Overrides) -> None:
    """Raises StorageFault."""
    write_atomically(state / NAME, msgspec.json.encode(overrides), 0o640)


def merge(settings: Settings, overrides: Overrides) -> Settings:
    """settings with overrides laid over them.  Raises ConfigFault with all faults; then nothing counts."""
    faults: list[Fault] = []
    document = Document(NAME, None, {(): 1})
    tree: dict[str, Plain] = {}
    for key, value in overrides.values.items():
        if key not in ALLOWED:
            allowed = ", ".join(sorted(ALLOWED))
            faults.append(
                Fault(f"{key}: may not be changed here", where=NAME, remedy=f"allowed: {allowed}")
            )
            continue
        _put(tree, key.split("."), value)
    judged = convert(Settings, tree, (), document, faults)
    for key in sorted(_NOT_LESS & overrides.values.keys()):
        floor, wanted = value_of(settings, key), value_of(judged, key)
        if isinstance(floor, int) and isinstance(wanted, int) and wanted < floor:
            faults.append(
                Fault(f"{key}: {wanted} is less than the {floor} of the configuration", where=NAME)
            )
    if not faults:
        for key in overrides.values:
            settings = _replace(settings, key.split("."), value_of(judged, key))
        faults.extend(
            Fault(f"{dotted(key)}: {what}", where=NAME, remedy=remedy)
            for key, what, remedy in check(settings)
        )
    if faults:
        raise ConfigFault(faults)
    return settings


def _put(tree: dict[str, Plain], steps: list[str], value: Plain) -> None:
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        assert isinstance(below, dict)
        tree = below
    tree[steps[-1]] = value


def _replace(kind: S, steps: list[str], value: object) -> S:
    first, *rest = steps
    below = getattr(kind, first)
    return msgspec.structs.replace(kind, **{first: _replace(below, rest, value) if rest else value})
