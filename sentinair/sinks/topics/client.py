"""A subscriber to the agent's topics.  Python's standard library only: this file works alone, copied anywhere.

    from client import Subscription

    with Subscription("alerts", "metrics") as topics:
        message = topics.get(timeout_secs=30)     # None: nothing came in that time
        for message in topics: ...                # until the agent stops

    python3 client.py alerts events --timeout 60  # one message a line

A message is a dict: timestamp (RFC 3339), and either topic, seq and data, or dropped: so many did not fit into this
subscriber's queue, because it did not read.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

__all__ = ["SOCKET", "Refused", "Subscription", "main"]

SOCKET = "/run/sentinair/topics/topics.sock"
_MAX_LINE = 1 << 20
_CHUNK = 1 << 16


class Refused(ConnectionError):
    """The agent does not take this subscriber; it says why."""


class Subscription:
    """Not thread-safe.  dropped: messages that this subscriber was too slow for, so far."""

    def __init__(self, *topics: str, path: str = SOCKET, timeout_secs: float = 5.0) -> None:
        """topics: of alerts, events and metrics.  Raises Refused, TimeoutError, OSError (nobody listens there)."""
        self.dropped = 0
        self._waiting = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._subscribe(topics, path, timeout_secs)
        except BaseException:  # whatever it was: nobody has an object to close
            self.close()
            raise

    def _subscribe(self, topics: tuple[str, ...], path: str, timeout_secs: float) -> None:
        by = time.monotonic() + timeout_secs
        self._socket.settimeout(timeout_secs)
        while True:
            try:
                self._socket.connect(path)
                break
            except BlockingIOError as fault:  # too many knock at once: unix(7), EAGAIN
                if time.monotonic() >= by:
                    raise TimeoutError("the agent takes no connections") from fault
                time.sleep(0.01)
        with contextlib.suppress(BrokenPipeError):  # it has said already why not
            self._socket.sendall(json.dumps({"subscribe": topics}).encode() + b"\n")
        if self.get(timeout_secs) is None:
            raise TimeoutError("no answer to the request")

    def get(self, timeout_secs: float | None = None) -> dict[str, Any] | None:
        """The next message; None: none came in time.  timeout_secs None: wait for ever.

        Raises Refused, and ConnectionError when the agent has ended.
        """
        by = None if timeout_secs is None else time.monotonic() + timeout_secs
        while b"\n" not in self._waiting:
            left = None if by is None else by - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                chunk = self._socket.recv(_CHUNK)
            except TimeoutError:
                return None
            if not chunk or len(self._waiting) > _MAX_LINE:
                raise ConnectionResetError("the agent has ended the connection")
            self._waiting += chunk
        line, _, self._waiting = self._waiting.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise Refused(message["error"])
        self.dropped += message.get("dropped", 0)
        return message

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Until the agent ends."""
        while True:
            try:
                message = self.get()
            except Refused:
                raise
            except ConnectionError:
                return
            if message is not None:
                yield message

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _fault: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


def main(words: list[str]) -> int:
    """Print messages; returns 0 after --timeout seconds without one, 74 when the agent is not there or ends."""
    parser = argparse.ArgumentParser(
        description="Prints the agent's messages, one JSON object a line."
    )
    parser.add_argument("topics", nargs="+", choices=("alerts", "events", "metrics"))
    parser.add_argument("--socket", default=SOCKET)
    parser.add_argument("--timeout", type=float, help="end after so many seconds without a message")
    given = parser.parse_args(words)
    try:
        with Subscription(*given.topics, path=given.socket) as topics:
            while (message := topics.get(given.timeout)) is not None:
                sys.stdout.write(json.dumps(message) + "\n")
                sys.stdout.flush()
    except BrokenPipeError:  # who read us has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as fault:
        sys.stderr.write(f"{given.socket}: {fault}\n")
        return 74
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
