"""Who signed: every epoch by its predecessor from the enrolment key on, checkpoints by their own epoch's key only.

A checkpoint that a later key change covers needs no look at its signature: the same key signed more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from sentinair.store.chain import Head
from sentinair.store.seals import (
    CheckpointData,
    EpochData,
    checkpoint_message,
    epoch_message,
    signed_by,
)
from sentinair.store.verify.plan import UNDECODABLE, Body, Kept, Plan

__all__ = ["Seals", "check_seals", "signer_of"]

Find = Callable[[int, str], None]
_epoch = msgspec.json.Decoder(Body[EpochData]).decode
_checkpoint = msgspec.json.Decoder(Body[CheckpointData]).decode


class Seals(msgspec.Struct):
    """Where the signatures stand after the last record."""

    chain: str = ""
    epoch: int = -1
    public_key: bytes = b""
    began: int = 0  # seq of the record that begins the chain
    checkpoint_seq: int | None = None  # the newest good checkpoint of the chain
    checkpoint_time_ns: int | None = None
    checkpoint_leaf: str | None = None
    sealed: int = 0  # the newest record under a good signature: a checkpoint's or an epoch change's predecessor
    chains: list[tuple[int, str, str]] = msgspec.field(default_factory=list)
    """first seq, chain id and enrolment public key (hex) of each chain in the ledger"""


def signer_of(plan: Plan, record: Kept) -> bytes | None:
    """The public key under which this epoch or checkpoint record's signature is good; None if it is not.

    The key tried is the one the plan says is current there; epoch 0 signs itself.
    """
    key = plan.key_before(record.seq)
    try:
        if record.kind == "checkpoint":
            seal = _checkpoint(record.body).data
            signature, message = seal.signature, checkpoint_message(record.chain, record.time, seal)
        else:
            data = _epoch(record.body).data
            head = Head(record.seq - 1, record.before)
            signature = data.signature
            message = epoch_message(record.chain, data.epoch, data.public_key, head)
            key = bytes.fromhex(data.public_key) if data.epoch == 0 else key
    except UNDECODABLE:
        return None
    return key if key is not None and signed_by(key, signature, message) else None


def check_seals(records: Iterable[Kept], anchors: Mapping[bytes, str], find: Find) -> Seals:
    """Judge epoch and checkpoint records, in order of seq.  anchors: the enrolment public keys to be trusted."""
    seals = Seals()
    for record in records:
        try:
            if record.kind == "epoch":
                _judge_epoch(seals, record, _epoch(record.body).data, anchors, find)
            elif record.kind == "checkpoint":
                _judge_checkpoint(seals, record, _checkpoint(record.body).data, find)
        except UNDECODABLE as fault:
            find(record.seq, f"is no {record.kind} record: {fault}")
    return seals


def _judge_epoch(
    seals: Seals, record: Kept, data: EpochData, anchors: Mapping[bytes, str], find: Find
) -> None:
    seq, key = record.seq, bytes.fromhex(data.public_key)
    if data.epoch == 0:
        seals.chains.append((seq, record.chain, data.public_key))
        if key not in anchors:
            find(
                seq,
                f"chain {record.chain} begins with an enrolment key that is not among the given ones",
            )
        signer = key
        seals.began, seals.checkpoint_seq = seq, None
        seals.checkpoint_time_ns = seals.checkpoint_leaf = None
    else:
        signer = seals.public_key
        if (record.chain, data.epoch, data.signed_by) != (
            seals.chain,
            seals.epoch + 1,
            seals.epoch,
        ):
            find(seq, f"epoch {data.epoch} does not follow epoch {seals.epoch}")
    if record.signer != signer:
        find(seq, f"epoch {data.epoch} is not signed by its predecessor")
        return
    seals.chain, seals.epoch, seals.public_key = record.chain, data.epoch, key
    seals.sealed = seq


def _judge_checkpoint(seals: Seals, record: Kept, data: CheckpointData, find: Find) -> None:
    seq = record.seq
    if data.epoch != seals.epoch or record.chain != seals.chain:
        find(seq, f"is sealed for epoch {data.epoch}, the current one is {seals.epoch}")
    if data.seq != seq - 1 or data.link != record.before.hex():
        find(seq, "seals another place of the chain")
    if data.previous_checkpoint != seals.checkpoint_leaf:
        find(seq, "does not name the checkpoint before it")
    if not record.covered and record.signer != seals.public_key:
        find(seq, "its seal is not made with its epoch's key")
        return
    seals.checkpoint_seq, seals.checkpoint_time_ns = seq, record.time
    seals.checkpoint_leaf = record.leaf.hex()
    seals.sealed = seq
