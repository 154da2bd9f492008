"""What people may ask of the sinks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sentinair.errors import StorageFault, UsageFault
from sentinair.ipc.sockets import Peer
from sentinair.model.delivery import Key
from sentinair.roles.engine.requests import Handler, name_of, text_param
from sentinair.roles.engine.spine import Spine

__all__ = ["SinkAnswers"]


class SinkAnswers:
    """spine: raises StorageFault while the record is not open or does not take writes."""

    def __init__(self, spine: Callable[[], Spine]) -> None:
        self._spine = spine

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "sinks.list": self.list_all,
            "sinks.letters": self.letters,
            "sinks.test": self.test,
            "sinks.pause": self.pause,
            "sinks.resume": self.resume,
            "sinks.replay": self.replay,
        }

    def _named(self, params: Mapping[str, object], *, here: bool = False) -> tuple[Spine, str]:
        """here: the forwarder must be there."""
        spine, name = self._spine(), text_param(params, "name", limit=64)
        if not spine.sinks.known(name):
            known = ", ".join(spine.sinks.names()) or "none"
            raise UsageFault(f"no sink {name!r} is enabled", remedy=f"there are: {known}")
        if here and "forwarder" not in spine.senders:
            raise StorageFault("the forwarder is not running", remedy="look at its log")
        return spine, name

    def _done(self, spine: Spine) -> None:
        if not spine.commits.commit():
            raise StorageFault(f"the change waits for the disk: {spine.commits.refusal}")

    def list_all(self, _peer: Peer, _params: dict[str, object]) -> object:
        """{} to {sinks: each as in `status`}."""
        return {"sinks": self._spine().sinks.status()}

    def letters(self, _peer: Peer, params: dict[str, object]) -> object:
        """{name} to {letters: its dead letters, oldest first}."""
        spine, name = self._spine(), text_param(params, "name", limit=64)
        return {
            "letters": [
                {
                    "stream": row.letter.stream,
                    "seq": row.letter.seq,
                    "tries": row.letter.tries,
                    "time_ns": row.letter.time_ns,
                    "why": row.letter.why,
                }
                for row in spine.sinks.letters(name)
            ]
        }

    def pause(self, peer: Peer, params: dict[str, object]) -> object:
        """{name} to {}: nothing is delivered until it is resumed."""
        return self._pause(peer, params, paused=True)

    def resume(self, peer: Peer, params: dict[str, object]) -> object:
        """{name} to {}."""
        return self._pause(peer, params, paused=False)

    def _pause(self, peer: Peer, params: dict[str, object], *, paused: bool) -> object:
        spine, name = self._named(params)
        spine.sinks.pause(name, name_of(peer), paused=paused)
        self._done(spine)
        return {}

    def test(self, peer: Peer, params: dict[str, object]) -> object:
        """{name} to {seq: of a record that goes to this sink; it is there once the sink's given is not below it}."""
        spine, name = self._named(params, here=True)
        spine.sinks.test(name, name_of(peer))
        self._done(spine)
        spine.sinks.hurry(name)
        last = spine.commits.last
        return {"seq": 0 if last is None else last.last_seq}

    def replay(self, _peer: Peer, params: dict[str, object]) -> object:
        """{name, seq?: only this dead letter, after?: instead all records after this one} to {asked: how many}."""
        spine, name = self._named(params, here=True)
        after, only = params.get("after"), params.get("seq")
        if after is not None:
            head = spine.commits.store.head.seq
            if isinstance(after, bool) or not isinstance(after, int) or not 0 <= after <= head:
                raise UsageFault(f"after must be a record from 0 to {head}, got {after!r}")
            spine.sinks.back(name, after)
            return {"asked": head - after}
        keys: tuple[Key, ...] = tuple(row.letter.key for row in spine.sinks.letters(name))
        if only is not None:
            keys = tuple(key for key in keys if key[1] == only)
        if keys:
            spine.sinks.replay(name, keys)
        return {"asked": len(keys)}
