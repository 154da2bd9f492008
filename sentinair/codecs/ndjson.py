"""NDJSON: each entry whole, as one line of JSON.  Source: RFC 8259; one value a line, LF between."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from sentinair.codecs.alert_json import AlertShape, render_any, shape
from sentinair.codecs.any_json import harmless, to_json
from sentinair.codecs.times import rfc3339, rfc3339_or_none
from sentinair.model.entry import Entry

__all__ = ["NdjsonCodec"]

_encode_into = msgspec.json.Encoder().encode_into
_KEPT_BYTES: Final = 1 << 16


class _Line(msgspec.Struct, frozen=True, gc=False):
    host: str
    chain: str
    stream: str
    seq: int
    kind: str
    time: str
    version: str
    link: str | None
    alert: AlertShape | UnsetType
    data: dict[str, object] | UnsetType


class NdjsonCodec:
    """The full record: host chain stream seq kind time version link, and the alert as the API shows it or the data.

    longest: texts of more characters are cut (cut.fit()), at least 60; None: nothing is.  Not thread-safe.
    """

    name = "ndjson"
    suffix = ".ndjson"
    lines = True

    def __init__(self, *, longest: int | None = None) -> None:
        self._longest = longest
        # Lines are written here first: one that grows while it is written takes a sixth longer.
        self._buffer = bytearray()

    def begin(self, time_ns: int) -> bytes:  # noqa: ARG002 -- a codec's
        return b""

    def encode(self, entry: Entry) -> bytes:
        alert, buffer = entry.alert, self._buffer
        try:
            _encode_into(
                _Line(
                    entry.host,
                    entry.chain,
                    entry.stream,
                    entry.seq,
                    entry.kind,
                    rfc3339(entry.time_ns),
                    entry.version,
                    entry.link,
                    UNSET if alert is None else shape(alert),
                    entry.data if alert is None or entry.data else UNSET,
                ),
                buffer,
            )
        except (ValueError, OverflowError, RecursionError):  # times outside years 1 to 9999 as well
            return to_json(_shape(entry), self._longest)
        line = bytes(buffer)
        if len(line) > _KEPT_BYTES:
            self._buffer = bytearray()
        if self._longest is None and harmless(line):
            return line
        return to_json(_shape(entry), self._longest)

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        return b"\n" if count else b""


def _shape(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "host": entry.host,
        "chain": entry.chain,
        "stream": entry.stream,
        "seq": entry.seq,
        "kind": entry.kind,
        "time": rfc3339_or_none(entry.time_ns),
        "version": entry.version,
        "link": entry.link,
    }
    if shown["time"] is None:
        shown["time_ns"] = entry.time_ns
    if entry.alert is not None:
        shown["alert"] = render_any(entry.alert)
    if entry.alert is None or entry.data:
        shown["data"] = entry.data
    return shown
