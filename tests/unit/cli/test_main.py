"""The entry: faults to lines and exit statuses, and a quick start."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sentinair import __version__
from sentinair.cli import main as entry
from sentinair.cli.lazy import LazyGroup
from sentinair.cli.main import MEMBERS, main, program
from sentinair.errors import ConfigFault, EngineAbsent, Fault, SentinairError, StorageFault


def _raise(fault: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise fault

    return act


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    def run(fault: BaseException) -> int:
        command = click.Command("broken", callback=_raise(fault))
        monkeypatch.setattr(program, "get_command", lambda ctx, name: command)
        return main(["broken"])

    return run


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (
            EngineAbsent("is not there", where="/x", remedy="start it"),
            69,
            "/x: is not there; start it",
        ),
        (StorageFault("disk full"), 74, "disk full"),
        (OSError(errno.EIO, "Input/output error", "/dev/x"), 74, "/dev/x: Input/output error"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/p\x1b"),
            77,
            "/p\\x1b: Permission denied",
        ),
        (click.UsageError("wrong."), 2, "wrong; try 'sentinair broken --help'"),
        (OSError("odd"), 74, "odd"),
    ],
)
def test_a_fault_is_one_line_and_the_status_of_its_kind(
    broken: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    status: int,
    said: str,
) -> None:
    assert broken(fault) == status
    assert capsys.readouterr().err == f"sentinair: {said}\n"


def test_all_faults_of_a_configuration_are_said_one_a_line(
    broken: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]
) -> None:
    fault = ConfigFault([Fault("a", where="x.yaml:1"), Fault("b", where="x.yaml:2")])
    assert broken(fault) == 78
    assert capsys.readouterr().err == "sentinair: x.yaml:1: a\nsentinair: x.yaml:2: b\n"


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_silent(
    broken: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str], fault: BaseException
) -> None:
    assert broken(fault) == 130
    assert not capsys.readouterr().err


def test_a_command_may_choose_its_status(broken: Callable[[BaseException], int]) -> None:
    assert broken(click.exceptions.Exit(1)) == 1
    assert broken(SentinairError("found")) == 1


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in MEMBERS)


@pytest.mark.parametrize("arguments", [["--bogus"], ["bogus"], ["version", "extra"], ["--config"]])
def test_a_wrong_call_is_a_usage_fault(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("sentinair: ")
    assert len(said.splitlines()) == 1


def test_version_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"sentinair {__version__} (Python 3.")
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == __version__


def test_version_imports_no_other_command() -> None:
    code = (
        "import sys; from sentinair.cli.main import main; main(['version']);"
        "print([m for m in ('sqlite3','yaml','rich','cryptography','psutil') if m in sys.modules])"
    )
    # Measuring coverage brings modules of its own into each child.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=plain
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_went_away_ends_it_silently() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "sentinair.cli.main", "version"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.returncode == entry.PIPE_CLOSED
    assert not done.stderr


def test_a_member_that_is_no_command_is_refused() -> None:
    group = LazyGroup("x", members={"bad": "os:path"}, about="")
    context = click.Context(group)
    with pytest.raises(TypeError, match="os:path"):
        group.get_command(context, "bad")
    assert group.get_command(context, "none") is None


def test_places_are_taken_from_the_options(tmp_path: Path) -> None:
    with program.make_context(
        "sentinair", ["--config", str(tmp_path), "--state", "s", "version"]
    ) as context:
        program.invoke(context)
        assert context.obj.config == tmp_path
        assert context.obj.state == Path("s").absolute()


@pytest.mark.parametrize("words", [[], ["alerts"]])
def test_a_group_alone_shows_its_help_and_not_one_escaped_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("Usage: sentinair")
    assert "\n  -h, --help" in told
    assert "\\x0a" not in told
