"""The private half: which key signs now, and how it is replaced so that the past can never be signed again.

`keys/epoch` (0600) holds the current private key and, during a change, the next one staged beside it:

    1  file: k, staged k+1      nothing says k+1 yet; a start here goes on with k and drops the staged key
    2  ledger commits the epoch record that names k+1, signed by k
    3  file: k+1                a start between 2 and 3 finds k+1 named by the ledger, and finishes step 3

so at each point exactly one key is current: the one the ledger's last epoch record names.
`keys/enrolment.pub` (0644) holds one line per chain: the public key 0 with which that chain begins.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentinair.errors import DataFault, PermissionFault, StorageFault
from sentinair.settings.guarded import write_atomically
from sentinair.store.chain import Head
from sentinair.store.seals import (
    CHAIN_DOMAINS,
    CheckpointData,
    EpochData,
    checkpoint_message,
    enrolment_line,
    epoch_message,
)

__all__ = ["ENROLMENT_FILE", "EPOCH_FILE", "KeyRing", "Known"]

EPOCH_FILE: Final = "epoch"
ENROLMENT_FILE: Final = "enrolment.pub"
_CHAIN_BYTES: Final = 16


class Known(msgspec.Struct, frozen=True):
    """What the ledger's last epoch record says."""

    chain: str
    epoch: int
    public_key: str  # 64 hex


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chain: str
    epoch: int
    private: str  # 64 hex: of epoch
    staged: str | None = None  # 64 hex: of epoch + 1


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _private(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))


