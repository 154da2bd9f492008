"""Strict readers of syslog, by the RFCs' grammars, for what the programs at hand let pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["frames", "params", "read_3164", "read_5424"]

_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)"
_NAME: Final = r'[^= \]"\x00-\x20\x7f-\U0010ffff]{1,32}'
_PARAM: Final = re.compile(rf' ({_NAME})="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ELEMENT: Final = re.compile(rf'\[({_NAME})((?: {_NAME}="(?:[^"\\\]]|\\.)*")*)\]', re.DOTALL)
_5424: Final = re.compile(
    rf"<(0|[1-9]\d{{0,2}})>(\d{{1,3}}) (-|{_TIME}) ([!-~]{{1,255}}) ([!-~]{{1,48}}) ([!-~]{{1,128}}) ([!-~]{{1,32}}) "
    rf"(-|(?:{_ELEMENT.pattern})+)(?: (.*))?",
    re.DOTALL,
)
_3164: Final = re.compile(
    r"<(0|[1-9]\d{0,2})>((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 1-3]\d \d\d:\d\d:\d\d) "
    r"([!-~]+) ([A-Za-z0-9]{1,32})(?:\[([A-Za-z0-9-]+)\])?: (.*)",
    re.DOTALL,
)


def read_5424(message: bytes) -> dict[str, Any] | None:
    """The parts of an RFC 5424 message, by section 6; None if it is none."""
    found = _5424.fullmatch(message.decode("utf-8", "surrogateescape"))
    if found is None or int(found[1]) > 191:
        return None
    elements = _ELEMENT.findall(found[8])
    return {
        "pri": int(found[1]),
        "facility": int(found[1]) // 8,
        "severity": int(found[1]) % 8,
        "version": int(found[2]),
        "timestamp": found[3],
        "host": found[4],
        "app": found[5],
        "procid": found[6],
        "msgid": found[7],
        "sd": {name: params(rest) for name, rest in elements},
        "msg": (found[11] or "").removeprefix("\ufeff"),
    }


def read_3164(message: bytes) -> dict[str, Any] | None:
    """The parts of a message as RFC 3164, section 4.1, has them; None if it is none."""
    found = _3164.fullmatch(message.decode("utf-8", "surrogateescape"))
    if found is None or int(found[1]) > 191:
        return None
    parts = {
        "facility": int(found[1]) // 8,
        "severity": int(found[1]) % 8,
        "time": found[2],
        "host": found[3],
        "tag": found[4],
        "msg": found[6],
    }
    return parts if found[5] is None else parts | {"pid": found[5]}


def frames(stream: bytes) -> Iterator[bytes]:
    """The messages of an octet-counted stream: RFC 5425, section 4.3."""
    while stream:
        count, space, rest = stream.partition(b" ")
        assert space
        assert re.fullmatch(rb"[1-9]\d{0,9}", count), count
        assert len(rest) >= int(count)
        yield rest[: int(count)]
        stream = rest[int(count) :]


def params(structured: str) -> dict[str, str]:
    """Names and values in structured data, unescaped; of all its elements."""
    return {
        name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in _PARAM.findall(structured)
    }
