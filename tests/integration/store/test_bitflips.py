"""Every bit of a few hundred bytes of a real ledger: a flip is told, or changes nothing anybody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.bitflips import flip_ledger_rows, flip_sample, make_rich
from tests.harness.flips import Flipper, page_kinds, sample, varint


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("flips") / "state"
    make_rich(state, rows=60)
    return state


def test_no_flip_in_any_kind_of_page_passes_unseen(state: Path, tmp_path: Path) -> None:
    tally = flip_sample(state, 256, tmp_path, processes=1)
    assert tally.flips == 256 * 8
    assert tally.missed == []
    assert tally.told["found by verify"] > 250


def test_verify_alone_finds_each_flip_in_the_columns_of_a_record(
    state: Path, tmp_path: Path
) -> None:
    tally = flip_ledger_rows(state, tmp_path, rows=1, processes=1)
    assert tally.flips > 1000
    assert set(tally.told) <= {"found by verify", "cannot be read"}
    assert tally.missed == []


def test_the_sample_knows_all_kinds_of_pages(state: Path) -> None:
    kinds = page_kinds(state / "ledger.db")
    offsets = sample(kinds, 640)
    assert len(set(offsets)) == 640
    assert {kinds[offset // 4096 + 1] for offset in offsets} == set(kinds.values())
    assert {"header", "ledger leaf", "ledger overflow", "events overflow"} <= set(kinds.values())


def test_a_flip_that_nobody_tells_would_be_counted_as_missed(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flipper = Flipper(state, tmp_path)
    monkeypatch.setattr(Flipper, "told", lambda *_args, **_kinds: None)
    try:
        assert len(flipper.run([5000]).missed) == 8
    finally:
        flipper.close()


def test_a_varint_is_read_as_the_file_format_says() -> None:
    assert varint(b"\x7f", 0) == (0x7F, 1)
    assert varint(b"\x00\x81\x01", 1) == (129, 3)
    assert varint(b"\xff" * 9, 0) == ((1 << 64) - 1, 9)
