#!/usr/bin/env python3
"""Judges a drop, and exports, with the enrolment public key only.  This file and `cryptography` are all it needs.

    python3 verify-drop.py DIR --public-key enrolment.pub [--known FILE] [--max-age SECS] [--json]

Exit status 0: all is as it was written; 1: it is not; 2: it could not be judged.
Made by scripts/build-verifier from sentinair/sinks/drop/check, which is what to change; docs/offline-drop.md says more.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, NamedTuple

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    print(  # noqa: T201
        "verify-drop: needs cryptography, on Debian the package python3-cryptography",
        file=sys.stderr,
    )
    sys.exit(2)


class Unjudged(Exception):
    """The drop could not be looked at: no directory, no key."""


class Finding(NamedTuple):
    """One thing that is not as it was written."""

    kind: str  # missing, repeated, foreign, stale, cut, corrupted, misplaced, forged or unsigned
    where: str  # a file, or a chain
    what: str
    seq: int | None = None  # the lowest it puts in doubt


class Known(NamedTuple):
    """Where the drop of one sink ended when it was judged before."""

    number: int  # of its last manifest
    manifest: str  # SHA-256 of what that signed: 64 hex


class Signed(NamedTuple):
    """A manifest or heartbeat whose seal is good."""

    name: str
    sha: str  # SHA-256 of what is signed: its name among manifests
    said: Mapping[str, Any]

    @property
    def line(self) -> str:
        """Entries with the same one follow each other by seq."""
        return f"{self.said['chain']} {self.said['stream']}"

    @property
    def sink(self) -> str:
        """Manifests with the same one name each other."""
        return f"{self.said['host']} {self.said['sink']}"


@dataclass
class Line:
    """The segments of one chain, stream and sink that are here."""

    host: str
    chain: str
    stream: str
    sink: str
    first: int
    last: int
    segments: int
    entries: int
    lost: int  # entries deleted to stay below the cap, as declared here


@dataclass
class Export:
    """An export that is what its manifest says."""

    file: str
    host: str
    count: int
    by: str  # who asked for it
    writer: str  # who wrote it, and whose word its content is: "forwarder", or a person's command
    unsigned: str | None  # why nobody signed for it; None: it is signed


@dataclass
class Drop:
    """The verdict."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    ends: dict[str, Known] = field(default_factory=dict)  # by host and sink: for the next look
    made_ns: dict[str, int] = field(default_factory=dict)  # wall clock of the newest file of each

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The lowest seq in doubt; None: none."""
        return min((one.seq for one in self.findings if one.seq is not None), default=None)

    def find(self, kind: str, where: str, what: str, seq: int | None = None) -> None:
        self.findings.append(Finding(kind, where, what, seq))

    def as_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "first_bad": self.first_bad,
            "lines": [asdict(line) for line in self.lines],
            "exports": [asdict(export) for export in self.exports],
            "findings": [one._asdict() for one in self.findings],
            "notes": self.notes,
        }


MANIFEST_FORMAT = "sentinair drop 1"
BEAT_FORMAT = "sentinair drop heartbeat 1"
SIGN_DOMAIN = b"sentinair drop 1\x00"
EPOCH_DOMAIN = b"sentinair epoch 1\x00"
BLOCK = 1 << 14  # bytes of a segment that a digest of its own stands for
MAX_JSON = 16 << 20
MAX_KEYS = 1 << 28
SIGNED = b'{"signed":'
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)


class Key(NamedTuple):
    public: bytes
    seq: int  # of the ledger record that made it current


def read_keys(path: str) -> dict[bytes, str]:
    """Enrolment keys -> what stands behind each.  Raises Unjudged."""
    keys = {}
    try:
        with open(path, encoding="utf-8") as file:
            for words in (line.split(maxsplit=1) for line in file if not line.startswith("#")):
                if words:
                    key = base64.b64decode(words[0], validate=True)
                    keys[key] = words[1].strip() if len(words) > 1 else ""
    except (OSError, ValueError) as fault:
        raise Unjudged(f"{path}: no public key: {fault}") from fault
    if not keys or any(len(key) != 32 for key in keys):
        raise Unjudged(f"{path}: holds no public key; use enrolment.pub as the agent wrote it")
    return keys


def signed_by(key: bytes, signature: str, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Folder:
    """One look at one directory; what is wrong goes into drop."""

    def __init__(self, directory: str, anchors: Mapping[bytes, str]) -> None:
        """anchors: enrolment keys that are trusted.  Raises Unjudged."""
        self.drop = Drop()
        self.anchors = anchors
        self.chains: dict[str, list[Key]] = {}  # the proved keys of each, by epoch
        self._sums: dict[str, str] = {}
        try:
            self._at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            self.names = sorted(os.listdir(self._at))
        except OSError as fault:
            raise Unjudged(f"{directory}: {fault.strerror}") from fault

    def close(self) -> None:
        os.close(self._at)

    # -- files -----------------------------------------------------------------------------------

    def file(self, name: str) -> BinaryIO | None:
        """A plain file, open; None: there is none, or something else has its name."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(name, flags, dir_fd=self._at)
        except (OSError, ValueError):  # ValueError: a NUL in the name
            return None
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
        return None

    def read(self, name: str, limit: int) -> bytes | None:
        """At most limit bytes of a plain file; None, with a finding: there is none to read."""
        file = self.file(name)
        if file is None:
            self.drop.find("foreign", name, "is no plain file")
            return None
        with file:
            try:
                return file.read(limit)
            except OSError as fault:
                self.drop.find("corrupted", name, f"cannot be read: {fault.strerror}")
                return None

    def sha256(self, name: str) -> str | None:
        """Of a plain file, read once; None: there is none.  A bad sector makes it fit nothing."""
        if name not in self._sums:
            file = self.file(name)
            if file is None:
                return None
            digest = hashlib.sha256()
            with file:
                try:
                    while chunk := file.read(1 << 20):
                        digest.update(chunk)
                except OSError:
                    digest.update(b"unreadable")
            self._sums[name] = digest.hexdigest()
        return self._sums[name]

    # -- who signed ------------------------------------------------------------------------------

    def read_certificates(self) -> None:
        """All keys that lead back to an anchor."""
        for name in self.names:
            if name.endswith(".keys"):
                raw = self.read(name, MAX_KEYS) or b""
                whole = raw[: raw.rfind(b"\n") + 1]  # the last line may still be growing
                chain, keys = self._walk(name, whole.splitlines())
                if len(keys) > len(self.chains.get(chain, ())):
                    self.chains[chain] = keys

    def _walk(self, name: str, lines: Sequence[bytes]) -> tuple[str, list[Key]]:
        chain, keys = "", list[Key]()
        for raw in lines:
            try:
                one = json.loads(raw)
                public, signature = bytes.fromhex(one["public_key"]), one.pop("signature")
                if not keys and public not in self.anchors:
                    self.drop.find("foreign", name, "its enrolment key was not given")
                    break
                epoch = one["epoch"]
                follows = epoch == len(keys) and (not keys or one["chain"] == chain)
                message = json.dumps(one, sort_keys=True, separators=(",", ":")).encode()
                signer = keys[-1].public if keys else public
                if not follows or not signed_by(signer, signature, EPOCH_DOMAIN + message):
                    raise ValueError("not signed by the key before it")
                chain = one["chain"]
                keys.append(Key(public, int(one["seq"])))
            except UNREADABLE as fault:
                self.drop.find("corrupted", name, f"line {len(keys) + 1}: {fault}")
                break
        return chain, keys

    def sealed(self, ending: str, form: str) -> Iterator[Signed]:
        """The files of this kind whose seal is good; the others are findings."""
        for name in self.names:
            if name.startswith(".") or not name.endswith(ending):
                continue
            raw = self.read(name, MAX_JSON)
            signed = None if raw is None else self.opened(name, raw, form, SIGN_DOMAIN)
            if signed is not None:
                yield signed

    def opened(self, name: str, raw: bytes, form: str, domain: bytes) -> Signed | None:
        """What a sealed file says; None, with a finding: its seal is not good."""
        try:
            text = raw.decode()
            said, end = json.JSONDecoder().raw_decode(text, len(SIGNED))
            seal = json.loads(text)["seal"]
            signed = text[len(SIGNED) : end].encode()
            if not raw.startswith(SIGNED) or said["format"] != form:
                raise ValueError("another format")
            fault = self._fault_of(said, seal, domain + signed)
        except UNREADABLE as why:
            self.drop.find("corrupted", name, f"cannot be read: {why}")
            return None
        if fault is None:
            return Signed(name, hashlib.sha256(signed).hexdigest(), said)
        self.drop.find(*fault[:1], name, fault[1])
        return None

    def _fault_of(
        self, said: Mapping[str, Any], seal: Mapping[str, Any], message: bytes
    ) -> tuple[str, str] | None:
        """Kind and text of what is wrong with a seal over message."""
        chain, epoch = seal["chain"], int(seal["epoch"])
        keys = self.chains.get(chain)
        if keys is None:
            if any(chain in comment for comment in self.anchors.values()):
                return "missing", f"the certificates of chain {chain} are not here"
            return "foreign", f"of host {said['host']!r}, chain {chain}, whose key was not given"
        if not 0 <= epoch < len(keys):
            return "missing", f"there is no certificate of epoch {epoch} of chain {chain}"
        if not signed_by(keys[epoch].public, seal["signature"], message):
            return "forged", "its seal is not made with its epoch's key over what it says"
        last = said.get("last") if said.get("stream") == "record" else said.get("head_seq")
        after = keys[epoch + 1].seq if epoch + 1 < len(keys) else None
        if said["chain"] == chain and after is not None and last is not None and last >= after:
            return "forged", f"the key of epoch {epoch} was destroyed before record {last} was made"
        return None


