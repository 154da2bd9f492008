"""The socket and those who listen to it, in one thread that waits for nobody."""

from __future__ import annotations

import collections
import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from sentinair.errors import DataFault
from sentinair.ipc.sockets import peer
from sentinair.sinks.topics.messages import Topic
from sentinair.sinks.topics.subscriber import ASK_NS, Subscriber

__all__ = ["Hub"]

_ACCEPTED: Final = 64  # at once
# After one was not taken: a flood of connections costs no more than this lets it.
_REST_NS: Final = 50_000_000
_LOOK_SECS: Final = 1.0


class Hub:
    """Thread-safe but for close().  The listener is its own from now on."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        subscribers: int,
        per_user: int,
        queue: int,
        users: frozenset[int] | None,
        wall_ns: Callable[[], int],
    ) -> None:
        """subscribers, per_user: at most so many at once.  queue: messages of one.  users: uids; None: whoever can connect."""
        self._listener = listener
        self._most, self._per_user, self._queue = subscribers, per_user, queue
        self._users = users
        self._wall_ns = wall_ns
        self._lock = threading.Lock()
        self._subscribers: dict[int, Subscriber] = {}  # by descriptor
        self._rest_until_ns = 0
        self._counts = collections.Counter[str]()
        self._closing = False
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="topics", daemon=True)
        self._thread.start()

    @property
    def works(self) -> bool:
        return self._thread.is_alive()

    def counts(self) -> Mapping[str, int]:
        """subscribers now; and since the beginning: accepted, refused, queued, dropped."""
        with self._lock:
            now = sum(bool(subscriber.topics) for subscriber in self._subscribers.values())
            names = ("accepted", "refused", "queued", "dropped")
            return {"subscribers": now, **{name: self._counts[name] for name in names}}

    def wants(self, topic: Topic) -> bool:
        """Whether anybody is there for it."""
        with self._lock:
            return any(topic in subscriber.topics for subscriber in self._subscribers.values())

    def publish(self, topic: Topic, message: bytes) -> bool:
        """To all who want it; False: the queue of one or more was full."""
        with self._lock:
            taken = [
                subscriber.offer(message)
                for subscriber in self._subscribers.values()
                if topic in subscriber.topics
            ]
            self._counts["queued"] += sum(taken)
            self._counts["dropped"] += len(taken) - sum(taken)
        if taken:
            self._wake()
        return all(taken)

    def close(self) -> None:
        """Everybody is let go; what is in their queues and no longer fits into the sockets is gone."""
        self._closing = True
        self._wake()
        self._thread.join()
        for subscriber in self._subscribers.values():
            subscriber.connection.close()
        self._listener.close()
        os.close(self._woken)
        os.close(self._waker)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # then it is awake
            os.write(self._waker, b".")

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            ready = self._wait()
            if self._woken in ready:
                os.read(self._woken, 4096)
            with self._lock:
                self._serve(ready)
                if self._listener.fileno() in ready:
                    self._accept()

    def _wait(self) -> dict[int, int]:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        now_ns = time.monotonic_ns()
        secs = _LOOK_SECS
        if now_ns >= self._rest_until_ns:
            poll.register(self._listener, select.POLLIN)
        else:
            secs = (self._rest_until_ns - now_ns) / 1e9
        with self._lock:
            for descriptor, subscriber in self._subscribers.items():
                listens = select.POLLIN if subscriber.listens else 0
                poll.register(descriptor, listens | (select.POLLOUT if subscriber.has_more else 0))
        return dict(poll.poll(secs * 1000))

    def _serve(self, ready: Mapping[int, int]) -> None:
        now_ns = time.monotonic_ns()
        for descriptor, subscriber in list(self._subscribers.items()):
            try:
                self._attend(subscriber, ready.get(descriptor, 0), now_ns)
            except DataFault as fault:
                self._let_go(descriptor, str(fault))
                self._counts["refused"] += 1
            except OSError:
                self._let_go(descriptor, "")

    def _attend(self, subscriber: Subscriber, seen: int, now_ns: int) -> None:
        if seen & select.POLLIN and subscriber.listens:
            self._counts["accepted"] += subscriber.hear()
        elif seen & (select.POLLHUP | select.POLLERR):
            raise ConnectionResetError("is gone")
        if subscriber.has_more:
            subscriber.pump()
        if not subscriber.topics and now_ns > subscriber.by_ns:
            raise DataFault(f"no request within {ASK_NS // 10**9} s")

    def _let_go(self, descriptor: int, why: str) -> None:
        self._subscribers.pop(descriptor).dismiss(why)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except (
                OSError
            ):  # no descriptor is left for one: without a rest, poll(2) would come back at once
                self._rest_until_ns = time.monotonic_ns() + _REST_NS
                return
            connection.setblocking(False)
            uid, by_ns = peer(connection).uid, time.monotonic_ns() + ASK_NS
            subscriber = Subscriber(connection, uid, self._queue, self._wall_ns, by_ns)
            why = self._refusal(uid)
            if why is None:
                self._subscribers[connection.fileno()] = subscriber
                continue
            subscriber.dismiss(why)
            self._counts["refused"] += 1
            self._rest_until_ns = time.monotonic_ns() + _REST_NS

    def _refusal(self, uid: int) -> str | None:
        """Why this user may not subscribe now."""
        if self._users is not None and uid not in self._users:
            return f"uid {uid} is none of the users that may subscribe"
        if len(self._subscribers) >= self._most:
            return f"there are {self._most} subscribers already"
        if (
            sum(subscriber.uid == uid for subscriber in self._subscribers.values())
            >= self._per_user
        ):
            return f"uid {uid} has {self._per_user} subscribers already"
        return None
