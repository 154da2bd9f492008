"""The methods people and roles may call on the engine's control socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sentinair.errors import ConfigFault, Fault, StorageFault, UsageFault
from sentinair.ipc.messages import AskRescan
from sentinair.ipc.sockets import Peer
from sentinair.model.record import Stamp
from sentinair.roles.engine.alert_answers import AlertAnswers
from sentinair.roles.engine.drop_answers import DropAnswers
from sentinair.roles.engine.export_answers import ExportAnswers
from sentinair.roles.engine.modes import params_of
from sentinair.roles.engine.requests import Handler, name_of, text_param
from sentinair.roles.engine.sink_answers import SinkAnswers
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
            **AlertAnswers(self._spine, self._stamp).handlers(),
            **DropAnswers(self._spine, self._engine.state).handlers(),
            **ExportAnswers(self._spine, self._stamp).handlers(),
            "rescan": self.rescan,
            "db.backup": self.backup,
            **SinkAnswers(self._spine).handlers(),
            "mode.show": self.mode,
            "mode.set": self.set_mode,
            "rules.reload": self.reload_rules,
            "drill.begin": self.begin_drill,
            "drill.end": self.end_drill,
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
            found = status(
                mode=spine.modes.status(),
                state=self._engine.state,
                stamp=self._stamp(),
                senders=spine.senders,
                commits=spine.commits,
                gaps=spine.gaps,
                alerts=spine.alerts,
                counters=self._counters,
                shared=self._shared,
            )
            return found | {"rules": spine.panel.status(), "sinks": spine.sinks.status()}
        except StorageFault as fault:  # the record cannot be read: that is what to say first
            why = spine.commits.refusal or str(fault)
            return status_without_record(why, self._counters, self._stamp())

    def rescan(self, peer: Peer, params: dict[str, object]) -> object:
        """{path: absolute, UTF-8} to {"asked": true}."""
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

    def mode(self, _peer: Peer, _params: dict[str, object]) -> object:
        """{} to how loud the agent is, since when, until when, why."""
        return self._spine().modes.status()

    def set_mode(self, peer: Peer, params: dict[str, object]) -> object:
        """{mode, secs?, reason?} to the mode as it then is."""
        spine = self._spine()
        secs, reason = params_of(params)
        mode = text_param(params, "mode", limit=64)
        answer = spine.modes.set(peer.uid, name_of(peer), mode, secs, reason)
        spine.commits.settle()
        return answer

    def reload_rules(self, peer: Peer, _params: dict[str, object]) -> object:
        """{} to what judges from now on; fails, with the first fault and the number of all, if a file has one."""
        spine = self._spine()
        try:
            spine.panel.reload(self._stamp(), spine.commits, name_of(peer))
        except ConfigFault as fault:
            first = fault.faults[0]
            said = f"{first.remedy}; the rules read before judge on"
            more = f" ({len(fault.faults)} in all: sentinair rules check)"
            raise Fault(first.what, where=first.where, remedy=said + more) from fault
        finally:
            spine.judge.detectors = spine.panel.detectors
            spine.commits.commit()
        return spine.panel.status()

    def begin_drill(self, peer: Peer, params: dict[str, object]) -> object:
        """{token} to {}: from now on alerts that carry it and are the caller's act are marked."""
        spine = self._spine()
        token = text_param(params, "token", limit=64)
        # pid 0: a process this pid namespace does not see, unix(7)
        spine.drills.begin(token, name_of(peer), peer.pid or None)
        spine.commits.commit()
        return {}

    def end_drill(self, peer: Peer, params: dict[str, object]) -> object:
        """{token, and counts of rules} to {}."""
        spine = self._spine()
        counts = {name: value for name, value in params.items() if name != "token"}
        spine.drills.end(text_param(params, "token", limit=64), name_of(peer), counts)
        spine.commits.commit()
        return {}

    def backup(self, _peer: Peer, params: dict[str, object]) -> object:
        """{path: absolute file that does not exist} to what the store says of the copy."""
        spine = self._spine()
        target = Path(text_param(params, "path"))
        if not target.is_absolute():
            raise UsageFault(f"{str(target)!r} is not an absolute path")
        spine.commits.store.backup(target)
        return {"path": str(target), "bytes": target.stat().st_size}
