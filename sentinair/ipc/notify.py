"""What a role tells its service manager: ready, alive, stopping.  Source: sd_notify(3), sd_watchdog_enabled(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

__all__ = ["Notifier"]


class Notifier:
    """Sends datagrams to NOTIFY_SOCKET; does nothing where there is none.

    The manager being away is no fault of ours: what cannot be sent is dropped.
    """

    def __init__(self, address: str | None = None) -> None:
        """address: path of a unix datagram socket, `@` in front for an abstract one; None: nobody to tell."""
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        return cls(environment.get("NOTIFY_SOCKET") or None)

    def ready(self, status: str = "") -> None:
        """All sources are on.  status: one line for `systemctl status`."""
        self._send("READY=1" + (f"\nSTATUS={status}" if status else ""))

    def alive(self) -> None:
        """The watchdog's ping: only when every monitor of the role ticked."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:  # no manager there any more, or its queue is full
            return
