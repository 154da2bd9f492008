"""Subscribers on a real socket: each gets what it asked for, none delays another, and limits hold."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.errors import SinkAway
from sentinair.model.ports import Sink
from sentinair.sinks.topics import client
from sentinair.sinks.topics.client import Refused, Subscription
from sentinair.sinks.topics.subscriber import MAX_QUEUED
from tests.harness.agent import wait_for
from tests.harness.entries import alert_entry, event_entry, parcels, record_entry
from tests.unit.sinks.topics.conftest import Room, answer


def test_it_is_a_sink_that_holds_nothing_back(room: Room) -> None:
    sink: Sink = room.sink
    sink.idle(0)
    assert sink.holding() == {}


def test_each_subscriber_gets_its_topics_in_order(room: Room) -> None:
    alerts, both = room.subscribe("alerts"), room.subscribe("alerts", "events")
    room.send(alert_entry(1, 1), event_entry(1), record_entry(2), alert_entry(3, 2))
    assert [alerts.get(5)["seq"] for _ in range(2)] == [1, 3]  # type: ignore[index]
    got = [both.get(5) or {} for _ in range(3)]
    assert [(one["topic"], one["seq"]) for one in got] == [("alerts", 1), ("events", 1), ("alerts", 3)]  # fmt: skip


def test_without_subscribers_everything_is_delivered_to_nobody(room: Room) -> None:
    room.send(alert_entry(1, 1), event_entry(1))
    assert room.counts()["queued"] == 0


def test_waiting_ends_after_its_time_without_a_message(room: Room) -> None:
    assert room.subscribe("alerts").get(timeout_secs=0.01) is None


def test_a_slow_subscriber_is_told_how_many_it_missed_and_delays_nobody(room: Room) -> None:
    room.fresh(queue=10)
    slow, quick = room.subscribe("events"), room.subscribe("events")
    slow._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sent = 2000
    got = []
    for seq in range(1, sent + 1):
        room.send(event_entry(seq, pad="x" * 1000))
        got.append((quick.get(5) or {})["seq"])
    assert got == list(range(1, sent + 1))
    assert room.counts()["dropped"] > 0
    seen: list[int] = []
    missed = 0
    while (message := slow.get(0.5)) is not None:
        if "dropped" in message:
            missed += message["dropped"]
        else:
            assert message["seq"] == len(seen) + missed + 1, (
                "dropped says how many are missing here"
            )
            seen.append(message["seq"])
    assert len(seen) + missed == sent
    assert slow.dropped == missed == room.counts()["dropped"]
    room.send(event_entry(sent + 1))
    assert (slow.get(5) or {})["seq"] == sent + 1


def test_publishing_says_when_a_queue_is_full(room: Room) -> None:
    room.fresh(queue=1)
    room.subscribe("events")
    hub = room.sink._hub
    assert hub is not None
    assert hub.publish("alerts", b"{}\n"), "nobody wants it"
    said = [hub.publish("events", b" " * 100_000 + b"\n") for _ in range(50)]
    assert said[0]
    assert not all(said)


def test_a_queue_is_bounded_in_bytes(room: Room) -> None:
    room.fresh(queue=100_000)
    room.subscribe("events")
    hub = room.sink._hub
    assert hub is not None
    for _ in range(200):
        hub.publish("events", b" " * 100_000 + b"\n")
    (one,) = hub._subscribers.values()
    assert one._bytes <= MAX_QUEUED


def test_ten_thousand_connections_beyond_the_limit_are_refused_and_those_before_go_on(
    room: Room,
) -> None:
    room.fresh(subscribers=3, per_user=3)
    before = [room.subscribe("alerts") for _ in range(3)]
    descriptors = len(os.listdir("/proc/self/fd"))
    refused = 0
    for _ in range(10_000):
        with socket.socket(socket.AF_UNIX) as made:
            made.setblocking(False)
            try:
                made.connect(str(room.path))
            except BlockingIOError:  # so many wait already (unix(7): EAGAIN)
                refused += 1
    told = room.connect()
    assert "3 subscribers already" in (answer(told) or {})["error"]
    assert answer(told) is None
    assert wait_for(lambda: len(os.listdir("/proc/self/fd")) <= descriptors + 1, 5.0) is not None
    assert refused + room.counts()["refused"] == 10_001
    room.send(alert_entry(1, 1))
    assert [(one.get(5) or {})["seq"] for one in before] == [1, 1, 1]


def test_one_user_cannot_take_all_places(room: Room) -> None:
    room.fresh(subscribers=8, per_user=2)
    room.subscribe("alerts")
    room.connect()  # one that never asks counts
    with pytest.raises(Refused, match=f"uid {os.geteuid()} has 2 subscribers"):
        room.subscribe("alerts")


def test_a_place_is_free_again_when_a_subscriber_ends(room: Room) -> None:
    room.fresh(per_user=1)
    for _ in range(5):
        room.subscribe("alerts").close()
        assert wait_for(lambda: room.counts()["subscribers"] == 0, 5.0) is not None


def test_only_the_users_that_are_named_may_subscribe(room: Room) -> None:
    room.fresh(users=("65534",))
    with pytest.raises(Refused, match=f"uid {os.geteuid()} is none of the users"):
        room.subscribe("alerts")
    room.fresh(users=(str(os.geteuid()), "nobody"))
    room.subscribe("alerts")


@pytest.mark.parametrize(
    "said",
    [b"x" * 5000, b"x" * 5000 + b"\n", b"{}\n", b"\0\n", b'{"subscribe": ["alerts"]}\nmore', b"\n"],
)
def test_garbage_is_told_and_ended(room: Room, said: bytes) -> None:
    connection = room.connect(said)
    assert "error" in (answer(connection) or {})
    with contextlib.suppress(ConnectionResetError):  # it had said more than was read
        assert answer(connection) is None
    assert room.counts()["refused"] == 1


def test_more_words_after_the_request_end_the_subscription(room: Room) -> None:
    connection = room.connect(b'{"subscribe": ["alerts"]}\n')
    assert (answer(connection) or {})["subscribed"] == ["alerts"]
    connection.sendall(b"more")
    assert "nothing is to be said" in (answer(connection) or {})["error"]


def test_who_asks_for_nothing_is_let_go(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinair.sinks.topics.hub.ASK_NS", 0)
    assert "no request within" in (answer(room.connect(b'{"subscr')) or {})["error"]


def test_a_subscriber_may_close_its_writing_side(room: Room) -> None:
    connection = room.connect(b'{"subscribe": ["alerts"]}\n')
    connection.shutdown(socket.SHUT_WR)
    answer(connection)
    room.send(alert_entry(4, 1))
    assert (answer(connection) or {})["seq"] == 4


def test_metrics_come_at_their_interval_with_the_last_heartbeat(room: Room) -> None:
    room.sink.idle(room.mono_ns)
    metrics = room.subscribe("metrics")
    room.send(record_entry(1, "heartbeat", gaps_total=2), alert_entry(2, 1), event_entry(1))
    assert metrics.get(0.05) is None
    room.mono_ns += 60 * 10**9
    room.sink.idle(room.mono_ns)
    told = (metrics.get(5) or {})["data"]
    assert told["heartbeat"] == {"gaps_total": 2}
    assert told["alerts"] == {"alert.raised": {"high": 1}}
    assert told["events"] == {"file": 1}
    assert told["topics"]["subscribers"] == 1


@pytest.mark.parametrize(("mode", "wanted"), [(0o2750, 0o660), (0o750, 0o600)])
def test_the_socket_is_for_the_group_where_its_directory_is(
    room: Room, mode: int, wanted: int
) -> None:
    room.path.parent.chmod(mode)
    room.fresh()
    assert stat.S_IMODE(room.path.stat().st_mode) == wanted


def test_a_directory_that_others_may_write_is_refused(room: Room) -> None:
    room.sink.close()
    room.path.parent.chmod(0o770)
    with pytest.raises(SinkAway, match="others may write"):
        room.sink.open()


@pytest.mark.parametrize("plant", ["file", "link", "directory", "fifo", "living"])
def test_what_lies_at_its_name_is_refused_and_left_alone(room: Room, plant: str) -> None:
    room.sink.close()
    other: socket.socket | None = None
    match plant:
        case "file":
            room.path.write_text("x")
        case "link":
            room.path.symlink_to(room.path.parent)
        case "directory":
            room.path.mkdir()
        case "fifo":
            os.mkfifo(room.path)
        case _:
            other = socket.socket(socket.AF_UNIX)
            room.opened.append(other)
            other.bind(str(room.path))
            other.listen()
    before = os.lstat(room.path)
    with pytest.raises(SinkAway):
        room.sink.open()
    room.sink.close()
    assert os.lstat(room.path) == before


def test_a_socket_that_was_taken_away_is_made_anew(room: Room) -> None:
    room.path.unlink()
    with pytest.raises(SinkAway, match="gone or another"):
        room.sink.idle(room.mono_ns)
    room.sink.open()
    room.subscribe("alerts")


def test_a_killed_forwarder_leaves_a_socket_that_the_next_replaces(room: Room) -> None:
    room.sink.close()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(room.path))
    dead.close()
    room.sink.open()
    assert room.subscribe("alerts").get(0) is None


def test_without_a_descriptor_left_a_subscriber_waits_until_there_is_one(room: Room) -> None:
    made = socket.socket(socket.AF_UNIX)
    room.opened.append(made)
    made.settimeout(10)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(made.fileno())
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        made.connect(str(room.path))
        made.sendall(b'{"subscribe": ["alerts"]}\n')
        hub = room.sink._hub
        assert hub is not None
        assert wait_for(lambda: hub._rest_until_ns > 0, 5.0) is not None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (answer(made) or {})["subscribed"] == ["alerts"]


def test_the_end_is_told_to_subscribers(room: Room) -> None:
    subscriber = room.subscribe("alerts")
    room.send(alert_entry(1, 1))
    assert (subscriber.get(5) or {})["seq"] == 1
    room.sink.close()
    assert list(subscriber) == []
    assert not room.path.exists()
    with pytest.raises(SinkAway, match="not open"):
        room.sink.deliver(parcels(alert_entry(2, 2)))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
def test_another_user_connects_only_by_the_group(room: Room, tmp_path: Path) -> None:
    for parent in tmp_path, *tmp_path.parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    room.sink.close()
    os.chown(room.path.parent, 0, 54321)
    room.path.parent.chmod(0o2750)
    room.sink.open()
    script = (
        "import os, socket, sys; os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(65534);"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"
    )
    for gid, works in ((54321, True), (54322, False)):
        done = subprocess.run(
            [sys.executable, "-c", script, str(room.path), str(gid)],
            capture_output=True,
            check=False,
        )
        assert (done.returncode == 0) == works


def test_the_client_is_one_file_that_needs_nothing_but_python(room: Room, tmp_path: Path) -> None:
    alone = tmp_path / "client.py"
    alone.write_bytes(Path(str(client.__file__)).read_bytes())
    words = [sys.executable, "-I", "-S", str(alone), "alerts", "--socket", str(room.path), "--timeout", "1"]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert wait_for(lambda: room.counts()["subscribers"] == 1, 10.0) is not None
        room.send(alert_entry(1, 1), alert_entry(2, 2))
        out, _ = child.communicate(timeout=20)
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2]
    assert child.returncode == 0


def test_the_client_says_when_nobody_is_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert client.main(["alerts", "--socket", str(tmp_path / "none")]) == 74
    assert "No such file" in capfd.readouterr().err
    with pytest.raises(OSError, match="No such file"):
        Subscription("alerts", path=str(tmp_path / "none"))
