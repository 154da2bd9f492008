"""The drill's acts: real, harmless, gone afterwards."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from sentinair.cli import drill_acts
from sentinair.cli.drill_acts import ChildAct, FileAct, OpenAct, Program, ProgramAct
from sentinair.errors import SentinairError
from tests.unit.cli.conftest import needs_root

TOKEN = "sentinair-drill-0123456789abcdef-0001"


def _act(path: Path, *actions: str, mode: int = 0o600) -> FileAct:
    return FileAct(TOKEN, path, frozenset(actions), mode)


def test_a_drilled_file_is_inert_and_goes_away(tmp_path: Path) -> None:
    path = tmp_path / f"{TOKEN}.inert"
    before = time.monotonic_ns()
    with _act(path, "create", "attrib", mode=0o4711).done() as done_ns:
        assert before <= done_ns <= time.monotonic_ns()
        assert stat.S_IMODE(path.stat().st_mode) == 0o4711
        assert all(line.startswith(b"#") for line in path.read_bytes().splitlines())
    assert not list(tmp_path.iterdir())


def test_folders_a_file_needs_are_made_and_removed_under_a_name_that_tells(tmp_path: Path) -> None:
    path = tmp_path / "rules.d" / TOKEN / "a.rules"
    with _act(path, "rename").done():
        assert path.is_file()
        assert [one.name for one in path.parent.iterdir()] == ["a.rules"]
    assert not list(tmp_path.iterdir())


def test_a_folder_others_use_by_now_is_left(tmp_path: Path) -> None:
    path = tmp_path / "rules.d" / f"{TOKEN}.inert"
    with _act(path, "create").done():
        (path.parent / "theirs").write_text("x")
    assert [one.name for one in path.parent.iterdir()] == ["theirs"]


def test_a_file_that_is_there_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / f"{TOKEN}.inert"
    path.write_text("theirs")
    with pytest.raises(FileExistsError), _act(path, "create").done():
        raise AssertionError("not reached")
    assert path.read_text() == "theirs"


def test_a_file_that_is_there_is_never_renamed_over(tmp_path: Path) -> None:
    path = tmp_path / f"{TOKEN}.inert"
    path.write_text("theirs")
    with pytest.raises(FileExistsError), _act(path, "rename").done():
        raise AssertionError("not reached")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "theirs"


def test_a_file_put_in_the_place_of_the_drilled_one_is_left(tmp_path: Path) -> None:
    path = tmp_path / f"{TOKEN}.inert"
    with _act(path, "create").done():
        theirs = tmp_path / "theirs"
        theirs.write_text("theirs")
        theirs.rename(path)
    assert path.read_text() == "theirs"


def test_a_folder_somebody_made_meanwhile_is_left(tmp_path: Path) -> None:
    class Slow(FileAct):
        def _make(self, folder: Path) -> None:
            folder.mkdir()
            super()._make(folder)

    act = Slow(TOKEN, tmp_path / TOKEN / "a", frozenset({"create"}))
    with pytest.raises(FileExistsError), act.done():
        raise AssertionError("not reached")
    assert (tmp_path / TOKEN).is_dir()


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / TOKEN).symlink_to("victim")
    with (
        pytest.raises(OSError, match="leads elsewhere"),
        _act(tmp_path / TOKEN / "a.rules", "create").done(),
    ):
        raise AssertionError("not reached")
    assert not list((tmp_path / "victim").iterdir())


def test_a_folder_waiting_where_a_program_is_to_be_started_is_a_trap(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (tmp_path / TOKEN).mkdir()
    (tmp_path / TOKEN / "tool").symlink_to(victim)
    program = Program(TOKEN, tmp_path)
    with program.made():
        act = ChildAct(TOKEN, program, tmp_path, "httpd", ("tool",))
        with pytest.raises(FileExistsError), act.done():
            raise AssertionError("not reached")
    assert victim.read_text() == "theirs"
    assert (tmp_path / TOKEN / "tool").is_symlink()


def test_a_file_that_is_to_be_deleted_is(tmp_path: Path) -> None:
    with _act(tmp_path / TOKEN, "delete").done():
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("action", ["create", "rename"])
def test_an_act_that_is_interrupted_cleans_up(tmp_path: Path, action: str) -> None:
    with pytest.raises(KeyboardInterrupt), _act(tmp_path / "new" / TOKEN, action).done():
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_program_does_nothing_whatever_its_name(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("x")
    program = Program(TOKEN, tmp_path)
    with program.made():
        assert subprocess.run([program.path], check=False).returncode == 0
        act = ProgramAct(TOKEN, program, tmp_path, "rm", ("rm", "-f", str(victim)))
        with act.done():
            assert (tmp_path / TOKEN / "rm").is_file()
        assert not (tmp_path / TOKEN).exists()
    assert [one.name for one in tmp_path.iterdir()] == ["victim"]
    assert "rm -f" in act.how


def test_a_program_is_started_by_a_copy_of_the_shell_that_does_nothing_else(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("x")
    program = Program(TOKEN, tmp_path)
    with program.made():
        # "echo" is a word of the shell's own, and would succeed without the copy: here it must be the copy.
        words = ("echo", "$(rm victim)", f"; rm {victim}", ">", str(victim))
        act = ChildAct(TOKEN, program, tmp_path, "nginx", words)
        with act.done():
            assert act.program.is_file()
            assert act.parent.name == "nginx"
        broken = ChildAct(TOKEN, program, tmp_path, "nginx", ("x",))
        program.path.write_text("no program")
        with pytest.raises(OSError, match="status"), broken.done():
            raise AssertionError("not reached")
    assert victim.read_text() == "x"
    assert [one.name for one in tmp_path.iterdir()] == ["victim"]


def test_a_host_whose_programs_act_by_their_names_is_not_drilled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tmp_path / "many"
    many.write_text('#!/bin/sh\ncase "$0" in */false) exit 1;; esac\n')
    many.chmod(0o755)
    monkeypatch.setattr(os.path, "realpath", lambda _path: str(many))
    with pytest.raises(SentinairError, match="act by their names"), Program(TOKEN, tmp_path).made():
        raise AssertionError("not reached")
    assert [one.name for one in tmp_path.iterdir()] == ["many"]


@needs_root
@pytest.mark.parametrize("place", ["/usr/bin/passwd", "/usr/sbin/sentinair-no-such-tool"])
def test_a_program_at_its_very_place_is_seen_by_nobody_else(tmp_path: Path, place: str) -> None:
    there = Path(place)
    before = there.read_bytes() if there.exists() else None
    program = Program(TOKEN, tmp_path)
    with program.made():
        program.path.unlink()
        # A program that waits shows its place while it lives.
        program.path.write_bytes(Path("/bin/sleep").read_bytes())
        program.path.chmod(0o755)
        act = ProgramAct(TOKEN, program, tmp_path, there.name, (there.name, "0.3"), there)
        stage = act._stage(there)
        child = subprocess.Popen(["x", "0.3"], executable=there, preexec_fn=stage)  # noqa: PLW1509
        try:
            assert os.readlink(f"/proc/{child.pid}/exe") == place
            assert (there.read_bytes() if there.exists() else None) == before
        finally:
            assert child.wait() == 0
        with act.done():
            pass
    assert (there.read_bytes() if there.exists() else None) == before
    assert not list(tmp_path.iterdir())


def test_a_file_is_opened_by_a_child_that_has_the_token(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    act = OpenAct(TOKEN, path)
    assert TOKEN in act.words
    with act.done():
        pass
    path.unlink()
    with pytest.raises(OSError, match="could not be opened"), act.done():
        raise AssertionError("not reached")


def test_a_step_of_staging_that_fails_says_why() -> None:
    with pytest.raises(OSError):
        drill_acts._check(-1)
