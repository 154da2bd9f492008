"""One subscriber: what it asked for, and a bounded queue of what it has not taken yet."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from sentinair.errors import DataFault
from sentinair.sinks.topics.messages import MAX_REQUEST, Topic, asked, line

__all__ = ["ASK_NS", "MAX_QUEUED", "Subscriber"]

ASK_NS: Final = 5_000_000_000  # from connecting to the whole request
MAX_QUEUED: Final = 1 << 20  # bytes


class Subscriber:
    """Not thread-safe: the hub's lock."""

    def __init__(
        self,
        connection: socket.socket,
        uid: int,
        limit: int,
        wall_ns: Callable[[], int],
        by_ns: int,
    ) -> None:
        """connection: non-blocking.  limit: messages in its queue.  by_ns: steady clock, for the request."""
        self.connection = connection
        self.uid = uid
        self.topics: frozenset[Topic] = frozenset()  # empty: it has not asked yet
        self.by_ns = by_ns
        self.listens = True  # it may still say something
        self._limit = limit
        self._wall_ns = wall_ns
        self._asked = b""
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._missed = 0  # since its queue was full, and not told yet

    @property
    def has_more(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._queue) or bool(self._missed)

    def offer(self, message: bytes) -> bool:
        """False: its queue is full, or it has not heard yet that it was."""
        full = len(self._queue) >= self._limit or self._bytes + len(message) > MAX_QUEUED
        if self._missed or (full and self._queue):
            self._missed += 1
            return False
        self._put(message)
        return True

    def pump(self) -> None:
        """Write what the connection takes now.  Raises OSError if it is gone."""
        while True:
            if self._missed and len(self._queue) <= self._limit // 2:
                self._put(line(self._wall_ns(), dropped=self._missed))
                self._missed = 0
            if not self._queue:
                return
            try:
                sent = self.connection.send(self._queue[0], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            first = self._queue.popleft()
            self._bytes -= sent
            if sent < len(first):
                self._queue.appendleft(first[sent:])

    def hear(self) -> bool:
        """Take what it said; True: it has asked, just now.  Raises DataFault for anything else, OSError if it is gone."""
        raw = self.connection.recv(MAX_REQUEST + 1)
        if not raw:
            if not self.topics:
                raise ConnectionResetError("ended before it asked")
            self.listens = False  # it may go on reading: shutdown(2), SHUT_WR
            return False
        if self.topics:
            raise DataFault("nothing is to be said after the request")
        self._asked += raw
        request, end, rest = self._asked.partition(b"\n")
        if len(request) > MAX_REQUEST or rest:
            raise DataFault(f"more than one request of at most {MAX_REQUEST} bytes")
        if not end:
            return False
        self.topics, self._asked = asked(request), b""
        self._put(line(self._wall_ns(), subscribed=sorted(self.topics)))
        return True

    def dismiss(self, why: str) -> None:
        """Say why, if it can be said at once, and end."""
        if why and not self._queue:
            with contextlib.suppress(OSError):
                self.connection.send(line(self._wall_ns(), error=why), socket.MSG_NOSIGNAL)
        self.connection.close()

    def _put(self, message: bytes) -> None:
        self._queue.append(message)
        self._bytes += len(message)
