"""The readers that the other tests lean on, held to what other programs made of the same lines."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.harness.siem_readers import NEEDS_FORMATS, formats, read_cef, read_leef, table

pytestmark = pytest.mark.skipif("SENTINAIR_TEST_DATA" not in os.environ, reason=NEEDS_FORMATS)

REPEATED = "vrl_29"  # the one line with a key twice, which both others let pass
BEYOND = "log_with_custom_typed_fields"  # numbers that the dictionary does not have, which logstash names all the same


def _vectors(name: str) -> list[dict[str, Any]]:
    folder = formats()
    assert folder is not None
    found: list[dict[str, Any]] = json.loads((folder / name).read_text())
    return found


def _refused(vector: dict[str, Any]) -> bool:
    return bool(vector["logstash"].get("error")) or vector["liblognorm_2.0.6"] == "rejects"


def _short(extension: dict[str, str]) -> dict[str, str]:
    short = {row["full_name"]: key for key, row in table("cef/extension_dictionary.csv").items()}
    return {short.get(key, key): value for key, value in extension.items()}


def _readings(vector: dict[str, Any]) -> list[tuple[list[str], dict[str, str]]]:
    """What logstash's codec and liblognorm read, with the dictionary's short names."""
    readings = []
    if not vector["logstash"].get("error"):
        found = vector["logstash"]
        readings.append((list(found["header"].values())[:7], _short(found["ext"])))
    if vector["liblognorm_2.0.6"] != "rejects":
        found = dict(vector["liblognorm_2.0.6"])
        extension = found.pop("Extensions")
        readings.append((["0", *found.values()], extension))
    return readings


def test_cef_is_read_as_others_read_it_and_refused_where_one_of_them_refuses() -> None:
    read = 0
    for vector in _vectors("cef/parse_vectors.json"):
        try:
            header, extension = read_cef(vector["input"])
        except ValueError:
            assert _refused(vector) or vector["name"] == REPEATED, vector
            continue
        if vector["name"] != BEYOND:
            assert (header, _short(extension)) in _readings(vector), vector
        read += 1
    assert read >= 40


def test_leef_is_read_as_the_examples_say() -> None:
    vectors = _vectors("leef/parse_vectors.json")
    for vector in vectors:
        header, delimiter, attributes = read_leef(vector["input"])
        assert (header, delimiter, attributes) == (
            vector["header"], vector["delimiter"], vector["attributes"],
        ), vector  # fmt: skip
    assert len(vectors) == 9
