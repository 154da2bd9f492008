from __future__ import annotations

import re
from pathlib import Path

from sentinair.alerts.flood import MAX_A_MINUTE
from sentinair.detect.fields import FIELDS
from sentinair.detect.sigma.extras import Extras
from sentinair.detect.sigma.modifiers import SUPPORTED
from sentinair.detect.sigma.nodes import MAX_BYTES
from sentinair.detect.sigma.regex import MAX_CHARS as MAX_REGEX_CHARS
from sentinair.detect.sigma.regex import MAX_SIZE as MAX_REGEX_SIZE

ROOT = Path(__file__).parents[3]
MANUAL = (ROOT / "docs" / "rules.md").read_text()


def _first_column(section: str) -> set[str]:
    body = MANUAL.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in body.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_manual_names_every_field_and_no_other() -> None:
    known = {name for fields in FIELDS.values() for name in fields}
    assert _first_column("Fields") | {"Hashes"} == known
    assert "`Hashes`" in MANUAL


def test_the_manual_names_every_shipped_rule_and_no_other() -> None:
    shipped = {path.name for path in (ROOT / "config" / "rules").iterdir()}
    assert _first_column("The catalogue") == shipped


def test_the_manual_names_every_modifier_and_key() -> None:
    heads = ("| comparing", "| changing values", "| linking")
    rows = [line.split("|")[2] for line in MANUAL.splitlines() if line.startswith(heads)]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(SUPPORTED)
    block = MANUAL.split("```yaml\nsentinair:", 1)[1].split("```", 1)[0]
    assert set(re.findall(r"^  (\w+):", block, re.MULTILINE)) == set(Extras.__struct_fields__)


def test_the_manuals_limits_are_the_codes() -> None:
    assert f"{MAX_REGEX_CHARS:,} characters" in MANUAL
    assert f"more than {MAX_REGEX_SIZE:,} steps" in MANUAL
    assert f"More than {MAX_A_MINUTE} new alerts" in MANUAL
    assert f"{MAX_BYTES // 1024} KiB" in MANUAL
