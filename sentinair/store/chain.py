"""The form of one ledger record, and how records hang together.

    body = {"chain": 32 hex, "seq": n, "kind": text, "time_ns": n, "boot": 32 hex, "mono_ns": n, "data": {...}}
    leaf = SHA-256(0x00 || salt || body)           salt: 16 random bytes, so a leaf tells nothing of an erased body
    link = SHA-256(0x01 || previous link || leaf)  the first record's predecessor is 32 zero bytes

The two prefixes keep leaves and links apart (RFC 9162, section 2.1.1).  body is JSON in exactly this field order,
without spaces; data has the fields of its kind in the order of payload.py, and sorted keys in maps.  It is stored and
never made again, so a later encoder cannot break a chain.
A record whose chain differs from its predecessor's begins a new chain (see keys): its link still covers the old one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from sentinair.model.record import Stamp

__all__ = [
    "CHAIN_AT",
    "EMPTY",
    "GENESIS",
    "KEPT",
    "SALT_BYTES",
    "Head",
    "Row",
    "build",
    "columns_digest",
    "encode_data",
    "leaf_of",
    "link_of",
    "prefix_of",
]

SALT_BYTES: Final = 16
GENESIS: Final = bytes(32)
CHAIN_AT: Final = slice(10, 42)  # of a body: the chain id stands behind `{"chain":"`
KEPT: Final = frozenset({"epoch", "checkpoint", "retention"})
"""Kinds whose body is never erased: without them nothing could be verified."""

_encoder = msgspec.json.Encoder(order="deterministic")


class Head(msgspec.Struct, frozen=True):
    """Where a chain ends."""

    seq: int  # of the last record; 0 before the first
    link: bytes  # 32 bytes


EMPTY: Final = Head(0, GENESIS)


class Row(NamedTuple):
    """One row of `ledger`, in the order of its columns."""

    seq: int
    kind: str
    time: int  # wall clock, ns
    boot: str
    mono: int  # steady clock, ns
    salt: bytes
    body: bytes
    leaf: bytes
    link: bytes


def encode_data(data: object) -> bytes:
    """data as canonical JSON: sorted keys in maps, fields of structs in their order, no spaces.

    bytes must have been turned to hex by the caller.

    Raises TypeError for what JSON cannot hold (a non-text key that is no number, a set of mixed types).
    """
    return _encoder.encode(data)


def prefix_of(chain: str, seq: int, kind: str, time: int, boot: str, mono: int) -> bytes:
    """The beginning of a body up to its data.  Verifying compares it with the stored bytes.

    repr() of the numbers tells a float or text that took a number's place; a boot id or kind that is no str
    brings its quotes with it.  None of the texts needs escaping: they are ours.
    """
    return (
        f'{{"chain":"{chain}","seq":{seq!r},"kind":"{kind}","time_ns":{time!r},'
        f'"boot":"{boot}","mono_ns":{mono!r},"data":'
    ).encode()


def leaf_of(salt: bytes, body: bytes) -> bytes:
    """SHA-256(0x00 || salt || body)."""
    return hashlib.sha256(b"\x00" + salt + body).digest()


def link_of(previous: bytes, leaf: bytes) -> bytes:
    """SHA-256(0x01 || previous || leaf)."""
    return hashlib.sha256(b"\x01" + previous + leaf).digest()


def build(head: Head, chain: str, stamp: Stamp, kind: str, data: object, salt: bytes) -> Row:
    """The record that follows head.

    chain: chain id, 32 lower-case hexadecimal digits.  salt: 16 bytes of os.urandom.
    Raises ValueError if salt has another length, TypeError if data is not JSON-able.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"salt has {len(salt)} bytes, {SALT_BYTES} are needed")
    seq = head.seq + 1
    prefix = prefix_of(chain, seq, kind, stamp.time_ns, stamp.boot, stamp.mono_ns)
    body = b"%b%b}" % (prefix, _encoder.encode(data))
    leaf = leaf_of(salt, body)
    link = link_of(head.link, leaf)
    return Row(seq, kind, stamp.time_ns, stamp.boot, stamp.mono_ns, salt, body, leaf, link)


def columns_digest(rows: Iterable[tuple[int, str, int, str, int]]) -> bytes:
    """SHA-256 over (seq, kind, time, boot, mono) of records whose bodies are being erased, in order of seq.

    An erased record keeps its leaf, but nothing binds its columns any more: the retention record that erases
    a range holds this digest of it.
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row[0]!r},{row[1]!r},{row[2]!r},{row[3]!r},{row[4]!r}\n".encode())
    return digest.digest()
