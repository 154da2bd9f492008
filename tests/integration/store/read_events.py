"""Prints how many events a reader sees.  read_events.py STATE"""

from __future__ import annotations

import sys
from pathlib import Path

from sentinair.store.read import EventFilter, Reader


def main(state: Path) -> None:
    with Reader.open(state) as reader:
        print(len(reader.events(EventFilter()).rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
