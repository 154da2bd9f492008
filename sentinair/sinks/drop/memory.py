"""What a drop remembers on its own host: how far it came, and what it was about to do when it was killed.

Kept beside the forwarder's cursors, not in the drop: who can write there could put an older state back.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sentinair.errors import DataFault, SinkAway, StorageFault
from sentinair.settings.guarded import read_guarded, write_atomically
from sentinair.sinks.drop.manifest import BeatHead, Manifest, Seal, Stream

__all__ = ["Intent", "KeysMark", "Memory", "Told"]

_MAX_BYTES = 64 << 20


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
    """One file.  Methods raise SinkAway if the local disk refuses."""

    def __init__(self, path: Path) -> None:
        """Raises DataFault if the file is none of ours, PermissionFault if others could have written it."""
        self.path = path
        self.told = Told()
        try:
            self.told = msgspec.json.decode(read_guarded(path, _MAX_BYTES), type=Told)
        except FileNotFoundError:
            return
        except msgspec.DecodeError as fault:
            raise DataFault(
                f"does not hold what a drop remembers: {fault}",
                where=str(path),
                remedy="remove it: the drop then begins anew, and its verifier says so",
            ) from fault

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
            write_atomically(self.path, msgspec.json.encode(self.told), 0o600, alone=True)
        except StorageFault as fault:
            raise SinkAway(fault.what, where=fault.where, remedy=fault.remedy) from fault
