"""A sensor as a process of its own, and an engine that takes what it sends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from sentinair.ipc.frames import FrameReader, frame
from sentinair.ipc.messages import (
    VERSION,
    Ack,
    AskHash,
    AskInventory,
    AskRescan,
    Batch,
    FromSender,
    Health,
    Hello,
    Welcome,
    decode_from_sender,
    encode,
)
from sentinair.kernel import procfs
from sentinair.model.event import FileEvent, GapEvent, HashEvent, Observation, Scanned
from sentinair.settings.compiled import SensorSettings, write_compiled
from sentinair.settings.types import FilesSettings


class Engine:
    """Listens, welcomes, acknowledges and keeps everything."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.link: socket.socket | None = None
        self.reader = FrameReader()
        self.hello: Hello | None = None
        self.healths: list[Health] = []
        self.batches: list[Batch] = []
        self.arrived: list[tuple[float, Observation]] = []
        self.own: tuple[tuple[int, int], ...] = ()
        self.acknowledges = True

    def accept(self) -> None:
        self.listener.settimeout(5)
        self.link, _ = self.listener.accept()
        self.link.setblocking(False)
        self.reader = FrameReader()

    def say(self, message: Welcome | Ack | AskRescan | AskInventory | AskHash) -> None:
        assert self.link is not None
        self.link.sendall(frame(encode(message)))

    def pump(self, secs: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + secs
        assert self.link is not None
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.link], [], [], left)[0]:
                return
            try:
                chunk = self.link.recv(1 << 20)
            except ConnectionResetError:  # it ended with our answer unread
                return
            if not chunk:
                return
            committed: dict[str, int] = {}
            for body in self.reader.feed(chunk):
                self._take(decode_from_sender(body), committed)
            if committed and self.acknowledges:
                with contextlib.suppress(BrokenPipeError):
                    self.say(Ack(committed))

    def _take(self, message: FromSender, committed: dict[str, int]) -> None:
        match message:
            case Hello():
                self.hello = message
                self.say(Welcome(VERSION, {}, self.own))
            case Health():
                self.healths.append(message)
            case Batch():
                self.batches.append(message)
                now = time.monotonic()
                self.arrived += [(now, event) for event in message.events]
                committed[message.lane] = message.first_seq + len(message.events) - 1

    def until(self, found: Callable[[], bool], secs: float = 8.0) -> None:
        end = time.monotonic() + secs
        while not found():
            assert time.monotonic() < end, f"not seen within {secs} s"
            self.pump(0.05)

    @property
    def events(self) -> list[Observation]:
        return [event for _, event in self.arrived]

    @property
    def files(self) -> list[FileEvent]:
        return [event for event in self.events if isinstance(event, FileEvent)]

    @property
    def gaps(self) -> list[GapEvent]:
        return [event for event in self.events if isinstance(event, GapEvent)]

    @property
    def scans(self) -> list[Scanned]:
        return [event for event in self.events if isinstance(event, Scanned)]

    @property
    def hashes(self) -> list[HashEvent]:
        return [event for event in self.events if isinstance(event, HashEvent)]

    def of(self, path: Path | bytes) -> list[FileEvent]:
        raw = path if isinstance(path, bytes) else os.fsencode(path)
        return [event for event in self.files if event.path == raw]

    def close(self) -> None:
        if self.link is not None:
            self.link.close()
        self.listener.close()


class Rig:
    """A watched folder, a state directory, an engine, and the sensor once started."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.watched = base / "watched"
        self.state = base / "state"
        self.watched.mkdir()
        (self.state / "run").mkdir(parents=True)
        self.socket = self.state / "run" / "sensor.sock"
        self.engine = Engine(self.socket)
        self.child: subprocess.Popen[bytes] | None = None
        self.settings = SensorSettings(
            state=str(self.state),
            files=FilesSettings(
                watch=(str(self.watched),), ignore=(), critical=(), hash=(), read_watch=()
            ),
        )

    def files(self, **changes: object) -> None:
        files = msgspec.structs.replace(self.settings.files, **changes)
        self.settings = msgspec.structs.replace(self.settings, files=files)

    def start(self, *, scan: bool = True, own: bool = True) -> Engine:
        compiled = self.base / "sensor.msgpack"
        write_compiled(compiled, self.settings)
        words = ["-m", "sentinair.roles.sensor", "--settings", str(compiled)]
        self.child = subprocess.Popen(
            [sys.executable, *words, "--socket", str(self.socket)], stderr=subprocess.PIPE
        )
        self.engine.accept()
        if own:
            me = os.getpid()
            self.engine.own = ((me, procfs.start(me) or 0),)
        if scan:
            self.engine.until(lambda: bool(self.engine.scans))
        return self.engine

    def stop(self) -> tuple[int, str]:
        """Exit status and what it logged."""
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        end = time.monotonic() + 8
        while self.child.poll() is None and time.monotonic() < end:
            self.engine.pump(0.05)
            time.sleep(0.01)
        assert self.child.stderr is not None
        log = self.child.stderr.read().decode()
        return self.child.wait(1), log

    def close(self) -> None:
        """Ends the sensor the gentle way, so that it leaves nothing behind."""
        if self.child is not None:
            if self.child.poll() is None and self.engine.link is not None:
                self.stop()
            if self.child.poll() is None:
                self.child.kill()
            self.child.wait()
            if self.child.stderr is not None:
                self.child.stderr.close()
        self.engine.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("fanotify needs root")
