"""Aligned text and JSON lines."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from sentinair.cli.output import cut, emit, fields, table


def test_a_table_is_aligned_and_whole_where_it_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "/etc/" + "x" * 200 + "/end"
    table(("ID", "WHAT"), [("1", "short"), ("200", long)])
    assert capsys.readouterr().out.splitlines() == ["ID   WHAT", "1    short", f"200  {long}"]


def test_fields_fold_below_their_value(capsys: pytest.CaptureFixture[str]) -> None:
    fields([("name", "word " * 30)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("      word")
    assert all(len(line) <= 80 for line in lines)


def test_an_empty_table_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    table(("ID",), [])
    assert not capsys.readouterr().out


def test_hostile_text_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table(("ID", "WHAT"), [("1\x1b[2J", "a\nb\u202e")])
    fields([("name", "\x1b]0;owned\x07")])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert len(out.splitlines()) == 3


def test_fields_are_aligned_and_keep_no_trailing_space(capsys: pytest.CaptureFixture[str]) -> None:
    fields([("a", "1"), ("long", "")])
    assert capsys.readouterr().out == "a     1\nlong\n"


@pytest.mark.parametrize(
    ("columns", "wanted"), [(10, "0123456789"), (5, "0…789"), (1, "0"), (0, "")]
)
def test_cutting_keeps_begin_and_end(columns: int, wanted: str) -> None:
    assert cut("0123456789", columns) == wanted


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"a": "x\ny"})
    assert capsys.readouterr().out == '{"a":"x\\ny"}\n'


def test_a_terminal_gets_colours_and_no_markup_from_data() -> None:
    master, slave = pty.openpty()
    code = "from sentinair.cli.output import table; table(('A','B'),[('critical','[bold]x[/bold]\\x1b[2J')])"
    try:
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"}
        environment.pop("NO_COLOR", None)
        subprocess.run([sys.executable, "-c", code], stdout=slave, check=True, env=environment)
        shown = os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert "\x1b[1;31mcritical" in shown
    assert "[bold]x[/bold]" in shown
    assert "\x1b[2J" not in shown
