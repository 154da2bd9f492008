"""D5: what the forwarder works from, damaged while it is down: cursors, dead letters, memory, segments, manifests.

It starts within ten seconds; everything recorded and not yet delivered arrives; what is bad is set aside or left
alone, and told; nothing is written outside the directory.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from sentinair.sinks.drop.check.lines import judge
from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures, spread
from tests.harness.agent import wait_for
from tests.harness.backlog import Arrived, fill, lines_of
from tests.harness.roles import Roles

SIZES = {"small": 30, "full": 500}  # damages
START_SECS = 10.0
BEFORE, AFTER = 100, 60  # records that were delivered, and that wait
MEMORY: Final = ".siem.memory"


def run(size: str) -> Figures:
    """Each damage on a copy of the same state."""
    promises = Promises()
    did: Counter[str] = Counter()
    starts: list[float] = []
    told: Counter[str] = Counter()
    began = time.monotonic()
    with workplace() as folder:
        first = folder / "first"
        with _station(first) as roles:
            fill(roles.state, BEFORE)
            _life(roles, first / "drop", BEFORE)
            fill(roles.state, AFTER)
        for number in range(SIZES[size]):
            kind, damage = DAMAGES[number % len(DAMAGES)]
            did[kind] += 1
            copy = folder / "copy"
            shutil.copytree(first, copy, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
            shutil.rmtree(copy / "config")
            case = _Case(copy, random.Random(number))
            damage(case)
            fault, secs = _endured(case, kind, told)
            starts.append(secs)
            promises.keep(not fault, f"{number}, {kind}: {fault}")
            shutil.rmtree(copy)
    return promises.onto(
        {
            "damages": sum(did.values()),
            "kinds": dict(did),
            "told": dict(told),
            "start_secs": spread(starts, 2),
            "secs": round(time.monotonic() - began),
        }
    )


def _station(folder: Path) -> Roles:
    (folder / "drop").mkdir(parents=True, exist_ok=True)
    options = {"directory": str(folder / "drop"), "segment_bytes": 4096, "segment_secs": 1}
    return Roles(folder, [{"name": "siem", "kind": "drop", "options": options}])


def _life(roles: Roles, drop: Path, upto: int, secs: float = 20.0) -> float | None:
    """Start, deliver up to a record, stop; seconds until it was delivered."""
    roles.start_engine()
    roles.start_forwarder()
    came = wait_for(lambda: _last(drop) >= upto, secs, pause_secs=0.01)
    roles.stop("forwarder")
    roles.stop("engine")
    return came


def _last(drop: Path) -> int:
    """Of the last manifest; one whose name somebody sits on has another ending."""
    numbers = [
        int(name.split("-")[-1].split(".")[0])
        for name in os.listdir(drop)
        if ".ndjson" in name and name.endswith(".manifest")
    ]
    return max(numbers, default=0)


class _Case:
    """One copy, and what may be damaged in it."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder, self.dice = folder, dice
        self.drop, self.outside = folder / "drop", folder / "outside"
        self.memory = folder / "state" / "data" / "exports" / MEMORY
        self.refused = False  # the sink must not work before a person has looked
        self.outside.mkdir()
        (self.outside / "victim").write_bytes(b"untouched")

    def segment(self) -> Path:
        return self.dice.choice(sorted(self.drop.glob("*.ndjson")))

    def manifest(self) -> Path:
        return self.dice.choice(sorted(self.drop.glob("*.manifest")))

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / "state" / "ledger.db")) as ledger:
            for statement in statements:
                ledger.execute(statement)
            ledger.commit()


def _flip(case: _Case, path: Path) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(case.dice.randrange(1, 4)):
        data[case.dice.randrange(len(data))] ^= 1 << case.dice.randrange(8)
    path.write_bytes(data)


def _cut(case: _Case, path: Path) -> None:
    os.truncate(path, case.dice.randrange(path.stat().st_size))


def _remove(_case: _Case, path: Path) -> None:
    path.unlink()


def _link(case: _Case, path: Path) -> None:
    path.unlink()
    path.symlink_to(case.outside / case.dice.choice(("victim", "new")))


