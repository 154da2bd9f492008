"""What people say of alerts, and which detections they do not want to see for a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from sentinair.alerts.ids import uuid7
from sentinair.codecs import alert_json, suppression_json
from sentinair.errors import UsageFault
from sentinair.ipc.sockets import Peer
from sentinair.model.alert import Alert, AlertChange
from sentinair.model.record import Record, Stamp
from sentinair.model.suppression import Suppression
from sentinair.model.text import shown
from sentinair.roles.engine.requests import Handler, name_of, text_param
from sentinair.roles.engine.spine import Spine

__all__ = ["AlertAnswers"]


def _optional(params: Mapping[str, object], name: str) -> str | None:
    return text_param(params, name) if params.get(name) is not None else None


class AlertAnswers:
    """Each answer is on disk before it is given."""

    def __init__(self, spine: Callable[[], Spine], stamp: Callable[[], Stamp]) -> None:
        """spine: raises StorageFault while the record does not take writes."""
        self._spine = spine
        self._stamp = stamp

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "alert.answer": self.answer,
            "alert.note": self.note,
            "alert.assign": self.assign,
            "suppression.list": self.suppressions,
            "suppression.add": self.suppress,
            "suppression.remove": self.unsuppress,
        }

    def answer(self, peer: Peer, params: dict[str, object]) -> object:
        """{id, verb, comment?} to the alert as it then is."""
        spine = self._spine()
        return self._changed(
            spine,
            spine.alerts.answer(
                text_param(params, "verb", limit=64),
                _alert(spine, params),
                by=name_of(peer),
                comment=_optional(params, "comment"),
                now_ns=self._stamp().time_ns,
            ),
        )

    def note(self, peer: Peer, params: dict[str, object]) -> object:
        """{id, text} to the alert as it then is."""
        spine = self._spine()
        alert, text = _alert(spine, params), text_param(params, "text")
        now_ns = self._stamp().time_ns
        return self._changed(spine, spine.alerts.note(alert, text, by=name_of(peer), now_ns=now_ns))

    def assign(self, peer: Peer, params: dict[str, object]) -> object:
        """{id, to?} to the alert as it then is; without `to` nobody is to look at it."""
        spine = self._spine()
        alert, to = _alert(spine, params), _optional(params, "to")
        now_ns = self._stamp().time_ns
        return self._changed(spine, spine.alerts.assign(alert, to, by=name_of(peer), now_ns=now_ns))

    def suppressions(self, _peer: Peer, _params: dict[str, object]) -> object:
        """{} to those that count now, the oldest first."""
        now_ns = self._stamp().time_ns
        listed = self._spine().alerts.suppressions.listed()
        return [suppression_json.render(one, now_ns) for one in listed]

    def suppress(self, peer: Peer, params: dict[str, object]) -> object:
        """{rule?, path?, program?, user?, reason, secs} to the suppression made."""
        spine, stamp = self._spine(), self._stamp()
        secs = params.get("secs")
        if not isinstance(secs, int) or isinstance(secs, bool):
            raise UsageFault(f"parameter 'secs' must be a number, got {type(secs).__name__}")
        rule, user = _optional(params, "rule"), _optional(params, "user")
        wish = Suppression(
            id=uuid7(stamp.time_ns, os.urandom(10)),
            rule=None if rule is None else shown(rule),
            path=_optional(params, "path"),
            program=_optional(params, "program"),
            user=None if user is None else shown(user),
            reason=shown(text_param(params, "reason")),
            author=name_of(peer),
            created_ns=stamp.time_ns,
            expires_ns=stamp.time_ns + secs * 10**9,
        )
        _commit(spine, spine.alerts.suppressions.add(wish))
        return suppression_json.render(wish, stamp.time_ns)

    def unsuppress(self, peer: Peer, params: dict[str, object]) -> object:
        """{id: whole or a beginning of it} to the suppression that ended."""
        spine, now_ns = self._spine(), self._stamp().time_ns
        prefix = text_param(params, "id", limit=64)
        wish, records = spine.alerts.suppressions.remove(prefix, by=name_of(peer), now_ns=now_ns)
        _commit(spine, records)
        return suppression_json.render(wish, now_ns)

    def _changed(self, spine: Spine, change: AlertChange) -> object:
        spine.commits.alert([change])
        spine.commits.settle()
        return alert_json.render(change.alert)


def _alert(spine: Spine, params: Mapping[str, object]) -> Alert:
    alert_id = text_param(params, "id", limit=64)
    alert = spine.commits.alert_of(alert_id)
    if alert is None:
        raise UsageFault(f"no alert {alert_id!r}", remedy="sentinair alerts list shows their ids")
    return alert


def _commit(spine: Spine, records: list[Record]) -> None:
    for record in records:
        spine.commits.append(record)
    spine.commits.settle()
