"""The text exposition format, read by its own tool and by a few lines that follow its page."""

from __future__ import annotations

import math
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.codecs.prometheus import Family, Sample, exposition

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"')


def read(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Samples by name and labels; fails where a line is none."""
    found = {}
    for line in text.decode().split("\n")[:-1]:
        if line.startswith("# "):
            continue
        match = LINE.fullmatch(line)
        assert match, line
        labels = tuple(
            (name, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value))
            for name, value in LABEL.findall(match[2] or "")
        )
        assert (match[1], labels) not in found, line
        found[match[1], labels] = float(match[3])
    return found


def test_a_family_is_help_type_and_samples() -> None:
    family = Family(
        "a_total", "counter", "What\nit \\ is.", [Sample(3, {"kind": "x"}), Sample(0.5)]
    )
    assert exposition([family]).decode().splitlines() == [
        r"# HELP a_total What\nit \\ is.",
        "# TYPE a_total counter",
        'a_total{kind="x"} 3',
        "a_total 0.5",
    ]


def test_a_family_without_samples_is_left_out() -> None:
    assert exposition([Family("a", "gauge", "x", [])]) == b""


def test_numbers_are_as_the_format_writes_them() -> None:
    values = [True, 2**53 - 1, 2**60, 10**400, -(10**400), math.inf, -math.inf, math.nan, 1e-9]
    family = Family("a", "gauge", "x", [Sample(v, {"n": str(n)}) for n, v in enumerate(values)])
    written = [line.rpartition(" ")[2] for line in exposition([family]).decode().splitlines()[2:]]
    assert written == [
        "1", "9007199254740991", "1.152921504606847e+18", "+Inf", "-Inf", "+Inf", "-Inf", "NaN", "1e-09",
    ]  # fmt: skip


@given(st.lists(st.text(st.characters(), max_size=40), max_size=5))
def test_no_label_value_can_forge_a_label_a_sample_or_a_line(values: list[str]) -> None:
    family = Family("a", "gauge", "x", [Sample(n, {"name": v}) for n, v in enumerate(values)])
    found = read(exposition([family]))
    assert len(found) <= len(values)
    assert {name for (_, labels) in found for name, _ in labels} <= {"name"}


def test_label_values_come_back_and_of_two_alike_the_first_counts() -> None:
    values = ['say "x"', "back\\slash\\n", "ünï", 'a"} 1\nforged 2', "\udcff", "ünï"]
    family = Family("a", "gauge", "x", [Sample(n, {"name": v}) for n, v in enumerate(values)])
    assert read(exposition([family])) == {
        ("a", (("name", 'say "x"'),)): 0,
        ("a", (("name", "back\\slash\\n"),)): 1,
        ("a", (("name", "ünï"),)): 2,
        ("a", (("name", 'a"} 1\\x0aforged 2'),)): 3,
        ("a", (("name", "\\xff"),)): 4,
    }


def test_a_long_label_value_is_cut_and_says_its_length() -> None:
    text = exposition([Family("a", "gauge", "x", [Sample(1, {"name": "y" * 5_000})])]).decode()
    assert "…[5000 bytes, sha256 " in text
    assert len(text.splitlines()[-1]) < 300


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool, of Debian's package prometheus"
)
def test_promtool_finds_no_fault_in_hostile_labels() -> None:
    values = ['"', "\\", "\n", "\r\n", '\\"', "\x00", "\u202e", "\ud800", "{}", ",", "=", "#", ""]
    family = Family("a", "gauge", "x", [Sample(n, {"name": v}) for n, v in enumerate(values)])
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=exposition([family]), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
