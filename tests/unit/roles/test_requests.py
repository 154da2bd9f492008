"""One caller of the control socket: answered in order, a few at a time, and held up only by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec
import pytest

from sentinair.errors import DataFault
from sentinair.ipc.control import Request
from sentinair.ipc.frames import FrameReader, frame
from sentinair.ipc.sockets import Peer, peer
from sentinair.roles.engine.requests import MAX_ANSWERS, Requests, text_param


class Caller:
    """Both ends of one connection, and how often its handler ran."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.socket.settimeout(5)
        self.calls = 0
        self.size = 1
        self.requests = Requests(theirs, peer(theirs), {"look": self._look})

    def _look(self, _peer: Peer, params: dict[str, object]) -> object:
        self.calls += 1
        return text_param(params, "path") * self.size

    def ask(self, count: int, path: str = "/x") -> None:
        bodies = (Request(n, "look", {"path": path}) for n in range(count))
        self.socket.sendall(b"".join(frame(msgspec.msgpack.encode(body)) for body in bodies))

    def answers(self, count: int) -> list[dict[str, object]]:
        reader, found = FrameReader(), list[dict[str, object]]()
        while len(found) < count:
            if self.requests.wants_write:
                self.requests.flush()
            bodies = reader.feed(self.socket.recv(1 << 16))
            found += [msgspec.msgpack.decode(body) for body in bodies]
        return found


@pytest.fixture
def caller() -> Iterator[Caller]:
    made = Caller()
    yield made
    made.socket.close()
    made.requests.close()


def test_many_requests_at_once_are_answered_a_few_at_a_time_and_all_in_order(
    caller: Caller,
) -> None:
    caller.ask(500)
    caller.requests.serve()
    assert caller.calls == MAX_ANSWERS
    assert [answer["id"] for answer in caller.answers(500)] == list(range(500))
    assert caller.requests.wants_read
    assert not caller.requests.wants_write


def test_a_caller_that_takes_no_answers_gets_no_more_of_them(caller: Caller) -> None:
    caller.size = 1 << 20
    caller.ask(100)
    caller.requests.serve()
    for _ in range(100):
        caller.requests.flush()
    assert caller.calls == 1
    assert not caller.requests.wants_read


def test_a_nul_in_a_parameter_is_a_fault_of_the_caller(caller: Caller) -> None:
    caller.ask(1, path="/tmp/\0x")
    caller.requests.serve()
    fault = caller.answers(1)[0]["fault"]
    assert isinstance(fault, dict)
    assert fault["status"] == 2
    assert "NUL" in str(fault["what"])


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff", frame(b"\x91" * 100_000), frame(b"{}")])
def test_garbage_ends_the_connection(caller: Caller, sent: bytes) -> None:
    caller.socket.sendall(sent)
    with pytest.raises(DataFault):
        for _ in range(3):
            caller.requests.serve()
