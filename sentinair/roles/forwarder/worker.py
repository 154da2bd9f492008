"""One sink's thread: what is next, when it may go, and what became of it.

It alone waits for its sink.  Daemonic: a sink that never returns must not keep the process from ending.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import Final

from sentinair.errors import SentinairError, SinkAway
from sentinair.model.delivery import Key
from sentinair.model.entry import Entry
from sentinair.roles.forwarder.delivery import Delivery, Outcome
from sentinair.roles.forwarder.orders import Orders
from sentinair.roles.forwarder.supply import Item, Supply
from sentinair.settings.sinks import SinkSettings
from sentinair.sinks.breaker import Breaker
from sentinair.sinks.bucket import Bucket
from sentinair.sinks.choose import is_own_trouble
from sentinair.sinks.health import Health

__all__ = ["Worker"]

log = logging.getLogger("sentinair.forwarder")

LOOK_SECS: Final = 30.0  # without a word of the engine the ledger is looked at so often
IDLE_SECS: Final = 2.0  # a sink is left alone so long; half of what a quiet forwarder costs is this
LIMITED_SECS: Final = 1.0  # beyond the rate: what is critical waits no longer
PATIENT: Final = 10  # looks at the ledger that may fail, one after the other
LOOK_AGAIN_SECS: Final = 0.1
MOST_AHEAD: Final = 10_000  # critical alerts sent before their turn that are remembered


class Worker:
    """Runs until orders.stopping.  begin_now: a new sink begins with the next record, not the first."""

    def __init__(
        self,
        settings: SinkSettings,
        orders: Orders,
        supply: Supply,
        delivery: Delivery,
        *,
        begin_now: bool,
    ) -> None:
        self.orders = orders
        self.health = Health()
        self._settings = settings
        self._supply = supply
        self._delivery = delivery
        self._begin_now = begin_now
        self._breaker = Breaker()
        now_ns = time.monotonic_ns()
        self._bucket = Bucket(settings.per_minute, settings.burst, now_ns)
        self._ahead: set[int] = set()
        self._looked_ahead = 0
        self._next_look = 0.0
        self._unread_times = 0  # one after the other
        self._undone = 0  # times it lost what it had taken, since it last had some delivered
        self._flushed: int | None = None  # within this step: for whom, as orders counts them
        self.thread = threading.Thread(target=self._run, name=f"sink {orders.name}", daemon=True)

    def retry_secs(self, now_ns: int) -> float | None:
        """Until the next try; None: none is waited for."""
        return self._breaker.wait_secs(now_ns) or None

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self.orders.stopping:
                try:
                    wait = self._step(time.monotonic_ns())
                    if self.orders.settle(self._delivery.holding()) and self._undone:
                        self._undone = self.health.failures = 0
                    if self._flushed is not None:
                        self.orders.flushed(self._flushed)
                        self._flushed = None
                except SinkAway as fault:
                    wait = self._went_away(fault)
                except SentinairError as fault:  # of the ledger, not of the sink
                    wait = self._unread(fault)
                except Exception as fault:  # a thread that ended would be missed by nobody
                    log.exception("%s failed", self.orders.name)
                    self._supply.close()
                    wait = self._failed(f"{type(fault).__name__}: {fault}")
                if wait and not self.orders.stopping:
                    self.orders.sleep(wait)
        finally:
            self._supply.close()
            self._delivery.close()

    def _went_away(self, fault: SinkAway) -> float:
        """A sink that takes entries and never has them delivered is not well in between."""
        self._ahead.clear()
        self._looked_ahead = 0  # what went before its turn may be lost, too
        self.orders.fall_back()
        self.orders.woken = True
        if fault.undone:
            self._breaker.failures = self._undone
            self._undone += 1
        return self._failed(str(fault))

    def _unread(self, fault: SentinairError) -> float:
        """A look may fall into the writer's change of the WAL index, or into a start: that is no trouble yet."""
        self._unread_times += 1
        self.orders.woken = True
        if self._unread_times <= PATIENT:
            return LOOK_AGAIN_SECS
        log.error("%s: the ledger cannot be read: %s", self.orders.name, fault)
        return self._failed(f"the ledger cannot be read: {fault}")

    def _failed(self, why: str) -> float:
        self.health.busy_since_mono_ns = None
        now_ns = time.monotonic_ns()
        self._breaker.failed(now_ns, random.random())
        self.health.failed_once(why, self._breaker.failures)
        self.orders.changed()
        return self._breaker.wait_secs(now_ns)

    def _step(self, now_ns: int) -> float:
        """One bounded piece of work; returns how many seconds nothing is to be done."""
        orders = self.orders
        if orders.reopen:
            orders.reopen = False
            self._supply.close()
        if orders.hurry:
            orders.hurry = False
            self._breaker.hurry()
        if orders.paused or orders.full:
            return LOOK_SECS
        allowed = self._breaker.allows(now_ns)
        if allowed == "none":
            return self._breaker.wait_secs(now_ns)
        if self._begin_now:
            self._begin_now = False
            orders.advance(self._supply.ends())
        if orders.rewind():
            self._ahead.clear()
            self._looked_ahead = 0
        key = orders.next_replay()
        if key is not None:
            self._replay(key)
            return 0.0
        return self._go_on(1 if allowed == "probe" else self._settings.batch, now_ns)

    def _go_on(self, limit: int, now_ns: int) -> float:
        items: list[Item] = []
        if self.orders.woken or now_ns / 1e9 >= self._next_look:
            self.orders.woken = False
            items = self._supply.next(self.orders.position, limit)
            self._unread_times = 0
            self._next_look = now_ns / 1e9 + LOOK_SECS
        if not items:
            self.health.limited_since_mono_ns = None
            self._flush()
            self._idle(now_ns)
            return IDLE_SECS
        self.orders.woken = True  # there may be more
        wait = self._bring(items, now_ns)
        if len(items) < limit:
            self._flush()
        return wait

    def _flush(self) -> None:
        """All that there is has been brought: a person may wait for what the sink holds of it."""
        if self.orders.flush_waits:
            asked = self.orders.flushes
            self._delivery.flush()
            self._flushed = asked

    def _idle(self, now_ns: int) -> None:
        self.health.busy_since_mono_ns = now_ns
        self._delivery.idle(now_ns)
        self.health.busy_since_mono_ns = None
        if self._breaker.failures:  # it is there again, as far as it can tell
            self._breaker.succeeded()
            self.health.failures = self._undone
            self.orders.changed()

    def _bring(self, items: Sequence[Item], now_ns: int) -> float:
        """Deliver what of items goes there and may go now."""
        free = self._bucket.free(now_ns)
        sending: list[Item] = []
        end, left_out, limited = self.orders.position, 0, False
        for item in items:
            if item.entry is None:
                left_out += 1
            elif item.entry.stream == "record" and item.entry.seq in self._ahead:
                self._ahead.discard(item.entry.seq)
            elif free is not None and len(sending) >= free:
                limited = True
                break
            else:
                sending.append(item)
            end = item.after
        if not sending or self._hand_over(sending):
            self.health.left_out += left_out
            if end != self.orders.position:
                self.orders.advance(end)
        if limited:
            return self._limited(now_ns)
        self.health.limited_since_mono_ns = None
        return 0.0

    def _hand_over(self, sending: Sequence[Item]) -> bool:
        """True if all of them are delivered; else the position is behind the last that is done with."""
        outcome = self._deliver([item.entry for item in sending if item.entry is not None])
        if outcome.delivered == len(sending):
            return True
        if outcome.refused is not None:
            refused = sending[outcome.delivered]
            kept = self._refused(refused.entry, outcome)
            self.orders.advance(refused.after, outcome.refused if kept else None)
        elif outcome.delivered:
            self.orders.advance(sending[outcome.delivered - 1].after)
        return False

    def _deliver(self, entries: Sequence[Entry]) -> Outcome:
        """Raises SinkAway."""
        began_ns = time.monotonic_ns()
        self.health.busy_since_mono_ns = began_ns
        outcome = self._delivery.deliver(entries)
        now_ns = time.monotonic_ns()
        self.health.busy_since_mono_ns = None
        self._bucket.take(outcome.delivered)
        if outcome.delivered:
            self._breaker.succeeded()
            self.health.succeeded(outcome.delivered, began_ns, now_ns, time.time_ns())
            self.health.failures = self._undone
        return outcome

    def _refused(self, entry: Entry | None, outcome: Outcome) -> bool:
        """Count it; True if it is to be kept as a dead letter."""
        assert outcome.refused is not None
        now_ns = time.monotonic_ns()
        if not outcome.delivered:  # a sink that takes nothing at all is tried less and less often
            self._breaker.refused(now_ns, random.random())
            self.health.failures = self._breaker.failures
        if entry is not None and is_own_trouble(entry):
            self.health.own_refused += 1
            return False
        self.health.refused_one(outcome.refused.why, now_ns)
        return True

    def _replay(self, key: Key) -> None:
        entry = self._supply.one(key)
        if entry is None:  # retention has erased it; the dead letter stays as a witness
            self.orders.replayed(delivered=False)
            return
        outcome = self._deliver([entry])
        self.orders.replayed(delivered=outcome.refused is None and outcome.delivered == 1)

    # -- beyond the rate -----------------------------------------------------------------------------------------

    def _limited(self, now_ns: int) -> float:
        """No more may go now, but what is critical: that goes before its turn."""
        if self.health.limited_since_mono_ns is None:
            self.health.limited_since_mono_ns = now_ns
        after = max(self._looked_ahead, self.orders.position.seq)
        urgent: list[Entry] = []
        if len(self._ahead) < MOST_AHEAD:
            urgent, after = self._supply.urgent(after, self._settings.batch)
        urgent = [entry for entry in urgent if entry.seq not in self._ahead]
        if urgent:
            outcome = self._deliver(urgent)
            self._ahead.update(entry.seq for entry in urgent[: outcome.delivered])
            if outcome.delivered < len(urgent):  # refused: it has its turn later
                after = urgent[outcome.delivered].seq
        self._looked_ahead = after
        return min(self._bucket.wait_secs(now_ns), LIMITED_SECS)
