"""Suppressions as the ledger tells them: what was added and removed, and the last tallies.

Their records are few and never erased, so that no table need stand beside them: each suppression.counted names all
that counted then, and a suppression.removed carries the last counts of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from sentinair.errors import DataFault
from sentinair.model.suppression import Suppression, SuppressionCounted, SuppressionRemoved
from sentinair.store.read import Reader

__all__ = ["suppressions"]

_Data = TypeVar("_Data")
_PAGE: Final = 200


def suppressions(reader: Reader) -> list[Suppression]:
    """All there have been, the oldest first, each with its counts as last recorded.

    Raises StorageFault, and DataFault where a record is not what its kind promises.
    """
    found = {one.id: one for one in _all(reader, "suppression.added", Suppression)}
    last = reader.last_record("suppression.counted")
    if last is not None:
        for tally in _told(last.data, SuppressionCounted, last.seq).tallies:
            if tally.id in found:
                found[tally.id] = replace(found[tally.id], count=tally.count, last_ns=tally.last_ns)
    for end in _all(reader, "suppression.removed", SuppressionRemoved):
        if end.id in found:
            found[end.id] = replace(
                found[end.id],
                count=end.count,
                last_ns=end.last_ns,
                ended_ns=end.time_ns,
                ended_by=end.by,
            )
    return list(found.values())


def _all(reader: Reader, kind: str, form: type[_Data]) -> Iterator[_Data]:
    since = 1
    while records := reader.records(kind, since, _PAGE):
        for record in records:
            yield _told(record.data, form, record.seq)
        since = records[-1].seq + 1


def _told(data: object, form: type[_Data], seq: int) -> _Data:
    try:
        return msgspec.convert(data, form)
    except msgspec.ValidationError as fault:
        raise DataFault(
            f"is no record of a suppression: {fault}",
            where=f"record {seq}",
            remedy="run sentinair verify",
        ) from fault
