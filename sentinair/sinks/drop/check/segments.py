"""Each segment against its manifest: there, whole, under its name, and once."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sentinair.sinks.drop.check.folder import BLOCK, MANIFEST_FORMAT, UNREADABLE, Folder
from sentinair.sinks.drop.check.found import Signed

__all__ = ["judge_segments", "manifests_of"]

SEGMENT = re.compile(r"([^-.][^-]*-[^-]+(?:-events)?)-(\d+)-(\d+)(\.\d+)?\.[a-z]+")
MAX_TAIL = 2 << 20  # of the whole part of a damaged segment: holds its last entry
_GONE = "was taken away while it was judged"
TEXT, NUMBER, LIST, MAYBE = (str,), (int,), (list,), (str, type(None))
SAID = (
    *((name, TEXT) for name in ("host", "chain", "sink", "stream", "file", "sha256", "codec")),
    *(
        (name, NUMBER)
        for name in ("number", "first", "last", "count", "bytes", "complete", "late", "made_ns")
    ),
    *((name, LIST) for name in ("blocks", "lost")),
    *((name, MAYBE) for name in ("previous", "links")),
)


def manifests_of(folder: Folder) -> list[Signed]:
    """All manifests that can be trusted, each once."""
    found: dict[str, Signed] = {}
    # A copy has another name than its segment: what stands under the right one goes first.
    sealed = sorted(
        folder.sealed(".manifest", MANIFEST_FORMAT),
        key=lambda one: one.name != f"{one.said.get('file')}.manifest",
    )
    for one in sealed:
        wrong = _unsaid(one.said)
        if wrong is not None:
            folder.drop.find("corrupted", one.name, f"does not say its {wrong} as it must")
        elif one.sha in found:
            what = f"says the same as {found[one.sha].name}"
            folder.drop.find("repeated", one.name, what, one.said["first"])
        else:
            found[one.sha] = one
    return list(found.values())


def _unsaid(said: Mapping[str, Any]) -> str | None:
    """The first field that does not say what it must: a good seal may be a thief's."""
    for name, kinds in SAID:
        if not isinstance(said.get(name), kinds):
            return name
    if "/" in said["file"]:
        return "file"
    for gone in said["lost"]:
        if not isinstance(gone, dict) or not isinstance(gone.get("manifest"), str):
            return "lost"
        if not isinstance(gone.get("count"), int):
            return "lost"
    return None


def judge_segments(folder: Folder, manifests: Sequence[Signed], lost: Mapping[str, Any]) -> None:
    """lost: what manifests declare as deleted, by the SHA-256 that names its manifest."""
    by_sum = {folder.sha256(name): name for name in folder.names if SEGMENT.fullmatch(name)}
    for one in manifests:
        said = one.said
        name, first = said["file"], said["first"]
        found = folder.sha256(name)
        if found == said["sha256"]:
            _judge_links(folder, said)
        elif said["sha256"] in by_sum:
            where = by_sum[said["sha256"]]
            folder.drop.find("misplaced", name, f"its content lies in {where}", first)
        elif found is not None:
            kind, what, seq = _damage(folder, said)
            folder.drop.find(kind, name, what, seq)
        elif one.sha not in lost:
            what = f"{said['count']} entries, from {first} to {said['last']}"
            folder.drop.find("missing", name, what, first)
    _judge_strangers(folder, manifests)


def _damage(folder: Folder, said: Mapping[str, Any]) -> tuple[str, str, int]:
    """What is wrong with a segment, by its blocks, and the first seq in doubt."""
    good, lines, size, tail = 0, 0, 0, b""
    file = folder.file(said["file"])
    if file is None:
        return "missing", _GONE, said["first"]
    with file:
        size = os.fstat(file.fileno()).st_size
        for digest in said["blocks"]:
            try:
                block = file.read(BLOCK)
            except OSError:
                break
            if hashlib.sha256(block).hexdigest()[:32] != digest:
                lines += block.count(b"\n") if size < said["bytes"] else 0
                break
            good, lines = good + 1, lines + block.count(b"\n")
            tail = tail[-MAX_TAIL:] + block
    seq: int = said["first"]
    if said["count"] == said["last"] - seq + 1:
        seq = min(seq + lines, said["last"])
    else:
        proved = [seq for seq, _ in _entries(tail.splitlines()[-2:-1])]
        seq = min(proved[0] + 1, said["last"]) if proved else seq
    if size < said["bytes"]:
        return "cut", f"has {size} of {said['bytes']} bytes; whole up to before entry {seq}", seq
    return "corrupted", f"is not what was signed from byte {good * BLOCK} on, entry {seq}", seq


def _entries(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """seq and link of each line of NDJSON, as far as they can be read."""
    try:
        for line in lines:
            entry = json.loads(line)
            yield int(entry["seq"]), bytes.fromhex(entry.get("link") or "")
    except (*UNREADABLE, OSError):
        return


def _judge_links(folder: Folder, said: Mapping[str, Any]) -> None:
    """Where entries carry their links: they are the records that the engine signed for."""
    if said["codec"] != "ndjson" or said["links"] is None:
        return
    file = folder.file(said["file"])
    if file is None:
        folder.drop.find("missing", said["file"], _GONE, said["first"])
        return
    digest, count, last = hashlib.sha256(), 0, said["first"] - 1
    with file:
        for seq, link in _entries(file):
            if seq <= last:
                break
            count, last = count + 1, seq
            digest.update(link)
    if (count, last, digest.hexdigest()) != (said["count"], said["last"], said["links"]):
        what = "does not hold the records that the engine signed for"
        folder.drop.find("forged", said["file"], what, said["first"])


def _judge_strangers(folder: Folder, manifests: Sequence[Signed]) -> None:
    """Segments no manifest names: copies, strangers, or one whose manifest is being written."""
    sums = {one.said["sha256"]: one.said for one in manifests}
    named = {one.said["file"] for one in manifests}
    ends: dict[str, int] = {}
    for one in manifests:
        ours = SEGMENT.fullmatch(one.said["file"])
        if ours is not None:
            ends[ours[1]] = max(ends.get(ours[1], 0), int(ours[3]))
    for name in folder.names:
        match = SEGMENT.fullmatch(name)
        if match is None or name in named:
            continue
        stem, first, found = match[1], int(match[2]), folder.sha256(name)
        if found is None:
            folder.drop.find("foreign", name, "is no plain file")
        elif found in sums:
            said = sums[found]
            folder.drop.find("repeated", name, f"is a copy of {said['file']}", said["first"])
        elif first > ends.get(stem, first) and f"{name}.manifest" not in folder.names:
            ends.pop(stem)  # one at a time
            folder.drop.notes.append(f"{name}: its manifest is not here yet, not judged")
        elif f"{name}.manifest" not in folder.names:  # else its manifest is a finding already
            folder.drop.find("foreign", name, "no manifest names it")