def _fifo(_case: _Case, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(_case: _Case, path: Path) -> None:
    path.unlink()
    path.mkdir()


def _garbage(case: _Case, path: Path) -> None:
    path.write_bytes(case.dice.randbytes(case.dice.randrange(1, 9000)))


def _of_drop(damage: Callable[[_Case, Path], None], what: str) -> Callable[[_Case], None]:
    return lambda case: damage(case, getattr(case, what)())


def _of_memory(damage: Callable[[_Case, Path], None], *, refused: bool) -> Callable[[_Case], None]:
    def done(case: _Case) -> None:
        damage(case, case.memory)
        case.refused = refused

    return done


def _next_name(plant: Callable[[_Case, Path], None]) -> Callable[[_Case], None]:
    """What sits on the names that come next, and on a temporary file's."""

    def done(case: _Case) -> None:
        some = case.segment()
        stem = some.name.rsplit("-", 2)[0]
        last = _last(case.drop)
        for end in range(last + 1, last + 40):
            name = f"{stem}-{last + 1:012}-{end:012}.ndjson"
            for ending in case.dice.choice((("",), (".manifest",))):
                path = case.drop / f"{name}{ending}"
                path.touch()
                plant(case, path)
        part = case.drop / f".siem-{case.dice.randbytes(8).hex()}.part"
        part.touch()
        plant(case, part)

    return done


def _keys(case: _Case) -> None:
    (keys,) = case.drop.glob("*.keys")
    case.dice.choice((_flip, _cut, _remove, _link, _fifo, _folder, _garbage))(case, keys)


def _cursor(value: str) -> Callable[[_Case], None]:
    return lambda case: case.sql(f"UPDATE sinks SET seq = {value}")


def _letters(case: _Case) -> None:
    case.sql(
        "INSERT INTO letters VALUES('siem', 'record', -5, 1, 1, 'x', 1)",
        "INSERT INTO letters VALUES('siem', 'nothing', 7, 1, 1, 'x', 1)",
        "INSERT INTO letters VALUES('siem', 'record', 'seven', 'many', 1, x'ff', 1)",
    )


PLANTS: Final = (_link, _fifo, _folder, _garbage)
DAMAGES: Final[tuple[tuple[str, Callable[[_Case], None]], ...]] = (
    *((f"memory {d.__name__[1:]}", _of_memory(d, refused=False)) for d in (_flip, _cut, _garbage)),
    ("memory remove", _of_memory(_remove, refused=False)),
    *((f"memory {d.__name__[1:]}", _of_memory(d, refused=True)) for d in (_link, _fifo, _folder)),
    *(
        (f"{what} {damage.__name__[1:]}", _of_drop(damage, what))
        for what in ("segment", "manifest")
        for damage in (_flip, _cut, _remove, _link, _fifo, _folder)
    ),
    *((f"next names {plant.__name__[1:]}", _next_name(plant)) for plant in PLANTS),
    ("keys", _keys),
    ("cursor beyond", _cursor("seq + 1000000")),
    ("cursor negative", _cursor("-7")),
    ("cursor no number", _cursor("'far'")),
    ("cursor removed", lambda case: case.sql("DELETE FROM sinks")),
    ("cursor stale", _cursor("seq - 50")),
    ("dead letters", _letters),
)


def _endured(case: _Case, kind: str, told: Counter[str]) -> tuple[str, float]:
    """What is wrong after a life with the damage, "" if nothing; and how long the start took."""
    before = {
        p: p.read_bytes() for p in case.drop.glob("*.ndjson") if p.is_file() and not p.is_symlink()
    }
    with _station(case.folder) as roles:
        head = roles.stored.head()[1]
        began = time.monotonic()
        if case.refused:
            return _refused(case, roles, head), time.monotonic() - began
        came = _life(roles, case.drop, head)
        secs = time.monotonic() - began
        if came is None or secs > START_SECS:
            return f"not delivered within {START_SECS:g} s: {roles.output[-300:]}", secs
        told["set aside"] += bool(list(case.memory.parent.glob(f"{MEMORY}.damaged-*")))
        told["cursor set back"] += "begins anew" in roles.output and "cursor" in kind
        findings = judge(str(case.drop), str(roles.state / "keys" / "enrolment.pub")).findings
        told["found by verify"] += bool(findings)
        if kind.startswith(("segment", "manifest")) and not findings:
            return "the verifier finds nothing", secs
        fault = _missing(case, roles.state, head, before)
    return fault, secs


def _refused(case: _Case, roles: Roles, head: int) -> str:
    """The engine and the other sinks start; this one says why it does not, and goes on once a person has looked."""
    roles.start_engine()
    roles.start_forwarder()
    said = wait_for(lambda: MEMORY in str(roles.sink("siem")["why"]), START_SECS, pause_secs=0.02)
    kind = case.memory.lstat().st_mode
    shutil.rmtree(
        case.memory
    ) if case.memory.is_dir() and not case.memory.is_symlink() else case.memory.unlink()
    roles.ask("sinks.test", name="siem")
    came = wait_for(lambda: _last(case.drop) >= head, 20.0, pause_secs=0.02)
    roles.stop("forwarder")
    roles.stop("engine")
    if said is None:
        return f"it does not say that its memory is refused ({kind:o})"
    return _missing(case, roles.state, head, {}) if came is not None else "it does not go on"


def _missing(case: _Case, state: Path, head: int, before: dict[Path, bytes]) -> str:
    if (
        os.listdir(case.outside) != ["victim"]
        or (case.outside / "victim").read_bytes() != b"untouched"
    ):
        return "something was written outside"
    changed = [p.name for p, data in before.items() if p.is_file() and p.read_bytes() != data]
    if changed:
        return f"{changed} were changed"
    came = Arrived(state, first=BEFORE + 1, skips=range(BEFORE + 30))
    new = lines_of(case.drop, without=before)  # what was there is as we damaged it
    good = [line for line in new if line.startswith(b'{"host"')]
    came.records(line for line in good if int(line.split(b'"seq":')[1].split(b",")[0]) > BEFORE)
    if came.wrong or came.last < head:
        return f"{came.last} of {head}: {came.wrong[:2]}"
    return ""
