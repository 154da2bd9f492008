"""What a drop remembers on its own host: how far it came, and what it was about to do when it was killed.

Kept beside the forwarder's cursors, not in the drop: who can write there could put an older state back.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import DataFault, SinkAway, StorageFault
from sentinair.settings.guarded import read_guarded, write_atomically
from sentinair.sinks.drop.manifest import BeatHead, Manifest, Seal, Stream

__all__ = ["Intent", "KeysMark", "Memory", "Told"]

log = logging.getLogger("sentinair.drop")

_MAX_BYTES: Final = 64 << 20
_MAX_ASIDE: Final = 16  # damaged ones that are kept


class KeysMark(msgspec.Struct, frozen=True):
    """The keys file of one chain, as it was written."""

    file: str
    epoch: int  # of its last line
    bytes: int
    sha256: str


class Intent(msgspec.Struct, frozen=True):
    """One segment on its way: written before its file gets its name, gone once all of it is in place."""

    signed: str  # what its manifest signs, as JSON
    seal: Seal
    doomed: tuple[str, ...] = ()  # files to be deleted, which the manifest declares lost


class Told(msgspec.Struct):
    """The file: everything in it."""

    host: str = ""
    chain: str = ""  # of the last manifest, as number and manifest
    number: int = 0
    manifest: str | None = None
    heads: dict[str, dict[Stream, BeatHead]] = {}  # by chain
    intent: Intent | None = None
    keys: dict[str, KeysMark] = {}  # by chain
    lost: int = 0  # entries deleted to stay below the cap


class Memory:
    """One file: a line of JSON, and its SHA-256 in the next.  Methods raise SinkAway if the local disk refuses."""

    def __init__(self, path: Path) -> None:
        """Raises PermissionFault if others could have written it, or it is no plain file.

        DataFault if it is damaged: it is set aside then, and the next one begins anew.
        """
        self.path = path
        self.told = Told()
        try:
            self.told = _checked(read_guarded(path, _MAX_BYTES))
        except FileNotFoundError:
            return
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as fault:
            aside = self._set_aside()
            log.error("%s is damaged and set aside as %s: %s", path, aside, fault)
            raise DataFault(
                f"is damaged ({fault}) and set aside as {aside}",
                where=str(path),
                remedy="the drop begins anew, and its verifier says so",
            ) from fault

    def _set_aside(self) -> str:
        """The new name; the last of them is written over once there are too many."""
        for number in range(1, _MAX_ASIDE + 1):
            aside = self.path.with_name(f"{self.path.name}.damaged-{number}")
            if number == _MAX_ASIDE or (not aside.is_symlink() and not aside.exists()):
                break
        try:
            self.path.replace(aside)
        except OSError as fault:
            raise SinkAway(
                f"is damaged, and cannot be set aside: {fault.strerror}",
                where=str(self.path),
                remedy="remove it: the drop then begins anew, and its verifier says so",
            ) from fault
        return aside.name

    def head(self, chain: str, stream: Stream) -> BeatHead | None:
        """The last segment put away; None: none yet."""
        return self.told.heads.get(chain, {}).get(stream)

    def begin(self, intent: Intent) -> None:
        self.told.intent = intent
        self.save()

    def done(self, manifest: Manifest, sha256: str) -> None:
        """The segment of the intent and its manifest are in place."""
        head = BeatHead(manifest.stream, manifest.last, manifest.link)
        if not manifest.late:
            self.told.heads.setdefault(manifest.chain, {})[manifest.stream] = head
        self.told.chain, self.told.number, self.told.manifest = (
            manifest.chain,
            manifest.number,
            sha256,
        )
        self.told.host = manifest.host
        self.told.lost += sum(loss.count for loss in manifest.lost)
        self.forget()

    def forget(self) -> None:
        """Nothing is on its way any more."""
        self.told.intent = None
        self.save()

    def save(self) -> None:
        try:
            told = msgspec.json.encode(self.told)
            whole = b"%b\n%b\n" % (told, hashlib.sha256(told).hexdigest().encode())
            write_atomically(self.path, whole, 0o600, alone=True)
        except StorageFault as fault:
            raise SinkAway(fault.what, where=fault.where, remedy=fault.remedy) from fault


def _checked(data: bytes) -> Told:
    """A flipped bit that still is JSON would leave entries out: only what was written whole is believed."""
    told, _, rest = data.partition(b"\n")
    if rest != hashlib.sha256(told).hexdigest().encode() + b"\n":
        raise ValueError("its digest is another one")
    return msgspec.json.decode(told, type=Told)
