"""A second process for verifying: `python -m sentinair.store.verify.helper LEDGER` does the tasks it reads.

Both processes hold a read transaction of their own.  They see the same snapshot exactly if they see the same head,
since every commit appends a record; if the engine commits between the two, both begin anew.
Frames are a length (4 bytes, little-endian) and msgpack: requests down, a Head or a Done up.
"""

from __future__ import annotations

import os
import selectors
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import msgspec

import sentinair
from sentinair.errors import StorageFault
from sentinair.store.access import open_as_reader
from sentinair.store.chain import Head
from sentinair.store.ledger import read_head
from sentinair.store.verify.plan import Plan
from sentinair.store.verify.tasks import Done, Performer, Task, perform, perform_all

__all__ = ["serve", "started"]

_LENGTH: Final = struct.Struct("<I")
_TRIES: Final = 20
_EXIT_SECS: Final = 5
_AHEAD: Final = 2  # tasks that the second process knows of


class _Snapshot(msgspec.Struct, tag=True):
    """Begin a new snapshot and tell its head."""


class _Work(msgspec.Struct, tag=True):
    """Do one task.  plan comes with the first one only."""

    task: Task
    plan: Plan | None = None


def _send(stream: IO[bytes], value: object) -> None:
    data = msgspec.msgpack.encode(value)
    try:
        stream.write(_LENGTH.pack(len(data)) + data)
        stream.flush()
    except BrokenPipeError as fault:
        raise _ended() from fault


def _receive(stream: IO[bytes]) -> bytes | None:
    """One frame; None at the stream's end."""
    length = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(length)[0]) if len(length) == _LENGTH.size else None


def _ended() -> StorageFault:
    return StorageFault("the second process of verify ended early", remedy="verify again")


@contextmanager
def started(database: Path, connection: sqlite3.Connection) -> Iterator[Performer]:
    """Starts the second process, brings it and connection to one snapshot, and ends it.

    Yields what performs tasks in both; in this process alone if the engine commits too fast for a common snapshot.
    Raises StorageFault if it ends early.
    """
    # -P: the working directory, which anybody may have chosen, is no place to import from.
    command = [sys.executable, "-P", "-m", __spec__.name, os.fspath(database)]
    home = os.fspath(Path(sentinair.__file__).parent.parent)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": home},
    ) as process:
        try:
            if process.stdin is None or process.stdout is None:
                raise _ended()
            other = _Other(process.stdin, process.stdout)
            yield other.perform if other.meet(connection) else perform_all
            process.stdin.close()
            process.wait(_EXIT_SECS)
        finally:
            process.kill()  # no-op for one that ended
            if process.stdin is not None:
                with suppress(BrokenPipeError):  # close() sends once more what it could not send
                    process.stdin.close()


class _Other:
    """The second process, seen from this one."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests, self._answers = requests, answers

    def meet(self, connection: sqlite3.Connection) -> bool:
        """Brings both to the same snapshot; False if the engine was faster each time."""
        for _ in range(_TRIES):
            _send(self._requests, _Snapshot())
            raw = _receive(self._answers)
            if raw is None:
                raise _ended()
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
            if read_head(connection) == msgspec.msgpack.decode(raw, type=Head):
                return True
        return False

    def perform(
        self,
        connection: sqlite3.Connection,
        plan: Plan,
        tasks: Sequence[Task],
        told: Callable[[int], None],
    ) -> list[Done]:
        """All tasks, each by whoever is free."""
        left, results, asked = list(tasks), list[Done](), 0
        first: Plan | None = plan
        with selectors.DefaultSelector() as ready:
            ready.register(self._answers, selectors.EVENT_READ)
            while left or asked:
                # One more waits there, or that process would be idle until this one ends its own task.
                while left and asked < (_AHEAD if len(left) > _AHEAD else 1):
                    _send(self._requests, _Work(left.pop(0), first))
                    first, asked = None, asked + 1
                if not left or ready.select(0):
                    results.append(self._result(told))
                    asked -= 1
                else:
                    results.append(perform(connection, plan, left.pop(0), told))
        return results

    def _result(self, told: Callable[[int], None]) -> Done:
        raw = _receive(self._answers)
        if raw is None:
            raise _ended()
        done = msgspec.msgpack.decode(raw, type=Done)
        if done.span is not None:
            told(done.span.count)
        return done


def serve(database: Path, requests: IO[bytes], answers: IO[bytes]) -> None:
    """The second process: tasks until the requests end."""
    plan: Plan | None = None
    decode = msgspec.msgpack.Decoder(_Snapshot | _Work).decode
    with closing(open_as_reader(database)) as connection:
        while (raw := _receive(requests)) is not None:
            asked = decode(raw)
            if isinstance(asked, _Snapshot):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                connection.execute("BEGIN")
                _send(answers, read_head(connection))
                continue
            plan = asked.plan or plan
            if plan is not None:
                _send(answers, perform(connection, plan, asked.task, lambda _: None))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
