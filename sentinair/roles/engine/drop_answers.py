"""Signing what a drop says of itself: the forwarder asks, the engine looks into its own ledger before it signs.

What is looked at, and what cannot be, stands in docs/decisions/signed-drops.md.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import PermissionFault, StorageFault, UsageFault
from sentinair.ipc.sockets import Peer
from sentinair.roles.engine.requests import Handler, name_of, text_param
from sentinair.roles.engine.spine import Spine
from sentinair.sinks.drop.manifest import (
    BEAT_FORMAT,
    MANIFEST_FORMAT,
    SIGN_DOMAIN,
    Beat,
    Certificate,
    Manifest,
    Seal,
    encoded,
    sha256_of,
)
from sentinair.store.exported import epochs, links_of

__all__ = ["DropAnswers", "may_sign", "sealed"]

ADMINS: Final = "sentinair-admin"
FORWARDER: Final = "sentinair-fwd"
MAX_SIGNED: Final = 1 << 19
MAX_RECORDS: Final = 1_000_000
Runs = list[tuple[int, int]]


class _Form(msgspec.Struct):
    format: str


def may_sign(peer: Peer) -> bool:
    """Whether peer is root, the engine's own user, the forwarder, or of the administrators' group."""
    if peer.uid in {0, os.geteuid()}:
        return True
    try:
        user = pwd.getpwuid(peer.uid)
    except KeyError:
        return False
    if user.pw_name == FORWARDER:
        return True
    try:
        return grp.getgrnam(ADMINS).gr_gid in os.getgrouplist(user.pw_name, user.pw_gid)
    except KeyError:
        return False


def sealed(spine: Spine, message: bytes) -> Seal:
    """A signature with the key of now.  The caller records it, and settles that, before it is given.  Raises StorageFault."""
    ring = spine.commits.store.ring
    if ring.new:
        raise StorageFault("the chain has not begun yet", remedy="it is tried again")
    return Seal(ring.chain, ring.epoch, ring.public_key, ring.sign(message))


class DropAnswers:
    """Each signature is on record before it is given."""

    def __init__(self, spine: Callable[[], Spine], state: Path) -> None:
        """spine: raises StorageFault while the record does not take writes."""
        self._spine = spine
        self._state = state

    def handlers(self) -> Mapping[str, Handler]:
        return {"drop.sign": self.sign, "drop.certificates": self.certificates}

    def sign(self, peer: Peer, params: dict[str, object]) -> object:
        """{signed: what a manifest or heartbeat says, runs: [[first, last], …]} to its Seal.

        Raises PermissionFault, UsageFault for what the ledger does not bear out.
        """
        _check_peer(peer)
        spine = self._spine()
        signed = text_param(params, "signed", limit=MAX_SIGNED).encode()
        said = _said(signed)
        runs = _runs(params)
        if not epochs(self._state, said.chain, -1, 1):
            raise UsageFault(f"no chain {said.chain!r} in this ledger")
        if isinstance(said, Beat):
            self._check_beat(spine, said)
        elif said.stream == "event":
            _check_events(said, runs, spine.commits.store.last_event_id)
        else:
            self._check_records(said, runs)
        return self._signed(spine, said, signed, name_of(peer))

    def certificates(self, peer: Peer, params: dict[str, object]) -> object:
        """{chain, after: epoch, -1 for all} to the next certificates; an empty list: no more."""
        _check_peer(peer)
        after = params.get("after")
        if not isinstance(after, int) or isinstance(after, bool):
            raise UsageFault("parameter 'after' must be a whole number")
        found = epochs(self._state, text_param(params, "chain", limit=64), after)
        return [Certificate(**msgspec.structs.asdict(one)) for one in found]

    def _signed(self, spine: Spine, said: Manifest | Beat, signed: bytes, by: str) -> Seal:
        seal = sealed(spine, SIGN_DOMAIN + signed)
        told: dict[str, object] = {"chain": said.chain, "sink": said.sink, "epoch": seal.epoch}
        if isinstance(said, Manifest):
            names = ("number", "stream", "file", "first", "last", "count", "sha256", "previous")
            told |= {name: getattr(said, name) for name in names}
        told |= {"signed": sha256_of(signed), "by": by}
        spine.commits.record("manifest.signed", told)
        spine.commits.settle()
        return seal

    def _check_records(self, said: Manifest, runs: Runs) -> None:
        if not runs or (runs[0][0], runs[-1][1]) != (said.first, said.last):
            raise UsageFault("the runs are not what the manifest says")
        if said.complete and len(runs) != 1:
            raise UsageFault("a complete segment leaves nothing out")
        if sum(last - first + 1 for first, last in runs) != said.count:
            raise UsageFault(f"the runs do not hold {said.count} records")
        here = links_of(self._state, runs)
        if (here.count, here.digest, here.last) != (said.count, said.links, said.link):
            raise UsageFault("the ledger does not hold these records")
        if any(chain not in {None, said.chain} for chain in here.chains):
            raise UsageFault("the records are of another chain")

    def _check_beat(self, spine: Spine, said: Beat) -> None:
        for head in said.heads:
            if head.stream == "event":
                held = head.last <= spine.commits.store.last_event_id
            else:
                held = links_of(self._state, [(head.last, head.last)]).last == head.link
            if not held:
                raise UsageFault(f"the record does not hold {head.stream} {head.last} so")


def _check_events(said: Manifest, runs: Runs, newest: int) -> None:
    span = said.last - said.first + 1
    if runs or said.link is not None or said.links is not None:
        raise UsageFault("events have no links")
    if not 0 < said.first <= said.last <= newest or not 0 < said.count <= span:
        raise UsageFault(f"there are no {said.count} such events, the newest is {newest}")
    if said.complete and said.count != span:
        raise UsageFault("a complete segment leaves nothing out")


def _check_peer(peer: Peer) -> None:
    if not may_sign(peer):
        raise PermissionFault(
            "this user may not have a drop signed",
            remedy=f"the forwarder may, root, and the group {ADMINS}",
        )


def _said(signed: bytes) -> Manifest | Beat:
    """What is to be signed, if it has one of the two forms and no other reading."""
    said: Manifest | Beat | None = None
    try:
        form = msgspec.json.decode(signed, type=_Form).format
        if form == MANIFEST_FORMAT:
            said = msgspec.json.decode(signed, type=Manifest)
        elif form == BEAT_FORMAT:
            said = msgspec.json.decode(signed, type=Beat)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise UsageFault(f"no manifest: {fault}") from fault
    if said is None or encoded(said) != signed:
        raise UsageFault("neither a manifest nor a heartbeat, as this version writes them")
    return said


def _runs(params: Mapping[str, object]) -> Runs:
    try:
        runs = msgspec.convert(params.get("runs", []), Runs)
    except msgspec.ValidationError as fault:
        raise UsageFault(f"parameter 'runs': {fault}") from fault
    if not _ascending(runs) or sum(last - first + 1 for first, last in runs) > MAX_RECORDS:
        raise UsageFault(f"parameter 'runs' must ascend, over at most {MAX_RECORDS} records")
    return runs


def _ascending(runs: Sequence[tuple[int, int]]) -> bool:
    end = 0
    for first, last in runs:
        if not end < first <= last < 1 << 62:
            return False
        end = last
    return True
