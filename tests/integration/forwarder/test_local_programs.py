"""Alerts and events reach other programs of this host: by the shared database, and by topics; with the whole agent."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sentinair.sinks.shared.database import NAME
from sentinair.sinks.topics.client import Subscription
from tests.harness.agent import ROOT, Agent, separated_agent, wait_for

SHARED = {"name": "local", "kind": "shared", "codec": "none", "events": ["file"]}
TOPICS = {"name": "voices", "kind": "topics", "codec": "none", "events": ["*"]}
MOST_WAIT = 20.0


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


@contextmanager
def running(tmp_path: Path, watched: Path, *sinks: dict[str, Any]) -> Iterator[Agent]:
    agent = Agent(
        tmp_path / "agent",
        watch=[watched],
        config={"sinks": {"to": list(sinks)}, "files": {"source": source()}},
    )
    with agent:
        yield agent


def source() -> str:
    return "fanotify" if os.geteuid() == 0 else "inotify"


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    """Empty also while the file is not there or locked."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as reader,
    ):
        return reader.execute(query).fetchall()
    return []


def paths(file: Path) -> set[str]:
    query = "SELECT json_extract(data, '$.path') FROM shared_events WHERE event_type = 'file'"
    return {os.path.basename(path) for (path,) in rows(file, query)}


def told(agent: Agent) -> list[Any]:
    """Alerts on the agent's own files."""
    return [
        (a.title, a.filename, a.details["event"])
        for a in agent.stored.alerts()
        if a.category == "tamper"
    ]


def test_the_shared_database_fills_in_the_exports_and_survives_a_killed_forwarder(
    tmp_path: Path, watched: Path
) -> None:
    with running(tmp_path, watched, SHARED) as agent:
        file = agent.state / "data" / "exports" / NAME
        (watched / "one").touch()
        assert wait_for(lambda: "one" in paths(file), MOST_WAIT) is not None, agent.output[-2000:]
        for name in ("two", "three"):
            (watched / name).touch()
            os.kill(agent.roles()["forwarder"], signal.SIGKILL)
            assert wait_for(lambda name=name: name in paths(file), MOST_WAIT) is not None  # type: ignore[misc]
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        assert file.stat().st_gid == file.parent.stat().st_gid
        assert agent.cli("rescan", str(agent.state)).returncode == 0
        (watched / "four").touch()
        assert wait_for(lambda: "four" in paths(file), MOST_WAIT) is not None
        assert told(agent) == []
        sinks: Any = agent.ask("sinks.list")["sinks"]
        assert [(sink["name"], sink["letters"]) for sink in sinks] == [("local", 0)]
    ids = [row[0] for row in rows(file, "SELECT id FROM shared_events")]
    assert len(ids) == len(set(ids))


@pytest.mark.skipif(os.geteuid() != 0, reason="the state directory is watched by fanotify, as root")
def test_alerts_that_were_lost_with_the_file_come_back_by_a_replay(
    tmp_path: Path, watched: Path
) -> None:
    with running(tmp_path, watched, SHARED) as agent:
        file = agent.state / "data" / "exports" / NAME

        def alerts() -> set[Any]:
            return set(rows(file, "SELECT id FROM shared_alerts WHERE category = 'tamper'"))

        def fills_again(name: str) -> bool:
            (watched / name).touch()
            return wait_for(lambda: name in paths(file), MOST_WAIT) is not None

        assert fills_again("one")
        file.unlink()
        assert fills_again("two")
        assert f"{file} was taken away" in agent.output
        assert wait_for(lambda: bool(alerts()), MOST_WAIT) is not None  # of the file that is gone
        before = alerts()
        file.unlink()
        assert fills_again("three")
        assert agent.cli("sinks", "replay", "local", "--after", "0").returncode == 0
        assert wait_for(lambda: alerts() >= before, MOST_WAIT) is not None


