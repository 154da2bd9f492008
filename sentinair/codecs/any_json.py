"""Any JSON-able value as one line of JSON that nothing in it can break.

Text is escaped as everywhere (model.text.shown); where that changed it, the bytes stand beside it in hexadecimal as
`<name>_hex`, for a list as a list.  A name that had to be escaped has its bytes in `<name>_key_hex`.  NaN and the
infinities are null, as the ledger's own bodies have them.  Whole numbers are written whole, however large; those of
more than 4,300 digits, which Python's own reader refuses, as text in hexadecimal.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from sentinair.codecs.cut import fit
from sentinair.model.text import shown

__all__ = ["harmless", "raw_of", "to_json"]

_encode = msgspec.json.Encoder().encode

# What shown() escapes beyond ASCII, as it stands in UTF-8, by the byte it begins with: looking for that byte alone
# costs next to nothing.  The encoder has made escapes of C0 already.
_UNSAFE: Final = (
    (0xC2, re.compile(rb"\xc2[\x80-\x9f]").search),
    (0xD8, re.compile(rb"\xd8\x9c").search),
    (0xE2, re.compile(rb"\xe2(?:\x80[\x8b-\x8f\xa8-\xae]|\x81[\xa0-\xa9])").search),
    (0xEF, re.compile(rb"\xef\xbb\xbf").search),
)
# All escapes of JSON (RFC 8259, section 7) but those of harmless characters; or the second half of \\ and a letter.
_ESCAPE: Final = re.compile(rb"\\[bfnrtu]").search
_BACKSLASH, _DEL = b"\\\x7f"
_LONE: Final = re.compile("([\ud800-\udc7f\udd00-\udfff]+)")
_DEPTH: Final = 200  # jq 1.6 reads no more than 256 levels
_BITS: Final = 14_284  # of 4,300 digits: sys.set_int_max_str_digits()


def to_json(value: object, longest: int | None = None) -> bytes:
    """value as JSON in UTF-8 without line break; longest: of a text, in characters, cut.fit(); None: whole.

    Raises TypeError if value is not JSON-able.
    """
    try:
        line = _encode(value)
    except (ValueError, OverflowError, RecursionError):
        return _encode(_safe(value, longest, 0))
    if (longest is None or len(line) <= longest) and harmless(line):
        return line
    return _encode(_safe(value, longest, 0))


def raw_of(text: str) -> bytes:
    """The bytes that text stands for: undecodable ones as they were (PEP 383), other lone surrogates as three bytes each."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        parts = _LONE.split(text)  # between, lone, between, …
        handlers = ("surrogateescape", "surrogatepass")
        return b"".join(part.encode("utf-8", handlers[n % 2]) for n, part in enumerate(parts))


def harmless(line: bytes) -> bool:
    """Whether a line of JSON, as msgspec writes it, holds no character that shown() would escape."""
    if _DEL in line:
        return False
    if not line.isascii():
        for lead, search in _UNSAFE:
            if lead in line and search(line):
                return False
    if _BACKSLASH not in line or _ESCAPE(line) is None:
        return True
    return _ESCAPE(line.replace(rb"\\", b"")) is None


def _safe(value: object, longest: int | None, depth: int) -> Any:
    if isinstance(value, str):
        text = shown(value)
        return text if longest is None else fit(text, longest)
    if isinstance(value, int):
        return value if value.bit_length() < _BITS else _safe(hex(value), longest, depth)
    if isinstance(value, dict | list | tuple):
        if depth == _DEPTH:
            return f"[more than {_DEPTH} levels deep]"
        if isinstance(value, dict):
            return _object(value, longest, depth + 1)
        return [_safe(one, longest, depth + 1) for one in value]
    return value


def _object(data: dict[Any, Any], longest: int | None, depth: int) -> dict[str, Any]:
    names = {key: _safe(str(key), longest, depth) for key in data}
    out: dict[str, Any] = {}
    taken = set(names.values())  # by what was there before us

    def put(name: str, value: object) -> None:
        while name in out or name in taken:
            name += "_"
        out[name] = value

    for key, value in data.items():
        name = names[key]
        if name in out:
            put(name, _safe(value, longest, depth))
        else:
            out[name] = _safe(value, longest, depth)
        if (raw := _hex(str(key), longest, 0)) is not None:
            put(f"{name}_key_hex", raw)
        if (raw := _hex(value, longest, 0)) is not None:
            put(f"{name}_hex", raw)
    return out


def _hex(value: object, longest: int | None, depth: int) -> Any:
    """The bytes of a text that is not shown as it is, or of all texts of such a list; None where there is none."""
    if isinstance(value, str):
        text = shown(value)
        cut = longest is not None and len(text) > longest  # says its length and hash instead
        return None if cut or text == value else raw_of(value).hex()
    if isinstance(value, list | tuple) and depth < _DEPTH:
        if all(_hex(one, longest, depth + 1) is None for one in value):
            return None
        return [
            raw_of(one).hex() if isinstance(one, str) else _hex(one, longest, depth + 1)
            for one in value
        ]
    return None
