"""Tells the service manager how a role is: READY, WATCHDOG, STATUS, by one datagram each.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

__all__ = ["Notifier"]


class Notifier:
    """Silent where no service manager listens (NOTIFY_SOCKET unset)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usecs = environment.get("WATCHDOG_USEC", "")
        self.watchdog_secs: float | None = int(usecs) / 1e6 if usecs.isdecimal() and meant else None
        """The manager ends this role when it hears no ping for so long; None: it does not."""

    @classmethod
    def from_environment(cls) -> Notifier:
        """For the manager that started this process."""
        return cls(os.environ)

    def ready(self, status: str) -> None:
        """All sources are on.  status: one line for people."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        self._send(f"STATUS={_line(status)}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        """A watchdog ping: to be sent only when the monitors ticked."""
        if self.watchdog_secs is not None:
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.setblocking(False)
            try:
                manager.sendto(text.encode(), self._address)
            except OSError:
                return  # the manager is restarting or gone: nothing a role could do about it


def _line(text: str) -> str:
    return text.replace("\n", " ")
