"""What is said of a segment, and who signs it.

A manifest is one line of JSON, `{"signed": {…}, "seal": {…}}`.  What was signed are the bytes between, exactly as they
stand there: nobody ever makes them again, so no encoder can break a signature.  Its name among manifests is the
SHA-256 of those bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from sentinair.sinks.drop.check.folder import BEAT_FORMAT, BLOCK, MANIFEST_FORMAT, SIGN_DOMAIN
from sentinair.sinks.drop.place import safe

__all__ = [
    "BEAT_FORMAT",
    "BLOCK",
    "MANIFEST_FORMAT",
    "SIGN_DOMAIN",
    "Beat",
    "BeatHead",
    "Certificate",
    "Loss",
    "Manifest",
    "Seal",
    "Signer",
    "encoded",
    "line_of",
    "segment_names",
    "sha256_of",
]

Stream = Literal["record", "event"]


class Loss(msgspec.Struct, frozen=True):
    """A segment deleted to stay below the cap."""

    file: str
    first: int
    last: int
    count: int
    manifest: str  # 64 hex: SHA-256 of what its manifest had signed
    why: str  # "cap", or "cap, received" where the far side had confirmed it


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed of one segment, in this order."""

    format: str  # MANIFEST_FORMAT
    host: str
    chain: str  # 32 hex
    sink: str  # as the administrator called it
    number: int  # of the manifest among all of this sink, from 1
    stream: Stream
    file: str  # name of the segment
    first: int
    last: int
    count: int
    complete: bool  # the sink leaves nothing out: everything since the last segment of the same chain and stream is here
    late: bool  # after their turn: a person had them sent again, or they were refused at first
    bytes: int
    sha256: str  # 64 hex: of the segment
    blocks: tuple[str, ...]  # 32 hex each: the first half of SHA-256 of each BLOCK bytes of it
    codec: str
    made_ns: int  # wall clock
    previous: (
        str | None
    )  # 64 hex: SHA-256 of what the predecessor's manifest signed; None: the first
    link: str | None  # 64 hex: link of record last; None: of events
    links: (
        str | None
    )  # 64 hex: SHA-256 over the links (32 bytes each) of all its records; None: of events
    lost: tuple[Loss, ...] = ()


class BeatHead(msgspec.Struct, frozen=True):
    """Where one stream of a chain ends in this drop."""

    stream: Stream
    last: int
    link: str | None


class Beat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed of a heartbeat, in this order."""

    format: str  # BEAT_FORMAT
    host: str
    chain: str
    sink: str
    made_ns: int  # wall clock
    next_due_ns: int  # wall clock: a newer manifest or heartbeat is there by then
    number: int  # of the last manifest
    manifest: str  # 64 hex, as Manifest.previous
    heads: tuple[BeatHead, ...]


class Certificate(msgspec.Struct, frozen=True):
    """One epoch's key, signed by the key before it (epoch 0 by itself)."""

    chain: str
    epoch: int
    public_key: str  # 64 hex
    seq: int  # of the ledger record that says so
    previous: str  # 64 hex: link of the record before that
    signature: str  # 128 hex


class Seal(msgspec.Struct, frozen=True):
    """Who signed: an epoch's key of a chain, which need not be the chain of what is signed."""

    chain: str
    epoch: int
    public_key: str  # 64 hex
    signature: str  # 128 hex: Ed25519 over SIGN_DOMAIN and the signed bytes


class Signer(Protocol):
    """Whoever holds the key: the engine, asked over its socket.  Methods raise SinkAway if it cannot be asked now."""

    def sign(self, signed: bytes, runs: Sequence[tuple[int, int]]) -> Seal:
        """signed: what a manifest or heartbeat says.  runs: first and last of each row of records in the segment."""
        ...

    def certificates(self, chain: str, after: int) -> Sequence[Certificate]:
        """The next of that chain's epochs after that one (-1: from the enrolment key on); empty: no more yet."""
        ...


def encoded(what: Manifest | Beat) -> bytes:
    """The bytes to be signed, and to stand in the file."""
    return msgspec.json.encode(what)


def sha256_of(signed: bytes) -> str:
    return hashlib.sha256(signed).hexdigest()


def line_of(signed: bytes, seal: Seal) -> bytes:
    """The file: signed and who signed it."""
    return b'{"signed":%b,"seal":%b}\n' % (signed, msgspec.json.encode(seal))


def segment_names(
    host: str, chain: str, stream: Stream, first: int, last: int, suffix: str
) -> Iterator[str]:
    """The name a segment should have, and those it takes where others sit on it."""
    events = "-events" if stream == "event" else ""
    stem = f"{safe(host)}-{safe(chain)}{events}-{first:012}-{last:012}"
    yield f"{stem}{suffix}"
    number = 2
    while True:
        yield f"{stem}.{number}{suffix}"
        number += 1
