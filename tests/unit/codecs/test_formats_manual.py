"""docs/formats.md names every field that CEF and LEEF lines have."""

from __future__ import annotations

import re
from pathlib import Path

from sentinair.codecs.cef import CefCodec
from sentinair.codecs.leef import LeefCodec
from tests.harness.hostile import hostile_entries
from tests.harness.siem_readers import read_cef, read_leef

MANUAL = Path(__file__).parents[3] / "docs" / "formats.md"


def _named(section: str) -> set[str]:
    text = MANUAL.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`([A-Za-z0-9]+)`", text))


def test_every_field_of_cef_is_in_the_manual() -> None:
    codec = CefCodec(version=1)
    found: set[str] = set()
    for entry in hostile_entries(600):
        found |= read_cef(codec.encode(entry).decode())[1].keys()
    labels = {key for key in found if key.endswith("Label")}
    assert len(found - labels) > 30
    assert found - labels <= _named("CEF")


def test_every_field_of_leef_is_in_the_manual() -> None:
    codec = LeefCodec()
    found: set[str] = set()
    for entry in hostile_entries(600):
        found |= read_leef(codec.encode(entry).decode())[2].keys()
    assert len(found) > 30
    assert found <= _named("LEEF")
