"""What people and roles may ask of the engine, over its sockets.

Mode and group of the socket decided who could connect; here it is recorded who did.
"""

from __future__ import annotations

import pwd
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from sentinair.errors import DataFault, SentinairError, UsageFault
from sentinair.ipc.control import Answer, Request, decode_request, encode_answer, report
from sentinair.ipc.frames import FrameReader
from sentinair.ipc.sockets import Peer

__all__ = ["Handler", "Requests", "name_of", "text_param", "user_name"]

Handler = Callable[[Peer, dict[str, object]], object]
MAX_REQUEST_BYTES: Final = 1 << 20
MAX_ANSWERS: Final = 8  # in one breath: whoever asks much must not keep the engine from its work


def name_of(peer: Peer) -> str:
    """Who answered, for the record: the kernel's word on the uid, and its name if it has one."""
    return user_name(peer.uid)


def user_name(uid: int) -> str:
    """As records and manifests say it: "uid 0 (root)"."""
    try:
        return f"uid {uid} ({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return f"uid {uid}"


def text_param(params: Mapping[str, object], name: str, *, limit: int = 4096) -> str:
    """A text parameter.  Raises UsageFault if it is missing, no text, has a NUL, or is longer than limit."""
    value = params.get(name)
    if not isinstance(value, str):
        raise UsageFault(f"parameter {name!r} must be text, got {type(value).__name__}")
    if len(value) > limit:
        raise UsageFault(f"parameter {name!r} has {len(value)} characters, limit {limit}")
    if "\0" in value:
        raise UsageFault(f"parameter {name!r} holds a NUL")
    return value


class Requests:
    """One connection of a person's CLI or of a role that asks; answers in the order asked."""

    def __init__(
        self, connection: socket.socket, peer: Peer, handlers: Mapping[str, Handler]
    ) -> None:
        self.socket = connection
        self.peer = peer
        self._handlers = handlers
        self._reader = FrameReader(MAX_REQUEST_BYTES)
        self._asked: deque[bytes] = deque()  # requests of one read, not yet answered
        self._out = bytearray()

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def wants_write(self) -> bool:
        return bool(self._out or self._asked)

    @property
    def wants_read(self) -> bool:
        """Not before all answers have been taken: a caller that does not read them holds up only itself."""
        return not self.wants_write

    def serve(self) -> None:
        """Take what came and answer it.  Raises DataFault or OSError when the connection must end."""
        try:
            chunk = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        if not chunk:
            raise DataFault("the caller hung up")
        self._asked.extend(self._reader.feed(chunk))
        self.flush()

    def _answer(self, request: Request) -> Answer:
        handler = self._handlers.get(request.method)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            return Answer(
                request.id,
                fault=report(UsageFault(f"no method {request.method!r}; there are {known}")),
            )
        try:
            return Answer(request.id, result=handler(self.peer, request.params))
        except SentinairError as fault:
            return Answer(request.id, fault=report(fault))

    def flush(self) -> None:
        """Answer some of what was asked and send what fits.  Raises DataFault or OSError as serve() does."""
        self._send()
        for _ in range(MAX_ANSWERS):
            if self._out or not self._asked:
                break
            self._out += encode_answer(self._answer(decode_request(self._asked.popleft())))
            self._send()

    def _send(self) -> None:
        while self._out:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                return
            del self._out[:sent]

    def close(self) -> None:
        self.socket.close()
