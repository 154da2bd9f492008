"""The doctor's checks of this machine: interpreter, rights, kernel, clock."""

from __future__ import annotations

import os
import platform
import pwd
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sentinair
from sentinair.cli.doctor_findings import Finding, fail, ok, warn
from sentinair.kernel import cnproc, fanotify, inotify, psutil_source
from sentinair.model.ports import Probe
from sentinair.roles.prepare import QUEUE_LIMIT
from sentinair.roles.separation import PLACES
from sentinair.settings.types import FilesSettings

__all__ = ["abilities", "capabilities", "clock", "interpreter", "python", "queue", "role_users"]

OLDEST: Final = (3, 11)
ROLE_USERS: Final = tuple(sorted({place.user for place in PLACES.values()}))
WANTED_QUEUE: Final = FilesSettings().max_queued_events
NEEDED: Final = {
    2: "DAC_READ_SEARCH",
    12: "NET_ADMIN",
    19: "SYS_PTRACE",
    21: "SYS_ADMIN",
}  # capabilities(7)


def python() -> Iterator[Finding]:
    found = platform.python_version()
    if sys.version_info >= OLDEST:
        yield ok("python", f"{found} at {sys.executable}")
    else:
        yield fail("python", f"{found} is too old", "use Python 3.11 or newer")


def interpreter() -> Iterator[Finding]:
    """Whether other users can reach interpreter and code: a 0700 directory above either keeps the roles as one user."""
    for path in (Path(sys.executable).resolve(), Path(sentinair.__file__).resolve()):
        closed = closed_step(path)
        if closed is not None:
            yield warn(
                "reach",
                f"{closed} is closed to the role users",
                "install under /opt, or open that directory (o+x)",
            )
            return
    yield ok("reach", "the role users can reach interpreter and code")


def closed_step(path: Path) -> Path | None:
    """The first directory on the way to path that others may not pass; None if there is none."""
    for step in reversed(path.parents):
        if not step.stat().st_mode & 0o001:
            return step
    return None


def role_users() -> Iterator[Finding]:
    known = {entry.pw_name for entry in pwd.getpwall()}
    missing = [name for name in ROLE_USERS if name not in known]
    if missing:
        yield warn("users", f"not there: {', '.join(missing)}", "scripts/run as root makes them")
    else:
        yield ok("users", "all role users are there")


def capabilities() -> Iterator[Finding]:
    held = _effective()
    missing = [name for bit, name in NEEDED.items() if not held >> bit & 1]
    who = f"uid {os.geteuid()}"
    if missing:
        yield warn(
            "rights",
            f"{who} without {', '.join(missing)}",
            "as root the agent sees more, and says who did it",
        )
    else:
        yield ok("rights", f"{who} with all that the sensor needs")


def _effective() -> int:
    for line in (
        Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    ):
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def abilities() -> Iterator[Finding]:
    """Each kernel ability, by trying it here and now with the rights of this call."""
    names, _ = fanotify.probe()
    yield _ability(names, "inotify and rescans take over, without who did it")
    yield _ability(inotify.probe(), "fanotify does without it" if names.works else "")
    yield _ability(cnproc.probe(), "polling takes over, blind to short processes")
    yield _ability(psutil_source.probe(), "")


def _ability(probe: Probe, instead: str) -> Finding:
    """instead: what stands in for it; "" if nothing does."""
    if probe.works:
        return ok(probe.name, "; ".join([probe.reason, *probe.limits]))
    if instead:
        return warn(probe.name, probe.reason, instead)
    return fail(probe.name, probe.reason, "nothing stands in for it")


def queue() -> Iterator[Finding]:
    try:
        found = int(QUEUE_LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        yield warn(
            "queue",
            "fs.fanotify.max_queued_events cannot be read",
            "this kernel may have no fanotify",
        )
        return
    if found < WANTED_QUEUE:
        yield warn(
            "queue",
            f"holds {found} file events",
            f"sudo sysctl fs.fanotify.max_queued_events={WANTED_QUEUE}",
        )
    else:
        yield ok("queue", f"holds {found} file events")


def clock(last_record_ns: int | None) -> Iterator[Finding]:
    """last_record_ns: wall clock of the newest ledger record, None if there is none."""
    now = time.time_ns()
    if last_record_ns is not None and last_record_ns > now + 2_000_000_000:
        behind = (last_record_ns - now) // 1_000_000_000
        yield fail(
            "clock",
            f"is {behind} s behind the newest record: it was set back",
            "set the clock right",
        )
    else:
        yield ok("clock", time.strftime("%Y-%m-%d %H:%M:%S %z"))
