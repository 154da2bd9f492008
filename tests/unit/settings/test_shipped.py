"""The shipped files, the manual and the types say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentinair.settings.describe import described, table, value_of
from sentinair.settings.load import load_with_origins
from sentinair.settings.types import Settings

TOP = Path(__file__).resolve().parents[3]


def test_every_setting_stands_in_its_file_with_its_meaning() -> None:
    given = load_with_origins(TOP / "config").origins
    for one in described():
        places = [where for key, where in given.items() if re.sub(r"\[\d+\]$", "", key) == one.key]
        assert places, f"{one.key} is missing in config/"
        path, line = places[0].rsplit(":", 1)
        above = Path(path).read_text().splitlines()[: int(line) - 1]
        comment: list[str] = []
        while above and above[-1].lstrip().startswith("#"):
            comment.insert(0, above.pop().strip(" #"))
        text = " ".join(comment)
        assert one.meaning in text, f"{one.key}: {places[0]} lacks {one.meaning!r}"
        assert f"Takes {one.takes}." in text, f"{one.key}: {places[0]} lacks what it takes"


def test_every_setting_has_a_meaning() -> None:
    assert [one.key for one in described() if not one.meaning.endswith(".")] == []


def test_the_table_of_the_manual_is_the_code() -> None:
    manual = (TOP / "docs" / "reference.md").read_text()
    assert table() in manual, (
        "put the output of `python -c 'from sentinair.settings.describe import table; print(table())'` there"
    )


def test_the_exit_statuses_of_the_manual_are_the_code() -> None:
    from sentinair import errors

    manual = (TOP / "docs" / "reference.md").read_text()
    listed = {int(status) for status in re.findall(r"^\| (\d+) \|", manual, re.MULTILINE)}
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert {kind.exit_status for kind in kinds} <= listed
    assert {0, 1, 2, 69, 74, 77, 78} <= listed


def test_the_watch_list_that_the_manual_promises_is_watched() -> None:
    watch = Settings().files.watch
    for promised in (
        "/etc",
        "/boot",
        "/usr",
        "/root",
        "/home/*/.ssh",
        "/home/*/.bashrc",
        "/var/spool/cron",
    ):
        assert promised in watch


def test_a_value_is_found_by_its_dotted_key() -> None:
    assert value_of(Settings(), "store.retention.events_days") == 30
    with pytest.raises(AttributeError):
        value_of(Settings(), "store.none")
