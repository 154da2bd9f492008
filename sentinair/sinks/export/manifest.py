"""What is said of an export.

One line of JSON: `{"signed": {…}, "seal": {…}}`, in which the engine made and signed the first object; or
`{"unsigned": why, "said": {…}}`, which nobody vouches for.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from sentinair.model.export import Exported, Wanted
from sentinair.sinks.drop.check.exports import ENDING, EXPORT_DOMAIN, EXPORT_FORMAT
from sentinair.sinks.drop.manifest import Seal

__all__ = [
    "ENDING",
    "EXPORT_DOMAIN",
    "EXPORT_FORMAT",
    "ExportManifest",
    "Sealed",
    "Signer",
    "Unsigned",
    "line_of",
]


class ExportManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of one export, in this order."""

    format: str = EXPORT_FORMAT
    host: str
    chain: str  # 32 hex; "" where the ledger has none yet
    version: str  # of the agent
    by: str  # who asked: "uid 0 (root)", as the kernel says
    writer: Literal["forwarder", "command"]  # command: the file is that person's word
    wanted: Wanted
    exported: Exported
    head_seq: int  # newest record of the ledger when this was said
    head_link: str  # 64 hex
    said_ns: int  # wall clock


class Sealed(msgspec.Struct, frozen=True):
    """The engine's answer."""

    signed: str  # an ExportManifest as JSON: these bytes are what the seal is over
    seal: Seal


class Unsigned(msgspec.Struct, frozen=True):
    """Why nobody vouches, and what there is to say all the same."""

    why: str  # "engine down"
    said: ExportManifest


class Signer(Protocol):
    """Whoever has a finished file sealed.  Raises SentinairError if that cannot be and the file must not stay."""

    def __call__(self, exported: Exported) -> Sealed | Unsigned: ...


def line_of(what: Sealed | Unsigned) -> bytes:
    """The file."""
    if isinstance(what, Sealed):
        return b'{"signed":%b,"seal":%b}\n' % (what.signed.encode(), msgspec.json.encode(what.seal))
    return msgspec.json.encode({"unsigned": what.why, "said": what.said}) + b"\n"
