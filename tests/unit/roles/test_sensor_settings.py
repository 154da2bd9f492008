"""What the sensor makes of its settings, and when it refuses to start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.errors import StorageFault
from sentinair.kernel import fanotify
from sentinair.kernel.mounts import MountTable
from sentinair.model.ports import Probe
from sentinair.monitors.watch import CRITICAL, WATCHED
from sentinair.roles.sensor.choice import choose
from sentinair.roles.sensor.source import watch_of
from sentinair.settings.compiled import SensorSettings
from sentinair.settings.types import FilesSettings


def settings(tmp_path: Path, *, source: str = "auto", **files: tuple[str, ...]) -> SensorSettings:
    made = FilesSettings(source=source, **files)  # type: ignore[arg-type]
    return SensorSettings(state=str(tmp_path / "state"), files=made)


def test_a_watched_link_stands_for_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    table = MountTable()
    watch = watch_of(settings(tmp_path, watch=(f"{tmp_path}/link/*.conf",)), table.read())
    table.close()
    assert watch.flags(os.fsencode(tmp_path / "real" / "a.conf")) == WATCHED
    assert watch.flags(os.fsencode(tmp_path / "link" / "a.conf")) == WATCHED
    assert watch.flags(os.fsencode(tmp_path / "real" / "a")) == 0


def test_the_state_directory_is_critical_or_for_a_source_without_processes_left_out(
    tmp_path: Path,
) -> None:
    made = settings(tmp_path, watch=(str(tmp_path),), critical=(f"{tmp_path}/state/x",))
    table = MountTable()
    inside = os.fsencode(tmp_path / "state" / "x")
    assert watch_of(made, table.read()).flags(inside) == WATCHED | CRITICAL
    assert watch_of(made, table.read(), with_state=False).flags(inside) == 0
    table.close()


def test_without_fanotify_inotify_is_taken_and_the_reason_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Probe("fanotify", works=False, reason="needs CAP_SYS_ADMIN")
    monkeypatch.setattr(fanotify, "probe", lambda: (refused, None))
    table = MountTable()
    source = choose(settings(tmp_path, watch=(str(tmp_path),)), table)
    assert source.name == "inotify"
    assert "needs CAP_SYS_ADMIN" in source.probe.reason
    source.close()
    with pytest.raises(StorageFault, match="needs CAP_SYS_ADMIN"):
        choose(settings(tmp_path, source="fanotify"), table)
    table.close()


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sentinair.roles.sensor", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )


def test_wrong_arguments_are_one_clear_line() -> None:
    done = run("--settings")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--settings VALUE --socket VALUE" in done.stderr


def test_missing_settings_are_one_clear_line(tmp_path: Path) -> None:
    done = run("--settings", str(tmp_path / "none"), "--socket", str(tmp_path / "s"))
    assert done.returncode == 74
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "none") in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be refused")
def test_root_is_refused_under_the_unit() -> None:
    done = run("--settings", "x", "--socket", "y", NOTIFY_SOCKET="/nowhere")
    assert done.returncode == 77
    assert "root" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="fanotify needs root")
def test_a_path_whose_opening_cannot_be_seen_is_told_and_one_that_is_not_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_bytes(b"x")
    refused = os.fsencode(tmp_path / "refused")
    mark = fanotify.Fanotify.mark_reading

    def refusing(group: fanotify.Fanotify, path: bytes, *, follow: bool = False) -> None:
        if path == refused:
            raise OSError(28, "no marks are left")
        mark(group, path, follow=follow)

    monkeypatch.setattr(fanotify.Fanotify, "mark_reading", refusing)
    wanted = tuple(str(tmp_path / name) for name in ("key", "later", "refused"))
    table = MountTable()
    source = choose(settings(tmp_path, watch=(str(tmp_path),), read_watch=wanted), table)
    source.mounted()
    told = [note for note in source.notes() if "opening" in note]
    assert told == [f"{tmp_path}/refused: its opening is not seen: no marks are left"]
    source.close()
    table.close()
