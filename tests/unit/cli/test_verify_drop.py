"""`sentinair verify` of the directory of a drop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.harness.drops import Station, sent
from tests.unit.cli.conftest import Program


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return sent(tmp_path / "host", 30)


def test_a_whole_drop_is_verified_by_the_agents_own_key_or_a_given_one(
    program: Program, station: Station
) -> None:
    assert program("verify", str(station.drop)) == 74
    assert "--public-key" in program.err
    key = ["--public-key", str(station.public_key)]
    assert program("verify", str(station.drop), *key) == 0
    assert program.out.endswith("verified\n")
    keys = program.state / "keys"
    keys.mkdir(parents=True)
    (keys / "enrolment.pub").write_bytes(station.public_key.read_bytes())
    assert program.lines("verify", str(station.drop))[0]["ok"] is True


def test_a_damaged_drop_is_told_with_its_first_bad_entry(
    program: Program, station: Station
) -> None:
    station.segments()[1].unlink()
    words = ["verify", str(station.drop), "--public-key", str(station.public_key)]
    assert program(*words) == 1
    assert program.out.startswith("missing: ")
    assert "the first entry in doubt is 13" in program.out
    assert program(*words, "--json") == 1
    assert json.loads(program.out)["first_bad"] == 13


def test_a_rolled_back_drop_is_found_by_what_was_known(
    program: Program, station: Station, tmp_path: Path
) -> None:
    words = ["verify", str(station.drop), "--public-key", str(station.public_key)]
    words += ["--known", str(tmp_path / "known")]
    assert program(*words) == 0
    last = station.segments()[-1]
    last.with_name(f"{last.name}.manifest").unlink()
    last.unlink()
    assert program(*words) == 1
    assert "stale: " in program.out
    assert program(*words, "--max-age", "1") == 1
    assert "silent" in program.out


def test_what_is_for_drops_only_is_refused_of_a_record(recorded: Program) -> None:
    assert recorded("verify", "--max-age", "1") == 2
    assert "for drops" in recorded.err


def test_a_drop_that_is_still_empty_is_said_to_be(program: Program, station: Station) -> None:
    empty = station.drop.with_name("empty")
    empty.mkdir()
    words = ["verify", str(empty), "--public-key", str(station.public_key)]
    assert program(*words) == 74
    assert "no segment is here yet" in program.err


def test_a_record_laid_beside_a_drop_is_not_proved_in_its_place(
    recorded: Program, station: Station
) -> None:
    station.segments()[1].unlink()
    shutil.copytree(recorded.state, station.drop, dirs_exist_ok=True)
    assert (station.drop / "ledger.db").exists()
    words = ["verify", str(station.drop), "--public-key", str(station.public_key)]
    assert recorded(*words) == 1
    assert recorded.out.startswith("missing: ")
    shutil.copytree(recorded.state, station.folder / "copy")
    assert recorded("verify", str(station.folder / "copy")) == 0
    assert "ledger" in recorded.out
