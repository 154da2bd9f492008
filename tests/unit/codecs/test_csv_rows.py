from __future__ import annotations

import csv
import io
import shutil

import msgspec
import pytest

from sentinair.codecs.csv_rows import CsvCodec
from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from tests.harness.expected import unsafe
from tests.harness.file_expected import COLUMNS, SIGNS, cell, csv_row, formula
from tests.harness.hostile import hostile_entries
from tests.harness.outside_readers import miller_csv


def written(codec: Codec, entries: list[Entry]) -> bytes:
    rows = codec.between().join(codec.encode(entry) for entry in entries)
    return codec.begin(0) + rows + codec.end(len(entries))


def test_any_entry_is_one_row_without_a_formula_in_it() -> None:
    entries = list(hostile_entries(2_400))
    raw = written(CsvCodec(), entries)
    assert raw.endswith(b'"\r\n')
    lines = raw.decode().removesuffix("\r\n").split("\r\n")
    assert lines[0] == ",".join(COLUMNS)
    for line in lines:
        assert unsafe(line) == []
    rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))
    assert rows[0] == COLUMNS
    assert rows[1:] == [csv_row(entry) for entry in entries]
    assert [found for row in rows[1:] for found in row if formula(found)] == []


@pytest.mark.skipif(shutil.which("mlr") is None, reason="needs Miller (mlr)")
def test_miller_reads_what_was_written() -> None:
    entries = list(hostile_entries(1_200, seed=2))
    rows = miller_csv(written(CsvCodec(), entries))
    assert [list(row) for row in rows] == [COLUMNS] * len(entries)
    assert [list(row.values()) for row in rows] == [csv_row(entry) for entry in entries]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("=1+1", "'=1+1"),
        (" \u3000=1", "' \u3000=1"),
        ("\t=1", "\\x09=1"),
        ("\uff1d1", "'\uff1d1"),
        ('a;=1; "@x";b', "a;'=1;' \"@x\";b"),
        ("a=b-c+d@e", "a=b-c+d@e"),
        ("ls -l", "ls -l"),
        ("two\nlines", "two\\x0alines"),
        ('say "hi", bye', 'say "hi", bye'),
        ("\udcff", "\\xff"),
        ("", ""),
    ],
)
def test_a_cell_is_the_text_or_says_visibly_where_not(text: str, found: str) -> None:
    rows = list(csv.reader([CsvCodec().encode(titled(text)).decode()], strict=True))
    assert rows[0][4] == found == cell(text)


def test_whatever_normalises_to_a_sign_begins_no_cell() -> None:
    assert len(SIGNS) == 22
    for sign in SIGNS:
        rows = list(csv.reader([CsvCodec().encode(titled(sign + "1")).decode()], strict=True))
        assert rows[0][4] == f"'{sign}1"


def test_a_cell_that_spreadsheets_would_cut_is_cut_with_length_and_hash() -> None:
    for text in ("x" * 32_767, "x" * 32_768, "💥" * 16_383, "💥" * 16_384, ";=" * 20_000):
        found = next(csv.reader([CsvCodec().encode(titled(text)).decode()], strict=True))[4]
        assert found == cell(text)
        assert len(found.encode("utf-16-le")) <= 2 * 32_767


def test_a_file_for_excel_begins_with_a_mark_where_that_is_asked() -> None:
    assert CsvCodec(bom=True).begin(0) == b"\xef\xbb\xbf" + CsvCodec().begin(0)


def test_a_file_of_nothing_is_its_head() -> None:
    assert written(CsvCodec(), []) == (",".join(COLUMNS) + "\r\n").encode()


def titled(title: str) -> Entry:
    entry = next(hostile_entries(1))
    assert entry.alert is not None
    return msgspec.structs.replace(entry, alert=msgspec.structs.replace(entry.alert, title=title))
