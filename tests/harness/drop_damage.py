"""Damage to a drop, each kind with the verdict it must get, told apart from the verifier's own code."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sentinair.sinks.drop.check.folder import BLOCK
from sentinair.sinks.drop.check.found import Known
from sentinair.sinks.drop.manifest import SIGN_DOMAIN, Seal, line_of
from tests.harness.drops import Station

__all__ = ["DAMAGES", "Case", "Verdict", "damaged"]


class Verdict(NamedTuple):
    """What must be found."""

    kinds: frozenset[str]
    first_bad: tuple[int, int] | None = None  # least and greatest that is right; None: any, or none


class Case(NamedTuple):
    """A drop to be damaged: a copy of what station wrote."""

    random: random.Random
    folder: Path
    station: Station
    other: Station
    known: dict[str, Known]  # where it ended when all was well

    def segments(self) -> list[Path]:
        """Of records."""
        return sorted(s for s in self.folder.glob("*.ndjson") if "-events-" not in s.name)

    def middle(self) -> Path:
        """A segment that is neither the first nor the last of its chain."""
        return self.random.choice(self.segments()[1:-1])

    def span(self, segment: Path) -> tuple[int, int]:
        first, last = segment.stem.split("-")[-2:]
        return int(first), int(last)


def manifest_of(segment: Path) -> Path:
    return segment.with_name(segment.name + ".manifest")


def verdict(*kinds: str, bad: tuple[int, int] | None = None) -> Verdict:
    return Verdict(frozenset(kinds), bad)


def _exactly(seq: int) -> tuple[int, int]:
    return seq, seq


def shuffled_order(case: Case) -> Verdict:
    files = list(case.folder.iterdir())
    case.random.shuffle(files)
    for number, file in enumerate(files):
        data = file.read_bytes()
        file.unlink()
        file.write_bytes(data)
        os.utime(file, (number, number))
    return verdict()


def shuffled_names(case: Case) -> Verdict:
    one, two = sorted(case.random.sample(case.segments(), 2))
    aside = case.folder / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    return verdict("misplaced", bad=_exactly(case.span(one)[0]))


def cut(case: Case) -> Verdict:
    segment = case.random.choice(case.segments())
    size = case.random.randrange(segment.stat().st_size)
    os.truncate(segment, size)
    first, last = case.span(segment)
    return verdict("cut", bad=_exactly(min(first + segment.read_bytes().count(b"\n"), last)))


def cut_manifest(case: Case) -> Verdict:
    segment = case.middle()
    manifest = manifest_of(segment)
    os.truncate(manifest, case.random.randrange(manifest.stat().st_size - 2))
    return verdict("corrupted", "missing", bad=_exactly(case.span(segment)[0]))


def duplicated_segment(case: Case) -> Verdict:
    segment = case.random.choice(case.segments())
    first, _ = case.span(segment)
    name = segment.name.replace(f"{first:012}", f"{first + 1:012}")
    shutil.copy(segment, segment.with_name(name))
    return verdict("repeated", bad=_exactly(first))


def duplicated_pair(case: Case) -> Verdict:
    segment = case.random.choice(case.segments())
    copy = segment.with_name(segment.name.replace(".ndjson", ".2.ndjson"))
    shutil.copy(segment, copy)
    shutil.copy(manifest_of(segment), manifest_of(copy))
    return verdict("repeated", bad=_exactly(case.span(segment)[0]))


def corrupted(case: Case) -> Verdict:
    segment = case.random.choice(case.segments())
    data = bytearray(segment.read_bytes())
    at = case.random.randrange(len(data))
    first, last = case.span(segment)
    from_block = first + data[: at // BLOCK * BLOCK].count(b"\n")
    hit = first + data[:at].count(b"\n")
    data[at] ^= 1 << case.random.randrange(8)
    segment.write_bytes(data)
    return verdict("corrupted", bad=(min(from_block, last), min(hit, last)))


def grown(case: Case) -> Verdict:
    segment = case.random.choice(case.segments())
    with segment.open("ab") as file:
        file.write(b'{"seq":1}\n')
    return verdict("corrupted", bad=case.span(segment))


def corrupted_manifest(case: Case) -> Verdict:
    segment = case.middle()
    manifest = manifest_of(segment)
    text = manifest.read_text()
    count = json.loads(text)["signed"]["made_ns"]
    manifest.write_text(text.replace(str(count), str(count + 1)))
    return verdict("forged", "missing", bad=_exactly(case.span(segment)[0]))


def corrupted_keys(case: Case) -> Verdict:
    (keys,) = case.folder.glob("*.keys")
    text = keys.read_text()
    at = text.index('"signature":"') + 20
    keys.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    return verdict("corrupted", "missing")


def removed_keys(case: Case) -> Verdict:
    next(case.folder.glob("*.keys")).unlink()
    return verdict("missing")


def removed_segment(case: Case) -> Verdict:
    segment = case.random.choice(case.segments())
    segment.unlink()
    return verdict("missing", bad=_exactly(case.span(segment)[0]))


def removed_manifest(case: Case) -> Verdict:
    segment = case.middle()
    manifest_of(segment).unlink()
    return verdict("missing", "foreign", bad=_exactly(case.span(segment)[0]))


def removed_pair(case: Case) -> Verdict:
    segment = case.middle()
    segment.unlink()
    manifest_of(segment).unlink()
    return verdict("missing", bad=_exactly(case.span(segment)[0]))


def removed_events(case: Case) -> Verdict:
    """A whole line of segments, its manifests too."""
    gone = list(case.folder.glob("*-events-*"))
    for file in gone:
        file.unlink()
    return verdict(*(["missing"] if gone else []))


def removed_beginning(case: Case) -> Verdict:
    for segment in case.segments()[:2]:
        segment.unlink()
        manifest_of(segment).unlink()
    # Where other streams lie between, nobody can know which entries came before the first that is left.
    alone = not list(case.folder.glob("*-events-*"))
    return verdict("missing", bad=_exactly(1) if alone else None)


def removed_end(case: Case) -> Verdict:
    gone = case.segments()[-case.random.randrange(1, 3) :]
    for segment in gone:
        segment.unlink()
        manifest_of(segment).unlink()
    case.known.clear()
    return verdict("missing", bad=_exactly(case.span(gone[0])[0]))


def replayed(case: Case) -> Verdict:
    """An older copy of the whole drop in place of it."""
    gone = case.segments()[-case.random.randrange(1, 3) :]
    for segment in gone:
        segment.unlink()
        manifest_of(segment).unlink()
    for beat in case.folder.glob("*.heartbeat"):
        beat.unlink()
    return verdict("stale", bad=_exactly(case.span(gone[0])[0]))


def another_host(case: Case) -> Verdict:
    for file in case.other.drop.iterdir():
        shutil.copy(file, case.folder)
    return verdict("foreign")


def another_host_without_keys(case: Case) -> Verdict:
    segment = case.random.choice(case.other.segments())
    shutil.copy(segment, case.folder)
    shutil.copy(manifest_of(segment), case.folder)
    return verdict("foreign")


def stranger(case: Case) -> Verdict:
    """A segment with a likely name, inside of what is there, and no manifest."""
    name = case.segments()[0].name.replace(".ndjson", ".7.ndjson")
    (case.folder / name).write_bytes(b'{"seq":3}\n')
    return verdict("foreign")


def planted(case: Case) -> Verdict:
    """What is no plain file, where segments and manifests lie."""
    kind = case.random.randrange(3)
    path = case.folder / case.segments()[0].name.replace(".ndjson", ".9.ndjson.manifest")
    if kind == 0:
        path.symlink_to("/etc/passwd")
    elif kind == 1:
        os.mkfifo(path)
    else:
        path.mkdir()
    return verdict("foreign")


def forged_late(case: Case) -> Verdict:
    """Somebody with an old epoch's key signs records made after it was destroyed."""
    key, epoch, chain = case.station.chain.stolen()
    segment = case.segments()[-1]
    said = json.loads(manifest_of(segment).read_bytes())["signed"]
    segment.write_bytes(b"x" * said["bytes"])
    signed = json.dumps(said | {"sha256": "0" * 64}, separators=(",", ":")).encode()
    public = key.public_key().public_bytes_raw().hex()
    seal = Seal(chain, epoch, public, key.sign(SIGN_DOMAIN + signed).hex())
    manifest_of(segment).write_bytes(line_of(signed, seal))
    case.known.clear()
    return verdict("forged", "missing", bad=_exactly(case.span(segment)[0]))


