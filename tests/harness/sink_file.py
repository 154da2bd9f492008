"""A sink for tests that appends lines to a file, with faults on demand, and the codec that makes the lines.

Registered by registered/*.dist-info, which only a test puts on its path.  Faults are files beside the output:
`away` (SinkAway), `refuse` (SinkRefused for lines that hold its text), `hang` (never returns), `slow` (seconds), `hold` (it
may lose what came since the last flush).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from sentinair.errors import SinkAway, SinkRefused, UsageFault
from sentinair.model.entry import Entry, Parcel
from sentinair.model.ports import SinkKind
from sentinair.sinks.ground import Ground

__all__ = ["KIND", "REGISTERED", "FileOptions", "FileSink", "LinesCodec"]

_TAIL = 1 << 20  # more than any line
REGISTERED = Path(__file__).parent / "registered"


class LinesCodec:
    """One JSON object a line: stream, seq, kind, chain, and the title of an alert."""

    name = "test_lines"
    suffix = ".jsonl"
    lines = True

    def begin(self, time_ns: int) -> bytes:
        return b""

    def encode(self, entry: Entry) -> bytes:
        shape = {
            "stream": entry.stream,
            "seq": entry.seq,
            "kind": entry.kind,
            "chain": entry.chain,
            "title": None if entry.alert is None else entry.alert.title,
            "data": {key: str(value) for key, value in entry.data.items()},
        }
        return json.dumps(shape).encode()

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        return b""


class FileOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What FileSink is told."""

    file: str = ""

    def __post_init__(self) -> None:
        if not self.file:
            raise UsageFault("file: is missing", remedy="name one")


class FileSink:
    """file: where to; tests read it line by line."""

    def __init__(self, ground: Ground, options: FileOptions) -> None:
        self.name = ground.name
        self._path = Path(options.file)
        self._file: int | None = None
        self._held: dict[str, int] = {}

    def _fault(self, name: str) -> str | None:
        try:
            return self._path.with_name(f"{self._path.name}.{name}").read_text()
        except FileNotFoundError:
            return None

    def open(self) -> None:
        if self._fault("away") is not None:
            raise SinkAway("the test says so", where=str(self._path))
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._forget_half_a_line(self._file)

    def _forget_half_a_line(self, file: int) -> None:
        """What a killed process left: a receiver would not have taken it."""
        size = os.fstat(file).st_size
        tail = os.pread(file, _TAIL, max(0, size - _TAIL))
        if tail and not tail.endswith(b"\n"):
            os.ftruncate(file, size - len(tail) + tail.rfind(b"\n") + 1)

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        assert self._file is not None
        while self._fault("hang") is not None:
            time.sleep(0.05)
        if self._fault("away") is not None:
            raise SinkAway("the test says so", where=str(self._path))
        time.sleep(float(self._fault("slow") or 0))
        poison = self._fault("refuse")
        ready = b""
        for index, parcel in enumerate(parcels):
            if poison is not None and poison.encode() in parcel.body:
                os.write(self._file, ready)
                raise SinkRefused("the test says so", index=index)
            ready += parcel.body + b"\n"
        os.write(self._file, ready)
        for parcel in parcels:
            self._held.setdefault(parcel.entry.stream, parcel.entry.seq)

    def holding(self) -> Mapping[str, int]:
        """All that came since the last flush, while the file `hold` is there."""
        return dict(self._held) if self._fault("hold") is not None else {}

    def flush(self) -> None:
        if self._fault("away") is not None:
            raise SinkAway("the test says so", where=str(self._path))
        self._held.clear()

    def idle(self, mono_ns: int) -> None:
        if self._fault("away") is not None:
            raise SinkAway("the test says so", where=str(self._path))

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


KIND = SinkKind(options=FileOptions, make="tests.harness.sink_file:FileSink", needs_codec=False)
