"""Stations whose descriptors are closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.drops import Station

Make = Callable[..., Station]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes stations below a folder of their own."""
    made: list[Station] = []

    def one(*words: object, **named: object) -> Station:
        made.append(Station(tmp_path / f"station{len(made)}", *words, **named))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for station in made:
        station.crash()


@pytest.fixture
def station(make: Make) -> Station:
    return make()
