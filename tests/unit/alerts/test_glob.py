from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.alerts.glob import Glob


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/etc/passwd", b"/etc/passwd", True),
        ("/etc/passwd", b"/etc/passwd-", False),
        ("/opt/app", b"/opt/app/x", False),
        ("/opt/app/**", b"/opt/app/x/y", True),
        ("/opt/app/**", b"/opt/app", True),
        ("/opt/*/x", b"/opt/app/x", True),
        ("/opt/*/x", b"/opt/a/b/x", False),
        ("/opt/**/x", b"/opt/x", True),
        ("/opt/**/x", b"/opt/a/b/x", True),
        ("/opt/**/x", b"/opt/a/b/y", False),
        ("/var/log/*.log", b"/var/log/.log", True),
        ("/var/log/*.l?g", b"/var/log/a.lug", True),
        ("/tmp/a*b*c", b"/tmp/aXbYbZc", True),
        ("/tmp/a*b*c", b"/tmp/aXcYbZ", False),
        ("/tmp/caf?", b"/tmp/caf\xe9", True),
        ("/tmp/\N{LATIN SMALL LETTER E WITH ACUTE}", "/tmp/\N{LATIN SMALL LETTER E WITH ACUTE}".encode(), True),
        ("/tmp/[ab]", b"/tmp/a", False),
        ("/tmp/x", b"x", False),
        ("/**", b"/", True),
    ],
)  # fmt: skip
def test_a_glob_names_whole_paths(pattern: str, path: bytes, fits: bool) -> None:
    assert Glob(pattern).matches(path) is fits


def test_a_pattern_of_stars_takes_no_longer_than_the_path_deserves() -> None:
    path = b"/" + b"/".join([b"a" * 200] * 15)
    glob = Glob("/" + "/".join(["**/" + "a*" * 30 + "b"] * 3))
    assert not glob.matches(path)


def _as_regex(pattern: str) -> re.Pattern[str]:
    whole = ""
    for step in pattern.split("/")[1:]:
        if step == "**":
            whole += "(?:/[^/]*)*"
        else:
            whole += "/" + re.escape(step).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(whole, re.DOTALL)


_STEPS = st.lists(
    st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "?", "**", "a*b", ""]), max_size=4
)
_NAMES = st.lists(st.text("ab", max_size=3), max_size=5)


@given(_STEPS, _NAMES)
def test_globs_match_as_a_naive_expression_does(steps: list[str], names: list[str]) -> None:
    pattern, path = "/" + "/".join(steps), "/" + "/".join(names)
    assert Glob(pattern).matches(path.encode()) == bool(_as_regex(pattern).fullmatch(path))
