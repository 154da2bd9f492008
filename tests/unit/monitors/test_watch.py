"""Watch globs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.monitors.watch import CRITICAL, HASHED, WATCHED, Watch


def test_a_plain_path_means_itself_and_all_below_it() -> None:
    watch = Watch([b"/etc"])
    assert watch.flags(b"/etc") == WATCHED
    assert watch.flags(b"/etc/a/b/c") == WATCHED
    assert watch.flags(b"/etcetera") == 0
    assert watch.flags(b"/") == 0


def test_a_star_stays_within_one_step_and_two_stars_span_any_number() -> None:
    watch = Watch([b"/home/*/.ssh", b"/srv/**/keys"])
    assert watch.flags(b"/home/ann/.ssh/id") == WATCHED
    assert watch.flags(b"/home/ann/x/.ssh") == 0
    assert watch.flags(b"/srv/keys") == WATCHED
    assert watch.flags(b"/srv/a/b/keys/c") == WATCHED
    assert watch.flags(b"/srv/a/b/key") == 0


def test_an_ignored_path_is_left_out_unless_it_is_critical() -> None:
    watch = Watch([b"/etc"], [b"/etc/**/*.swp", b"/etc/cache"], [b"/etc/ssh"], [b"/etc"])
    assert watch.flags(b"/etc/.hosts.swp") == 0
    assert watch.flags(b"/etc/cache/x") == 0
    assert watch.flags(b"/etc/ssh/.x.swp") == WATCHED | CRITICAL | HASHED
    assert watch.flags(b"/etc/hosts") == WATCHED | HASHED


def test_a_directory_says_whether_anything_in_it_or_below_it_can_matter() -> None:
    watch = Watch([b"/home/*/.ssh", b"/etc"], [b"/etc/big"])
    assert not watch.directory(b"/home").any
    assert watch.directory(b"/home").below
    assert watch.directory(b"/home/ann").any
    assert not watch.directory(b"/var").below
    assert not watch.directory(b"/etc/big").below
    assert watch.directory(b"/etc/x").constant == WATCHED


def test_directories_in_the_same_state_share_one_verdict() -> None:
    watch = Watch([b"/usr"], [b"/usr/**/__pycache__"])
    assert watch.directory(b"/usr/lib/a") is watch.directory(b"/usr/share/b/c")


def test_a_walk_begins_at_the_glob_free_beginnings() -> None:
    watch = Watch([b"/home/*/.ssh", b"/home/ann", b"/etc", b"/etc/ssh"])
    assert watch.roots() == (b"/etc", b"/home")
    assert Watch([b"/**/x", b"/etc"]).roots() == (b"/",)


def test_a_relative_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute"):
        Watch([b"etc"])


def test_undecodable_names_match_as_bytes() -> None:
    watch = Watch([b"/d/*\xff*"])
    assert watch.flags(b"/d/a\xff\n") == WATCHED
    assert watch.flags(b"/d/a") == 0


_STEP = st.sampled_from([b"a", b"b", b"ab", b"*", b"a*", b"?", b"**"])
_NAME = st.sampled_from([b"a", b"b", b"ab", b"ba", b"\n"])


def _regex(steps: list[bytes]) -> re.Pattern[bytes]:
    text = b""
    for step in steps:
        text += (
            b"(?:/[^/]+)*"
            if step == b"**"
            else b"/" + step.replace(b"*", b"[^/]*").replace(b"?", b"[^/]")
        )
    return re.compile(text + b"(?:/.*)?", re.DOTALL)


@given(
    st.lists(st.lists(_STEP, min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(_NAME, min_size=1, max_size=6),
)
def test_stepping_through_directories_agrees_with_one_regular_expression(
    patterns: list[list[bytes]], names: list[bytes]
) -> None:
    path = b"/" + b"/".join(names)
    watch = Watch([b"/" + b"/".join(steps) for steps in patterns])
    expected = any(_regex(steps).fullmatch(path) for steps in patterns)
    assert bool(watch.flags(path)) == expected
