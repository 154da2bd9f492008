"""A sender's connection against a real unix socket: hello, receipts, resending, hostile answers."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentinair.ipc.frames import FrameReader, frame
from sentinair.ipc.lane import Lane
from sentinair.ipc.link import Ask, Link
from sentinair.ipc.messages import (
    VERSION,
    Ack,
    AskRescan,
    Batch,
    FromEngine,
    FromSender,
    Health,
    Hello,
    Welcome,
    decode_from_sender,
    encode,
)
from sentinair.model.event import CREATE, FileEvent


class FakeEngine:
    """The engine's end, driven by hand."""

    def __init__(self, path: Path) -> None:
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(os.fspath(path))
        self.server.listen(4)
        self.peer: socket.socket | None = None
        self._reader = FrameReader()

    def accept(self) -> None:
        if self.peer is not None:
            self.peer.close()
        self.server.settimeout(5)
        self.peer, _ = self.server.accept()
        self.peer.setblocking(False)
        self._reader = FrameReader()

    def say(self, message: FromEngine) -> None:
        assert self.peer is not None
        self.peer.sendall(frame(encode(message)))

    def heard(self) -> list[FromSender]:
        assert self.peer is not None
        messages: list[FromSender] = []
        while select.select([self.peer], [], [], 0)[0]:
            chunk = self.peer.recv(1 << 20)
            if not chunk:
                break
            messages += [decode_from_sender(body) for body in self._reader.feed(chunk)]
        return messages


class Sender:
    """A link with two lanes, and what it was asked."""

    def __init__(self, path: Path) -> None:
        self.vital = Lane("vital", 1 << 20, drops=False)
        self.bulk = Lane("bulk", 64 << 20, drops=True)
        self.asks: list[Ask] = []
        self.welcomes: list[Welcome] = []
        hello = Hello(
            VERSION, "sensor", b"run-0001", os.getpid(), 1, 2, {"vital": 1, "bulk": 1}, ()
        )
        self.link = Link(
            path, (self.vital, self.bulk), lambda: hello, self.asks.append, self.welcomes.append
        )

    def offer(self, count: int, *, vital: bool = False) -> None:
        lane = self.vital if vital else self.bulk
        events = [
            FileEvent(seen_ns=n, mono_ns=n, path=b"/f%d" % n, actions=CREATE) for n in range(count)
        ]
        lane.offer("fanotify", (), events)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    made = FakeEngine(tmp_path / "s.sock")
    yield made
    if made.peer is not None:
        made.peer.close()
    made.server.close()


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    made = Sender(tmp_path / "s.sock")
    yield made
    made.link.close()


def until(true: Callable[[], bool], step: Callable[[], object], secs: float = 5.0) -> None:
    deadline = time.monotonic() + secs
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        step()
        time.sleep(0.005)


def connect(engine: FakeEngine, sender: Sender, committed: dict[str, int]) -> list[FromSender]:
    until(lambda: sender.link.fileno() >= 0, sender.link.pump)
    engine.accept()
    sender.link.pump()
    first = engine.heard()
    engine.say(Welcome(VERSION, committed, ((1, 2),)))
    until(lambda: sender.link.connected, sender.link.pump)
    return first


def batches(messages: list[FromSender]) -> list[tuple[str, int, int]]:
    return [(m.lane, m.first_seq, len(m.events)) for m in messages if isinstance(m, Batch)]


def test_nothing_but_the_hello_is_sent_before_the_welcome(
    engine: FakeEngine, sender: Sender
) -> None:
    sender.offer(3)
    first = connect(engine, sender, {})
    assert [type(message) for message in first] == [Hello]
    assert sender.welcomes == [Welcome(VERSION, {}, ((1, 2),))]
    assert batches(engine.heard()) == [("bulk", 1, 3)]


def test_vital_goes_before_bulk(engine: FakeEngine, sender: Sender) -> None:
    sender.offer(2)
    sender.offer(1, vital=True)
    connect(engine, sender, {})
    assert batches(engine.heard()) == [("vital", 1, 1), ("bulk", 1, 2)]


def test_after_a_broken_connection_only_the_uncommitted_is_sent_again(
    engine: FakeEngine, sender: Sender
) -> None:
    connect(engine, sender, {})
    for _ in range(3):
        sender.offer(5)
    sender.link.pump()
    assert len(batches(engine.heard())) == 3
    engine.say(Ack({"bulk": 5}))
    until(lambda: sender.bulk.waiting == 10, sender.link.pump)
    assert engine.peer is not None
    engine.peer.close()
    until(lambda: not sender.link.connected, sender.link.pump)
    connect(engine, sender, {"bulk": 10})
    assert batches(engine.heard()) == [("bulk", 11, 5)]


def test_a_slow_engine_gets_no_more_than_the_window(engine: FakeEngine, sender: Sender) -> None:
    connect(engine, sender, {})
    for _ in range(200):
        sender.offer(2000)
    for _ in range(50):
        sender.link.pump()
        engine.heard()
    left = 0
    while sender.bulk.next_frame() is not None:
        left += 1
    assert 0 < left < 200
    assert sender.bulk.waiting == 200 * 2000


def test_an_ask_reaches_the_role(engine: FakeEngine, sender: Sender) -> None:
    connect(engine, sender, {})
    engine.say(AskRescan("asked", (b"/etc",), ()))
    until(lambda: bool(sender.asks), sender.link.pump)
    assert sender.asks == [AskRescan("asked", (b"/etc",), ())]


def test_health_is_told_only_while_connected(engine: FakeEngine, sender: Sender) -> None:
    sender.link.tell(Health({"file": True}, {}, {}))
    connect(engine, sender, {})
    sender.link.tell(Health({"file": False}, {"n": 1}, {}))
    sender.link.pump()
    assert [m for m in engine.heard() if isinstance(m, Health)] == [
        Health({"file": False}, {"n": 1}, {})
    ]


@pytest.mark.parametrize(
    "junk", [b"\xff\xff\xff\xff", frame(b"junk"), frame(encode(Welcome(99, {}, ())))]
)
def test_an_answer_that_is_none_ends_the_connection_and_it_is_tried_again(
    engine: FakeEngine, sender: Sender, junk: bytes
) -> None:
    until(lambda: sender.link.fileno() >= 0, sender.link.pump)
    engine.accept()
    assert engine.peer is not None
    engine.peer.sendall(junk)
    until(lambda: sender.link.fileno() < 0, sender.link.pump)
    assert sender.link.last_fault
    connect(engine, sender, {})


def test_without_an_engine_the_fault_names_the_socket(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "nobody.sock")
    sender.link.pump()
    assert "nobody.sock" in sender.link.last_fault
    assert sender.link.fileno() == -1
