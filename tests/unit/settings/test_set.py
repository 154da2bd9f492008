from __future__ import annotations

import difflib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sentinair.errors import ConfigFault, PermissionFault, UsageFault
from sentinair.settings.describe import described, value_of
from sentinair.settings.load import SECTIONS, load
from sentinair.settings.set import set_value

SHIPPED = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir(mode=0o755)
    for section in SECTIONS:
        target = folder / f"{section}.yaml"
        target.write_text((SHIPPED / f"{section}.yaml").read_text())
        target.chmod(0o644)
    return folder


def test_one_line_changes_and_every_comment_stays(config: Path) -> None:
    path = config / "store.yaml"
    before = path.read_text()
    change = set_value(config, "store.retention.events_days", "90")
    after = path.read_text()
    changed = [
        line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"
    ]
    assert changed == ["-     events_days: 30", "+     events_days: 90"]
    assert load(config).store.retention.events_days == 90
    assert (change.old, change.new) == ("30", "90")
    assert after.splitlines()[change.line - 1].strip() == "events_days: 90"


def test_every_scalar_that_ships_can_be_set_to_itself(config: Path) -> None:
    before = {section: (config / f"{section}.yaml").read_bytes() for section in SECTIONS}
    for one in described():
        if isinstance(one.default, tuple):
            continue
        text = str(one.default).lower() if isinstance(one.default, bool) else str(one.default)
        set_value(config, one.key, text)
    assert {s: (config / f"{s}.yaml").read_bytes() for s in SECTIONS} == before


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("alerts:\n  max_open: 200 # why\n", "alerts:\n  max_open: 500 # why\n"),
        ("alerts:\n  max_open: '200'  # q\n", None),
        ("alerts: {max_open: 200}\n", "alerts: {max_open: 500}\n"),
        ("alerts: {merge_window_secs: 5}\n", "alerts: {max_open: 500, merge_window_secs: 5}\n"),
        ("alerts: {}\n", "alerts: {max_open: 500}\n"),
        ("alerts:\n", "alerts:\n  max_open: 500\n"),
        ("alerts:", "alerts:\n  max_open: 500\n"),
        (
            "alerts:  # here\n    # c\n    merge_window_secs: 5\n",
            "alerts:  # here\n    max_open: 500\n    # c\n    merge_window_secs: 5\n",
        ),
        ("", "alerts:\n  max_open: 500\n"),
        ("# only words", "# only words\nalerts:\n  max_open: 500\n"),
        ("alerts:\r\n  max_open: 200\r\n# e\r\n", "alerts:\r\n  max_open: 500\r\n# e\r\n"),
        ("\ufeffalerts:\n  max_open: 1000\n", "\ufeffalerts:\n  max_open: 500\n"),
        (None, "alerts:\n  max_open: 500\n"),
    ],
)
def test_a_value_finds_its_place_however_the_file_is_written(
    config: Path, text: str | None, after: str | None
) -> None:
    path = config / "alerts.yaml"
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text.encode())
    set_value(config, "alerts.max_open", "500")
    assert load(config).alerts.max_open == 500
    if after is not None:
        assert path.read_bytes().decode() == after


def test_a_setting_two_levels_deep_is_put_in_where_nothing_stood(config: Path) -> None:
    (config / "store.yaml").write_text("store:\n  reserve_bytes: 8388608\n")
    set_value(config, "store.retention.events_days", "7")
    assert load(config).store.retention.events_days == 7
    (config / "store.yaml").write_text("store: {reserve_bytes: 8388608}\n")
    set_value(config, "store.retention.events_days", "8")
    assert load(config).store.retention.events_days == 8


def test_a_key_without_a_value_gets_one(config: Path) -> None:
    (config / "alerts.yaml").write_text(
        "alerts:\n  max_open:  # how many\n  merge_window_secs: 5\n"
    )
    assert set_value(config, "alerts.max_open", "500").old == ""
    assert (config / "alerts.yaml").read_text() == (
        "alerts:\n  max_open: 500  # how many\n  merge_window_secs: 5\n"
    )


def test_a_value_that_would_be_wrong_changes_nothing(config: Path) -> None:
    before = (config / "files.yaml").read_bytes()
    with pytest.raises(ConfigFault, match=r"files.yaml:\d+: files.source: expected one of auto"):
        set_value(config, "files.source", "fnotify")
    with pytest.raises(ConfigFault, match="expected a whole number"):
        set_value(config, "files.hash_quiet_ms", "[1, 2]")
    assert (config / "files.yaml").read_bytes() == before


def test_a_combination_that_would_be_wrong_changes_nothing(config: Path) -> None:
    before = (config / "api.yaml").read_bytes()
    with pytest.raises(ConfigFault, match="api.ssl: false would send keys in the clear"):
        set_value(config, "api.ssl", "false")
    assert (config / "api.yaml").read_bytes() == before
    set_value(config, "api.allow_plain_http", "true")
    set_value(config, "api.ssl", "false")
    assert not load(config).api.ssl


def test_faults_that_stood_there_before_are_named(config: Path) -> None:
    (config / "agent.yaml").write_text("agent: [\n")
    with pytest.raises(ConfigFault, match="agent.yaml:2: is not valid YAML"):
        set_value(config, "files.source", "auto")


def test_a_wrong_key_says_what_was_meant(config: Path) -> None:
    with pytest.raises(UsageFault, match="did you mean files.source?"):
        set_value(config, "files.sorce", "auto")
    with pytest.raises(UsageFault, match="`sentinair config show` lists them"):
        set_value(config, "zzzzz", "auto")
    with pytest.raises(UsageFault, match="name one of store.retention.events_days"):
        set_value(config, "store.retention", "1")
    with pytest.raises(UsageFault, match="is a list; edit it in files.yaml"):
        set_value(config, "files.watch", "/etc")


def test_two_lines_are_refused(config: Path) -> None:
    with pytest.raises(UsageFault, match="expected one line"):
        set_value(config, "api.host", "127.0.0.1\nssl: false")


def test_owner_and_mode_stay(config: Path) -> None:
    path = config / "files.yaml"
    path.chmod(0o640)
    set_value(config, "files.source", "inotify")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    if os.geteuid() == 0:
        os.chown(path, 0, 4711)
        set_value(config, "files.source", "auto")
        assert path.stat().st_gid == 4711


def test_a_file_that_others_may_write_is_not_touched(config: Path) -> None:
    (config / "files.yaml").chmod(0o666)
    with pytest.raises(PermissionFault):
        set_value(config, "files.source", "inotify")


@given(st.text(max_size=30))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_value_can_smuggle_a_second_setting_in(config: Path, value: str) -> None:
    before = load(config)
    original = (config / "agent.yaml").read_bytes()
    try:
        set_value(config, "agent.log_level", value)
    except (ConfigFault, UsageFault):
        assert (config / "agent.yaml").read_bytes() == original
        return
    after = load(config)
    assert value_of(after, "agent.log_level") == value
    assert after.agent.lanes == before.agent.lanes
