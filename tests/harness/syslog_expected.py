"""What a syslog message must hold of an entry, worked out from what docs/formats-text.md says."""

from __future__ import annotations

import re
from typing import Any

from sentinair.codecs.summary import severity_of
from sentinair.model.entry import Entry
from tests.harness.expected import cut_text, escaped, time_text

__all__ = [
    "LEVELS",
    "LOCAL0",
    "cut",
    "head_3164",
    "head_5424",
    "host_3164",
    "host_token",
    "message_5424",
    "msgid",
    "token",
]

LEVELS = {"low": 6, "medium": 4, "high": 3, "critical": 2}  # info, warning, err, crit
LOCAL0 = 16


def token(text: str, most: int) -> str:
    return "".join(c if "!" <= c <= "~" else "_" for c in text)[:most] or "-"


def host_token(text: str) -> str:
    """As receivers take it: what no name of a host holds is an underscore."""
    kept = [c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in text]
    return "".join(kept)[:255] or "-"


def time_of(entry: Entry) -> str:
    """What rsyslog reads no header with is left open."""
    near = 0 <= entry.time_ns < 4_102_444_800 * 10**9
    return (time_text(entry.time_ns) if near else None) or "-"


def cut(body: bytes, most: int) -> bytes:
    """body in so many bytes, ended by its length and hash where it is longer."""
    if len(body) <= most:
        return body
    mark = cut_text(body.decode(), 64)
    mark = mark[mark.rindex("…") :]
    return body[: most - len(mark.encode())].decode(errors="ignore").encode() + mark.encode()


def host_3164(text: str) -> str:
    """Without its domain, unless it is an address; what no receiver takes for a host's end is not there."""
    whole = host_token(text)
    name = whole if re.fullmatch(r"[0-9.]+", whole) else whole.split(".")[0][:64]
    found = re.search(r".*[A-Za-z0-9]", name)
    return found[0] if found else "unknown"


def msgid(entry: Entry) -> str:
    return token(entry.kind if entry.stream == "record" else f"event.{entry.kind}", 32)


def head_3164(entry: Entry, procid: str) -> int:
    """Bytes before the body."""
    return len(f"<{_pri(entry)}>Jan 01 00:00:00 {host_3164(entry.host)} Sentinair[{procid}]: ")


def head_5424(entry: Entry, procid: str) -> int:
    """Bytes before the body."""
    parts = message_5424(entry, b"", 100, procid)
    escapes = {ord(c): f"\\{c}" for c in '"\\]'}
    params = [f' {k}="{v.translate(escapes)}"' for k, v in parts["sd"]["sentinair@32473"].items()]
    names = " ".join([parts["timestamp"], parts["host"], parts["app"], procid, parts["msgid"]])
    return len(f"<{parts['pri']}>1 {names} [sentinair@32473{''.join(params)}] ".encode())


def _pri(entry: Entry) -> int:
    return LOCAL0 * 8 + LEVELS.get(severity_of(entry), 4)


def message_5424(entry: Entry, body: bytes, room: int, procid: str = "4242") -> dict[str, Any]:
    """The parts that a reader must find.  room: bytes that the message has for its body."""
    return {
        "pri": _pri(entry),
        "facility": LOCAL0,
        "severity": _pri(entry) % 8,
        "version": 1,
        "timestamp": time_of(entry),
        "host": host_token(entry.host),
        "app": "Sentinair",
        "procid": procid,
        "msgid": msgid(entry),
        "sd": {
            "sentinair@32473": {
                "stream": entry.stream,
                "seq": str(entry.seq),
                "chain": cut_text(escaped(entry.chain), 64),
                "host": cut_text(escaped(entry.host), 255),
            }
        },
        "msg": cut(body, room).decode(),
    }
