"""The methods people and roles may call on the engine's control socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sentinair.codecs.alert_json import render
from sentinair.errors import StorageFault, UsageFault
from sentinair.ipc.messages import AskRescan
from sentinair.ipc.sockets import Peer
from sentinair.model.record import Stamp
from sentinair.roles.engine.requests import Handler, name_of, text_param
from sentinair.roles.engine.spine import Spine
from sentinair.roles.engine.status import Counters, status, status_without_record

if TYPE_CHECKING:
    from sentinair.roles.engine.app import Engine

__all__ = ["Answers"]


class Answers:
    """Bound to one engine, whose spine may come and go with the disk."""

    def __init__(
        self, engine: Engine, counters: Counters, stamp: Callable[[], Stamp], shared: str | None
    ) -> None:
        """shared: why the roles share one user; None: they do not."""
        self._shared = shared
        self._engine = engine
        self._counters = counters
        self._stamp = stamp

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "status": self.status,
            "alert.answer": self.answer,
            "rescan": self.rescan,
            "db.backup": self.backup,
        }

    def _spine(self) -> Spine:
        """Raises StorageFault while the record is not open or does not take writes."""
        spine = self._engine.spine
        why = self._engine.refusal if spine is None else spine.commits.refusal
        if spine is None or why is not None:
            raise StorageFault(
                f"the engine cannot write its record: {why}",
                remedy="mend that; it tries every 30 s",
            )
        return spine

    def status(self, _peer: Peer, _params: dict[str, object]) -> object:
        spine = self._engine.spine
        if spine is None:
            return status_without_record(
                self._engine.refusal or "opening", self._counters, self._stamp()
            )
        try:
            return status(
                mode="observe",
                state=self._engine.state,
                stamp=self._stamp(),
                senders=spine.senders,
                commits=spine.commits,
                gaps=spine.gaps,
                counters=self._counters,
                shared=self._shared,
            )
        except StorageFault as fault:  # the record cannot be read: that is what to say first
            why = spine.commits.refusal or str(fault)
            return status_without_record(why, self._counters, self._stamp())

    def answer(self, peer: Peer, params: dict[str, object]) -> object:
        """{id, verb, comment?} to the alert as it then is."""
        spine = self._spine()
        alert_id = text_param(params, "id", limit=64)
        comment = text_param(params, "comment") if params.get("comment") is not None else None
        alert = spine.commits.store.alert(alert_id)
        if alert is None:
            raise UsageFault(
                f"no alert {alert_id!r}", remedy="sentinair alerts list shows their ids"
            )
        change = spine.alerts.answer(
            text_param(params, "verb", limit=64),
            alert,
            by=name_of(peer),
            comment=comment,
            now_ns=self._stamp().time_ns,
        )
        spine.commits.alert([change])
        if not spine.commits.commit():
            raise StorageFault(f"the answer waits for the disk: {spine.commits.refusal}")
        return render(change.alert)

    def rescan(self, peer: Peer, params: dict[str, object]) -> object:
        """{path: absolute, text or hex of its bytes} to {"asked": true}."""
        spine = self._spine()
        path = os.fsencode(text_param(params, "path"))
        if not path.startswith(b"/"):
            raise UsageFault(f"{os.fsdecode(path)!r} is not an absolute path")
        path = b"/" + os.path.normpath(path).lstrip(b"/")  # the known files have one name each
        if "sensor" not in spine.senders:
            raise StorageFault("the sensor is not running, nothing can be listed")
        spine.commits.record("rescan.asked", {"path": path.hex(), "by": name_of(peer)})
        spine.ask(AskRescan("asked", (path,), ()))
        return {"asked": True}

    def backup(self, _peer: Peer, params: dict[str, object]) -> object:
        """{path: absolute file that does not exist} to what the store says of the copy."""
        spine = self._spine()
        target = Path(text_param(params, "path"))
        if not target.is_absolute():
            raise UsageFault(f"{str(target)!r} is not an absolute path")
        spine.commits.store.backup(target)
        return {"path": str(target), "bytes": target.stat().st_size}
