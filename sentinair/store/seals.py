"""What epoch and checkpoint records say, and whether a public key says the same.  Holds nothing that can sign.

Signatures are Ed25519 (RFC 8032) over a domain name, a zero byte and canonical JSON, so that no signature of one
kind can be taken for one of the other, of another chain or of another place in the chain.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentinair.errors import DataFault, StorageFault
from sentinair.store.chain import Head, encode_data

__all__ = [
    "CHAIN_DOMAINS",
    "CheckpointData",
    "EpochData",
    "checkpoint_message",
    "enrolment_line",
    "epoch_message",
    "read_enrolment",
    "signed_by",
]

_EPOCH_DOMAIN: Final = b"sentinair epoch 1\x00"
_CHECKPOINT_DOMAIN: Final = b"sentinair checkpoint 1\x00"
CHAIN_DOMAINS: Final = (_EPOCH_DOMAIN, _CHECKPOINT_DOMAIN)
_KEY_BYTES: Final = 32


class EpochData(msgspec.Struct, frozen=True):
    """data of a record of kind "epoch".  Epoch 0 is the enrolment key, begins a chain and signs itself."""

    epoch: int
    public_key: str  # 64 hex
    signed_by: int  # the epoch before; 0 for epoch 0
    signature: str  # 128 hex
    at_start: bool = False  # the engine started with it; not signed


class CheckpointData(msgspec.Struct, frozen=True):
    """data of a record of kind "checkpoint"."""

    epoch: int
    seq: int  # of the record before this one
    link: str  # 64 hex: of that record
    counters: dict[str, int]
    previous_checkpoint: (
        str | None
    )  # 64 hex: leaf of the chain's checkpoint before; None: the first
    signature: str  # 128 hex


def epoch_message(chain: str, epoch: int, public_key: str, head: Head) -> bytes:
    """What key epoch - 1 signs.  head: the record before the epoch record."""
    return _EPOCH_DOMAIN + encode_data(
        {
            "chain": chain,
            "epoch": epoch,
            "public_key": public_key,
            "seq": head.seq + 1,
            "previous": head.link.hex(),
        }
    )


def checkpoint_message(chain: str, time_ns: int, data: CheckpointData) -> bytes:
    """What the epoch's key signs: all fields but the signature, the chain, and the record's time.

    The time is signed because a checkpoint's age tells whether a record was cut or rolled back.
    """
    fields = msgspec.structs.asdict(data)
    del fields["signature"]
    return _CHECKPOINT_DOMAIN + encode_data(fields | {"chain": chain, "time_ns": time_ns})


@functools.lru_cache(maxsize=8)
def _loaded(public_key: bytes) -> Ed25519PublicKey:
    """Kept because an epoch has many checkpoints, and loading costs a fifth of verifying."""
    return Ed25519PublicKey.from_public_bytes(public_key)


def signed_by(public_key: bytes, signature: str, message: bytes) -> bool:
    """Whether signature (hex) over message was made with the private half of public_key (32 bytes)."""
    try:
        raw = bytes.fromhex(signature)
        _loaded(public_key).verify(raw, message)
    except (InvalidSignature, ValueError):  # ValueError: no hex, or no point of the curve
        return False
    return True


def enrolment_line(chain: str, public_key: bytes) -> str:
    """One line of enrolment.pub: base64 of the key, a space, "sentinair", a space, the chain it begins."""
    return f"{base64.b64encode(public_key).decode()} sentinair {chain}\n"


def _key_of(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as fault:
        raise DataFault(f"not base64: {fault}", where=where, remedy="use enrolment.pub") from fault
    if len(key) != _KEY_BYTES:
        raise DataFault(
            f"a public key of {len(key)} bytes, {_KEY_BYTES} expected",
            where=where,
            remedy="use enrolment.pub as the agent wrote it",
        )
    return key


def read_enrolment(path: Path) -> Mapping[bytes, str]:
    """Enrolment public keys in path -> comment beside each.  A line a chain; # begins a remark.

    Raises StorageFault if path cannot be read, DataFault if a line is no key or there is none.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else fault
        raise StorageFault(
            f"the enrolment public key cannot be read: {why}",
            where=str(path),
            remedy="give it with --public-key FILE",
        ) from fault
    keys: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(maxsplit=1)
        if words and not line.startswith("#"):
            keys[_key_of(words[0], f"{path}:{number}")] = words[1] if len(words) > 1 else ""
    if not keys:
        raise DataFault("holds no public key", where=str(path), remedy="use enrolment.pub")
    return keys
