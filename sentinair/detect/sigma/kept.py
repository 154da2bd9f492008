"""What correlations remember as bytes, and back: the engine keeps it over a restart and over a change of rules."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from sentinair.detect.sigma.correlate import Correlator, Key
from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.windows import Window
from sentinair.errors import DataFault
from sentinair.model.process import Int64

__all__ = ["dump", "take_over"]

_VERSION = 1


class _Group(msgspec.Struct, frozen=True, array_like=True):
    """One window; of which correlation: its place in _Kept.correlations."""

    of: int
    key: tuple[str, ...]
    times: list[Int64]
    ids: list[Int64]
    values: list[str]
    past: list[Int64]
    touched_ns: Int64


class _Kept(msgspec.Struct, frozen=True):
    version: int
    now_ns: Int64
    forgotten: int
    late: int
    correlations: list[tuple[str, bytes]]  # id, and digest of what it counts
    groups: list[_Group]  # the longest unseen first


def dump(correlator: Correlator) -> bytes:
    """All it remembers, as msgpack."""
    return msgspec.msgpack.encode(
        _Kept(
            _VERSION,
            correlator.now_ns,
            correlator.forgotten,
            correlator.late,
            [(one.head.id, _digest(one)) for one in correlator.correlations],
            [
                _Group(
                    number,
                    key,
                    window.times.tolist(),
                    window.ids.tolist(),
                    window.values,
                    window.past,
                    window.touched_ns,
                )
                for (number, key), window in correlator.windows.items()
            ],
        )
    )


def take_over(correlator: Correlator, data: bytes) -> None:
    """Goes on with what dump() gave; correlations that are gone, or count otherwise now, are passed over.

    Raises DataFault if data is not of that form: then nothing has changed.
    """
    try:
        kept = msgspec.msgpack.decode(data, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise DataFault(f"what correlations remembered cannot be read: {fault}") from fault
    if kept.version != _VERSION:
        raise DataFault(f"what correlations remembered has version {kept.version}, not {_VERSION}")
    correlator.restore(kept.now_ns, list(_windows(correlator, kept)))
    correlator.forgotten += kept.forgotten
    correlator.late += kept.late


def _windows(correlator: Correlator, kept: _Kept) -> Iterator[tuple[Key, Window]]:
    now = {(one.head.id, _digest(one)): at for at, one in enumerate(correlator.correlations)}
    places = [now.get(known) for known in kept.correlations]
    for group in kept.groups:
        if not 0 <= group.of < len(places):
            raise DataFault("what correlations remembered is damaged")
        place = places[group.of]
        if place is not None:
            if not _is_whole(group, correlator.correlations[place]):
                raise DataFault("what correlations remembered is damaged")
            window = Window(group.touched_ns)
            window.times, window.ids = array("q", group.times), array("q", group.ids)
            window.values, window.past = group.values, group.past
            yield (place, group.key), window


def _is_whole(group: _Group, of: Correlation) -> bool:
    return (
        len(group.key) == len(of.group_by)
        and len(group.times) == len(group.ids)
        and len(group.values) == (0 if of.kind == "event_count" else len(group.times))
        and group.times == sorted(group.times)
    )


def _digest(one: Correlation) -> bytes:
    """Of all that decides what a window of it means."""
    wanted = [sorted(way) for way in one.wanted]
    aliases = sorted((alias, sorted(fields.items())) for alias, fields in one.aliases.items())
    parts = (
        one.kind,
        one.rules,
        one.group_by,
        aliases,
        one.span_ns,
        one.bounds,
        one.fields,
        wanted,
    )
    return blake2b(msgspec.msgpack.encode(parts), digest_size=16).digest()
