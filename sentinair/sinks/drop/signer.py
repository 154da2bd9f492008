"""Asks the engine for signatures, over the socket for that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sentinair.errors import SentinairError, SinkAway
from sentinair.ipc.control import call
from sentinair.sinks.drop.manifest import Certificate, Seal

__all__ = ["EngineSigner"]

_T = TypeVar("_T")


class EngineSigner:
    """A Signer.  Whatever the engine answers but a signature means: not now."""

    def __init__(self, socket: Path, timeout_secs: float = 10.0) -> None:
        self._socket, self._timeout_secs = socket, timeout_secs

    def sign(self, signed: bytes, runs: Sequence[tuple[int, int]]) -> Seal:
        params: dict[str, Any] = {"signed": signed.decode(), "runs": list(runs)}
        return self._ask("drop.sign", params, Seal)

    def certificates(self, chain: str, after: int) -> Sequence[Certificate]:
        params: dict[str, Any] = {"chain": chain, "after": after}
        return self._ask("drop.certificates", params, list[Certificate])

    def _ask(self, method: str, params: dict[str, Any], kind: type[_T]) -> _T:
        try:
            return msgspec.convert(call(self._socket, method, params, self._timeout_secs), kind)
        except (SentinairError, msgspec.ValidationError) as fault:
            raise SinkAway(
                f"the engine does not sign: {fault}",
                where=str(self._socket),
                remedy="see that it runs, and its log",
            ) from fault
