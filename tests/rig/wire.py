"""JSON over qemu's two sockets: its monitor (QMP) and the agent inside the guest."""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

__all__ = ["Answer", "GuestAgent", "Monitor", "RigFault"]

ANSWER_SECS = 60.0
SYNC_MARK = b"\xff"  # a byte no JSON has: the agent drops what it had read before it
ENVIRONMENT = "cd /root; export HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin;"


class RigFault(RuntimeError):
    """The guest or its qemu did not do what was asked."""


class Answer(NamedTuple):
    """What a command in the guest said.  status: 128+n when signal n ended it."""

    status: int
    out: str
    err: str


class _Lines:
    """JSON objects, one a line, over a unix socket."""

    def __init__(self, path: Path, secs: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._held = b""
        try:
            self._socket.settimeout(secs)
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, asked: dict[str, Any], before: bytes = b"") -> None:
        self._socket.sendall(before + msgspec.json.encode(asked) + b"\n")

    def receive(self) -> dict[str, Any]:
        while True:
            while b"\n" not in self._held:
                read = self._socket.recv(1 << 16)
                if not read:
                    raise RigFault("qemu closed its socket")
                self._held += read
            line, self._held = self._held.split(b"\n", 1)
            if line := line.strip(SYNC_MARK + b"\r "):
                told: dict[str, Any] = msgspec.json.decode(line)
                return told

    def answer(self, asked: str) -> Any:
        while True:
            told = self.receive()
            if "error" in told:
                raise RigFault(f"{asked}: {told['error']['desc']}")
            if "return" in told:
                return told["return"]


class Monitor:
    """qemu's monitor; one connection a command, so that nothing stays open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, command: str, **given: object) -> Any:
        """Raises RigFault if qemu refuses, OSError while its socket is not there."""
        with _Lines(self._path, ANSWER_SECS) as lines:
            lines.receive()  # the greeting
            lines.send({"execute": "qmp_capabilities"})
            lines.answer("qmp_capabilities")
            lines.send({"execute": command, "arguments": given})
            return lines.answer(command)


class GuestAgent:
    """Commands in the guest, by qemu-guest-agent; one connection a request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, command: str, secs: float = ANSWER_SECS, **given: object) -> Any:
        """Raises RigFault if the agent refuses, OSError (TimeoutError too) while it does not answer."""
        with _Lines(self._path, secs) as lines:
            number = time.monotonic_ns() & 0x7FFFFFFF
            lines.send(
                {"execute": "guest-sync-delimited", "arguments": {"id": number}}, before=SYNC_MARK
            )
            while True:  # what an earlier connection left unread comes first
                with contextlib.suppress(msgspec.DecodeError):
                    if lines.receive().get("return") == number:
                        break
            lines.send({"execute": command, "arguments": given})
            return lines.answer(command)

    def tell(self, command: str, **given: object) -> None:
        """Asks what is never answered, as a power off."""
        with _Lines(self._path, ANSWER_SECS) as lines:
            lines.send({"execute": command, "arguments": given}, before=SYNC_MARK)

    def run(self, command: str, secs: float) -> Answer:
        """A shell command as root.  Raises RigFault if it takes longer than secs; it is then killed."""
        words = ["-c", f"{ENVIRONMENT} {command}"]
        given: dict[str, Any] = {"path": "/bin/bash", "arg": words, "capture-output": True}
        pid = self.ask("guest-exec", **given)["pid"]
        by, nap = time.monotonic() + secs, 0.02
        while time.monotonic() < by:
            told = self.ask("guest-exec-status", pid=pid)
            if told["exited"]:
                status = told.get("exitcode", 128 + told.get("signal", 0))
                return Answer(status, _text(told, "out-data"), _text(told, "err-data"))
            time.sleep(nap)
            nap = min(nap * 1.5, 0.5)
        self.ask("guest-exec", path="/bin/kill", arg=["-9", str(pid)])
        raise RigFault(f"{command!r} took longer than {secs:.0f} s")


def _text(told: dict[str, Any], key: str) -> str:
    return base64.b64decode(told.get(key, "")).decode(errors="backslashreplace")
