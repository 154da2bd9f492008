"""Exports that people want of the forwarder: what is ordered, how far it is, and how it ended.

Nothing of it is stored: engine and forwarder agree by each welcome, which names all that is not finished.  What only
one of them knows is given up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from sentinair.errors import StorageFault, UsageFault
from sentinair.ipc.messages import AskExport, ExportWord, GiveUpExport
from sentinair.model.export import Exported, Wanted

__all__ = ["Exports", "Order"]

MAX_UNFINISHED: Final = 4  # one is written, the others wait
MAX_FINISHED: Final = 32  # remembered for who asks how it ended
SILENT_NS: Final = 30_000_000_000  # the forwarder speaks of each every 10 s


class Order:
    """One export."""

    def __init__(self, order_id: str, wanted: Wanted, by: str, now_ns: int) -> None:
        """by: who asked, for the record.  now_ns: steady clock."""
        self.wanted = wanted
        self.by = by
        self.heard_ns = now_ns
        self.begun = False
        self.signed: Exported | None = None  # what its manifest was sealed for
        self.word = ExportWord(order_id, "waiting")

    @property
    def finished(self) -> bool:
        return self.word.state in {"done", "failed"}


class Exports:
    """mono_ns: steady clock.  say: sends the forwarder a message, if it is there."""

    def __init__(
        self, mono_ns: Callable[[], int], say: Callable[[AskExport | GiveUpExport], None]
    ) -> None:
        self._mono_ns = mono_ns
        self._say = say
        self._orders: dict[str, Order] = {}  # by id, the oldest first

    def begin(self, wanted: Wanted, by: str) -> str:
        """Order one; returns its id.  Raises UsageFault if too many are not finished yet."""
        self._expire()
        waiting = self.unfinished()
        if len(waiting) >= MAX_UNFINISHED:
            raise UsageFault(
                f"{len(waiting)} exports are under way",
                remedy="wait until one is done, or write it yourself with --out DIR",
            )
        order_id = secrets.token_hex(8)
        self._orders[order_id] = Order(order_id, wanted, by, self._mono_ns())
        self._forget()
        self._say(AskExport(order_id, wanted))
        return order_id

    def order(self, order_id: str) -> Order:
        """Raises StorageFault if there is none, as after a restart of the engine."""
        self._expire()
        if order_id not in self._orders:
            raise StorageFault(
                "the engine was started anew and knows nothing of this export",
                remedy="ask for it again; nothing half-written stays",
            )
        return self._orders[order_id]

    def give_up(self, order_id: str) -> None:
        """Raises StorageFault if there is none."""
        order = self.order(order_id)
        if not order.finished:
            self._end(order, "it was given up")

    def unfinished(self) -> tuple[AskExport, ...]:
        """For the forwarder's welcome."""
        return tuple(
            AskExport(order_id, order.wanted, order.begun)
            for order_id, order in self._orders.items()
            if not order.finished
        )

    def hear(self, word: ExportWord) -> None:
        """What the forwarder says of one; of none that is known, or one that is over: nothing is to be done."""
        order = self._orders.get(word.id)
        if order is None or order.finished:
            return
        if word.state == "done" and (word.exported is None or word.exported != order.signed):
            self._end(order, "the forwarder says it is done, but nothing like it was signed")
            return
        order.word, order.heard_ns = word, self._mono_ns()
        order.begun = order.begun or word.state != "waiting"

    def _expire(self) -> None:
        now_ns = self._mono_ns()
        for order in self._orders.values():
            silent_ns = now_ns - order.heard_ns
            if not order.finished and silent_ns > SILENT_NS:
                secs = silent_ns // 10**9
                why = f"the forwarder has not spoken of it for {secs} s; look at its log"
                self._end(order, why)

    def _end(self, order: Order, why: str) -> None:
        order.word = ExportWord(order.word.id, "failed", order.word.count, why=why)
        self._say(GiveUpExport(order.word.id))

    def _forget(self) -> None:
        over = [order_id for order_id, order in self._orders.items() if order.finished]
        for order_id in over[: max(0, len(over) - MAX_FINISHED)]:
            del self._orders[order_id]
