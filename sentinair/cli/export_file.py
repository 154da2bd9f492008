"""One export as bytes: to a stream, or to a file that has its name only once it is whole."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sentinair.codecs.times import rfc3339
from sentinair.errors import StorageFault
from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from sentinair.settings.guarded import sync

__all__ = ["Written", "as_file", "as_stream"]

_BLOCK_BYTES: Final = 256 * 1024
_MAX_NAMES: Final = 10_000  # exports of one second


class Written(msgspec.Struct, frozen=True):
    """A file, its manifest's content: what it holds and how it can be known again."""

    file: str  # path
    format: str
    count: int
    bytes: int
    sha256: str
    made: str  # RFC 3339
    signed: bool = False
    why_unsigned: str = "written by the command itself, which holds no key of the record"


class _Bytes:
    """What a codec makes of entries, in blocks; count and digest grow with them."""

    def __init__(self, codec: Codec, entries: Iterable[Entry], time_ns: int) -> None:
        self._codec, self._entries, self._time_ns = codec, entries, time_ns
        self.count = self.bytes = 0
        self.digest = hashlib.sha256()

    def blocks(self) -> Iterator[bytes]:
        waiting, size = [self._codec.begin(self._time_ns)], 0
        between = self._codec.between()
        for entry in self._entries:
            body = self._codec.encode(entry)
            if not body:
                continue  # the form has no place for it
            if self.count:
                waiting.append(between)
            waiting.append(body)
            self.count += 1
            size += len(body)
            if size >= _BLOCK_BYTES:
                yield self._taken(waiting)
                waiting, size = [], 0
        waiting.append(self._codec.end(self.count))
        yield self._taken(waiting)

    def _taken(self, parts: list[bytes]) -> bytes:
        block = b"".join(parts)
        self.digest.update(block)
        self.bytes += len(block)
        return block


def as_stream(codec: Codec, entries: Iterable[Entry], stream: BinaryIO, time_ns: int) -> None:
    """All entries to stream.  time_ns: wall clock."""
    stream.writelines(_Bytes(codec, entries, time_ns).blocks())
    stream.flush()


def as_file(
    codec: Codec, entries: Iterable[Entry], folder: Path, stem: str, time_ns: int
) -> Written:
    """`<stem>_<epoch seconds><suffix>` in folder, and its manifest; a second one of that second is called `…-2`.

    Raises StorageFault.  Nothing is left behind then; no file is ever replaced.
    """
    temporary = folder / f".{stem}-{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        made = _Bytes(codec, entries, time_ns)
        try:
            with open(temporary, "xb", opener=_only_ours) as file:
                file.writelines(made.blocks())
                file.flush()
                os.fsync(file.fileno())
            path = _named(temporary, folder, f"{stem}_{time_ns // 1_000_000_000}", codec.suffix)
        finally:
            temporary.unlink(missing_ok=True)
        written = Written(
            str(path),
            codec.name,
            made.count,
            made.bytes,
            made.digest.hexdigest(),
            rfc3339(time_ns),
        )
        _manifest(written, path)
        sync(folder)
    except OSError as fault:
        raise StorageFault(
            f"the export cannot be written: {fault.strerror}",
            where=str(folder),
            remedy="give --out a folder that you may write to and that has room",
        ) from fault
    return written


def _only_ours(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)


def _named(temporary: Path, folder: Path, stem: str, suffix: str) -> Path:
    """temporary under the first name that is free: link(2) never replaces.  Raises OSError."""
    for number in range(1, _MAX_NAMES):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        try:
            os.link(temporary, path)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(17, f"{_MAX_NAMES} exports within one second")


def _manifest(written: Written, path: Path) -> None:
    with open(f"{path}.manifest.json", "xb", opener=_only_ours) as file:
        file.write(msgspec.json.format(msgspec.json.encode(written), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
