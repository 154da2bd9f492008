"""Files and executables to the hashing worker and back."""

from __future__ import annotations

import math
import time
from typing import Final

from sentinair.ipc.messages import AskHash
from sentinair.kernel.hasher import HashRequest, HashResult, HashWorker
from sentinair.model.event import FileEvent, HashEvent
from sentinair.model.ports import Clock
from sentinair.monitors.hashing import MAX_WAITING, Quiet
from sentinair.roles.sensor.outbox import Outbox
from sentinair.settings.types import FilesSettings

__all__ = ["NAME", "Hashes"]

NAME: Final = "hasher"  # the source of its events
_MOST: Final = (
    64  # with the worker at a time; the others wait here, where a new change puts them off
)


class Hashes:
    """Hashes files once they are quiet, and executables when asked; answers go into the bulk lane."""

    def __init__(
        self, settings: FilesSettings, outbox: Outbox, clock: Clock, *, executables: bool
    ) -> None:
        """executables: whether processes.hash_executables wants them hashed."""
        self._executables = executables
        self._crowded_out: list[HashResult] = []  # told by the next turn()
        self._outbox = outbox
        self._clock = clock
        self._quiet = Quiet(settings.hash_quiet_ms / 1000)
        self._worker = HashWorker(
            max_bytes=settings.hash_max_bytes,
            bytes_per_sec=settings.hash_bytes_per_sec,
            deadline_secs=settings.hash_deadline_secs,
        )

    def fileno(self) -> int:
        """To be polled for reading; -1: not now.  Ask again before each poll."""
        return self._worker.fileno()

    def next_due(self) -> float | None:
        """When turn() must be called even if nothing can be read, on the steady clock."""
        deadline = self._worker.timeout_secs()
        due = None if deadline is None else time.monotonic() + deadline
        quiet = self._quiet.next_due() if self._worker.waiting < _MOST else None
        return min((moment for moment in (due, quiet) if moment is not None), default=None)

    def note(self, event: FileEvent, now_secs: float) -> None:
        """One file event went out."""
        if event.hash_wanted:
            gone = self._quiet.changed(event.path, now_secs)
            if gone is not None:
                why = f"{MAX_WAITING} files wait already"
                self._crowded_out.append(HashResult(HashRequest(gone), None, None, why))
        elif event.absent:
            self._quiet.gone(event.path)

    def executable(self, ask: AskHash) -> None:
        """The engine wants to know what a process runs."""
        if not self._executables:
            return
        request = HashRequest(ask.path, ask.file_id, ask.pid, ask.of)
        answer = self._worker.submit(request)
        if answer is not None:
            self._tell([answer])

    def turn(self, now_secs: float) -> None:
        """Take answers, and hand on what has become quiet."""
        answers = self._crowded_out + self._worker.results()
        self._crowded_out.clear()
        room = _MOST - self._worker.waiting
        if room > 0 and len(self._quiet):
            for path in self._quiet.take(now_secs, room):
                answer = self._worker.submit(HashRequest(path))
                if answer is not None:
                    answers.append(answer)
        if answers:
            self._tell(answers)

    def counters(self) -> dict[str, int]:
        return {
            "hashed": self._worker.hashed,
            "hashes_waiting": self._worker.waiting + len(self._quiet),
            "hashes_given_up": self._worker.killed + self._quiet.dropped,
        }

    def close(self) -> None:
        """Give up what waits, and say so: nobody asks for it again."""
        unread = self._quiet.take(math.inf, len(self._quiet))
        wishes = [*self._worker.close(), *(HashRequest(path) for path in unread)]
        if wishes:
            self._tell([HashResult(wish, None, None, "the sensor ended first") for wish in wishes])

    def _tell(self, answers: list[HashResult]) -> None:
        events = [
            HashEvent(
                seen_ns=self._clock.wall_ns(),
                mono_ns=self._clock.mono_ns(),
                path=answer.request.path,
                file_id=answer.file_id,
                sha256=answer.sha256,
                unsure=answer.unsure,
                of=answer.request.of,
            )
            for answer in answers
        ]
        self._outbox.bulk.offer(NAME, (), events)
