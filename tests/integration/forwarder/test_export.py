"""`sentinair export` through the real engine and forwarder, whoever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psutil import Process

from tests.harness.agent import ROOT, Agent, separated_agent, wait_for
from tests.harness.ledgers import LedgerMaker
from tests.integration.forwarder.conftest import Outlet

EVENTS = 60_000
BEGUN_BYTES = 4 << 20  # of the file: the engine has heard that it is being written
LONG = ("export", "--format", "ndjson", "--events")


def exports(agent: Agent, ending: str = "") -> list[Path]:
    folder = agent.state / "data" / "exports"
    return sorted(one for one in folder.iterdir() if one.name.endswith(ending))


def parts(agent: Agent) -> list[Path]:
    return exports(agent, ".part")


def finished(agent: Agent) -> list[Path]:
    return [one for one in exports(agent) if one.name.startswith("sentinair_")]


def told(agent: Agent, *words: str) -> dict[str, Any]:
    done = agent.cli("export", *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr + agent.output[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def filled(folder: Path, count: int = EVENTS) -> Agent:
    """An agent whose record holds so many events, not started."""
    agent = Agent(folder / "agent", watch=[folder], config={"files": {"source": "inotify"}})
    maker = LedgerMaker(agent.state)
    maker.unsafe_but_fast()
    for _ in range(count // 1000):
        maker.commit(maker.file_events(1000))
    maker.close()
    return agent


@contextmanager
def asking(agent: Agent, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The command, not waited for."""
    program = [sys.executable, "-m", "sentinair.cli.main"]
    places = ["--config", str(agent.config), "--state", str(agent.state)]
    with subprocess.Popen(
        [*program, *places, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hold(agent: Agent) -> int:
    """The pid of a forwarder that is stopped in the middle of an export."""
    pid = agent.roles()["forwarder"]

    def has_begun() -> bool:
        return any(one.stat().st_size > BEGUN_BYTES for one in parts(agent))

    came = wait_for(has_begun, 20.0, pause_secs=0.001)
    assert came is not None, agent.output[-2000:]
    os.kill(pid, signal.SIGSTOP)
    assert wait_for(lambda: Process(pid).status() == "stopped", 5.0, pause_secs=0.001) is not None
    assert parts(agent), "the export was over already"
    return pid


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: separated roles, fanotify")
def test_an_export_of_the_separated_agent_is_the_forwarders_signed_and_no_tampering() -> None:
    with separated_agent() as agent:
        small = agent.roles()["forwarder"]
        key = ["--public-key", str(agent.state / "keys" / "enrolment.pub")]
        with asking(agent, "export", "--format", "json", "--json") as first:
            second = told(agent, "--format", "json")
            assert first.wait(30) == 0
            assert first.stdout is not None
            files = {second["file"], json.loads(first.stdout.read())["file"]}
        events = told(agent, "--format", "ndjson", "--events", "--kind", "process", "--limit", "3")
        assert len(files) == 2, "two of one second have two names"
        assert (events["count"], events["signed"], events["readable"]) == (3, True, True)
        found = Path(events["file"]).stat()
        assert (found.st_uid, found.st_gid) == (
            Path(events["file"]).parent.stat().st_uid,
            Path(events["file"]).parent.stat().st_gid,
        )
        assert stat.S_IMODE(found.st_mode) == 0o640
        for path in (Path(events["file"]), Path(events["file"]).parent):
            proven = agent.cli("verify", str(path), *key)
            assert proven.returncode == 0, proven.stdout + proven.stderr
            assert "3 entries for uid 0 (root)\n" in proven.stdout
        assert parts(agent) == []
        manifest = json.loads(Path(events["manifest"]).read_bytes())["signed"]
        assert manifest["wanted"]["kind"] == ["process"]
        assert (manifest["writer"], manifest["by"]) == ("forwarder", "uid 0 (root)")

        def is_small() -> bool:
            return "sqlite3" not in Path(f"/proc/{small}/maps").read_text()

        assert not is_small()
        assert wait_for(is_small, 20.0) is not None, "it gives back what it loaded"
        assert agent.roles()["forwarder"] == small
        told(agent, "--format", "csv", "--severity", "low")
        (agent.folder.parent / "watched" / "last").touch()
        assert wait_for(lambda: agent.stored.holds("file", b"/last", 0), 20.0) is not None
        assert [a.title for a in agent.stored.alerts() if a.category == "tamper"] == []
        Path(events["file"]).write_bytes(Path(events["file"]).read_bytes()[:-2])
        assert agent.cli("verify", events["file"], *key).returncode == 1


def test_a_forwarder_with_sinks_exports_beside_them(outlet: Outlet) -> None:
    with outlet.agent as agent:
        outlet.wait_for_all()
        ndjson = told(agent, "--format", "ndjson", "--events", "--limit", "2")
        assert ndjson["count"] == len(Path(ndjson["file"]).read_bytes().splitlines()) == 2
        assert ndjson["signed"] is True
        outlet.wait_for_all()
    assert outlet.missing() == set()


def test_a_forwarder_killed_in_the_middle_leaves_nothing_half(tmp_path: Path) -> None:
    with filled(tmp_path) as agent, asking(agent, *LONG) as command:
        os.kill(hold(agent), signal.SIGKILL)
        assert command.wait(40) == 74
        assert command.stderr is not None
        assert "the forwarder ended while it was written; ask for it again" in command.stderr.read()
        assert wait_for(lambda: not parts(agent), 10.0) is not None
        assert finished(agent) == []
        assert told(agent, *LONG[1:])["count"] >= EVENTS


def test_a_killed_engine_ends_the_export_and_the_command_says_so(tmp_path: Path) -> None:
    with filled(tmp_path) as agent, asking(agent, *LONG) as command:
        held = hold(agent)
        os.kill(agent.roles()["engine"], signal.SIGKILL)
        assert wait_for(lambda: "engine" in agent.roles(), 20.0) is not None
        os.kill(held, signal.SIGCONT)
        assert command.wait(40) == 74
        assert command.stderr is not None
        assert "knows nothing of this export; ask for it again" in command.stderr.read()
        assert wait_for(lambda: not parts(agent), 20.0) is not None
        assert finished(agent) == []
        assert told(agent, *LONG[1:])["signed"] is True


def test_ctrl_c_gives_the_export_up(tmp_path: Path) -> None:
    with filled(tmp_path) as agent, asking(agent, *LONG) as command:
        held = hold(agent)
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 130
        os.kill(held, signal.SIGCONT)
        assert wait_for(lambda: not parts(agent), 20.0) is not None
        assert finished(agent) == []


def test_a_command_that_is_killed_leaves_the_export_going(tmp_path: Path) -> None:
    with filled(tmp_path) as agent, asking(agent, *LONG) as command:
        held = hold(agent)
        command.kill()
        command.wait(20)
        os.kill(held, signal.SIGCONT)
        assert wait_for(lambda: len(finished(agent)) == 3, 30.0) is not None
        proven = agent.cli("verify", str(agent.state / "data" / "exports"), "--public-key",
                           str(agent.state / "keys" / "enrolment.pub"))  # fmt: skip
        assert proven.returncode == 0, proven.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts")
@pytest.mark.parametrize("where", ["forwarder", "command"])
def test_a_full_disk_is_one_clear_error_and_nothing_is_left(tmp_path: Path, where: str) -> None:
    agent = filled(tmp_path)
    small = tmp_path / "small"
    small.mkdir()
    with agent:
        target = agent.state / "data" / "exports" if where == "forwarder" else small
        with mounted(["-t", "tmpfs", "-o", "size=8m,mode=2750", "tmpfs"], target):
            out = [] if where == "forwarder" else ["--out", str(small)]
            done = agent.cli(*LONG, *out)
            assert done.returncode == 74
            assert len(done.stderr.splitlines()) == 1
            assert (
                "of the disk is free" if where == "forwarder" else "No space left"
            ) in done.stderr
            assert list(target.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts")
@pytest.mark.parametrize("form", ["vfat", "exfat"])
def test_an_export_fits_a_stick(tmp_path: Path, form: str) -> None:
    agent = filled(tmp_path, 2000)
    image, stick = tmp_path / "image", tmp_path / "stick"
    stick.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 16 << 20)
    try:
        subprocess.run([f"mkfs.{form}", str(image)], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip(f"no mkfs.{form}")
    with agent, mounted(["-o", "loop", str(image)], stick):
        both = [told(agent, *LONG[1:], "--out", str(stick)) for _ in range(2)]
        assert len({one["file"] for one in both}) == 2
        assert all(one["signed"] for one in both)
        key = ["--public-key", str(agent.state / "keys" / "enrolment.pub")]
        assert agent.cli("verify", str(stick), *key).returncode == 0


@contextmanager
def mounted(words: list[str], target: Path) -> Iterator[None]:
    done = subprocess.run(
        ["mount", *words, str(target)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


Filter = tuple[tuple[str, ...], Callable[[dict[str, Any]], bool]]


def test_filters_hold_on_both_ways(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent", watch=[tmp_path], config={"files": {"source": "inotify"}})
    maker = LedgerMaker(agent.state)
    maker.mixed(200)
    maker.commit(alerts=maker.resolved(5))
    maker.close()
    filters: list[Filter] = [
        (("--severity", "high", "--severity", "low"), lambda a: a["severity"] in {"high", "low"}),
        (("--status", "resolved"), lambda a: a["status"] == "resolved"),
        (("--source", "sigma"), lambda a: a["source"] == "sigma"),
        (("--since", "2023-11-14T22:14:20Z"), lambda a: a["timestamp"] >= "2023-11-14T22:14:20"),
        (("--until", "2023-11-14T22:14:50Z"), lambda a: a["timestamp"] < "2023-11-14T22:14:50"),
    ]
    with agent:
        for words, holds in filters:
            rows = [
                json.loads(Path(one["file"]).read_bytes())["alerts"]
                for one in (
                    told(agent, "--format", "json", *words),
                    told(agent, "--format", "json", *words, "--out", str(tmp_path / "out")),
                )
            ]
            listed = agent.cli("alerts", "list", "--json", "--limit", "0", *words).stdout
            ids = [json.loads(line)["id"] for line in listed.splitlines()]
            assert rows[0], words
            assert [one["id"] for one in rows[0]] == [one["id"] for one in rows[1]] == ids
            assert all(map(holds, rows[0])), words
        few = told(agent, *LONG[1:], "--kind", "process", "--source", "cnproc", "--limit", "7")
        lines = Path(few["file"]).read_bytes().splitlines()
        assert len(lines) == 7
        assert {
            (json.loads(line)["kind"], json.loads(line)["data"]["source"]) for line in lines
        } == {("process", "cnproc")}