def test_copies_reach_a_share(tmp_path: Path, watched: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    options = {"directory": str(share), "snapshot": True, "snapshot_secs": 1}
    with running(tmp_path, watched, SHARED | {"options": options}) as agent:
        for name in ("one", "two"):
            (watched / name).touch()
            assert wait_for(lambda name=name: name in paths(share / NAME), MOST_WAIT) is not None  # type: ignore[misc]
        assert told(agent) == []
    assert os.listdir(share) == [NAME]


def test_topics_reach_a_subscriber_over_restarts_of_the_forwarder(
    tmp_path: Path, watched: Path
) -> None:
    with running(tmp_path, watched, TOPICS) as agent:
        path = str(agent.state / "run" / "topics" / "topics.sock")
        assert wait_for(lambda: os.path.exists(path), MOST_WAIT) is not None, agent.output[-2000:]
        for life in ("one", "two"):
            with subscribed(path, "events") as topics:
                (watched / life).touch()
                assert has_path(topics, life)
                os.kill(agent.roles()["forwarder"], signal.SIGKILL)
                assert not any("error" in message for message in topics)  # until it ends
        with subscribed(path, "events"):
            assert agent.cli("rescan", str(agent.state)).returncode == 0
            (watched / "three").touch()
            seen = wait_for(lambda: agent.stored.holds("file", b"/three", 0), MOST_WAIT)
            assert seen is not None
        assert told(agent) == []
    assert not os.path.exists(path)


def subscribed(path: str, *topics: str) -> Subscription:
    """As a program would that outlives a restart of the agent."""
    made: list[Subscription] = []

    def tried() -> bool:
        with contextlib.suppress(OSError):
            made.append(Subscription(*topics, path=path))
        return bool(made)

    assert wait_for(tried, MOST_WAIT) is not None
    return made[0]


def has_path(topics: Subscription, name: str) -> bool:
    while (message := topics.get(MOST_WAIT)) is not None:
        if message["data"]["data"].get("path", "").endswith(f"/{name}"):
            return True
    return False


READER = """
import grp, os, sqlite3, sys
gid = grp.getgrnam(sys.argv[1]).gr_gid
os.setgroups([gid] if sys.argv[1] != "nogroup" else []); os.setgid(gid); os.setuid(65534)
from sentinair.sinks.topics.client import Subscription
tries = (
    lambda: sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True).execute("SELECT 1 FROM shared_events").fetchall(),
    lambda: sqlite3.connect(f"file:{sys.argv[2]}?mode=rw", uri=True).execute("DELETE FROM shared_events"),
    lambda: Subscription("alerts", path=sys.argv[3]).close(),
)
for one in tries:
    try:
        one()
        print("yes")
    except (OSError, sqlite3.Error) as fault:
        print("no")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="role users need root")
def test_with_users_of_their_own_the_readers_group_reads_and_subscribes_and_nobody_else_does() -> (
    None
):
    to = [SHARED | {"events": ["*"]}, TOPICS]
    with separated_agent({"sinks": {"to": to}, "files": {"source": source()}}) as agent:
        if "roles not separated" in agent.output:
            pytest.skip("role users cannot reach the interpreter here")
        file = agent.state / "data" / "exports" / NAME
        path = agent.state / "run" / "topics" / "topics.sock"
        (agent.watch[0] / "one").touch()
        assert wait_for(lambda: "one" in paths(file), MOST_WAIT) is not None, agent.output[-2000:]
        for place, mode in ((file, 0o640), (path, 0o660)):
            found = place.stat()
            assert place.owner() == "sentinair-fwd"
            assert (place.group(), stat.S_IMODE(found.st_mode)) == ("sentinair-read", mode)
        for group, answers in (
            ("sentinair-read", ["yes", "no", "yes"]),
            ("nogroup", ["no", "no", "no"]),
        ):
            done = subprocess.run(
                [sys.executable, "-c", READER, group, str(file), str(path)],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
            assert done.stdout.split() == answers, done.stderr
        assert told(agent) == []
