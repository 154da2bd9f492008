from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.alerts.literal import found_part, sentence


@pytest.mark.parametrize(
    ("value", "wanted", "part"),
    [
        ("sudo INSMOD x.ko", "contains insmod ", "INSMOD "),
        ("/usr/bin/nc", "endswith /nc", "/nc"),
        ("/nc/nc", "endswith /nc", "/nc"),
        ("/etc/cron.d/x", "startswith /etc/cron.d/", "/etc/cron.d/"),
        ("/bin/bash", "equals /bin/*", "/bin/"),
        ("a*b", r"contains \*b", "*b"),
        ("rm -rf /", r"re rm\s+-r\S*", "rm -rf"),
        ("RM -rf", "re rm", "RM"),
        ("x", "re (", None),
        ("x", "re y", None),
        ("x", "contains *", None),
        ("10", "lt 20", None),
        ("fanotify", "any gap", None),
    ],
)
def test_the_part_that_matched_is_found_as_it_is_written(
    value: str, wanted: str, part: str | None
) -> None:
    assert found_part(value, wanted) == part


@pytest.mark.parametrize(
    ("value", "wanted", "told"),
    [
        ("sudo insmod x", "contains insmod ", "F contains “insmod ”: sudo »insmod «x"),
        ("true", "equals true", "F is true"),
        ("/bin/sh", "equals /bin/*", "F is “/bin/*”: »/bin/«sh"),
        ("5", "lt 10", "F is 5, which is less than 10"),
        ("10.1.2.3", "cidr 10.0.0.0/8", "F is 10.1.2.3, which lies in the network 10.0.0.0/8"),
        ("", "null", "F is absent"),
        ("x", "exists true", "F is there: x"),
        ("fanotify", "any gap", "F is fanotify (any gap)"),
        ("", "any gap", "F is empty (any gap)"),
        ("abc", "re b", "F fits the expression b — a»b«c"),
        ("x…", "contains gone", "F contains “gone”: x…"),
    ],
)
def test_a_match_is_told_in_words(value: str, wanted: str, told: str) -> None:
    assert sentence("F", value, wanted) == told


def test_only_what_is_near_the_match_is_shown() -> None:
    told = sentence("F", "a" * 300 + "needle" + "b" * 300, "contains needle")
    assert "»needle«" in told
    assert len(told) < 150
    assert told.count("…") == 2


@given(
    st.text(), st.text(), st.sampled_from(("equals", "contains", "startswith", "endswith", "re"))
)
def test_any_match_is_told(value: str, literal: str, op: str) -> None:
    part = found_part(value, f"{op} {literal}")
    assert part is None or part in value
    assert sentence("F", value, f"{op} {literal}")