DAMAGES: tuple[Callable[[Case], Verdict], ...] = (
    shuffled_order,
    shuffled_names,
    cut,
    cut_manifest,
    duplicated_segment,
    duplicated_pair,
    corrupted,
    grown,
    corrupted_manifest,
    corrupted_keys,
    removed_keys,
    removed_segment,
    removed_manifest,
    removed_pair,
    removed_events,
    removed_beginning,
    removed_end,
    replayed,
    another_host,
    another_host_without_keys,
    stranger,
    planted,
    forged_late,
)


def damaged(
    damage: Callable[[Case], Verdict], station: Station, other: Station, folder: Path, seed: int
) -> str | None:
    """Damage a copy of station's drop in folder, which must not exist; None, or what was wrong with the verdict."""
    shutil.copytree(station.drop, folder)
    known = station.judged().ends
    case = Case(random.Random(seed), folder, station, other, known)
    wanted = damage(case)
    found = station.judged(known, folder)
    kinds = frozenset(finding.kind for finding in found.findings)
    shutil.rmtree(folder)
    if kinds != wanted.kinds:
        return f"{damage.__name__}: {set(kinds)}, not {set(wanted.kinds)}: {found.findings}"
    if wanted.first_bad is not None:
        least, greatest = wanted.first_bad
        if found.first_bad is None or not least <= found.first_bad <= greatest:
            return f"{damage.__name__}: first bad {found.first_bad}, not {least} to {greatest}"
    return None
