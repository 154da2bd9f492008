"""Requests to the engine and their answers: one frame each way, msgpack maps.

    request  {"id": n, "method": "status", "params": {...}}
    answer   {"id": n, "result": ...}  or  {"id": n, "fault": {"status": 77, "what": "...", "where": "", "remedy": ""}}

The fault carries the exit status of the error it was (sentinair.errors), so the caller raises the same kind.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import (
    DataFault,
    EngineAbsent,
    Fault,
    PermissionFault,
    SentinairError,
    StorageFault,
    UsageFault,
)
from sentinair.ipc.frames import FrameReader, frame

__all__ = ["Answer", "FaultReport", "Request", "call", "decode_request", "encode_answer", "report"]

_KINDS: Final[dict[int, type[SentinairError]]] = {
    2: UsageFault,
    69: EngineAbsent,
    74: StorageFault,
    77: PermissionFault,
    78: Fault,
}


class Request(msgspec.Struct, frozen=True):
    id: int
    method: str
    params: dict[str, object] = {}


class FaultReport(msgspec.Struct, frozen=True):
    status: int
    what: str
    where: str = ""
    remedy: str = ""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    id: int
    result: object = None
    fault: FaultReport | None = None


_requests = msgspec.msgpack.Decoder(Request)
_answers = msgspec.msgpack.Decoder(Answer)


def decode_request(body: bytes) -> Request:
    """One request.  Raises DataFault if body is none."""
    try:
        return _requests.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise DataFault(f"not a request: {fault}") from fault


def encode_answer(answer: Answer) -> bytes:
    return frame(msgspec.msgpack.encode(answer))


def report(fault: SentinairError) -> FaultReport:
    return FaultReport(fault.exit_status, fault.what, fault.where, fault.remedy)


def call(
    path: Path, method: str, params: dict[str, object] | None = None, timeout_secs: float = 5.0
) -> object:
    """Ask the engine listening at path; returns its result.

    Raises EngineAbsent if nobody listens or answers in timeout_secs, PermissionFault if the socket may not be
    opened, UsageFault for what no request can hold, and whatever SentinairError the engine answers with.
    """
    where = os.fspath(path)
    try:
        request = frame(msgspec.msgpack.encode(Request(1, method, params or {})))
    except (OverflowError, UnicodeEncodeError) as fault:  # a number or text of nobody's
        raise UsageFault(f"cannot be asked for: {fault}", where=method) from fault
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_secs)
        try:
            _connect(link, where, time.monotonic() + timeout_secs)
        except BlockingIOError as fault:
            raise EngineAbsent(
                f"the engine took no connection within {timeout_secs:g} s",
                where=where,
                remedy="try again; others crowd its socket",
            ) from fault
        except PermissionError as fault:
            raise PermissionFault(
                "you may not ask the engine",
                where=where,
                remedy="use sudo, or join the group sentinair-admin",
            ) from fault
        except OSError as fault:
            raise EngineAbsent(
                "the engine is not running", where=where, remedy="start it: sentinair run"
            ) from fault
        try:
            link.sendall(request)
            answer = _read_answer(link)
        except OSError as fault:
            raise EngineAbsent(
                f"the engine did not answer within {timeout_secs:g} s",
                where=where,
                remedy="try again; sentinair doctor says more",
            ) from fault
    if answer.fault is not None:
        kind = _KINDS.get(answer.fault.status, SentinairError)
        raise kind(answer.fault.what, where=answer.fault.where, remedy=answer.fault.remedy)
    return answer.result


def _connect(link: socket.socket, where: str, by: float) -> None:
    """Raises BlockingIOError where the queue of a listening socket is full until `by`, else OSError."""
    while True:
        try:
            link.connect(where)
        except (
            BlockingIOError
        ):  # a unix socket does not wait for room by itself: EAGAIN, connect(2)
            if time.monotonic() >= by:
                raise
            time.sleep(0.01)
        else:
            return


def _read_answer(link: socket.socket) -> Answer:
    reader = FrameReader()
    while True:
        chunk = link.recv(1 << 16)
        if not chunk:
            raise EngineAbsent("the engine closed the connection", remedy="look at its log")
        for body in reader.feed(chunk):
            try:
                return _answers.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError) as fault:
                raise DataFault(f"not an answer: {fault}") from fault
