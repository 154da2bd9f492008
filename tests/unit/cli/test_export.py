from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.agent import ROOT
from tests.unit.cli.conftest import Program, engine

JSON_FIELDS = (
    "id", "timestamp", "severity", "category", "title", "description", "source", "details", "status",
    "acknowledged_by", "acknowledged_at",
)  # fmt: skip
CSV_COLUMNS = (
    "id", "timestamp", "severity", "category", "title", "description", "source", "status",
    "acknowledged_by",
)  # fmt: skip
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
    manifest = json.loads(Path(str(told["manifest"])).read_bytes())
    assert manifest["unsigned"] == told["why_unsigned"] == "engine down"
    said = manifest["said"]
    assert said["exported"]["sha256"] == told["sha256"]
    assert (said["wanted"]["codec"], said["writer"]) == (form, "command")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}.manifest.json"}
    assert recorded("verify", str(path.parent)) == 1
    assert f"unsigned: {path.name}: engine down; nobody vouches for it" in recorded.out
    assert "NOT PROVEN: 1 unsigned; nothing else was found" in recorded.out


def test_the_guides_json_file_counts_its_alerts(recorded: Program, tmp_path: Path) -> None:
    path, told = _file(recorded, tmp_path, "--format", "json")
    shape = json.loads(path.read_bytes())
    assert re.fullmatch(r"sentinair_alerts_\d+\.json", path.name)
    assert set(shape) == {"export_time", "export_source", "version", "alert_count", "alerts"}
    assert {tuple(one) for one in shape["alerts"]} == {JSON_FIELDS}
    assert (shape["export_source"], shape["version"]) == ("Sentinair", "1.0")
    assert (
        shape["alert_count"]
        == len(shape["alerts"])
        == told["count"]
        == len(recorded.lines("alerts", "list", "--limit", "0"))
    )


def test_the_guides_csv_file_has_its_columns(recorded: Program, tmp_path: Path) -> None:
    path, told = _file(recorded, tmp_path, "--format", "csv")
    head, *rows = csv.reader(io.StringIO(path.read_text()))
    assert tuple(head) == CSV_COLUMNS
    assert {len(row) for row in rows} == {len(CSV_COLUMNS)}
    assert len(rows) == told["count"]


def test_an_export_to_standard_output_says_when_it_was_made(recorded: Program) -> None:
    assert recorded("export", "--format", "json", "--out", "-") == 0
    assert json.loads(recorded.out)["export_time"] > "2026"


def test_names_of_one_second_never_clash_and_nothing_is_replaced(
    recorded: Program, tmp_path: Path
) -> None:
    paths = [_file(recorded, tmp_path, "--format", "csv")[0] for _ in range(4)]
    assert len(set(paths)) == 4
    assert len({path.read_bytes() for path in paths}) == 1


def test_exports_written_at_the_same_moment_get_a_name_each(
    recorded: Program, tmp_path: Path
) -> None:
    words = [*recorded.places, "export", "--format", "csv", "--out", str(tmp_path), "--json"]
    program = [sys.executable, "-m", "sentinair.cli.main", *words]
    at_once = [subprocess.Popen(program, stdout=subprocess.PIPE) for _ in range(4)]
    told = [json.loads(one.communicate(timeout=60)[0]) for one in at_once]
    assert len({one["file"] for one in told}) == 4
    assert {one.name for one in tmp_path.iterdir() if one.name.startswith("sentinair_")} == {
        Path(one[name]).name for one in told for name in ("file", "manifest")
    }


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


