"""Commits until it is killed; prints the last committed event id after each commit.  commit_for_ever.py STATE"""

from __future__ import annotations

import sys
from pathlib import Path

from sentinair.model.record import Record
from sentinair.settings.types import StoreSettings
from tests.harness.ledger import alert, file_event, open_store, pending, raised, stamp


def main(state: Path) -> None:
    settings = StoreSettings(reserve_bytes=1 << 20, checkpoint_records=10, epoch_records=10)
    store = open_store(state, 0, settings)
    print("ready", flush=True)
    number = store.allocate(0)
    while True:
        events = [file_event(b"/d/%d" % (number + n)) for n in range(20)]
        done = store.commit(
            stamp(number),
            pending(store, events),
            raised(alert(number)),
            [Record("heartbeat", {"n": number})],
        )
        number = done.last_id + 1
        print(done.last_id, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
