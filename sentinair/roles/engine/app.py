"""The engine's loop: sockets, ticks, signals and the way down.

It stays up when the state cannot be written: it then takes nothing from senders, answers `status` with the reason,
and tries again every 30 s.
"""

from __future__ import annotations

import logging
import selectors
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from sentinair.errors import DataFault, RecordGone, SentinairError, StorageFault
from sentinair.ipc.messages import Batch, FromSender
from sentinair.ipc.notify import Notifier
from sentinair.ipc.sockets import peer
from sentinair.roles.engine.requests import Handler, Requests
from sentinair.roles.engine.senders import ROLES, Sender
from sentinair.roles.engine.spine import Spine, monotonic_ns

__all__ = ["Engine"]

log = logging.getLogger("sentinair.engine")

RETRY_NS: Final = 30_000_000_000
TICK_NS: Final = 1_000_000_000
DRAIN_NS: Final = 5_000_000_000  # how long senders get to hand over what they hold
# All that the socket "signing" is for.
SIGNING: Final = ("drop.sign", "drop.certificates", "export.seal")
MAX_CONNECTIONS: Final = 64  # to one socket: a crowd at one keeps nobody from another

Connection = Sender | Requests


class Engine:
    """listeners: listening sockets by name (the roles', "signing" and "control").  open_spine: opens the store and what judges;
    raises StorageFault while the state cannot be written.
    """

    def __init__(
        self,
        listeners: Mapping[str, socket.socket],
        open_spine: Callable[[], Spine],
        handlers: Callable[[Engine], Mapping[str, Handler]],
        notifier: Notifier,
        state: Path,
    ) -> None:
        self.spine: Spine | None = None
        self.refusal: str | None = None  # why the spine could not be opened
        self.state = state
        self._open_spine = open_spine
        self._selector = selectors.DefaultSelector()
        self._listeners = dict(listeners)
        self._connections: dict[Connection, str] = {}  # to the listener, the oldest first
        self._handlers = handlers(self)
        self._signing = {name: self._handlers[name] for name in SIGNING if name in self._handlers}
        self._notifier = notifier
        self._next_tick_ns = 0
        self._next_open_ns = 0
        self._gone: RecordGone | None = None  # why the next spine begins
        self._stop_by_ns: int | None = None
        self._reading = True
        for name, listener in self._listeners.items():
            self._selector.register(listener, selectors.EVENT_READ, name)

    # -- life --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then drain, commit, say what could not be finished."""
        self._wake_on_signals()
        self._try_open()
        self._notifier.ready(self.refusal or "recording")
        while not self._done():
            ready = self._selector.select(0)
            self._work(more=bool(ready))
            if not ready:
                ready = self._selector.select(self._sleep_secs())
            for key, mask in ready:
                self._serve(key, mask)
        self._close()

    def _wake_on_signals(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._selector.register(ours, selectors.EVENT_READ, "wake")
        self._wake = (ours, theirs)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop_by_ns is None:
            self._stop_by_ns = monotonic_ns() + DRAIN_NS

    def _done(self) -> bool:
        if self._stop_by_ns is None:
            return False
        senders = any(isinstance(found, Sender) for found in self._connections)
        return not senders or monotonic_ns() >= self._stop_by_ns

    def _close(self) -> None:
        self._notifier.stopping()
        for connection in tuple(self._connections):
            self._drop(connection, "the engine stops")
        if self.spine is not None:
            self.spine.close()
        for listener in self._listeners.values():
            listener.close()
        for end in self._wake:
            end.close()
        self._selector.close()

    # -- what is due -------------------------------------------------------------------------------------------

    def _work(self, *, more: bool) -> None:
        now_ns = monotonic_ns()
        tick = now_ns >= self._next_tick_ns
        if tick:
            self._next_tick_ns = now_ns + TICK_NS
            self._notifier.alive()
        if self.spine is None:
            if now_ns >= self._next_open_ns:
                self._try_open()
        else:
            try:
                self._judge(self.spine, now_ns, more=more, tick=tick)
            except (StorageFault, DataFault) as fault:
                self._start_over(self.spine, fault)
        self._regulate()

    def _judge(self, spine: Spine, now_ns: int, *, more: bool, tick: bool) -> None:
        spine.intake.release(now_ns)
        due = spine.commits.due_in_ns(now_ns, more=more)
        if due is not None and due <= 0:
            self._commit()
        if tick:
            spine.tick()

    def _start_over(self, spine: Spine, fault: SentinairError) -> None:
        """Reading the record failed in the middle of judging, or it is gone: forget what is not on disk, begin again.

        Nothing is lost by it: the senders hold what was not acknowledged, and send it to the next spine.
        """
        self.spine, self.refusal = None, str(fault)
        if isinstance(fault, RecordGone):
            log.error("the record is gone, opening it again: %s", fault)
            self._gone, self._next_open_ns = fault, monotonic_ns() + TICK_NS
        else:
            log.error("the record cannot be used, trying again every 30 s: %s", fault)
            self._next_open_ns = monotonic_ns() + RETRY_NS
        for connection in tuple(self._connections):
            if isinstance(connection, Sender):
                self._drop(connection, "the record cannot be used")
        spine.abandon()

    def _sleep_secs(self) -> float:
        now_ns = monotonic_ns()
        until = [self._next_tick_ns - now_ns]
        if self.spine is not None:
            until.extend(
                due
                for due in (
                    self.spine.commits.due_in_ns(now_ns, more=False),
                    self.spine.intake.due_ns(now_ns),
                )
                if due is not None
            )
        return max(0.0, min(until) / 1e9)

    def _commit(self) -> None:
        assert self.spine is not None
        refused = self.spine.commits.refusal
        if not self.spine.commits.commit() and self.spine.commits.refusal != refused:
            log.error("the record cannot be written: %s", self.spine.commits.refusal)

    def _try_open(self) -> None:
        try:
            self.spine = self._open_spine()
        except StorageFault as fault:
            if self.refusal != str(fault):
                log.error("the record cannot be opened, trying again every 30 s: %s", fault)
            self.refusal = str(fault)
            self._next_open_ns = monotonic_ns() + RETRY_NS
        else:
            self.refusal = None
            if self._gone is not None:
                self.spine.judge.tampered("commit", f"{self._gone.where} {self._gone.what}")
                self._gone = None

    def _regulate(self) -> None:
        """Read from senders only while there is room for what they send."""
        reading = self.spine is not None and not self.spine.commits.full
        if reading == self._reading:
            return
        self._reading = reading
        for connection in self._connections:
            if isinstance(connection, Sender):
                self._watch(connection)

    # -- connections -------------------------------------------------------------------------------------------

    def _serve(self, key: selectors.SelectorKey, mask: int) -> None:
        if key.data == "wake":
            self._wake[0].recv(4096)
        elif isinstance(key.data, str):
            self._accept(key.data)
        else:
            self._talk(key.data, mask)

    def _accept(self, name: str) -> None:
        try:
            connection, _ = self._listeners[name].accept()
        except (
            OSError
        ):  # it hung up before we came, or there are no descriptors: the next select tells
            return
        self._make_room(name)
        connection.setblocking(False)
        who = peer(connection)
        made: Connection = (
            Sender(name, connection, who)
            if name in ROLES
            else Requests(connection, who, self._signing if name == "signing" else self._handlers)
        )
        self._connections[made] = name
        self._selector.register(made.socket, selectors.EVENT_READ, made)
        self._watch(made)

    def _make_room(self, name: str) -> None:
        """Where one socket has too many callers the oldest goes: but one that said hello has work to do."""
        callers = [found for found, where in self._connections.items() if where == name]
        if len(callers) >= MAX_CONNECTIONS:
            silent = (c for c in callers if isinstance(c, Requests) or c.hello is None)
            self._drop(next(silent, callers[0]), f"{len(callers)} connections to {name}")

    def _watch(self, connection: Connection) -> None:
        reading = self._reading if isinstance(connection, Sender) else connection.wants_read
        wanted = selectors.EVENT_READ if reading else 0
        if connection.wants_write:
            wanted |= selectors.EVENT_WRITE
        key = self._selector.get_map().get(connection.socket)
        if key is None:
            if wanted:
                self._selector.register(connection.socket, wanted, connection)
        elif not wanted:
            self._selector.unregister(connection.socket)
        elif key.events != wanted:
            self._selector.modify(connection.socket, wanted, connection)

    def _talk(self, connection: Connection, mask: int) -> None:
        if connection not in self._connections:
            return
        try:
            if mask & selectors.EVENT_WRITE:
                connection.flush()
            if mask & selectors.EVENT_READ:
                if isinstance(connection, Requests):
                    connection.serve()
                elif self.spine is not None:
                    # A burst must not keep what is grave waiting, in what was read at once no more than in the lanes.
                    for message in sorted(connection.receive(), key=_is_bulk):
                        self.spine.hear(connection, message)
                        if self.spine.commits.urgent:
                            self._commit()
        except StorageFault as fault:  # not the sender's: what it sent could not be judged
            if self.spine is not None:
                self._start_over(self.spine, fault)
        except (OSError, SentinairError) as fault:
            self._drop(connection, str(fault))
        else:
            self._watch(connection)

    def _drop(self, connection: Connection, why: str) -> None:
        self._connections.pop(connection, None)
        if self._selector.get_map().get(connection.socket) is not None:
            self._selector.unregister(connection.socket)
        if isinstance(connection, Sender):
            log.info("%s went away: %s", connection.role, why)
            if self.spine is not None:
                self.spine.gone(connection)
        connection.close()


def _is_bulk(message: FromSender) -> bool:
    return isinstance(message, Batch) and message.lane == "bulk"
