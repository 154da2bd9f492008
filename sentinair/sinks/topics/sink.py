"""Topics as a sink: entries to the hub, and what is known in numbers from time to time."""

from __future__ import annotations

import collections
import contextlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sentinair.codecs.times import rfc3339_or_none
from sentinair.errors import PermissionFault, SinkAway, SinkRefused, StorageFault
from sentinair.ipc.sockets import listen
from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.topics.hub import Hub
from sentinair.sinks.topics.messages import line, message_of, topic_of
from sentinair.sinks.topics.options import TopicsOptions

__all__ = ["TopicsSink"]

_NO_MESSAGE: Final = (ValueError, TypeError, OverflowError, RecursionError)


class TopicsSink:
    """Holds nothing back: what is in the queues of subscribers, or wanted by none, is delivered."""

    def __init__(
        self,
        name: str,
        path: Path,
        options: TopicsOptions,
        wall_ns: Callable[[], int],
        mono_ns: Callable[[], int],
    ) -> None:
        """path: of the socket."""
        self.name = name
        self._path = path
        self._options = options
        self._wall_ns, self._mono_ns = wall_ns, mono_ns
        self._began_ns = wall_ns()
        self._hub: Hub | None = None
        self._identity = (0, 0)  # of the socket: device and inode
        self._told_ns: int | None = None  # the last metrics, steady clock
        self._alerts: dict[str, collections.Counter[str]] = {}  # by kind of record, by severity
        self._events = collections.Counter[str]()
        self._heartbeat: dict[str, object] | None = None

    def open(self) -> None:
        if self._hub is not None and self._is_well():
            return
        self.close()
        try:
            found = os.lstat(self._path.parent)
            self._check_directory(found)
            readable = found.st_mode & stat.S_ISGID  # made for a group
            listener = listen(self._path, mode=0o660 if readable else 0o600)
            found = os.lstat(self._path)
        except (OSError, StorageFault, PermissionFault) as fault:
            remedy = getattr(fault, "remedy", "") or "see that its directory is there and ours"
            what = fault.what if isinstance(fault, StorageFault | PermissionFault) else str(fault)
            raise SinkAway(what, where=str(self._path), remedy=remedy) from fault
        self._identity = found.st_dev, found.st_ino
        self._hub = Hub(
            listener,
            subscribers=self._options.subscribers,
            per_user=self._options.per_user,
            queue=self._options.queue,
            users=self._options.uids(),
            wall_ns=self._wall_ns,
        )

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        hub = self._opened()
        for index, parcel in enumerate(parcels):
            entry = parcel.entry
            self._count(entry)
            topic = topic_of(entry)
            if topic is None or not hub.wants(topic):
                continue
            try:
                message = message_of(entry)
            except _NO_MESSAGE as fault:
                raise SinkRefused(str(fault), index=index) from fault
            hub.publish(topic, message)
        self._metrics(hub, self._mono_ns())

    def holding(self) -> Mapping[str, int]:
        return {}

    def idle(self, mono_ns: int) -> None:
        hub = self._opened()
        if not self._is_well():
            raise SinkAway("its socket is gone or another one", where=str(self._path))
        self._metrics(hub, mono_ns)

    def close(self) -> None:
        if self._hub is not None:
            self._hub.close()
            self._hub = None
            if self._has_name():
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _opened(self) -> Hub:
        if self._hub is None:
            raise SinkAway("is not open", where=str(self._path))
        return self._hub

    def _is_well(self) -> bool:
        return self._hub is not None and self._hub.works and self._has_name()

    def _has_name(self) -> bool:
        try:
            found = os.lstat(self._path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _check_directory(self, found: os.stat_result) -> None:
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
            raise PermissionFault(
                "its directory is none, or others may write it",
                remedy=f"chmod go-w {self._path.parent}",
            )

    # -- numbers -------------------------------------------------------------------------------------------------

    def _count(self, entry: Entry) -> None:
        if entry.alert is not None:
            of_kind = self._alerts.setdefault(entry.kind, collections.Counter())
            of_kind[entry.alert.severity] += 1
        elif entry.stream == "event":
            self._events[entry.kind] += 1
        elif entry.kind == "heartbeat":
            self._heartbeat = entry.data

    def _metrics(self, hub: Hub, mono_ns: int) -> None:
        every_ns = self._options.metrics_secs * 10**9
        if self._told_ns is not None and mono_ns - self._told_ns < every_ns:
            return
        self._told_ns = mono_ns
        if hub.wants("metrics"):
            hub.publish("metrics", line(self._wall_ns(), topic="metrics", data=self._numbers(hub)))

    def _numbers(self, hub: Hub) -> dict[str, Any]:
        """What passed here since this life began, and the engine's own counters as it last recorded them."""
        return {
            "since": rfc3339_or_none(self._began_ns),
            "alerts": {kind: dict(counted) for kind, counted in sorted(self._alerts.items())},
            "events": dict(sorted(self._events.items())),
            "topics": hub.counts(),
            "heartbeat": self._heartbeat,
        }