EXPORT_FORMAT = "sentinair export 1"
EXPORT_DOMAIN = b"sentinair export 1\x00"
ENDING = ".manifest.json"
UNSIGNED = "unsigned"
EXPORT = re.compile(r"sentinair_(?:alerts|events)_\d+(?:-\d+)?(?:\.[a-z]+){1,2}")
UNSEALED = b'{"unsigned":'


def is_export(name: str) -> bool:
    """Whether this is the name of an export, or of its manifest."""
    return EXPORT.fullmatch(name.removesuffix(ENDING)) is not None


def judge_export(directory: str, public_key: str, name: str) -> Drop:
    """Judge one export, by its name in directory or its manifest's.  Raises Unjudged if there is no such directory or key."""
    folder = Folder(directory, read_keys(public_key))
    try:
        folder.read_certificates()
        _judge_one(folder, name.removesuffix(ENDING))
    finally:
        folder.close()
    return folder.drop


def judge_exports(folder: Folder) -> None:
    """All of them, and whatever has the name of one."""
    for name in sorted({one.removesuffix(ENDING) for one in folder.names if is_export(one)}):
        _judge_one(folder, name)


def _judge_one(folder: Folder, name: str) -> None:
    manifest = name + ENDING
    if manifest not in folder.names:
        folder.drop.find("foreign", name, "no manifest names it")
        return
    raw = folder.read(manifest, MAX_JSON)
    if raw is None:
        return
    try:
        if raw.startswith(UNSEALED):
            told = json.loads(raw)
            why, said = str(told["unsigned"]), told["said"]
            folder.drop.find(UNSIGNED, name, f"{why}; nobody vouches for it")
        else:
            signed = folder.opened(manifest, raw, EXPORT_FORMAT, EXPORT_DOMAIN)
            if signed is None:
                return
            why, said = None, signed.said
        _judge_file(folder, name, said, why)
    except UNREADABLE as fault:
        folder.drop.find("corrupted", manifest, f"cannot be read: {fault}")


