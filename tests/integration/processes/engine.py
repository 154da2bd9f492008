"""A role started for real, and an engine of which there is only the socket."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from sentinair.ipc.frames import FrameReader, frame
from sentinair.ipc.messages import (
    VERSION,
    Ack,
    Batch,
    Health,
    Hello,
    Welcome,
    decode_from_sender,
    encode,
)
from sentinair.model.event import GapEvent, Observation, ProcessEvent
from sentinair.settings.compiled import SensorSettings, write_compiled
from sentinair.settings.types import Lanes, ProcessesSettings


class Engine:
    """Takes what execs says and acknowledges it, unless told to hold back."""

    def __init__(
        self,
        folder: Path,
        *,
        prefix: tuple[str, ...] = (),
        lanes: Lanes | None = None,
        **processes: object,
    ) -> None:
        self.hellos: list[Hello] = []
        self._said: str | None = None
        self.health: list[Health] = []
        self.batches: list[Batch] = []
        self._path = folder / "execs.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(self._path))
        self._listener.listen(4)
        self._connection: socket.socket | None = None
        self._frames = FrameReader()
        settings = folder / "sensor.msgpack"
        compiled = SensorSettings(
            state=os.fspath(folder),
            lanes=lanes or Lanes(),
            processes=ProcessesSettings(**processes),  # type: ignore[arg-type]
        )
        write_compiled(settings, compiled)
        module = [sys.executable, "-m", "sentinair.roles.execs"]
        given = ["--settings", os.fspath(settings), "--socket", os.fspath(self._path)]
        self.role = subprocess.Popen([*prefix, *module, *given], stderr=subprocess.PIPE)

    def accept(self) -> Hello:
        """Take the next connection and welcome it."""
        self._listener.settimeout(10)
        self._connection, _ = self._listener.accept()
        self._frames = FrameReader()
        hello = self._greeted()
        committed: dict[str, int] = {}
        for batch in self.batches:
            committed[batch.lane] = batch.first_seq + len(batch.events) - 1
        self._send(Welcome(VERSION, committed, ()))
        return hello

    def _greeted(self) -> Hello:
        before = len(self.hellos)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            self.take(0.05)
            if len(self.hellos) > before:
                return self.hellos[-1]
        raise AssertionError("no hello within 10 s")

    def drop(self) -> None:
        """The engine died."""
        assert self._connection is not None
        self._connection.close()
        self._connection = None

    def take(self, secs: float, *, acknowledge: bool = True) -> None:
        """Read for so long."""
        deadline = time.monotonic() + secs
        while (left := deadline - time.monotonic()) > 0:
            assert self._connection is not None
            if not select.select([self._connection], [], [], left)[0]:
                return
            data = self._connection.recv(1 << 18)
            if not data:
                return
            committed: dict[str, int] = {}
            for body in self._frames.feed(data):
                message = decode_from_sender(body)
                if isinstance(message, Hello):
                    self.hellos.append(message)
                elif isinstance(message, Health):
                    self.health.append(message)
                elif isinstance(message, Batch):
                    self.batches.append(message)
                    committed[message.lane] = message.first_seq + len(message.events) - 1
            if committed and acknowledge:
                self._send(Ack(committed))

    def _send(self, message: Welcome | Ack) -> None:
        assert self._connection is not None
        self._connection.sendall(frame(encode(message)))

    def events(self) -> list[Observation]:
        return [event for batch in self.batches for event in batch.events]

    def of(self, action: str) -> list[ProcessEvent]:
        return [
            event
            for event in self.events()
            if isinstance(event, ProcessEvent) and event.action == action
        ]

    def gaps(self) -> list[GapEvent]:
        return [event for event in self.events() if isinstance(event, GapEvent)]

    def stop(self) -> tuple[int, str]:
        """SIGTERM, take what it still delivers; returns exit status and what it wrote to stderr."""
        self.role.terminate()
        deadline = time.monotonic() + 5
        while self.role.poll() is None and time.monotonic() < deadline:
            if self._connection is not None:
                self.take(0.05)
            else:
                time.sleep(0.02)
        return self.close()

    def close(self) -> tuple[int, str]:
        if self._said is None:
            self.role.kill()
            self._said = self.role.communicate()[1].decode()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._listener.close()
        return self.role.returncode, self._said
