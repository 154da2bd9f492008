"""The kinds of records: what is written, what is listed and what the manual explains are the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sentinair
from sentinair.model.record import RECORD_KINDS, Record
from tests.harness.agent import ROOT

PACKAGE = Path(sentinair.__file__).parent


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def written() -> set[str]:
    """What stands as a literal where something is recorded."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                called = ast.unparse(node.func).rpartition(".")
                records = called[2] in {"Record", "AlertChange", "record"}
                if records or ast.unparse(node.func) == "draft.append":
                    found.update(strings(node.args[0]))
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_RECORD_OF_VERB":
                assert isinstance(node.value, ast.Dict)
                found.update(text for value in node.value.values for text in strings(value))
    return found


def test_every_kind_is_written_and_nothing_is_written_under_another() -> None:
    assert written() == set(RECORD_KINDS)


def test_every_kind_is_explained_in_the_manual_and_no_other() -> None:
    manual = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    table = manual.partition("## Kinds")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z._]+)`", " ".join(rows))) == sorted(RECORD_KINDS)


def test_a_record_of_no_known_kind_cannot_be_made() -> None:
    with pytest.raises(ValueError, match=r"no record is of kind 'config\.changed'"):
        Record("config.changed", {})
