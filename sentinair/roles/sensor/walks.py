"""Walks over what is watched, and which gaps they still have to restore."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sentinair.ipc.lane import Lane
from sentinair.kernel.mounts import covering, parse
from sentinair.model.ports import Clock
from sentinair.monitors.rescan import Request, Rescanner
from sentinair.monitors.watch import Watch

__all__ = ["Walks"]

_SETTLED_SECS: Final = 2.0


class Walks:
    """The rescanner, and the memory it needs to be honest.

    A dropped range of bulk may hold the listings, or the Scanned, of an earlier walk: a walk for a new gap names
    all gaps again whose walk the engine has not surely taken.
    """

    def __init__(
        self, watch: Watch, lane: Lane, clock: Clock, on_fault: Callable[[BaseException], None]
    ) -> None:
        self._rescanner = Rescanner(
            watch.directory, watch.roots, lane, clock, may_enter=may_enter, on_fault=on_fault
        )
        self._unsettled: dict[bytes, float] = {}  # gap id to when it was asked for
        self._started = False

    def start(self) -> None:
        self._started = True
        self._rescanner.start()

    def stop(self) -> None:
        if self._started:
            self._rescanner.stop()

    def request(self, request: Request) -> None:
        for gap in request.gaps:
            self._unsettled[gap] = time.monotonic()
        self._rescanner.request(request)

    def repair(self, gap_id: bytes) -> None:
        """Walk over all that is watched.  Called in any thread."""
        self.request(Request("gap", (), (*self._unsettled, gap_id)))

    def entered(self, path: bytes) -> None:
        self._rescanner.entered(path)

    def settle(self, delivered: bool) -> None:
        """delivered: the engine holds all that was queued.  Forgets gaps whose walk is among that."""
        if not delivered or self._rescanner.running:
            return
        before = time.monotonic() - _SETTLED_SECS
        known = list(self._unsettled.items())  # in one step: the walking thread finds gaps, too
        for gap in [gap for gap, asked in known if asked < before]:
            self._unsettled.pop(gap, None)


def may_enter(path: bytes, device: int) -> bool:  # noqa: ARG001 -- the mount table names what lies at a path
    """A walk may cross into the mount at path: no server answers for it, and it is no kernel window."""
    mount = covering(parse(Path("/proc/self/mountinfo").read_bytes()), path)
    return mount is not None and not mount.untouchable and not mount.pseudo