def test_with_the_engine_down_the_command_writes_into_the_states_folder_itself(
    recorded: Program,
) -> None:
    inside = recorded.state / "data" / "exports"
    assert recorded("export", "--format", "csv") == 74  # it makes nothing in a state
    assert "the export cannot be written" in recorded.err
    inside.mkdir(parents=True)
    (told,) = recorded.lines("export", "--format", "csv")
    path = Path(str(told["file"]))
    assert (path.parent, told["why_unsigned"]) == (inside, "engine down")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_folder_that_is_none_is_one_clear_error(recorded: Program, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert recorded("export", "--format", "json", "--out", str(tmp_path / "loop")) == 74
    assert "cannot be written: File exists" in recorded.err
    assert recorded("export", "--format", "json", "--out", "") == 2
    assert "--out names no folder" in recorded.err


def test_a_folder_that_takes_nothing_is_one_clear_error(recorded: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert recorded("export", "--format", "csv", "--out", str(tmp_path / "file" / "x")) == 74
    assert "the export cannot be written" in recorded.err


def test_a_running_engine_signs_whose_word_a_file_is(running: Program, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    path, told = _file(running, folder, "--format", "xml", "--severity", "high")
    assert (told["signed"], told["why_unsigned"]) == (True, None)
    manifest = json.loads(Path(str(told["manifest"])).read_bytes())["signed"]
    assert manifest["writer"] == "command"
    assert manifest["wanted"]["severity"] == ["high"]
    for name in ("", path.name, f"{path.name}.manifest.json"):
        assert running("verify", str(folder / name)) == 0, running.out + running.err
        assert "whose word for it was signed: uid" in running.out
    (found,) = running.lines("verify", str(folder))
    assert found["exports"][0]["count"] == told["count"]


Damage = Callable[[Path, Path], object]


def _changed(path: Path, _: Path) -> object:
    raw = path.read_bytes()
    return path.write_bytes(raw.replace(b"open", b"Open", 1))


def _unsigned(_: Path, manifest: Path) -> object:
    said = json.loads(manifest.read_bytes())["signed"]
    return manifest.write_text(
        json.dumps({"unsigned": "engine down", "said": said}).replace(": ", ":")
    )


DAMAGES: dict[str, tuple[Damage, str]] = {
    "changed": (_changed, "corrupted: {0}: is not what its manifest says"),
    "cut": (lambda path, _: path.write_bytes(path.read_bytes()[:-1]), "corrupted: {0}: is not"),
    "removed": (lambda path, _: path.unlink(), "missing: {0}: "),
    "without manifest": (
        lambda _, manifest: manifest.unlink(),
        "foreign: {0}: no manifest names it",
    ),
    "renamed": (
        lambda path, manifest: (
            path.rename(path.with_name("sentinair_alerts_7.csv")),
            manifest.rename(path.with_name("sentinair_alerts_7.csv.manifest.json")),
        ),
        "misplaced: sentinair_alerts_7.csv.manifest.json: is the manifest of {0}",
    ),
    "other count": (
        lambda _, manifest: manifest.write_bytes(
            manifest.read_bytes().replace(b'"count":', b'"count":1')
        ),
        "forged: {0}.manifest.json: its seal is not made",
    ),
    "no JSON": (
        lambda _, manifest: manifest.write_bytes(b'{"unsigned":'),
        "corrupted: {0}.manifest.json: cannot be read",
    ),
    "another form": (
        lambda _, manifest: manifest.write_bytes(b'{"signed":{"format":"x"},"seal":{}}'),
        "corrupted: {0}.manifest.json: cannot be read: another format",
    ),
    "stripped of its seal": (_unsigned, "unsigned: {0}: engine down; nobody vouches for it"),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, written: Path) -> tuple[Path, Path]:
    """A folder with one signed export, and the key."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copytree(written, folder / "state")
    host = Program(folder, None)
    with engine(host):
        words = [*host.places, "export", "--format", "csv", "--out", str(folder / "out")]
        subprocess.run([sys.executable, "-m", "sentinair.cli.main", *words], check=True)
    return folder / "out", host.state / "keys" / "enrolment.pub"


@pytest.mark.parametrize("name", DAMAGES)
def test_a_changed_export_is_found(
    program: Program, exported: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    damage, finding = DAMAGES[name]
    folder, key = exported
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    words = ["verify", str(copy), "--public-key", str(key)]
    assert program(*words) == 0, program.out + program.err
    (path,) = copy.glob("*.csv")
    damage(path, path.with_name(f"{path.name}.manifest.json"))
    assert program(*words) == 1
    assert finding.format(path.name) in program.out
    alone = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "verify-drop.py"), *words[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (alone.returncode, alone.stdout) == (1, program.out)