def _read(path: Path) -> _KeyFile | None:
    """The key file; None if there is none.  Raises PermissionFault, StorageFault, DataFault (unusable)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise StorageFault(
            f"the signing key cannot be read: {fault.strerror}",
            where=str(path),
            remedy="it must be a plain file of the engine's user",
        ) from fault
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        unsafe = status.st_uid != os.geteuid() or status.st_mode & 0o077
        if unsafe or not stat.S_ISREG(status.st_mode):
            raise PermissionFault(
                f"owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):04o}: others may have the key",
                where=str(path),
                remedy=f"it must be a plain file of user {os.geteuid()} with mode 0600",
            )
        raw = file.read()
    try:
        held = msgspec.json.decode(raw, type=_KeyFile)
        for text in (held.private, held.staged):
            if text is not None:
                _private(text)
    except (msgspec.DecodeError, ValueError) as fault:
        raise DataFault("is no key file", where=str(path)) from fault
    return held


class KeyRing:
    """The one current signing key.  Used by one thread: the store's.

    chain, epoch: what it signs for.  new: the ledger does not know this chain yet; `enrolment` must be the
    next record.  reason: why a new chain begins, a sentence part; "" if none does.
    """

    def __init__(self, directory: Path, held: _KeyFile, *, reason: str = "") -> None:
        self._directory = directory
        self._key = _private(held.private)
        self._staged: Ed25519PrivateKey | None = None
        self.chain = held.chain
        self.epoch = held.epoch
        self.reason = reason
        self.new = bool(reason)

    @classmethod
    def open(
        cls, directory: Path, known: Known | None, random: Callable[[int], bytes] = os.urandom
    ) -> KeyRing:
        """The key that known names, or a new chain's if no held key is that one.

        directory: <state>/keys, made with mode 0750 if absent.  known: the ledger's last epoch record; None if
        it has none.  random gives the new chain's id.
        Raises PermissionFault for a key file others may read, StorageFault if a file cannot be read or written.
        """
        path = directory / EPOCH_FILE
        try:
            directory.mkdir(mode=0o750, exist_ok=True)
        except OSError as fault:
            raise StorageFault(
                f"cannot be made: {fault.strerror}", where=str(directory), remedy="see its parent"
            ) from fault
        try:
            held = _read(path)
            reason = "" if known is None or held else "the signing key was missing"
        except DataFault:
            held, reason = None, "the signing key was damaged"
        if held is not None:
            chosen = _choose(held, known)
            if chosen is not None:
                if chosen != held:
                    _write(path, chosen)
                fresh = known is None or known.chain != chosen.chain
                return cls(directory, chosen, reason="begun before, not recorded" if fresh else "")
            reason = "the signing key was not the one the ledger names"
        return cls._enrol(directory, random, reason or "the first start")

    @classmethod
    def _enrol(cls, directory: Path, random: Callable[[int], bytes], reason: str) -> KeyRing:
        key = Ed25519PrivateKey.generate()
        held = _KeyFile(random(_CHAIN_BYTES).hex(), 0, key.private_bytes_raw().hex())
        public = directory / ENROLMENT_FILE
        try:
            lines = public.read_text("utf-8") if public.exists() else ""
        except (OSError, UnicodeDecodeError) as fault:
            raise StorageFault(
                f"cannot be read: {fault}", where=str(public), remedy="restore it or set it aside"
            ) from fault
        if lines and not lines.endswith("\n"):
            lines += "\n"
        line = enrolment_line(held.chain, key.public_key().public_bytes_raw())
        # The public half first: a private key whose chain nobody could verify must never be current.
        write_atomically(public, (lines + line).encode(), 0o644, alone=True)
        _write(directory / EPOCH_FILE, held)
        return cls(directory, held, reason=reason)

    @property
    def public_key(self) -> str:
        """Of the current epoch: 64 hex."""
        return _public(self._key)

    def enrolment(self, head: Head) -> EpochData:
        """Data of the "epoch" record that begins this chain after head.  Only while `new`; then call recorded()."""
        return self._epoch_data(0, self._key, head)

    def recorded(self) -> None:
        """The enrolment record has been committed."""
        self.new = False

    def stage(self, head: Head) -> EpochData:
        """Makes the next key and stages it on disk.  Returns the data of the "epoch" record that follows head.

        Commit that record, then call promote(); if the commit failed for sure, drop(); if nobody knows, reopen.
        Raises StorageFault: then nothing has changed.
        """
        staged = Ed25519PrivateKey.generate()
        _write(self._path, self._file(self.epoch, self._key, staged))
        self._staged = staged
        return self._epoch_data(self.epoch + 1, staged, head)

    def promote(self) -> None:
        """The record naming the staged key is on disk: the old key is destroyed.

        Raises StorageFault if the file cannot be written; the staged key signs from now on all the same, and
        the next start finishes this step.
        """
        staged = self._staged
        if staged is None:
            return
        self._key, self._staged = staged, None
        self.epoch += 1
        _write(self._path, self._file(self.epoch, staged, None))

    def drop(self) -> None:
        """The record naming the staged key was rolled back: the current key stays."""
        self._staged = None

    def checkpoint(
        self, head: Head, time_ns: int, counters: Mapping[str, int], previous: bytes | None
    ) -> CheckpointData:
        """Signed data of the "checkpoint" record that follows head.

        time_ns: the record's own wall clock time, from the stamp it is built with.
        previous: leaf of the chain's last checkpoint record; None if it has none.
        """
        before = None if previous is None else previous.hex()
        data = CheckpointData(self.epoch, head.seq, head.link.hex(), dict(counters), before, "")
        signature = self._key.sign(checkpoint_message(self.chain, time_ns, data)).hex()
        return msgspec.structs.replace(data, signature=signature)

    def sign(self, message: bytes) -> str:
        """Signature (hex) over message, which begins with a domain of its own that ends in a zero byte.

        Raises ValueError for the domains of epochs and checkpoints: those are signed in their place only.
        """
        if b"\x00" not in message or message.startswith(CHAIN_DOMAINS):
            raise ValueError("a message without a domain of its own is not signed")
        return self._key.sign(message).hex()

    @property
    def _path(self) -> Path:
        return self._directory / EPOCH_FILE

    def _epoch_data(self, epoch: int, key: Ed25519PrivateKey, head: Head) -> EpochData:
        public = _public(key)
        signature = self._key.sign(epoch_message(self.chain, epoch, public, head)).hex()
        return EpochData(epoch, public, max(epoch - 1, 0), signature)

    def _file(
        self, epoch: int, key: Ed25519PrivateKey, staged: Ed25519PrivateKey | None
    ) -> _KeyFile:
        later = None if staged is None else staged.private_bytes_raw().hex()
        return _KeyFile(self.chain, epoch, key.private_bytes_raw().hex(), later)


def _choose(held: _KeyFile, known: Known | None) -> _KeyFile | None:
    """held reduced to the key that is current by what the ledger knows; None if neither key is."""
    if known is None or known.chain != held.chain:
        # Enrolled, and killed before the first commit; any other epoch belongs to a ledger that is not here.
        return msgspec.structs.replace(held, staged=None) if held.epoch == 0 else None
    if known == Known(held.chain, held.epoch, _public(_private(held.private))):
        return msgspec.structs.replace(held, staged=None)
    if held.staged is not None:
        later = _KeyFile(held.chain, held.epoch + 1, held.staged)
        if known == Known(later.chain, later.epoch, _public(_private(later.private))):
            return later
    return None


def _write(path: Path, held: _KeyFile) -> None:
    write_atomically(path, msgspec.json.encode(held), 0o600, alone=True)
