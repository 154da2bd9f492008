"""Whatever is typed: one clear line, the right exit status, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinair.cli.main import main
from tests.harness.agent import ROOT
from tests.unit.cli.conftest import Program, needs_root

PROGRAM = [sys.executable, "-m", "sentinair.cli.main"]
STATUSES = {0, 1, 2, 69, 74, 77, 78}
ODD = st.one_of(
    # what a command line can hold: bytes without NUL, as Python decodes them (PEP 383)
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.binary(max_size=12).map(lambda raw: os.fsdecode(raw.replace(b"\0", b""))),
    st.sampled_from(
        ["--json", "--limit", "--since", "-1", "9" * 30, "2h", "", "..", "/", "\udcff", "%", "'"]
    ),
)
COMMANDS = [
    ["alerts", "list"],
    ["alerts", "show"],
    ["alerts", "ack"],
    ["events", "list"],
    ["events", "count"],
    ["config", "show"],
    ["config", "set"],
    ["config", "check"],
    ["db", "check"],
    ["db", "restore"],
    ["verify"],
    ["rescan"],
    ["sinks", "list"],
    ["sinks", "pause"],
    ["sinks", "resume"],
    ["sinks", "test"],
    ["sinks", "replay"],
    ["sinks", "replay", "a", "--after"],
    ["sinks", "replay", "a", "--seq"],
    ["status"],
]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(command=st.sampled_from(COMMANDS), words=st.lists(ODD, max_size=4))
def test_no_words_bring_a_traceback(
    recorded: Program, command: list[str], words: list[str]
) -> None:
    assert recorded(*command, *words) in STATUSES
    assert "Traceback" not in recorded.err


@pytest.mark.parametrize("option", ["--config", "--state"])
@pytest.mark.parametrize(
    "value", ["", "\udcff", "x" * 300, "/dev/null", "/etc/passwd", "/proc/1/x"]
)
def test_odd_places_are_one_line(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["alerts", "list"], ["config", "check"], ["db", "check", "--json"], ["verify"]):
        assert main([option, value, *command]) in STATUSES
        said = capsys.readouterr().err
        assert "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [
        ["--since", "9999-12-31T23:59:59Z"],
        ["--until", "99999999999"],
        ["--since", "999999999w"],
        ["--limit", "1000000000"],
    ],
)
def test_the_largest_values_are_taken(recorded: Program, words: list[str]) -> None:
    assert recorded("events", "list", *words) == 0
    assert recorded("alerts", "list", *words) == 0
    assert recorded("events", "count", *(words if "--limit" not in words else [])) == 0


def test_too_large_a_limit_is_a_usage_fault(recorded: Program) -> None:
    assert recorded("events", "list", "--limit", "1" + "0" * 30) == 2


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "version"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 74
    assert len(done.stderr.splitlines()) == 1
    assert b"No space left on device" in done.stderr


def test_a_closed_standard_output_is_no_fault() -> None:
    words = ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "version"]
    done = subprocess.run(words, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_locale_without_the_character_is_no_fault() -> None:
    plain = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [*PROGRAM, "rescan", "/ł/.."], env=plain, stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == 2
    assert b"\\u0142" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_record_that_is_no_database_is_one_line(program: Program) -> None:
    program.state.mkdir()
    (program.state / "ledger.db").write_bytes(b"no database" * 1000)
    for command in (["alerts", "list"], ["events", "count"], ["db", "check"]):
        assert program(*command) in {1, 74}
        assert len((program.out + program.err).splitlines()) <= 2
    assert program("status") == 69
    assert "cannot be read" in program.out


def test_a_backup_of_an_odd_name_is_refused(recorded: Program, tmp_path: Path) -> None:
    assert recorded("db", "backup", str(tmp_path / "a\udcff")) == 2
    assert recorded("db", "backup", str(tmp_path / "a\nb")) == 2
    assert len(recorded.err.splitlines()) == 1


@needs_root
def test_a_state_that_may_not_be_read_is_a_fault_of_permission() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o700)
        words = [*PROGRAM, "--state", folder, "alerts", "list"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, user=65534, env=environment
        )
    if "No module named" in done.stderr or "Permission denied: '/" in done.stderr:
        pytest.skip("an ordinary user cannot reach this checkout")
    assert done.returncode == 77
    assert len(done.stderr.splitlines()) == 1
