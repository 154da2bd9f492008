"""An export that the forwarder writes into data/exports, asked for through the engine."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
import msgspec

from sentinair.cli.export_here import Told, tell_of
from sentinair.cli.places import Places
from sentinair.errors import DataFault, EngineAbsent, SentinairError, StorageFault
from sentinair.ipc.control import call
from sentinair.ipc.messages import ExportWord
from sentinair.model.export import Wanted

__all__ = ["ordered"]

LOOK_SECS: Final = 0.2
PATIENCE_SECS: Final = 10.0  # for an engine that is started anew meanwhile


def ordered(places: Places, wanted: Wanted) -> Told:
    """Order it and wait.  Ctrl-C gives it up; a command that is killed leaves it going.

    Raises EngineAbsent if there was none to ask, and SentinairError if it failed: then nothing of it is left.
    """
    answer = call(places.control, "export.begin", {"wanted": msgspec.to_builtins(wanted)})
    order_id = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(order_id, str):
        raise DataFault("the engine's answer names no export", remedy="restart the engine")
    try:
        word = _followed(places, order_id)
    except KeyboardInterrupt:
        with contextlib.suppress(SentinairError):
            call(places.control, "export.give_up", {"id": order_id})
        raise
    if word.exported is None:
        raise StorageFault(f"the export failed: {word.why}")
    return tell_of(places.exports, wanted, word.exported, None)


def _followed(places: Places, order_id: str) -> ExportWord:
    """Its last word."""
    with _bar() as show:
        while True:
            word = _look(places, order_id)
            if word.state in {"done", "failed"}:
                return word
            show(word)
            time.sleep(LOOK_SECS)


def _look(places: Places, order_id: str) -> ExportWord:
    """An engine that was started anew says so itself; one that stays away is a fault of its own kind."""
    by = time.monotonic() + PATIENCE_SECS
    while True:
        try:
            found = call(places.control, "export.look", {"id": order_id})
            return msgspec.convert(found, ExportWord)
        except EngineAbsent as fault:
            if time.monotonic() >= by:
                raise StorageFault(
                    "the engine ended meanwhile; the export is given up",
                    remedy="start the engine, then ask again",
                ) from fault
            time.sleep(LOOK_SECS)
        except msgspec.ValidationError as fault:
            raise DataFault(f"the engine's answer is none: {fault}") from fault


@contextmanager
def _bar() -> Iterator[Callable[[ExportWord], None]]:
    """A bar on a terminal's standard error, from when it is known how much there is."""
    with contextlib.ExitStack() as stack:
        move: list[Callable[[int], None]] = []
        shown = 0

        def show(word: ExportWord) -> None:
            nonlocal shown
            if not move and word.whole and sys.stderr.isatty():
                bar = click.progressbar(length=word.whole, label="exporting", file=sys.stderr)
                move.append(stack.enter_context(bar).update)
            if move:
                move[0](word.count - shown)
                shown = word.count

        yield show
