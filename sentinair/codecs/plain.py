"""Any value as one that JSON can hold and a reader can take: escaped, cut, finite, within 64 bits."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from sentinair.codecs.cut import fit
from sentinair.codecs.times import rfc3339
from sentinair.model.text import shown

__all__ = [
    "ITEMS", "TEXT", "clamped", "day", "items", "json_of", "mapping", "plain", "text", "whole", "without_none",
]  # fmt: skip

TEXT: Final = 8_191
"""Characters of one text: at most 32,764 bytes of UTF-8, below the 32,766 that Lucene takes as one term."""
ITEMS: Final = 1_024  # of one list, or keys of one object
_DEPTH: Final = 64  # ours go eight deep
# In JSON text: an escape but that of quote and backslash, a letter beyond ASCII, or what may be more than 64 bits.
_CAREFUL: Final = re.compile(r'\\[^"\\]|[^ -~]|\d{20}|9\d{18}')
_encode = msgspec.json.encode
_LOW: Final = -(1 << 63)
_HIGH: Final = (1 << 63) - 1
_FIRST_NS: Final = -62_135_596_800 * 10**9  # year 1
_LAST_NS: Final = 253_402_300_800 * 10**9 - 1  # the end of year 9999


def text(value: object) -> str | None:
    """value as one line of safe text, at most TEXT characters (codecs.cut.fit, of that text, as in NDJSON); None stays None.

    What no text is shows as Python writes it, an integer of more than 4,000 digits in hexadecimal.
    """
    if value is None:
        return None
    if type(value) is str and len(value) <= TEXT and value.isprintable():
        return value  # nothing that shown() escapes is printable (Unicode categories Cc, Cf, Cs, Zl, Zp)
    if isinstance(value, str):
        return fit(shown(value), TEXT)
    if isinstance(value, bytes):
        return fit(shown(value), TEXT)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 13_000:
        return fit(hex(value), TEXT)  # sys.set_int_max_str_digits
    return fit(shown(str(value)), TEXT)


def whole(value: object) -> int | None:
    """value if it is an integer of 64 bits with sign, as every receiver's `long`; else None."""
    if isinstance(value, int) and not isinstance(value, bool) and _LOW <= value <= _HIGH:
        return value
    return None


def clamped(value: int) -> int:
    """The nearest integer of 64 bits with sign."""
    return min(max(value, _LOW), _HIGH)


def day(time_ns: int) -> str:
    """rfc3339(); a time before year 1 or after 9999 becomes the first or last moment that can be written."""
    return rfc3339(min(max(time_ns, _FIRST_NS), _LAST_NS))


def mapping(value: object) -> Mapping[str, Any]:
    """value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(values: Sequence[object]) -> list[str]:
    """Each as text(); of more than ITEMS the last kept one says how many there were, and their hash."""
    if len(values) <= ITEMS:
        return [text(one) or "" for one in values]
    kept = [text(one) or "" for one in values[: ITEMS - 1]]
    return [*kept, _items_mark([text(one) or "" for one in values])]


def _items_mark(values: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(values).encode("utf-8", "backslashreplace")).hexdigest()
    return f"…[{len(values)} items, sha256 {digest[:16]}]"


def plain(value: object, depth: int = _DEPTH) -> Any:
    """value as JSON can hold it; keys are escaped too, and of two that become the same the last one counts.

    Integers beyond 64 bits become text, numbers that are none None; what lies deeper than depth becomes a mark.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return value if whole(value) is not None else text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping | list | tuple):
        return _deeper(value, depth - 1)
    return text(value)


def _deeper(value: Mapping[Any, Any] | Sequence[Any], depth: int) -> Any:
    if depth < 0:
        return f"…[{len(value)} items, too deep]"
    if isinstance(value, Mapping):
        found = {text(key) or "": plain(one, depth) for key, one in list(value.items())[:ITEMS]}
        if len(value) > ITEMS:
            found["…"] = _items_mark([text(key) or "" for key in value])
        return found
    if len(value) > ITEMS:
        texts = [str(plain(one, depth)) for one in value]
        return [*(plain(one, depth) for one in value[: ITEMS - 1]), _items_mark(texts)]
    return [plain(one, depth) for one in value]


def json_of(value: object) -> bytes:
    """plain(value) as JSON; what holds nothing to change, as all that was stored, is not looked at piece by piece.

    value: what JSON can hold, at any length and depth.
    """
    try:
        raw = _encode(value)
        told = raw.decode()
    except (UnicodeEncodeError, ValueError, OverflowError, RecursionError, TypeError):
        return _encode(plain(value))
    few = len(told) <= TEXT and told.count(",") < ITEMS
    if few and told.count("{") + told.count("[") <= _DEPTH and not _CAREFUL.search(told):
        return raw
    return _encode(plain(value))


def without_none(value: dict[str, Any]) -> dict[str, Any]:
    """value without what is not known, at any depth, and without the objects and lists that leaves empty."""
    found = ((key, _known(one)) for key, one in value.items())
    return {key: one for key, one in found if one is not None}


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return without_none(value) or None
    if isinstance(value, list):
        return [without_none(one) if isinstance(one, dict) else one for one in value] or None
    return value
