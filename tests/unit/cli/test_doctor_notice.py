"""What `sentinair doctor` says of the notice: who at this host is reached."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sentinair.cli import doctor_notice
from sentinair.cli.places import Places
from tests.harness.sink_file import REGISTERED

SINK = "sinks:\n  to:\n    - {name: n, kind: notice, codec: none, options: {%s}}\n"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.syspath_prepend(REGISTERED)
    (tmp_path / "config").mkdir(mode=0o755)
    return Places(tmp_path / "config", tmp_path / "state")


def enabled(places: Places, options: str = "motd: false") -> None:
    (places.config / "sinks.yaml").write_text(SINK % options)


def told(places: Places, pid: int | None) -> list[tuple[str, str, str]]:
    return [(one.check, one.level, one.text) for one in doctor_notice.findings(places, pid)]


def in_a_child(uid: int, groups: list[int], told_of: Places) -> list[tuple[str, str, str]]:
    """What is found of a process with these rights."""
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, user=uid, group=uid, extra_groups=groups
    ) as child:
        return told(told_of, child.pid)


def test_nothing_is_said_while_no_notice_is_enabled(places: Places) -> None:
    assert told(places, os.getpid()) == []
    (places.config / "sinks.yaml").write_text("sinks: {to: 3}\n")
    assert told(places, os.getpid()) == [], "the line on the configuration says why"


@pytest.mark.root
def test_an_ordinary_user_is_said_to_reach_the_own_terminals_only(places: Places) -> None:
    if os.geteuid():
        pytest.skip("needs root: becomes another user")
    enabled(places)
    ((check, level, text),) = in_a_child(1000, [], places)
    assert (check, level) == ("notice", "warn")
    assert "terminals of uid 1000 only" in text
    ((_, level, _),) = in_a_child(1000, [5], places)
    assert level == "ok"


def test_a_forwarder_that_is_not_there_tells_nobody(places: Places) -> None:
    enabled(places)
    ((_, level, text),) = told(places, None)
    assert level == "warn"
    assert "forwarder is not there" in text
    ((_, level, text),) = told(places, 1 << 30)
    assert level == "warn"
    assert "cannot be seen" in text


def test_a_message_of_the_day_that_no_login_shows_is_told(places: Places) -> None:
    enabled(places, "terminals: false")
    ((check, level, text),) = told(places, None)
    assert (check, level) == ("motd", "warn")
    assert f"{places.state}/run/notice/motd" in text
    installed = Places(places.config, Path("/var/lib/sentinair"))
    ((check, level, text),) = told(installed, None)
    assert check == "motd"
    assert "/run/motd.d/sentinair" in text


def test_a_link_that_leads_to_the_file_is_all_a_login_needs(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    link = tmp_path / "sentinair"
    monkeypatch.setattr(doctor_notice, "LINK", link)
    enabled(places, "terminals: false")
    installed = Places(places.config, Path("/var/lib/sentinair"))
    ((_, level, _),) = told(installed, None)
    assert level == "warn"
    link.symlink_to("/run/sentinair/notice/motd")
    ((_, level, _),) = told(installed, None)
    assert level == "ok"
