from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinair.store.writer import Store
from tests.harness.ledger import open_store, stamp


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(state: Path) -> Iterator[Store]:
    store = open_store(state)
    yield store
    store.close(stamp(10_000_000))