def _judge_file(folder: Folder, name: str, said: Mapping[str, Any], why: str | None) -> None:
    file = said["exported"]
    if file["file"] != name:
        folder.drop.find("misplaced", name + ENDING, f"is the manifest of {file['file']}")
        return
    found = folder.sha256(name)
    if found is None:
        folder.drop.find("missing", name, f"{file['count']} entries")
    elif found != file["sha256"]:
        folder.drop.find("corrupted", name, "is not what its manifest says")
    else:
        writer = "forwarder" if said["writer"] == "forwarder" else str(said["by"])
        one = Export(name, str(said["host"]), int(file["count"]), str(said["by"]), writer, why)
        folder.drop.exports.append(one)


SEGMENT = re.compile(r"([^-.][^-]*-[^-]+(?:-events)?)-(\d+)-(\d+)(\.\d+)?\.[a-z]+")
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
    assert file is not None
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
            tail = (tail + block)[-MAX_JSON:]
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
    except UNREADABLE:
        return


def _judge_links(folder: Folder, said: Mapping[str, Any]) -> None:
    """Where entries carry their links: they are the records that the engine signed for."""
    if said["codec"] != "ndjson" or said["links"] is None:
        return
    file = folder.file(said["file"])
    assert file is not None
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


def main(words: Sequence[str]) -> int:
    """Exit status 0: all is as it was written; 1: it is not; 2: it could not be judged."""
    parser = argparse.ArgumentParser(description="Judge a drop with the enrolment public key only.")
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--public-key", metavar="FILE", required=True, help="enrolment.pub")
    parser.add_argument(
        "--known", metavar="FILE", help="where the last look ended; kept there by each good look"
    )
    parser.add_argument("--max-age", metavar="SECS", type=int, help="the newest file is not older")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(words)
    try:
        known = read_known(given.known)
        drop = judge(
            given.directory,
            given.public_key,
            known,
            now_ns=time.time_ns(),
            max_age_secs=given.max_age,
        )
        if given.known is not None and drop.ok:
            write_known(given.known, {**known, **drop.ends})
    except Unjudged as fault:
        print(f"verify-drop: {fault}", file=sys.stderr)  # noqa: T201
        return 2
    if given.json:
        print(json.dumps(drop.as_json()))  # noqa: T201
    else:
        print("\n".join(told(drop)))  # noqa: T201
    return 0 if drop.ok else 1


