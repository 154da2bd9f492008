"""Which contents are known by hash, which were asked for, and which event a coming hash belongs to."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from sentinair.ipc.messages import AskHash
from sentinair.model.event import HashEvent
from sentinair.model.process import FileId, Process

__all__ = ["Hashes"]

MAX_HELD: Final = 20_000  # of each kind; the oldest go, and are asked for again if they come again


class Hashes:
    """Bounded memory of hashes and of who asked for them."""

    def __init__(self) -> None:
        self._known: OrderedDict[FileId, bytes] = OrderedDict()
        self._asked: OrderedDict[FileId, None] = OrderedDict()
        self._waiting: OrderedDict[bytes, int] = OrderedDict()  # path to the event that wants it

    def of(self, program: Process) -> bytes | None:
        """SHA-256 of its executable, if it is known."""
        return None if program.exe_id is None else self._known.get(program.exe_id)

    def ask(self, program: Process, event_id: int) -> AskHash | None:
        """What to ask the sensor about its executable; None if it cannot be, or was asked already."""
        if program.exe_id is None or program.exe is None or program.exe_id in self._asked:
            return None
        self._asked[program.exe_id] = None
        if len(self._asked) > MAX_HELD:
            self._asked.popitem(last=False)
        return AskHash(program.exe, program.exe_id, program.pid, event_id)

    def expect(self, path: bytes, event_id: int) -> None:
        """The sensor will hash path for this event."""
        self._waiting[path] = event_id
        self._waiting.move_to_end(path)
        if len(self._waiting) > MAX_HELD:
            self._waiting.popitem(last=False)

    def take(self, event: HashEvent) -> HashEvent:
        """Remember an answer; returns it with the event it belongs to."""
        if event.of is None:
            event = msgspec.structs.replace(event, of=self._waiting.pop(event.path, None))
        if event.sha256 is not None and event.file_id is not None and event.unsure is None:
            self._known[event.file_id] = event.sha256
            if len(self._known) > MAX_HELD:
                self._known.popitem(last=False)
        return event

    def ask_again(self) -> None:
        """A new sensor is here: what the one before was asked it may never have answered."""
        self._asked.clear()
