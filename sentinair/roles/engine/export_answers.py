"""What people may ask about exports, and the seal on a finished one.

The engine never sees the bytes: what it signs, and in whose name, stands in docs/decisions/signed-exports.md.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

import msgspec

from sentinair import __version__
from sentinair.errors import PermissionFault, StorageFault, UsageFault
from sentinair.ipc.sockets import Peer
from sentinair.model.export import Exported, Wanted, checked, stem_of
from sentinair.model.record import Stamp
from sentinair.model.text import shown
from sentinair.roles.engine.drop_answers import ADMINS, may_sign, sealed
from sentinair.roles.engine.requests import Handler, name_of, text_param
from sentinair.roles.engine.spine import Spine
from sentinair.sinks.drop.manifest import sha256_of
from sentinair.sinks.export.manifest import EXPORT_DOMAIN, ExportManifest, Sealed

__all__ = ["ExportAnswers"]

ID_CHARS: Final = 16
_T = TypeVar("_T")


class ExportAnswers:
    """spine: raises StorageFault while the record is not open or does not take writes."""

    def __init__(self, spine: Callable[[], Spine], stamp: Callable[[], Stamp]) -> None:
        self._spine = spine
        self._stamp = stamp
        self._host = shown(socket.gethostname())

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "export.begin": self.begin,
            "export.look": self.look,
            "export.give_up": self.give_up,
            "export.seal": self.seal,
        }

    def begin(self, peer: Peer, params: dict[str, object]) -> object:
        """{wanted: a Wanted} to {id}: the forwarder writes it into data/exports."""
        wanted = checked(_param(params, "wanted", Wanted))
        spine = self._spine()
        # One that was here comes back within a second, as after it has loaded what an export needs.
        if "forwarder" not in spine.met:
            raise StorageFault(
                "the forwarder is not running",
                remedy="look at its log, or write the export yourself with --out DIR",
            )
        return {"id": spine.sinks.exports.begin(wanted, name_of(peer))}

    def look(self, _peer: Peer, params: dict[str, object]) -> object:
        """{id} to an ExportWord: how far it is, or how it ended."""
        order = self._spine().sinks.exports.order(text_param(params, "id", limit=ID_CHARS))
        return order.word

    def give_up(self, _peer: Peer, params: dict[str, object]) -> object:
        """{id} to {}: nothing of it stays."""
        self._spine().sinks.exports.give_up(text_param(params, "id", limit=ID_CHARS))
        return {}

    def seal(self, peer: Peer, params: dict[str, object]) -> object:
        """{exported: an Exported, and id: of the order, or wanted: a Wanted} to a Sealed.

        With id only the forwarder may ask; what is wanted and who wanted it is then the engine's own knowledge.
        Raises PermissionFault; UsageFault for what the ledger cannot hold.
        """
        if not may_sign(peer):
            raise PermissionFault(
                "this user may not have an export signed",
                remedy=f"the forwarder may, root, and the group {ADMINS}",
            )
        exported = _param(params, "exported", Exported)
        spine = self._spine()
        if "id" not in params:
            wanted = checked(_param(params, "wanted", Wanted))
            return self._sealed(spine, exported, wanted, name_of(peer), "command")
        forwarder = spine.senders.get("forwarder")
        if forwarder is None or forwarder.peer.pid != peer.pid:
            raise PermissionFault("only the forwarder may have an order signed")
        order = spine.sinks.exports.order(text_param(params, "id", limit=ID_CHARS))
        if order.finished:
            raise UsageFault("this export is over")
        answer = self._sealed(spine, exported, order.wanted, order.by, "forwarder")
        order.signed = exported
        return answer

    def _sealed(
        self,
        spine: Spine,
        exported: Exported,
        wanted: Wanted,
        by: str,
        writer: Literal["forwarder", "command"],
    ) -> Sealed:
        store = spine.commits.store
        head = store.head
        newest = store.last_event_id if wanted.what == "events" else head.seq
        _check(exported, wanted, newest)
        manifest = ExportManifest(
            host=self._host,
            chain=store.ring.chain,
            version=__version__,
            by=by,
            writer=writer,
            wanted=wanted,
            exported=exported,
            head_seq=head.seq,
            head_link=head.link.hex(),
            said_ns=self._stamp().time_ns,
        )
        signed = msgspec.json.encode(manifest)
        seal = sealed(spine, EXPORT_DOMAIN + signed)
        told: dict[str, object] = {"epoch": seal.epoch, "signed": sha256_of(signed)}
        told |= {"by": by, "writer": writer, "wanted": wanted, "exported": exported}
        spine.commits.record("export.signed", told)
        spine.commits.settle()
        return Sealed(signed.decode(), seal)


def _check(exported: Exported, wanted: Wanted, newest: int) -> None:
    """Raises UsageFault for what cannot be an export of this ledger."""
    first, last, count = exported.first, exported.last, exported.count
    if not exported.file.startswith(f"{stem_of(wanted)}_"):
        raise UsageFault(f"{exported.file} is no name for {wanted.what}")
    if first is None or last is None:
        if count or first is not last:
            raise UsageFault("an export of something says from where to where")
        return
    if not 0 <= first <= last <= newest or not 0 < count <= last - first + 1:
        what = f"there are no {count} {wanted.what} from {first} to {last}"
        raise UsageFault(f"{what}, the newest is {newest}")
    if wanted.limit and count > wanted.limit:
        raise UsageFault(f"{count} are more than the {wanted.limit} that were wanted")


def _param(params: Mapping[str, object], name: str, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(params.get(name), kind)
    except msgspec.ValidationError as fault:
        raise UsageFault(f"parameter {name!r}: {fault}") from fault
