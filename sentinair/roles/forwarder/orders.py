"""Between one sink's thread and the role's loop: what is asked of the sink, and what is to be reported of it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from sentinair.ipc.messages import AskSink, SinkWord
from sentinair.model.delivery import Key, Letter, Position, SinkHealth

__all__ = ["MAX_WAITING", "Orders"]

MAX_WAITING: Final = 200
"""Dead letters that the engine has not stored yet; with more the sink waits."""
_MOST_REPLAYS: Final = 1000


class Orders:
    """Thread-safe.  on_change: called by the sink's thread when there is something to report."""

    def __init__(
        self, name: str, position: Position, *, paused: bool, on_change: Callable[[], None]
    ) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._on_change = on_change
        self._position = self._sure = position  # where the thread is; what is past being lost
        self._settled = position  # where it was when that was last told
        self._letters: deque[Letter] = deque()
        self._delivered: deque[Key] = deque()
        self._replays: deque[Key] = deque()
        self._told = (0, 0)  # letters and delivered keys in the report that is on its way
        self._back: int | None = None
        self.paused = paused
        self.stopping = False
        self.hurry = False  # a person wants it tried now
        self.flushes = 0  # how often a person has asked for what the sink holds
        self._flushed = 0
        self.reopen = False  # the engine is a new one: so may be the ledger
        self.woken = True  # the ledger may have grown

    # -- the loop's side -----------------------------------------------------------------------------------------

    def take(self, asked: AskSink) -> None:
        """What a person wants."""
        with self._lock:
            match asked.do:
                case "pause":
                    self.paused = True
                case "resume":
                    self.paused, self.hurry = False, True
                case "try":
                    self.hurry = True
                    self.flushes += 1
                case "letters":
                    known = set(self._replays)
                    self._replays.extend(key for key in asked.letters if key not in known)
                    while len(self._replays) > _MOST_REPLAYS:
                        self._replays.popleft()
                    self.hurry = True
                case "back":
                    self._back, self.hurry = asked.seq, True
        self.wake()

    def wake(self) -> None:
        """Something has changed: look again."""
        self.woken = True
        self._wake.set()

    def stop(self) -> None:
        self.stopping = True
        self._wake.set()

    def word(self, health: SinkHealth) -> SinkWord:
        """What is to be reported now.  Position and letters are of one moment."""
        with self._lock:
            letters, delivered = tuple(self._letters), tuple(self._delivered)
            self._told = (len(letters), len(delivered))
            # Who waits for a flush shall not be told of what it has yet to bring.
            given = self._sure if self.flush_waits else self._position
            return SinkWord(self.name, self._sure, health, letters, delivered, given)

    def kept(self) -> None:
        """The last word is on the engine's disk."""
        with self._lock:
            letters, delivered = self._told
            for _ in range(letters):
                self._letters.popleft()
            for _ in range(delivered):
                self._delivered.popleft()
            self._told = (0, 0)
        if letters or delivered:
            self.wake()

    def lost(self) -> None:
        """The last word may never have come: all of it is told again."""
        with self._lock:
            self._told = (0, 0)

    # -- the thread's side ---------------------------------------------------------------------------------------

    @property
    def position(self) -> Position:
        return self._position

    @property
    def full(self) -> bool:
        """Whether too much waits to be stored by the engine."""
        return max(len(self._letters), len(self._delivered)) >= MAX_WAITING

    def sleep(self, secs: float) -> None:
        """Until something has changed, at most secs."""
        self._wake.wait(secs)
        self._wake.clear()

    def changed(self) -> None:
        """There is something to report."""
        self._on_change()

    def pause(self, secs: float) -> bool:
        """Wait so long; True if the thread shall end."""
        by = time.monotonic() + secs
        while not self.stopping and (left := by - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
            self.woken = True
        return self.stopping

    def advance(self, position: Position, letter: Letter | None = None) -> None:
        """All up to position is with the sink; letter: the last of it is a dead letter."""
        with self._lock:
            self._position = position
            if letter is not None:
                self._letters.append(letter)

    def settle(self, holding: Mapping[str, int]) -> bool:
        """What the sink may still lose (Sink.holding()) is not to be reported; all before it is.  True: it is more."""
        at = self._position
        sure = Position(
            min(at.seq, holding.get("record", at.seq + 1) - 1),
            min(at.event, holding.get("event", at.event + 1) - 1),
        )
        with self._lock:
            more = sure != self._sure
            changed = more or at != self._settled
            self._sure, self._settled = sure, at
        if changed or self._letters:
            self._on_change()
        return more

    @property
    def flush_waits(self) -> bool:
        """Whether somebody waits for what the sink holds."""
        return self.flushes != self._flushed

    def flushed(self, flushes: int) -> None:
        """What the sink held when so many had asked is put away."""
        self._flushed = flushes
        self._on_change()

    def fall_back(self) -> None:
        """The sink went away: what it may have lost comes again."""
        with self._lock:
            self._position = self._sure

    def rewind(self) -> bool:
        """Go back if a person wants it; True if so."""
        with self._lock:
            back, self._back = self._back, None
            if back is None or back >= self._position.seq:
                return False
            self._position = self._sure = Position(back, self._position.event)
        self._on_change()
        return True

    def next_replay(self) -> Key | None:
        """A dead letter to try again."""
        with self._lock:
            return self._replays[0] if self._replays else None

    def replayed(self, *, delivered: bool) -> None:
        """The letter that next_replay() gave was delivered, or refused once more."""
        with self._lock:
            key = self._replays.popleft()
            if delivered:
                self._delivered.append(key)
        self._on_change()
