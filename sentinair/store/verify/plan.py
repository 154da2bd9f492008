"""What verifying knows before it reads: where chains begin, where the ledger ends, what was lawfully forgotten.

Read through the index on kind, from bodies nobody has checked yet; scanning the spans checks them, and verify
compares what the spans saw with what the plan was made from.
"""

from __future__ import annotations

import bisect
import sqlite3
from typing import Final, Generic, TypeVar

import msgspec

from sentinair.store.chain import CHAIN_AT, EMPTY, Head
from sentinair.store.payload import RetentionData
from sentinair.store.seals import EpochData

__all__ = ["UNDECODABLE", "Body", "Finding", "Forgotten", "Kept", "Plan", "make_plan"]

UNDECODABLE: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec raises for bytes that are not of the wanted form; ValueError: text that is no UTF-8; RecursionError: too deep."""
Data = TypeVar("Data")


class Body(msgspec.Struct, Generic[Data]):
    """The part of a body that is not a column."""

    data: Data


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as the ledger says."""

    where: str  # "record 17", "table alerts", "file"
    what: str
    seq: int | None = None  # of the record that is bad, or whose claim does not hold


class Forgotten(msgspec.Struct, frozen=True):
    """One retention record."""

    seq: int
    data: RetentionData


class Kept(msgspec.Struct, frozen=True):
    """A record that is judged in order once all spans are read: epochs, checkpoints, retention, gaps."""

    seq: int
    kind: str
    time: int
    chain: str
    before: bytes  # link of the record before
    leaf: bytes
    body: bytes
    signer: bytes | None = None  # the public key that its signature was found good under
    covered: bool = False  # a checkpoint whose own signature was not looked at: see Plan.is_covered


class Plan(msgspec.Struct, frozen=True):
    """Made once, handed to every span."""

    head: Head
    chains: tuple[tuple[int, str], ...]  # first seq and chain id, ascending
    keys: tuple[
        tuple[int, bytes], ...
    ]  # seq of each epoch record and the public key it names, ascending
    forgotten: tuple[Forgotten, ...]
    findings: tuple[Finding, ...]  # what could not be read

    def chain_at(self, seq: int) -> str:
        """The chain to which record seq belongs; "" if none begins at or before it."""
        at = bisect.bisect_right(self.chains, seq, key=lambda begin: begin[0])
        return self.chains[at - 1][1] if at else ""

    def is_covered(self, seq: int) -> bool:
        """Whether a key change follows record seq in its chain: its signature covers all records before it.

        A checkpoint there proves nothing that the key change does not prove, with the same key.
        """
        at = bisect.bisect_right(self.keys, seq, key=lambda epoch: epoch[0])
        return at < len(self.keys) and self.chain_at(self.keys[at][0]) == self.chain_at(seq)

    def key_before(self, seq: int) -> bytes | None:
        """The public key that is current where record seq is appended; None: there is none."""
        at = bisect.bisect_left(self.keys, seq, key=lambda epoch: epoch[0])
        return self.keys[at - 1][1] if at else None


_epoch = msgspec.json.Decoder(Body[EpochData]).decode
_retention = msgspec.json.Decoder(Body[RetentionData]).decode


def make_plan(connection: sqlite3.Connection) -> Plan:
    """Read what verifying needs to know first.  Raises sqlite3.Error if the file cannot be read at all."""
    row = connection.execute("SELECT seq, link FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    head = EMPTY if row is None else Head(*row)
    chains: list[tuple[int, str]] = []
    keys: list[tuple[int, bytes]] = []
    forgotten: list[Forgotten] = []
    findings: list[Finding] = []
    for seq, kind, body in connection.execute(
        "SELECT seq, kind, body FROM ledger WHERE kind IN ('epoch', 'retention') AND kind <> 'events.batch' ORDER BY seq"
    ):
        try:
            if kind == "retention":
                forgotten.append(Forgotten(seq, _retention(body).data))
                continue
            epoch = _epoch(body).data
            keys.append((seq, bytes.fromhex(epoch.public_key)))
            if epoch.epoch == 0:
                chains.append((seq, bytes(body[CHAIN_AT]).decode("ascii")))
        except (*UNDECODABLE, TypeError) as fault:
            findings.append(Finding(f"record {seq}", f"is no {kind} record: {fault}", seq))
    return Plan(head, tuple(chains), tuple(keys), tuple(forgotten), tuple(findings))
