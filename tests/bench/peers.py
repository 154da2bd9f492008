"""What the usual libraries see of the same load: watchdog for files, psutil polling for processes.

    python -m tests.bench.peers watchdog ROOT
    python -m tests.bench.peers psutil PREFIX

Prints READY, then until SIGTERM collects; at the end one line of JSON.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import msgspec
import psutil
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

__all__ = ["Saw", "main"]


class Saw(msgspec.Struct, frozen=True):
    """What a peer saw: (kind, path) pairs, or processes by their argument."""

    distinct: int
    cpu_secs: float


class _Collect(FileSystemEventHandler):
    """Kinds and names of files, as watchdog tells them."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def dispatch(self, event: FileSystemEvent) -> None:
        if event.is_directory or event.event_type not in {"created", "closed", "moved", "deleted"}:
            return
        path = event.dest_path if event.event_type == "moved" else event.src_path
        self.seen.add((event.event_type, os.fsdecode(path)))


def _watchdog(root: str, ended: threading.Event) -> Callable[[], int]:
    collect, observer = _Collect(), Observer()
    observer.schedule(collect, root, recursive=True)
    observer.start()
    print("READY", flush=True)
    while not ended.wait(0.2):
        pass
    return lambda: len(collect.seen)


def _psutil(prefix: str, ended: threading.Event) -> Callable[[], int]:
    """Looks once a second, as agents that poll do."""
    seen: set[str] = set()
    print("READY", flush=True)
    while not ended.is_set():
        began = time.monotonic()
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if len(words) == 2 and words[1].startswith(prefix):
                seen.add(words[1])
        ended.wait(max(0.0, 1.0 - (time.monotonic() - began)))
    return lambda: len(seen)


def main(words: Sequence[str]) -> int:
    """Runs one peer until SIGTERM."""
    which, what = words
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    count = {"watchdog": _watchdog, "psutil": _psutil}[which](what, ended)
    used = resource.getrusage(resource.RUSAGE_SELF)
    saw = Saw(count(), round(used.ru_utime + used.ru_stime, 3))
    sys.stdout.write(msgspec.json.encode(saw).decode() + "\n")
    sys.stdout.flush()
    os._exit(0)  # watchdog's threads need not be waited for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
