"""The installed agent in the guest: its units, its processes, what it says and what it kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from tests.rig.machine import Machine
from tests.rig.wire import RigFault

__all__ = ["PATIENCE_SECS", "UNITS", "Guest", "Task"]

UNITS: Final = {
    "engine": "sentinair",
    "sensor": "sentinair-sensor",
    "execs": "sentinair-execs",
    "api": "sentinair-api",
    "forwarder": "sentinair-forwarder",
}
PATIENCE_SECS: Final = 200.0  # ten times what a machine that is not emulated gets
TRIES: Final = 10
PROGRAM: Final = "/opt/sentinair/.venv/bin/sentinair"
LEDGER: Final = "/var/lib/sentinair/ledger.db"
INSTALL: Final = """set -e
for wait in $(seq 100); do mountpoint -q /mnt/in && break; sleep 0.5; done
cp -a /mnt/in/opt /mnt/in/etc /
chown -R root:root /opt/sentinair /etc/sentinair
systemd-sysusers
systemd-tmpfiles --create /etc/tmpfiles.d/sentinair.conf
sysctl -q -p /etc/sysctl.d/50-sentinair.conf
systemctl daemon-reload
systemctl enable --quiet sentinair"""


class Task(NamedTuple):
    """What the kernel says of one process: /proc/pid/status and sched_getscheduler(2)."""

    user: str
    effective: str
    bounding: str
    no_new_privs: str
    seccomp: str
    policy: str  # FF or TS, as ps(1) names them


class Guest:
    """Asks the installed agent by its own commands, as root in the guest."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def install(self) -> None:
        self.machine.must(INSTALL)

    def pids(self) -> dict[str, int]:
        """Main process of each role; 0: none."""
        told = self.machine.must(f"systemctl show -P MainPID {' '.join(UNITS.values())}")
        return dict(zip(UNITS, map(int, told.split()), strict=True))

    def states(self) -> dict[str, str]:
        """ActiveState of every unit of the agent, sockets too."""
        told = self.machine.must(
            "systemctl list-units --all --plain --no-legend --no-pager 'sentinair*'"
        )
        rows = [line.split() for line in told.splitlines()]
        return {row[0]: row[2] for row in rows}

    def status(self) -> dict[str, Any]:
        """The engine's answer; empty while it gives none."""
        answer = self.machine.run(f"{PROGRAM} status --json")
        if answer.status:
            return {}
        told: dict[str, Any] = msgspec.json.decode(answer.out)
        return told

    def ready(self) -> bool:
        """All roles connected, both monitors proven to work."""
        told = self.status()
        if not told or any(role["state"] != "running" for role in told["roles"].values()):
            return False
        on = told["monitoring"]
        return bool(on["file_monitor"] and on["process_monitor"])

    def await_ready(self) -> float:
        """Seconds until ready.  Raises RigFault with the journal's end if it never is."""
        return self.until(self.ready, "every role running")

    def until(self, true: Callable[[], bool], what: str) -> float:
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > PATIENCE_SECS:
                said = self.machine.must("journalctl --no-pager -o cat -n 30 -u 'sentinair*'")
                raise RigFault(f"no {what} within {PATIENCE_SECS:.0f} s: {said}")
            time.sleep(1.0)
        return time.monotonic() - began

    def task(self, pid: int) -> Task:
        status = self.machine.must(f"cat /proc/{pid}/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        user, policy = self.machine.must(f"ps -o user:32=,cls= -p {pid}").split()
        names = ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
        effective, bounding, no_new, seccomp = (fields[name].strip() for name in names)
        return Task(user, effective, bounding, no_new, seccomp, policy)

    def kill(self, role: str) -> None:
        self.machine.must(f"systemctl kill -s KILL --kill-whom=main {UNITS[role]}.service")

    def restarts(self, role: str) -> int:
        return int(self.machine.must(f"systemctl show -P NRestarts {UNITS[role]}"))

    def alerts(self) -> list[dict[str, Any]]:
        told = self.machine.must(f"{PROGRAM} alerts list --limit 0 --json")
        return [msgspec.json.decode(line) for line in told.splitlines()]

    def changes(self, path: str) -> int:
        """How many file events name path."""
        told = self.machine.must(f"{PROGRAM} events list --kind file --limit 0 --json")
        return sum(f'"{path}"' in line for line in told.splitlines())

    def rows(self, sql: str) -> list[list[Any]]:
        """Of the agent's database, asked as a member of its group so that the look is no event."""
        program = (
            "import json, sqlite3, sys; "
            f"db = sqlite3.connect('file:{LEDGER}?mode=ro', uri=True, timeout=20); "
            "print(json.dumps(db.execute(sys.argv[1]).fetchall()))"
        )
        as_reader = "setpriv --reuid nobody --regid sentinair-read --clear-groups"
        command = f'{as_reader} python3 -c "{program}" "{sql}"'
        answer = self.machine.run(command)
        # A look that falls into the writer's change of the WAL index is asked again (tests/harness/stored.py).
        for _ in range(TRIES):
            if "readonly database" not in answer.err:
                break
            answer = self.machine.run(command)
        if answer.status:
            raise RigFault(f"{sql!r} gave {answer.status}: {answer.err}")
        rows: list[list[Any]] = msgspec.json.decode(answer.out)
        return rows

    def kinds(self) -> dict[str, int]:
        """How many records of each kind the ledger holds."""
        return dict(self.rows("SELECT kind, count(*) FROM ledger GROUP BY kind"))

    def undelivered(self) -> int:
        """Lines of senders that ended with events the engine had not taken, in this boot."""
        said = self.machine.run("journalctl -b --no-pager -o cat -u 'sentinair*'").out
        return said.count("events were not delivered")

    def verified(self) -> dict[str, Any]:
        answer = self.machine.run(f"{PROGRAM} verify --json", PATIENCE_SECS)
        if not answer.out:
            raise RigFault(f"verify gave {answer.status}: {answer.err}")
        told: dict[str, Any] = msgspec.json.decode(answer.out)
        return told

    def score(self, role: str) -> float:
        """Exposure, by systemd's own count."""
        told = self.machine.must(f"systemd-analyze security --no-pager {UNITS[role]}.service")
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
        if found is None:
            raise RigFault(f"no score in {told[-200:]!r}")
        return float(found[1])
