from __future__ import annotations

import csv
import hashlib
import io
import json
import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program

FORMATS = ("json", "ndjson", "csv", "xml", "cef", "leef", "ecs", "ocsf")


def _file(recorded: Program, folder: Path, *words: str) -> tuple[Path, dict[str, object]]:
    (told,) = recorded.lines("export", "--out", str(folder), *words)
    return Path(str(told["file"])), told


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_one_whole_file_with_a_manifest(
    recorded: Program, tmp_path: Path, form: str
) -> None:
    path, told = _file(recorded, tmp_path / "out", "--format", form)
    raw = path.read_bytes()
    assert told["sha256"] == hashlib.sha256(raw).hexdigest()
    assert (told["bytes"], told["signed"]) == (len(raw), False)
    assert told["count"] == len(recorded.lines("alerts", "list", "--limit", "0"))
    assert json.loads(Path(f"{path}.manifest.json").read_bytes()) == told
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}.manifest.json"}


def test_the_guides_json_file_counts_its_alerts(recorded: Program, tmp_path: Path) -> None:
    path, told = _file(recorded, tmp_path, "--format", "json")
    shape = json.loads(path.read_bytes())
    assert path.name.startswith("sentinair_alerts_")
    assert (shape["export_source"], shape["version"]) == ("Sentinair", "1.0")
    assert (
        shape["alert_count"]
        == len(shape["alerts"])
        == told["count"]
        == len(recorded.lines("alerts", "list", "--limit", "0"))
    )


def test_an_export_to_standard_output_says_when_it_was_made(recorded: Program) -> None:
    assert recorded("export", "--format", "json", "--out", "-") == 0
    assert json.loads(recorded.out)["export_time"] > "2026"


def test_names_of_one_second_never_clash_and_nothing_is_replaced(
    recorded: Program, tmp_path: Path
) -> None:
    paths = [_file(recorded, tmp_path, "--format", "csv")[0] for _ in range(4)]
    assert len(set(paths)) == 4
    assert len({path.read_bytes() for path in paths}) == 1


def test_filters_choose_and_a_form_without_a_place_for_events_says_so(
    recorded: Program, tmp_path: Path
) -> None:
    assert recorded("export", "--format", "csv", "--out", "-", "--severity", "critical") == 0
    rows = list(csv.DictReader(io.StringIO(recorded.out)))
    assert {row["severity"] for row in rows} == {"critical"}
    assert recorded("export", "--format", "csv", "--out", "-", "--events") == 2
    assert "csv files hold alerts only; for events take ndjson" in recorded.err
    assert recorded("export", "--format", "ndjson", "--out", "-", "--kind", "file") == 2
    assert (
        recorded("export", "--format", "ndjson", "--out", "-", "--events", "--status", "open") == 2
    )
    path, told = _file(recorded, tmp_path, "--format", "ndjson", "--events", "--limit", "3")
    assert [json.loads(line)["stream"] for line in path.read_bytes().splitlines()] == ["event"] * 3
    assert told["count"] == 3


def test_nothing_is_written_into_the_agents_own_state(recorded: Program) -> None:
    inside = recorded.state / "data" / "exports"
    assert recorded("export", "--format", "csv", "--out", str(inside)) == 2
    assert "give a folder outside of it" in recorded.err
    assert not inside.exists()


def test_a_folder_that_takes_nothing_is_one_clear_error(recorded: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert recorded("export", "--format", "csv", "--out", str(tmp_path / "file" / "x")) == 74
    assert "the export cannot be written" in recorded.err
