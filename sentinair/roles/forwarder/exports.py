"""Exports that people want: one thread of their own writes them into data/exports, one after the other.

The sinks' threads do not wait for it.  Daemonic: a disk that hangs must not keep the process from ending.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import DataFault, SentinairError, StorageFault
from sentinair.ipc.control import call
from sentinair.ipc.messages import AskExport, ExportWord
from sentinair.model.entry import Entry
from sentinair.model.export import Exported, stem_of
from sentinair.roles.forwarder.idle import EXPORTS, OWNER
from sentinair.sinks.drop.place import Place
from sentinair.sinks.export.file import as_file, codec_of
from sentinair.sinks.export.manifest import Sealed
from sentinair.sinks.health import brief
from sentinair.store.exporting import Chosen
from sentinair.store.outgoing import OutgoingReader

__all__ = ["Exporter"]

log = logging.getLogger("sentinair.forwarder")

TELL_SECS: Final = 0.2  # between two words on how far one is
MIN_FREE_SHARE: Final = 20  # a twentieth of the disk is left to the record
SEAL_SECS: Final = 10.0
MAX_OVER: Final = 16


class _GivenUpError(SentinairError):
    """The person wants it no more, or the forwarder ends."""


class Exporter:
    """The loop's side: take(), agree(), words(); thread-safe.  on_change: called by the thread when there is news."""

    def __init__(
        self, state: Path, host: str, signing: Path, on_change: Callable[[], None]
    ) -> None:
        """signing: the engine's socket for signatures."""
        self._state = state
        self._host = host
        self._signing = signing
        self._on_change = on_change
        self._lock = threading.Condition()
        self._orders: dict[str, AskExport] = {}  # not finished, the oldest first
        self._words: dict[str, ExportWord] = {}  # not told yet
        self._over: dict[str, ExportWord] = {}  # how the last ones ended
        self._stopping = False
        self._next_tell = 0.0
        self.thread = threading.Thread(target=self._run, name="exports", daemon=True)

    @property
    def busy(self) -> bool:
        with self._lock:
            return bool(self._orders)

    def take(self, asked: AskExport) -> None:
        """Write it when its turn comes."""
        with self._lock:
            if asked.id in self._orders:
                return
            if asked.id in self._over:  # what was told of it did not arrive
                self._words[asked.id] = self._over[asked.id]
                return
            if asked.begun:  # by a forwarder that is no more: what it wrote is cleared away
                why = "the forwarder ended while it was written; ask for it again"
                self._words[asked.id] = ExportWord(asked.id, "failed", why=why)
                return
            self._orders[asked.id] = asked
            self._words[asked.id] = ExportWord(asked.id, "waiting")
            if self.thread.ident is None:
                self.thread.start()
            self._lock.notify()

    def agree(self, wanted: Sequence[AskExport]) -> None:
        """After a welcome: these are wanted, and no others."""
        with self._lock:
            here = set(self._orders)
        for order_id in here - {one.id for one in wanted}:
            self.give_up(order_id)
        for one in wanted:
            self.take(one)

    def give_up(self, order_id: str) -> None:
        """The thread notices within one page of the record."""
        with self._lock:
            self._orders.pop(order_id, None)
            self._words.pop(order_id, None)

    def words(self) -> tuple[ExportWord, ...]:
        """How far each is that is not finished, and, once, how the others ended."""
        with self._lock:
            told = tuple(self._words.values())
            self._words = {one.id: one for one in told if one.id in self._orders}
            return told

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._lock.notify()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (order := self._next()) is not None:
            try:
                with self._lock:
                    self._words[order.id] = ExportWord(order.id, "running")
                exported = self._write(order)
                word = ExportWord(
                    order.id, "done", exported.count, exported.count, exported=exported
                )
            except _GivenUpError:
                continue
            except SentinairError as fault:
                word = ExportWord(order.id, "failed", why=brief(str(fault)))
            except Exception as fault:  # a codec's bug ends this export, not the forwarder
                log.exception("an export as %s failed", order.wanted.codec)
                word = ExportWord(order.id, "failed", why=brief(f"{type(fault).__name__}: {fault}"))
            self._told(order, word)

    def _next(self) -> AskExport | None:
        """Wait for one; None: it is time to end."""
        with self._lock:
            self._lock.wait_for(lambda: self._stopping or self._orders)
            return None if self._stopping else next(iter(self._orders.values()))

    def _told(self, order: AskExport, word: ExportWord) -> None:
        with self._lock:
            if self._orders.pop(order.id, None) is not None:
                self._words[order.id] = self._over[order.id] = word
                while len(self._over) > MAX_OVER:
                    del self._over[next(iter(self._over))]
        self._on_change()

    def _write(self, order: AskExport) -> Exported:
        wanted = order.wanted
        codec = codec_of(wanted)
        with (
            Place(os.fspath(self._state / os.fsdecode(EXPORTS)), OWNER) as place,
            OutgoingReader.open(self._state) as reader,
        ):
            chosen = Chosen(reader, wanted, self._host)
            whole = chosen.whole()
            exported, _ = as_file(
                place,
                codec,
                self._while_wanted(order, chosen.entries()),
                stem_of(wanted),
                time.time_ns(),
                seal=lambda exported: self._sealed(order, exported),
                certificates=reader.epochs,
                watch=lambda count: self._watch(order, place, count, whole),
            )
        return exported

    def _while_wanted(self, order: AskExport, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if self._stopping or order.id not in self._orders:
                raise _GivenUpError("given up")
            yield entry

    def _watch(self, order: AskExport, place: Place, count: int, whole: int | None) -> None:
        """After each block: room for the record, and a word from time to time.  Raises StorageFault."""
        disk = os.fstatvfs(place.descriptor)
        if disk.f_bavail * MIN_FREE_SHARE < disk.f_blocks:
            raise StorageFault(
                f"less than {100 // MIN_FREE_SHARE} % of the disk is free, which the record may need",
                where=place.directory,
                remedy="make room, or write the export elsewhere with --out DIR",
            )
        now = time.monotonic()
        if now >= self._next_tell:
            self._next_tell = now + TELL_SECS
            with self._lock:
                if order.id in self._orders:
                    self._words[order.id] = ExportWord(order.id, "running", count, whole)
            self._on_change()

    def _sealed(self, order: AskExport, exported: Exported) -> Sealed:
        params: dict[str, object] = {"id": order.id, "exported": msgspec.to_builtins(exported)}
        try:
            answer = call(self._signing, "export.seal", params, SEAL_SECS)
            return msgspec.convert(answer, Sealed)
        except msgspec.ValidationError as fault:
            raise DataFault(f"the engine's seal is none: {fault}") from fault
