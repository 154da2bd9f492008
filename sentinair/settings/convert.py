"""Plain values to the settings types; all faults at once, each with key path, expected, got, did you mean."""

from __future__ import annotations

import difflib
import functools
import types
import typing
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from sentinair.errors import Fault
from sentinair.settings.nodes import Document, Key, Plain

__all__ = ["convert", "dotted", "expected", "fields"]

S = TypeVar("S", bound=msgspec.Struct)


def dotted(key: Key) -> str:
    """The key as people write it: files.watch[2]."""
    text = ""
    for step in key:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@functools.cache
def fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Field name to its annotation, Meta included."""
    return typing.get_type_hints(kind, include_extras=True)


def convert(kind: type[S], value: Plain, key: Key, document: Document, faults: list[Fault]) -> S:
    """value as kind; what is wrong goes to faults and its default is taken, so that the rest is judged too."""
    if value is None:
        return kind()
    if not isinstance(value, dict):
        faults.append(_fault(document, key, "settings of its own", value))
        return kind()
    known = fields(kind)
    taken: dict[str, object] = {}
    for name, item in value.items():
        here = (*key, name)
        if name not in known:
            faults.append(_unknown(document, here, list(known)))
            continue
        got = _field(known[name], item, here, document, faults)
        if got is not msgspec.UNSET:
            taken[name] = got
    return kind(**taken)


def _field(hint: Any, value: Plain, key: Key, document: Document, faults: list[Fault]) -> object:
    base = _base(hint)
    if isinstance(base, type) and issubclass(base, msgspec.Struct):
        return convert(base, value, key, document, faults)
    if typing.get_origin(base) is tuple:
        return _items(typing.get_args(base)[0], value, key, document, faults)
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        remedy = _meant(value, _choices(hint))
        faults.append(_fault(document, key, expected(hint), value, remedy))
        return msgspec.UNSET


def _items(hint: Any, value: Plain, key: Key, document: Document, faults: list[Fault]) -> object:
    if not isinstance(value, list):
        faults.append(
            _fault(document, key, f"a list, each {expected(hint)}", value, "put `- ` before each")
        )
        return msgspec.UNSET
    before = len(faults)
    got = [_field(hint, item, (*key, at), document, faults) for at, item in enumerate(value)]
    return tuple(got) if len(faults) == before else msgspec.UNSET


def _base(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _choices(hint: Any) -> list[str]:
    base = _base(hint)
    return list(typing.get_args(base)) if typing.get_origin(base) is Literal else []


def expected(hint: Any) -> str:
    """The values that hint takes, in words."""
    base = _base(hint)
    metas = [m for m in typing.get_args(hint)[1:] if isinstance(m, msgspec.Meta)]
    meta = metas[0] if typing.get_origin(hint) is Annotated and metas else msgspec.Meta()
    if choices := _choices(hint):
        return "one of " + ", ".join(choices) if len(choices) > 1 else choices[0]
    if base is bool:
        return "true or false"
    if typing.get_origin(base) in (
        types.UnionType,
        typing.Union,
    ):  # an option that may be left away
        return expected(next(one for one in typing.get_args(base) if one is not type(None)))
    if base is int:
        whole = "a whole number"
        return whole if meta.ge is None else f"{whole} from {meta.ge} to {meta.le}"
    if typing.get_origin(base) is tuple:
        return f"a list, each {expected(typing.get_args(base)[0])}"
    if isinstance(base, type) and issubclass(base, msgspec.Struct):
        return "settings of its own"
    named = (meta.extra or {}).get("words")
    return str(named) if named else "text"


def _got(value: Plain) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "settings below it"
    if isinstance(value, str):
        shortened = value if len(value) <= 60 else value[:57] + "..."
        return f"text {shortened!r}"
    return f"{value}"


def _fault(document: Document, key: Key, wanted: str, value: Plain, remedy: str = "") -> Fault:
    what = f"{dotted(key)}: expected {wanted}, got {_got(value)}"
    return Fault(what, where=document.where(key), remedy=remedy)


def _unknown(document: Document, key: Key, known: list[str]) -> Fault:
    remedy = _meant(key[-1], known) or "known here: " + ", ".join(known)
    return Fault(f"{dotted(key)}: unknown setting", where=document.where(key), remedy=remedy)


def _meant(value: object, known: list[str]) -> str:
    close = difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""