def told(drop: Drop) -> list[str]:
    """The verdict in lines for people, safe for a terminal."""
    lines = [f"{one.kind}: {one.where}: {one.what}" for one in drop.findings]
    lines += [f"note: {note}" for note in drop.notes]
    for line in drop.lines:
        lost = f", {line.lost} declared lost" if line.lost else ""
        lines.append(
            f"{line.host} {line.chain} {line.stream} ({line.sink}): {line.first} to {line.last},"
            f" {line.entries} entries in {line.segments} segments{lost}"
        )
    for one in drop.exports:
        if one.unsigned is None:
            word = (
                "" if one.writer == "forwarder" else f", whose word for it was signed: {one.writer}"
            )
            lines.append(f"{one.host} {one.file}: {one.count} entries for {one.by}{word}")
    bad = "" if drop.first_bad is None else f", the first entry in doubt is {drop.first_bad}"
    lines.append("verified" if drop.ok else f"NOT VERIFIED: {len(drop.findings)} findings{bad}")
    if drop.findings and all(one.kind == UNSIGNED for one in drop.findings):
        lines[-1] = f"NOT PROVEN: {len(drop.findings)} unsigned; nothing else was found"
    return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]


def read_known(path: str | None) -> dict[str, Known]:
    """Where the looks before ended; empty at the first.  Raises Unjudged."""
    if path is None or not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
        return {name: Known(int(one[0]), str(one[1])) for name, one in held.items()}
    except (OSError, ValueError, TypeError, IndexError, AttributeError) as fault:
        raise Unjudged(f"{path}: cannot be read: {fault}") from fault


def write_known(path: str, known: Mapping[str, Known]) -> None:
    """Raises Unjudged."""
    try:
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(known, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)
    except OSError as fault:
        raise Unjudged(f"{path}: cannot be written: {fault.strerror}") from fault


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
