"""What the sensor's file path costs beside the limit probe: the same burst, no engine, a lane that is drained.

    python -m tests.bench.bench_file_monitor [--files N] [--root DIR]

Prints one line of JSON: CPU seconds of both for the same operations, and their ratio.  Needs root and a compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sentinair.ipc.lane import Lane
from sentinair.kernel.fanotify import FULL, Fanotify, raise_file_limit
from sentinair.kernel.handles import Directories
from sentinair.kernel.records import Records
from sentinair.monitors.file import FileMonitor
from sentinair.monitors.watch import Watch
from tests.bench.generators import file_burst

__all__ = ["main"]

_QUIET_SECS = 0.7


def _take(root: Path) -> None:
    """Read, cut, look, encode and queue until SIGTERM; prints CPU seconds and counts."""
    raise_file_limit()
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    group = Fanotify(FULL)
    group.mark_filesystem(os.fsencode(root))
    watched = os.fsencode(root)
    directories = Directories(Watch([watched]).directory)
    mount = next(path for path in (root, *root.parents) if path.is_mount())
    fsid = os.statvfs(mount).f_fsid.to_bytes(8, "little")
    directories.place({fsid: [os.fsencode(mount)]})
    records, monitor = Records(directories), FileMonitor(b"/nonexistent")
    lane = Lane("bulk", 64 << 20, drops=True)
    poll = select.poll()
    poll.register(group.fileno(), select.POLLIN)
    print("READY", flush=True)
    began, counts = time.process_time(), [0, 0, 0]
    while not stopped:
        if not poll.poll(200):
            continue
        sweep = records.cut(group.read())
        taken = monitor.take(sweep, time.time_ns(), time.monotonic_ns())
        if taken.bulk:
            lane.offer("fanotify", taken.named_by(taken.bulk), taken.bulk)
        while lane.next_frame() is not None:
            lane.committed(lane.next_seq - 1)
        named = sum(event.start is not None for event in taken.bulk)
        counts = [counts[0] + sweep.records, counts[1] + len(taken.bulk), counts[2] + named]
    spent = time.process_time() - began
    print(json.dumps({"cpu_secs": round(spent, 3), "counts": counts}), flush=True)


def _measured(command: list[str], root: Path, files: int) -> dict[str, object]:
    """Run one reader over one burst; its last line of output."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            child.stdout.readline()  # READY
            file_burst("prepare", root / "burst", files, 1000, 2)
            file_burst("churn", root / "burst", files, 1000, 2)
            time.sleep(_QUIET_SECS)
        finally:
            child.terminate()
        last = child.stdout.read().strip().splitlines()[-1]
    found: dict[str, object] = json.loads(last)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=25_000)
    parser.add_argument("--root", type=Path, default=None)
    parser.add_argument("--take", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.take is not None:
        _take(given.take)
        return
    with tempfile.TemporaryDirectory(dir=given.root) as folder:
        root = Path(folder)
        probe = [sys.executable, "-m", "tests.bench.limit_files", str(root)]
        ours = [sys.executable, "-m", "tests.bench.bench_file_monitor", "--take", str(root)]
        limit = _measured(probe, root, given.files)
        monitor = _measured(ours, root, given.files)
    ratio = float(str(monitor["cpu_secs"])) / max(float(str(limit["cpu_secs"])), 1e-9)
    print(json.dumps({"limit": limit, "monitor": monitor, "ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
