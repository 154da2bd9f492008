"""Aligned text and JSON lines."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from sentinair.cli.output import cut, emit, fields, table


def test_a_table_is_aligned_and_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table(("ID", "WHAT"), [("1", "short"), ("200", "/etc/" + "x" * 200 + "/end")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ID   WHAT"
    assert lines[1] == "1    short"
    assert len(lines[2]) == 80
    assert lines[2].endswith("/end")
    assert "…" in lines[2]


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
