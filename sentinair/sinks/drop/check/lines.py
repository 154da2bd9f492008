"""Segments one after the other: no hole, no fork, no rolled back end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sentinair.sinks.drop.check.folder import BEAT_FORMAT, UNREADABLE, Folder, read_keys
from sentinair.sinks.drop.check.found import Drop, Known, Line, Signed
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
    """Judge the drop in directory.

    public_key: a file of enrolment keys.  known: Drop.known() of the look before; with it a rolled back drop is found,
    and one that goes on in a new directory is accepted.  now_ns: wall clock, for max_age_secs: how long ago the newest
    file may have been made; None: any time.
    Raises Unjudged if there is no such directory or key.
    """
    folder = Folder(directory, read_keys(public_key))
    try:
        folder.read_certificates()
        manifests = manifests_of(folder)
        lost: dict[str, Any] = {g["manifest"]: g for m in manifests for g in m.said["lost"]}
        judge_segments(folder, manifests, lost)
        lines: dict[str, list[Signed]] = {}
        for one in manifests:
            lines.setdefault(one.line, []).append(one)
        for name, line in sorted(lines.items()):
            line.sort(key=lambda one: (one.said["first"], one.said["last"]))
            _judge_line(folder.drop, line, lost, (known or {}).get(name))
        for name in sorted(set(known or ()) - set(lines)):
            folder.drop.notes.append(f"{name}: nothing of it is here")
        _judge_beats(folder, {one.sha for one in manifests} | set(lost), known or {})
        if max_age_secs is not None:
            _judge_age(folder.drop, now_ns - max_age_secs * 10**9)
    finally:
        folder.close()
    return folder.drop


def _judge_line(
    drop: Drop, line: Sequence[Signed], lost: Mapping[str, Any], known: Known | None
) -> None:
    here = {one.sha: one for one in line}
    before = set(lost) | ({known.manifest} if known else set())
    taken: dict[str | None, Signed] = {}
    for index, one in enumerate(line):
        said = one.said
        previous, first = said["previous"], said["first"]
        if previous in taken:
            what = f"follows the same segment as {taken[previous].name}"
            drop.find("repeated", one.name, what, first)
        taken[previous] = one
        if previous is None and index:
            drop.find("repeated", one.name, "begins anew, though others come before it", first)
        elif previous is not None and previous not in here and previous not in before:
            after = line[index - 1].said["last"] + 1 if index else 1
            what = f"what comes before it: entries between {after} and {first - 1}"
            drop.find("missing", one.name, what, after)
        _judge_step(drop, one, here.get(previous or ""))
    _judge_against(drop, line, known)
    last, hosts = line[-1].said, {one.said["host"] for one in line}
    if len(hosts) > 1:
        drop.find("foreign", line[0].line, f"is said to be of {len(hosts)} hosts")
    drop.lines.append(
        Line(
            host=last["host"],
            chain=last["chain"],
            stream=last["stream"],
            sink=last["sink"],
            first=line[0].said["first"],
            last=last["last"],
            segments=len(line),
            entries=sum(one.said["count"] for one in line),
            lost=sum(gone["count"] for one in line for gone in one.said["lost"]),
            made_ns=max(one.said["made_ns"] for one in line),
            manifest=line[-1].sha,
        )
    )


def _judge_step(drop: Drop, one: Signed, before: Signed | None) -> None:
    """What a manifest says against itself and the one it names."""
    said = one.said
    first, last = said["first"], said["last"]
    if not 0 < said["count"] <= last - first + 1 or said["bytes"] < 0:
        drop.find("corrupted", one.name, f"says {said['count']} of {first} to {last}", first)
    elif said["complete"] and said["count"] != last - first + 1:
        what = f"{last - first + 1 - said['count']} entries between {first} and {last}"
        drop.find("missing", one.name, what, first)
    if before is None:
        return
    end = before.said["last"]
    if first <= end:
        drop.find("repeated", one.name, f"entries {first} to {min(end, last)} again", first)
    elif said["complete"] and first > end + 1:
        drop.find("missing", one.name, f"entries {end + 1} to {first - 1}", end + 1)


def _judge_against(drop: Drop, line: Sequence[Signed], known: Known | None) -> None:
    """What was known before: the line goes on from there, or holds it."""
    if known is None or any(one.sha == known.manifest for one in line):
        return
    name, last = line[-1].line, line[-1].said["last"]
    if last < known.last:
        what = f"ends at {last}, but was seen up to {known.last}: an older copy, or cut at its end"
        drop.find("stale", name, what, last + 1)
    elif all(one.said["previous"] != known.manifest for one in line):
        what = f"does not go on from what was seen up to {known.last}"
        drop.find("stale", name, what, known.last)


def _judge_beats(folder: Folder, here: set[str], known: Mapping[str, Known]) -> None:
    """What a heartbeat has seen must be here: it shows segments cut off at the end."""
    drop = folder.drop
    for beat in folder.sealed(".heartbeat", BEAT_FORMAT):
        said = beat.said
        try:
            for head in said["heads"]:
                lines = [
                    line
                    for line in drop.lines
                    if (line.chain, line.stream, line.sink)
                    == (said["chain"], head["stream"], said["sink"])
                ]
                seen = known.get(f"{said['chain']} {head['stream']} {said['sink']}")
                end = max([line.last for line in lines] + ([seen.last] if seen else [0]))
                if head["manifest"] not in here and head["last"] > end:  # else it is of long ago
                    what = f"entries up to {head['last']}, of which it tells, at the end"
                    drop.find("missing", beat.name, what, end + 1)
                for line in lines:
                    line.made_ns = max(line.made_ns, said["made_ns"])
        except UNREADABLE as fault:
            drop.find("corrupted", beat.name, f"cannot be read: {fault}")


def _judge_age(drop: Drop, since_ns: int) -> None:
    """Only the newest chain of a sink is still growing."""
    newest: dict[tuple[str, str], int] = {}
    for line in drop.lines:
        key = line.host, line.sink
        newest[key] = max(newest.get(key, 0), line.made_ns)
    for (host, sink), made_ns in newest.items():
        if made_ns < since_ns:
            late = (since_ns - made_ns) // 10**9
            drop.find("stale", f"{host}, {sink}", f"silent for {late} s more than allowed")
    if not newest:
        drop.find("missing", "drop", "there is nothing in it")
