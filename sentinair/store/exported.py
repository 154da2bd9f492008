"""What proves to others that records left the host as they are: their links, and the keys of their chain."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import StorageFault
from sentinair.store.access import LEDGER, open_read_only
from sentinair.store.chain import CHAIN_AT
from sentinair.store.seals import EpochData

__all__ = ["EpochRow", "Links", "epoch_rows", "epochs", "links_of"]

MAX_EPOCHS: Final = 500


class Links(msgspec.Struct, frozen=True):
    """Rows of records that are in the ledger, as one."""

    count: int
    digest: str  # 64 hex: SHA-256 over their links, 32 bytes each
    last: str  # 64 hex: link of the last one
    chains: tuple[str | None, ...]  # of the first and the last one; None: its body is forgotten


class EpochRow(msgspec.Struct, frozen=True):
    """One epoch record, and what its signature is over beside it."""

    chain: str
    epoch: int
    public_key: str
    seq: int
    previous: str  # 64 hex: link of the record before it; 64 zeros before the first
    signature: str


class _Body(msgspec.Struct):
    data: EpochData


_body = msgspec.json.Decoder(_Body).decode


def links_of(state: Path, runs: Sequence[tuple[int, int]]) -> Links:
    """The records of runs (first and last seq of each, ascending, not empty).  Raises StorageFault."""
    digest, count, last = hashlib.sha256(), 0, b""
    with _opened(state) as connection:
        for first, end in runs:
            for (link,) in connection.execute(
                "SELECT link FROM ledger WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, end)
            ):
                digest.update(link)
                last = link
                count += 1
        chains = tuple(_chain_of(connection, seq) for seq in (runs[0][0], runs[-1][1]))
    return Links(count, digest.hexdigest(), last.hex(), chains)


def _chain_of(connection: sqlite3.Connection, seq: int) -> str | None:
    row = connection.execute("SELECT body FROM ledger WHERE seq = ?", (seq,)).fetchone()
    return None if row is None or row[0] is None else row[0][CHAIN_AT].decode("ascii", "replace")


def epochs(state: Path, chain: str, after: int, limit: int = MAX_EPOCHS) -> list[EpochRow]:
    """The next `limit` epochs of chain after that one (-1: from the first), in order.  Raises StorageFault."""
    with _opened(state) as connection:
        return epoch_rows(connection, chain, after, limit)


def epoch_rows(
    connection: sqlite3.Connection, chain: str, after: int, limit: int, after_seq: int = 0
) -> list[EpochRow]:
    """As epochs(); after_seq: they are in records behind this one.  Raises what sqlite3 and msgspec do."""
    found: list[EpochRow] = []
    for seq, body, before in connection.execute(
        "SELECT l.seq, l.body, (SELECT link FROM ledger WHERE seq = l.seq - 1) FROM ledger AS l"
        " WHERE kind = 'epoch' AND kind <> 'events.batch' AND l.seq > ? ORDER BY l.seq",
        (after_seq,),
    ):
        if body[CHAIN_AT] != chain.encode():
            continue
        data = _body(body).data
        if data.epoch > after:
            previous = (before or bytes(32)).hex()
            row = EpochRow(chain, data.epoch, data.public_key, seq, previous, data.signature)
            found.append(row)
        if len(found) >= limit:
            break
    return found


@contextmanager
def _opened(state: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(open_read_only(state / LEDGER)) as connection:
            yield connection
    except (sqlite3.Error, msgspec.DecodeError, TypeError) as fault:
        raise StorageFault(
            f"cannot be read: {fault}", where=str(state / LEDGER), remedy="run sentinair verify"
        ) from fault
