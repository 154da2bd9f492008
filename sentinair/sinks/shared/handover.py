"""A closed copy of the database on a share: whole under a temporary name, synced, then its name, in one step.

A reader of the share finds the last whole copy or the one before, never a journal and never a half.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sentinair.errors import SinkAway
from sentinair.sinks.drop.place import Place

__all__ = ["Handover"]

_CHUNK: Final = 1 << 20


class Handover:
    """Methods raise SinkAway.  name: of the copy, with one ending."""

    def __init__(
        self, source: Path, directory: str, name: str, owner: str, *, mounted: bool, every_ns: int
    ) -> None:
        """owner: safe name of the sink, for temporary files.  every_ns: least time between two copies."""
        self._source = source
        self._directory, self._name, self._owner = directory, name, owner
        self._mounted, self._every_ns = mounted, every_ns
        self._place: Place | None = None
        self._last_ns: int | None = None  # steady clock; of the last copy
        self._changed: bool | None = None  # since the last copy; None: not known yet

    def open(self) -> None:
        self.close()
        self._place = Place(self._directory, self._owner, mounted=self._mounted)
        self._place.tidy()

    def close(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None

    def change(self) -> None:
        """The database is not what was copied last."""
        self._changed = True

    def go_on(self, mono_ns: int) -> None:
        """Put a copy there if one is due.  No transaction may be under way."""
        if self._last_ns is not None and mono_ns - self._last_ns < self._every_ns:
            return
        place = self._opened()
        if self._changed is None:
            self._changed = not self._is_there(place)
        if self._changed:
            place.check_same()
            self._copy(place)
            self._changed, self._last_ns = False, mono_ns

    def _opened(self) -> Place:
        if self._place is None:
            raise SinkAway("is not open", where=self._directory)
        return self._place

    def _copy(self, place: Place) -> None:
        stem, ending = os.path.splitext(self._name)
        temporary, descriptor = place.make()
        done = False
        try:
            for chunk in self._chunks():
                place.write(descriptor, chunk)
            place.sync(descriptor)
            place.give_name(temporary, stem, ending)
            done = True
        finally:
            os.close(descriptor)
            if not done:
                place.remove(temporary)
        place.sync()

    def _is_there(self, place: Place) -> bool:
        """Whether the last life has put this very content there."""
        digest, size = hashlib.sha256(), 0
        for chunk in self._chunks():
            digest.update(chunk)
            size += len(chunk)
        return place.holds(self._name, size, digest.hexdigest())

    def _chunks(self) -> Iterator[bytes]:
        try:
            with self._source.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    yield chunk
        except OSError as fault:
            what = f"cannot be read: {fault.strerror}"
            raise SinkAway(what, where=str(self._source)) from fault
