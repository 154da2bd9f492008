"""The database, opened for one command; works whether or not the engine runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sentinair.cli.places import Places
from sentinair.errors import EngineAbsent
from sentinair.store.read import Reader

__all__ = ["reading"]


@contextmanager
def reading(places: Places) -> Iterator[Reader]:
    """A reader of this state's database, closed afterwards.  Raises EngineAbsent if there is no database yet."""
    if not places.database.exists():
        raise EngineAbsent(
            "there is no record yet",
            where=str(places.database),
            remedy="start the agent, or give --state DIR",
        )
    reader = Reader.open(places.state)
    try:
        yield reader
    finally:
        reader.close()
