"""Requests to the engine: the caller gets the result, or the same kind of error the engine met."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinair.errors import (
    DataFault,
    EngineAbsent,
    PermissionFault,
    SentinairError,
    StorageFault,
    UsageFault,
)
from sentinair.ipc.control import Answer, Request, call, decode_request, encode_answer, report
from sentinair.ipc.frames import FrameReader
from sentinair.ipc.sockets import listen


def serve_once(path: Path, answer: Callable[[Request], bytes]) -> threading.Thread:
    server = listen(path)
    server.setblocking(True)

    def run() -> None:
        connection, _ = server.accept()
        with connection, server:
            bodies = FrameReader().feed(connection.recv(1 << 16))
            connection.sendall(answer(decode_request(bodies[0])))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_the_result_comes_back_as_it_was_given(tmp_path: Path) -> None:
    thread = serve_once(
        tmp_path / "c.sock",
        lambda asked: encode_answer(Answer(asked.id, [asked.method, asked.params])),
    )
    assert call(tmp_path / "c.sock", "status", {"a": 1}) == ["status", {"a": 1}]
    thread.join()


@pytest.mark.parametrize("kind", [UsageFault, StorageFault, PermissionFault, EngineAbsent])
def test_the_engines_error_is_raised_as_the_same_kind(
    tmp_path: Path, kind: type[SentinairError]
) -> None:
    fault = kind("it is so", where="here", remedy="do that")
    thread = serve_once(
        tmp_path / "c.sock", lambda asked: encode_answer(Answer(asked.id, fault=report(fault)))
    )
    with pytest.raises(kind) as caught:
        call(tmp_path / "c.sock", "status")
    assert str(caught.value) == "here: it is so; do that"
    thread.join()


@pytest.mark.parametrize("odd", [1 << 64, -(1 << 63) - 1, "\udcff", ["\ud800"], {"\ud800": 1}])
def test_what_no_request_can_hold_is_refused_before_anybody_is_asked(
    tmp_path: Path, odd: object
) -> None:
    with pytest.raises(UsageFault, match="status: cannot be asked for"):
        call(tmp_path / "none.sock", "status", {"a": odd})


def test_nobody_listening_is_exit_status_69(tmp_path: Path) -> None:
    with pytest.raises(EngineAbsent) as caught:
        call(tmp_path / "none.sock", "status")
    assert caught.value.exit_status == 69


def test_an_engine_that_hangs_up_is_said_so(tmp_path: Path) -> None:
    thread = serve_once(tmp_path / "c.sock", lambda _asked: b"")
    with pytest.raises(EngineAbsent, match="closed"):
        call(tmp_path / "c.sock", "status")
    thread.join()


def test_an_engine_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with listen(tmp_path / "c.sock"), pytest.raises(EngineAbsent, match=r"0\.1 s"):
        call(tmp_path / "c.sock", "status", timeout_secs=0.1)


def test_an_answer_that_is_none_is_a_data_fault(tmp_path: Path) -> None:
    thread = serve_once(tmp_path / "c.sock", lambda _asked: b"\x00\x00\x00\x01\xc1")
    with pytest.raises(DataFault):
        call(tmp_path / "c.sock", "status")
    thread.join()


@pytest.mark.parametrize(
    "junk",
    [b"", b"\x80", b"\xc1", b"\x82\xa2id\x01\xa6method\x05", b"\x82\xa2id\x01\xa6method\xa1\xff"],
)
def test_bytes_that_are_no_request_are_a_data_fault(junk: bytes) -> None:
    with pytest.raises(DataFault):
        decode_request(junk)


def test_a_crowded_socket_is_waited_for_and_not_called_a_dead_engine(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    server = listen(path)
    server.listen(0)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for one in crowd:
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(str(path))
    with server, pytest.raises(EngineAbsent, match="took no connection"):
        call(path, "status", timeout_secs=0.1)
    for one in crowd:
        one.close()
