"""Run with the failing library preloaded: commits, lets the disk fail, commits on; prints what it saw as JSON.

commit_while_syncs_fail.py STATE SWITCH
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sentinair.errors import StorageFault
from sentinair.model.record import Record
from sentinair.store.writer import Store
from tests.harness.ledger import alert, file_event, open_store, pending, raised, stamp


def attempt(store: Store, secs: int, events: list[object], more: int) -> str:
    try:
        store.commit(
            stamp(secs),
            events,  # type: ignore[arg-type]
            raised(*[alert(n) for n in range(1, more + 1)]),
            [Record("heartbeat", {"n": n}) for n in range(more)],
        )
    except StorageFault as fault:
        return str(fault)
    return "committed"


def main(state: Path, switch: Path) -> None:
    store = open_store(state)
    said = [attempt(store, 1, [*pending(store, [file_event(b"/first")])], 0)]
    batch: list[object] = [*pending(store, [file_event(b"/second")])]
    switch.touch()
    said.append(attempt(store, 2, batch, 1))
    said.append(attempt(store, 3, batch, 1))
    switch.unlink()
    batch += pending(store, [file_event(b"/third")])
    said.append(attempt(store, 4, batch, 2))
    store.close(stamp(5))
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
