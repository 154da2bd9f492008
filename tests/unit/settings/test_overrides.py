from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sentinair.errors import ConfigFault, DataFault, PermissionFault
from sentinair.settings.describe import described
from sentinair.settings.overrides import (
    ALLOWED,
    NAME,
    Overrides,
    merge,
    read_overrides,
    write_overrides,
)
from sentinair.settings.types import Settings


def test_no_file_means_version_zero_and_nothing_changed(tmp_path: Path) -> None:
    overrides = read_overrides(tmp_path)
    assert overrides == Overrides()
    assert merge(Settings(), overrides) == Settings()


def test_what_was_written_is_read_back_and_counts(tmp_path: Path) -> None:
    overrides = Overrides(3, {"agent.log_level": "debug", "store.retention.events_days": 60})
    write_overrides(tmp_path, overrides)
    assert read_overrides(tmp_path) == overrides
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o640
    merged = merge(Settings(), overrides)
    assert merged.agent.log_level == "debug"
    assert merged.store.retention.events_days == 60
    assert merged.files == Settings().files


def test_every_allowed_key_is_a_setting_and_none_can_blind_the_agent() -> None:
    assert {one.key for one in described()} >= ALLOWED
    for key in ALLOWED:
        assert not key.startswith(("files.", "processes.", "api.authentication", "api.enabled"))


def test_watching_less_is_refused() -> None:
    with pytest.raises(ConfigFault, match="files.watch: may not be changed here"):
        merge(Settings(), Overrides(1, {"files.watch": "/none"}))


def test_retention_may_grow_but_never_shrink() -> None:
    with pytest.raises(
        ConfigFault, match="events_days: 5 is less than the 30 of the configuration"
    ):
        merge(Settings(), Overrides(1, {"store.retention.events_days": 5}))


def test_wrong_values_and_combinations_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigFault) as caught:
        merge(
            Settings(),
            Overrides(1, {"agent.log_level": "loud", "alerts.merge_window_secs": -1, "x": 1}),
        )
    assert len(caught.value.faults) == 3
    with pytest.raises(ConfigFault, match="less than alerts_days 2000"):
        merge(Settings(), Overrides(1, {"store.retention.alerts_days": 2000}))


@pytest.mark.parametrize("text", ["", "{", '{"version": "x"}', '{"else": 1}', "[" * 60_000])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    (tmp_path / NAME).chmod(0o640)
    with pytest.raises(DataFault, match="overrides.json: is damaged"):
        read_overrides(tmp_path)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_who_owns_the_state_may_own_it_and_nobody_else(tmp_path: Path) -> None:
    write_overrides(tmp_path, Overrides())
    os.chown(tmp_path / NAME, 4711, -1)
    with pytest.raises(PermissionFault):
        read_overrides(tmp_path)
    os.chown(tmp_path, 4711, -1)
    assert read_overrides(tmp_path) == Overrides()
