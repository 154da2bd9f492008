"""Random events with fields to 1 MiB: what comes back is what went in, a cut says what it cut, no frame is too long.

Each event as NDJSON, whole and with a limit; and through the real syslog sinks, over a TCP connection and as a UDP
datagram, to sockets of this process.
"""

from __future__ import annotations

import json
import os
import socket
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Literal, Self

from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.syslog import DATAGRAM_BYTES, STREAM_BYTES
from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.ground import Ground
from sentinair.sinks.syslog.kind import syslog
from sentinair.sinks.syslog.options import SyslogOptions
from sentinair.sinks.syslog.sink import SyslogSink
from tests.bench.bed import Promises
from tests.bench.figures import Figures
from tests.harness.expected import cut_text, escaped, json_entry, raw_bytes, unsafe
from tests.harness.hostile import random_events
from tests.harness.readback import Readback, flat
from tests.harness.syslog_expected import head_5424, message_5424
from tests.harness.syslog_readers import read_5424

SIZES = {"small": 2_000, "full": 100_000}
LONGEST: Final = 1_000  # characters of a text in the limited NDJSON
_SECS: Final = 10.0
WHOLE, SHORT = NdjsonCodec(), NdjsonCodec(longest=LONGEST)
PROCID = str(os.getpid())


def run(size: str) -> Figures:
    """All events once through each way."""
    count = SIZES[size]
    promises = Promises()
    began = time.monotonic()
    ways = {name: Readback(count) for name in ("round_trip", "limited", "tcp", "udp")}
    longest = 0
    with ExitStack() as stack:
        tcp, udp = stack.enter_context(Tcp()), stack.enter_context(Udp())
        for entry in random_events(count):
            line = WHOLE.encode(entry)
            longest = max(longest, len(line))
            _round_trip(entry, line, ways["round_trip"])
            _limited(entry, ways["limited"])
            parcel = Parcel(entry, line)
            _framed(parcel, tcp.brought(parcel), STREAM_BYTES, ways["tcp"])
            _framed(parcel, udp.brought(parcel), DATAGRAM_BYTES, ways["udp"])
    for name, back in ways.items():
        wrong = f"not {back.differences} differences: {back.examples}"
        promises.keep(not back.differences, f"{name}: all is as it was, {wrong}")
        promises.keep(back.records == count, f"{name}: {count} events, not {back.records}")
    figures = {name: back.figures("events") for name, back in ways.items()}
    told: Figures = {"events": count, "longest_line_bytes": longest}
    return promises.onto(told | figures | {"secs": round(time.monotonic() - began)})


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _read(line: bytes) -> Any:
    return json.loads(line, parse_constant=_refuse)


def _round_trip(entry: Entry, line: bytes, back: Readback) -> None:
    """By Python's own reader: each field, and the very bytes of a path and of a command line."""
    found = _read(line)
    bad = unsafe(line.decode())
    if bad:
        back.differ(f"{entry.seq}: raw {bad!r}")
    back.compare(entry.seq, dict(flat(json_entry(entry))), dict(flat(found)))
    data = found["data"]
    if _bytes(data, "path") != raw_bytes(str(entry.data["path"])):
        back.differ(f"{entry.seq}: the path's bytes")
    process = entry.data["process"]
    if isinstance(process, dict) and "argv" in process:
        wanted = [raw_bytes(word) for word in process["argv"]]
        words = data["process"]["argv"]
        raw = data["process"].get("argv_hex") or [word.encode().hex() for word in words]
        if [bytes.fromhex(one) for one in raw] != wanted:
            back.differ(f"{entry.seq}: the bytes of argv")


def _bytes(data: dict[str, Any], name: str) -> bytes:
    raw = data.get(f"{name}_hex")
    return bytes.fromhex(raw) if raw is not None else data[name].encode()


def _limited(entry: Entry, back: Readback) -> None:
    data = _read(SHORT.encode(entry))["data"]
    names = ("path", "action", "sha256")
    texts = {name: entry.data[name] for name in names if isinstance(entry.data[name], str)}
    wanted = {name: cut_text(escaped(str(text)), LONGEST) for name, text in texts.items()}
    back.compare(entry.seq, wanted, {name: data[name] for name in wanted})


def _framed(parcel: Parcel, message: bytes, most: int, back: Readback) -> None:
    found = read_5424(message)
    if found is None or len(message) > most:
        back.differ(f"{parcel.entry.seq}: {len(message)} bytes, {message[:100]!r}")
        return
    room = most - head_5424(parcel.entry, PROCID)
    back.compare(parcel.entry.seq, message_5424(parcel.entry, parcel.body, room, PROCID), found)


class _Way(ABC):
    """The real sink with a socket of this process behind it.  Use as a context manager."""

    protocol: Literal["tcp", "udp"]
    kind: socket.SocketKind

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, self.kind)
        self._socket.settimeout(_SECS)
        self._socket.bind(("127.0.0.1", 0))
        options = SyslogOptions(
            protocol=self.protocol, server="127.0.0.1", port=self._socket.getsockname()[1]
        )
        ground = Ground(name=self.protocol, host="h", state=Path("/"))
        self._sink: SyslogSink = syslog(ground, options)
        self._opened()
        return self

    def _opened(self) -> None:
        self._sink.open()

    def __exit__(self, *_: object) -> None:
        self._sink.close()
        self._socket.close()

    @abstractmethod
    def brought(self, parcel: Parcel) -> bytes:
        """The message that came of it."""


class Udp(_Way):
    protocol = "udp"
    kind = socket.SOCK_DGRAM

    def brought(self, parcel: Parcel) -> bytes:
        self._sink.deliver([parcel])
        return self._socket.recv(1 << 16)


class Tcp(_Way):
    protocol = "tcp"
    kind = socket.SOCK_STREAM

    def _opened(self) -> None:
        self._socket.listen(1)
        self._sink.open()
        self._peer = self._socket.accept()[0]
        self._peer.settimeout(_SECS)
        self._stream = self._peer.makefile("rb")

    def brought(self, parcel: Parcel) -> bytes:
        self._sink.deliver([parcel])
        digits = b""
        while not digits.endswith(b" "):
            digits += self._stream.read(1)
        return self._stream.read(int(digits))

    def __exit__(self, *fault: object) -> None:
        self._stream.close()
        self._peer.close()
        super().__exit__(*fault)
