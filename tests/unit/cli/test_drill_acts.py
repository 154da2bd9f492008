"""The drill's acts: real, harmless, gone afterwards."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from sentinair.cli import drill_acts
from sentinair.cli.drill_acts import MARK, CronFile, SetuidFile, ShellBack, choose


def test_the_setuid_file_is_inert_and_goes_away(tmp_path: Path) -> None:
    act = SetuidFile(tmp_path)
    before = time.monotonic_ns()
    with act.done() as done_ns:
        assert before <= done_ns <= time.monotonic_ns()
        (made,) = tmp_path.iterdir()
        assert made.name == act.token
        assert made.name.startswith(MARK)
        assert stat.S_IMODE(made.stat().st_mode) == 0o4755
        assert made.read_bytes().startswith(b"# Sentinair drill")
    assert not list(tmp_path.iterdir())


def test_the_cron_file_has_a_name_that_cron_skips(tmp_path: Path) -> None:
    with CronFile(tmp_path).done():
        (made,) = tmp_path.iterdir()
        assert "." in made.name
        assert all(line.startswith(b"#") for line in made.read_bytes().splitlines())


def test_a_file_act_that_is_interrupted_cleans_up(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), SetuidFile(tmp_path).done():
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_the_reverse_shell_only_waits_and_goes_away(tmp_path: Path) -> None:
    act = ShellBack(tmp_path)
    with act.done():
        (home,) = tmp_path.iterdir()
        assert act.token in home.name
        pids = [
            int(pid)
            for pid in os.listdir("/proc")
            if pid.isdigit() and _exe(pid) == str(home / "nc")
        ]
        assert len(pids) == 1
        argv = Path(f"/proc/{pids[0]}/cmdline").read_bytes().split(b"\0")
        assert argv[3:6] == [b"nc", b"-e", b"/bin/sh"]
        # Nothing beside its three standard streams: no socket, no file.
        assert len(os.listdir(f"/proc/{pids[0]}/fd")) <= 4
    assert not list(tmp_path.iterdir())
    assert not Path(f"/proc/{pids[0]}").exists()


def _exe(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def test_only_what_is_watched_and_writable_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts, skipped = choose([tmp_path])
    assert [act.name for act in acts] == ["reverse shell", "setuid file"]
    assert dict(skipped) == {"cron file": "/etc/cron.d is not watched"}
    acts, skipped = choose([])
    assert [act.name for act in acts] == ["reverse shell"]
    assert len(skipped) == 2
    monkeypatch.setattr(drill_acts, "writable", lambda folder: folder == Path("/etc/cron.d"))
    acts, skipped = choose([Path("/etc")])
    assert [act.name for act in acts] == ["reverse shell", "cron file"]
    monkeypatch.setattr(drill_acts, "writable", lambda folder: False)
    acts, skipped = choose([Path("/etc")])
    assert [name for name, _ in skipped] == ["setuid file", "cron file"]
