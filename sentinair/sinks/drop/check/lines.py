"""Segments one after the other: no hole, no fork, no rolled back end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sentinair.sinks.drop.check.exports import judge_exports
from sentinair.sinks.drop.check.folder import BEAT_FORMAT, UNREADABLE, Folder, read_keys
from sentinair.sinks.drop.check.found import Drop, Known, Line, Signed, Unjudged
from sentinair.sinks.drop.check.segments import judge_segments, manifests_of

__all__ = ["judge"]


def judge(
    directory: str,
    public_key: str,
    known: Mapping[str, Known] | None = None,
    *,
    now_ns: int = 0,
    max_age_secs: int | None = None,
) -> Drop:
    """Judge the drop in directory, and the exports beside it.

    public_key: a file of enrolment keys.  known: Drop.ends of the look before; with it a rolled back drop is found,
    and one that goes on in a new directory is accepted.  now_ns: wall clock, for max_age_secs: how long ago the newest
    file may have been made; None: any time.
    Raises Unjudged if there is no such directory or key.
    """
    folder = Folder(directory, read_keys(public_key))
    before = known or {}
    try:
        folder.read_certificates()
        manifests = manifests_of(folder)
        lost: dict[str, Any] = {g["manifest"]: g for m in manifests for g in m.said["lost"]}
        judge_segments(folder, manifests, lost)
        here = (
            {one.sha for one in manifests} | set(lost) | {one.manifest for one in before.values()}
        )
        sinks: dict[str, list[Signed]] = {}
        for one in sorted(manifests, key=lambda one: one.said["number"]):
            sinks.setdefault(one.sink, []).append(one)
        lines: dict[str, Line] = {}
        for name, line in sorted(sinks.items()):
            _judge_sink(folder.drop, name, line, here, lines)
            _judge_against(folder.drop, name, line, before.get(name))
        folder.drop.lines = list(lines.values())
        for name in sorted(set(before) - set(sinks)):
            folder.drop.notes.append(f"{name}: nothing of it is here")
        _judge_beats(folder, before)
        if max_age_secs is not None:
            _judge_age(folder.drop, now_ns - max_age_secs * 10**9)
        judge_exports(folder)
        if not (manifests or before or folder.drop.exports or folder.drop.findings):
            if all(name.startswith(".") for name in folder.names):
                raise Unjudged(f"{directory}: no segment is here yet: there is nothing to judge")
            folder.drop.notes.append("no segment is here yet")
    finally:
        folder.close()
    return folder.drop


def _judge_sink(
    drop: Drop, name: str, manifests: Sequence[Signed], here: set[str], lines: dict[str, Line]
) -> None:
    """manifests: of one sink, by their numbers.  here: those whose absence is no fault, or no more than told."""
    taken: dict[str | None, Signed] = {}
    for index, one in enumerate(manifests):
        said = one.said
        previous, first = said["previous"], said["first"]
        line = lines.get(f"{name} {one.line}")
        after = 1 if line is None else line.last + 1
        if previous in taken:
            what = f"follows the same segment as {taken[previous].name}"
            drop.find("repeated", one.name, what, first)
        elif previous is None and index:
            drop.find("repeated", one.name, "begins anew, though others come before it", first)
        elif previous is not None and previous not in here:
            gap = f", entries {after} to {first - 1}" if first > after else ""
            what = f"what comes before it, number {said['number'] - 1}{gap}"
            drop.find("missing", one.name, what, after if gap else None)
        taken[previous] = one
        _judge_step(drop, one, None if line is None or said["late"] else line.last)
        if line is None:
            line = lines[f"{name} {one.line}"] = _begun(said)
        line.last = max(line.last, said["last"])
        line.segments += 1
        line.entries += said["count"]
        line.lost += sum(gone["count"] for gone in said["lost"])
    drop.ends[name] = Known(manifests[-1].said["number"], manifests[-1].sha)
    drop.made_ns[name] = max(one.said["made_ns"] for one in manifests)


def _begun(said: Mapping[str, Any]) -> Line:
    return Line(
        host=said["host"],
        chain=said["chain"],
        stream=said["stream"],
        sink=said["sink"],
        first=said["first"],
        last=said["last"],
        segments=0,
        entries=0,
        lost=0,
    )


def _judge_step(drop: Drop, one: Signed, end: int | None) -> None:
    """What a manifest says against itself, and against where its line ended before."""
    said = one.said
    first, last = said["first"], said["last"]
    if not 0 < said["count"] <= last - first + 1 or said["bytes"] < 0:
        drop.find("corrupted", one.name, f"says {said['count']} of {first} to {last}", first)
    elif said["complete"] and not said["late"] and said["count"] != last - first + 1:
        what = f"{last - first + 1 - said['count']} entries between {first} and {last}"
        drop.find("missing", one.name, what, first)
    if end is not None and first <= end:
        drop.find("repeated", one.name, f"entries {first} to {min(end, last)} again", first)
    elif end is not None and said["complete"] and first > end + 1:
        drop.find("missing", one.name, f"entries {end + 1} to {first - 1}", end + 1)


def _judge_against(drop: Drop, name: str, manifests: Sequence[Signed], known: Known | None) -> None:
    """What was known before: the drop goes on from there, or holds it."""
    if known is None or any(one.sha == known.manifest for one in manifests):
        return
    last = manifests[-1].said
    if last["number"] < known.number:
        what = f"ends with number {last['number']}, but was seen up to {known.number}:"
        drop.find("stale", name, f"{what} an older copy, or cut at its end", last["last"] + 1)
    elif all(one.said["previous"] != known.manifest for one in manifests):
        what = f"does not go on from number {known.number}, where it was seen to end"
        drop.find("stale", name, what, manifests[0].said["first"])


def _judge_beats(folder: Folder, known: Mapping[str, Known]) -> None:
    """What a heartbeat has seen must be here: it shows segments cut off at the end."""
    drop = folder.drop
    for beat in folder.sealed(".heartbeat", BEAT_FORMAT):
        said = beat.said
        try:
            number, made_ns = int(said["number"]), int(said["made_ns"])
            seen = (known.get(beat.sink), drop.ends.get(beat.sink))
            if number > max((one.number for one in seen if one is not None), default=0):
                what = f"the end, of which it tells: up to number {number}"
                drop.find("missing", beat.name, what, _first_gone(drop, said))
            drop.made_ns[beat.sink] = max(drop.made_ns.get(beat.sink, 0), made_ns)
        except UNREADABLE as fault:
            drop.find("corrupted", beat.name, f"cannot be read: {fault}")


def _first_gone(drop: Drop, said: Mapping[str, Any]) -> int | None:
    """The lowest seq of which a heartbeat tells, and that is not here."""
    gone = []
    for head in said["heads"]:
        ends = [
            line.last
            for line in drop.lines
            if (line.host, line.sink) == (said["host"], said["sink"])
            and (line.chain, line.stream) == (said["chain"], head["stream"])
        ]
        end = max(ends, default=0)
        if int(head["last"]) > end:
            gone.append(end + 1)
    return min(gone, default=None)


def _judge_age(drop: Drop, since_ns: int) -> None:
    for name, made_ns in sorted(drop.made_ns.items()):
        if made_ns < since_ns:
            late = (since_ns - made_ns) // 10**9
            drop.find("stale", name, f"silent for {late} s more than allowed")
    if not drop.made_ns:
        drop.find("missing", "drop", "there is nothing in it")
