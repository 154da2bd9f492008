"""When to seal: pure arithmetic over the steady clock and the ledger's seq.

A checkpoint signs where the chain stands; an epoch change takes away the power to sign the past.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "CHECKPOINT_NS",
    "CHECKPOINT_RECORDS",
    "EPOCH_NS",
    "EPOCH_RECORDS",
    "Due",
    "Limits",
    "Marks",
    "after_checkpoint",
    "after_epoch",
    "due",
    "next_due_ns",
]

CHECKPOINT_NS: Final = 60 * 1_000_000_000
CHECKPOINT_RECORDS: Final = 1_000
EPOCH_NS: Final = 15 * 60 * 1_000_000_000
EPOCH_RECORDS: Final = 10_000


class Marks(msgspec.Struct, frozen=True):
    """When the last checkpoint and the current epoch were written: steady clock in ns, and seq of their records."""

    checkpoint_mono_ns: int
    checkpoint_seq: int
    epoch_mono_ns: int
    epoch_seq: int


class Limits(msgspec.Struct, frozen=True):
    """How long, and over how many records, one checkpoint and one key may stand."""

    checkpoint_ns: int = CHECKPOINT_NS
    checkpoint_records: int = CHECKPOINT_RECORDS
    epoch_ns: int = EPOCH_NS
    epoch_records: int = EPOCH_RECORDS


DEFAULTS: Final = Limits()


class Due(msgspec.Struct, frozen=True):
    """What must be written now.  Both: the epoch first, so that the checkpoint is sealed by the new key."""

    checkpoint: bool
    epoch: bool


def due(marks: Marks, mono_ns: int, seq: int, limits: Limits = DEFAULTS) -> Due:
    """What is due at mono_ns (steady clock) with seq as the ledger's last record."""
    return Due(
        checkpoint=mono_ns - marks.checkpoint_mono_ns >= limits.checkpoint_ns
        or seq - marks.checkpoint_seq >= limits.checkpoint_records,
        epoch=mono_ns - marks.epoch_mono_ns >= limits.epoch_ns
        or seq - marks.epoch_seq >= limits.epoch_records,
    )


def next_due_ns(marks: Marks, limits: Limits = DEFAULTS) -> int:
    """The moment on the steady clock at which something is due even if no record comes."""
    return min(
        marks.checkpoint_mono_ns + limits.checkpoint_ns, marks.epoch_mono_ns + limits.epoch_ns
    )


def after_checkpoint(marks: Marks, mono_ns: int, seq: int) -> Marks:
    """marks once a checkpoint has been committed as record seq at mono_ns."""
    return msgspec.structs.replace(marks, checkpoint_mono_ns=mono_ns, checkpoint_seq=seq)


def after_epoch(marks: Marks, mono_ns: int, seq: int) -> Marks:
    """marks once an epoch record has been committed as record seq at mono_ns."""
    return msgspec.structs.replace(marks, epoch_mono_ns=mono_ns, epoch_seq=seq)
