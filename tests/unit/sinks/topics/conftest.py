"""Topics on a real socket, and subscribers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinair.model.entry import Entry
from sentinair.sinks.topics.client import Subscription
from sentinair.sinks.topics.options import TopicsOptions
from sentinair.sinks.topics.sink import TopicsSink
from tests.harness.entries import parcels

__all__ = ["Room", "room"]


class Room:
    """One sink, open, and those who connect to it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o750)
        folder.chmod(0o750)
        self.path = folder / "topics.sock"
        self.now_ns = 1_800_000_000_000_000_000
        self.mono_ns = 10**12
        self.opened: list[socket.socket | Subscription] = []
        self.sink = self.fresh()

    def fresh(self, **options: Any) -> TopicsSink:
        """The sink with other options; the one before is closed."""
        if hasattr(self, "sink"):
            self.sink.close()
        self.sink = TopicsSink(
            "room", self.path, TopicsOptions(**options), lambda: self.now_ns, lambda: self.mono_ns
        )
        self.sink.open()
        return self.sink

    def send(self, *entries: Entry) -> None:
        self.sink.deliver(parcels(*entries))

    def subscribe(self, *topics: str) -> Subscription:
        self.opened.append(Subscription(*topics, path=str(self.path)))
        return self.opened[-1]  # type: ignore[return-value]

    def connect(self, said: bytes = b"") -> socket.socket:
        """A connection that says this."""
        made = socket.socket(socket.AF_UNIX)
        self.opened.append(made)
        made.connect(str(self.path))
        made.settimeout(10)
        made.sendall(said)
        return made

    def counts(self) -> dict[str, int]:
        hub = self.sink._hub
        assert hub is not None
        return dict(hub.counts())

    def close(self) -> None:
        for one in self.opened:
            one.close()
        self.sink.close()


def answer(connection: socket.socket) -> dict[str, Any] | None:
    """The next line; None: the end."""
    raw = b""
    while not raw.endswith(b"\n"):
        part = connection.recv(1)
        if not part:
            return None
        raw += part
    found: dict[str, Any] = json.loads(raw)
    return found


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path / "topics")
    yield made
    made.close()
