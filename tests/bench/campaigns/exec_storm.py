"""Many short processes, and then a buffer too small for them: received + declared lost = sent."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sentinair.kernel.cnproc import Exit, ProcConnector
from sentinair.model.event import ProcessEvent
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures
from tests.bench.generators import true_storm
from tests.bench.probes import exec_probe
from tests.harness.agent import Agent, wait_for
from tests.harness.stored import Row

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {  # processes of the storm, processes of the forced loss
    "small": (1_000, 3_000),
    "full": (10_000, 20_000),
}
SMALL_BUFFER_BYTES = 16_384
MIDDLE_BUFFER_BYTES = 512 << 10  # room for a used host's own processes, none for a storm
LARGE_BUFFER_BYTES = 32 << 20
WORKERS = 2
HEALTH_SECS = 25.0  # a sender reports its counters every 10 s
TRIES = 3


def run(size: str) -> Figures:
    """The storm with the buffer that ships, then one with a buffer of 16 KiB."""
    need_root()
    count, lossy = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        return promises.onto(
            {
                "limit_probe": _probe(count),
                "storm": _storm(folder / "storm", count, promises),
                "small_buffer": _forced_loss(folder / "small-buffer", lossy, promises),
                "accounting": _accounting(lossy, promises),
            }
        )


def _probe(count: int) -> Figures:
    with exec_probe(fifo=True) as probe:
        load = true_storm(count, WORKERS, "limit")
    taken = probe.taken
    return {
        "per_sec": load.per_sec,
        "execs": taken.execs,
        "command_lines": taken.command_lines,
        "cpu_secs": taken.cpu_secs,
    }


def as_its_unit(agent: Agent) -> str:
    """Gives `execs` the scheduling of its unit, where the runner could not; returns what it had before."""
    pid = agent.roles()["execs"]
    before = os.sched_getscheduler(pid)
    if before != os.SCHED_FIFO:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
        return "set by the campaign"
    return "set by the runner"


def _storm(folder: Path, count: int, promises: Promises) -> Figures:
    watch = folder / "tree"
    watch.mkdir(parents=True)
    with Agent(folder / "agent", watch=[watch]) as agent:
        agent.settle()
        scheduling = as_its_unit(agent)
        before, after = agent.cpu_secs(), agent.stored.last_event()
        load = true_storm(count, WORKERS, "storm")
        behind = agent.process_marker()
        cpu = agent.cpu_secs() - before
        rows = [row for row in agent.stored.events("process", after) if _of_the_storm(row)]
    facts = [row.event.process for row in rows if isinstance(row.event, ProcessEvent)]
    complete = sum(fact.argv is not None and fact.exe is not None for fact in facts)
    wrong = sum(fact.exe is not None and not fact.exe.endswith(b"/true") for fact in facts)
    related = sum(fact.ppid is not None and fact.uid is not None for fact in facts)
    promises.keep(
        len(facts) == count, f"each of {count} processes is one exec event, not {len(facts)}"
    )
    # A small storm is over before its few misses are few in a thousand; what is never wrong is the count above.
    share = 0.995 if count >= SIZES["full"][0] else 0.8
    promises.keep(complete >= share * count, f"argv and exe on {share:.1%}")
    promises.keep(not wrong, f"{wrong} execs carry the program of their parent")
    promises.keep(related == len(facts), "ppid and uid on all")
    return {
        "processes": count,
        "per_sec": load.per_sec,
        "scheduling": scheduling,
        "exec_events": len(facts),
        "argv_and_exe_share": round(complete / count, 6),
        "ppid_and_uid_share": round(related / max(len(facts), 1), 6),
        "cpu_secs": round(cpu, 3),
        "behind_secs": None if behind is None else round(behind, 2),
    }


def _of_the_storm(row: Row) -> bool:
    """An exec of the storm: by its argument, its executable, or, where neither could be read, by having neither."""
    event = row.event
    if not isinstance(event, ProcessEvent) or event.action != "exec":
        return False
    fact = event.process
    if fact.argv is not None:
        return (
            len(fact.argv) == 2 and fact.argv[1].startswith(b"storm") and fact.argv[1][5:].isdigit()
        )
    # Gone before /proc was read: what its fork told is all there is, and that is the storm's own program.
    return fact.exe is None or fact.exe.endswith(b"/true") or b"/exec_storm-" in fact.exe


def _forced_loss(folder: Path, count: int, promises: Promises) -> Figures:
    """The probe with its large buffer counts what the kernel sent; the agent must account for all of it."""
    watch = folder / "tree"
    watch.mkdir(parents=True)
    config = {"processes": {"receive_buffer_bytes": SMALL_BUFFER_BYTES}}
    with Agent(folder / "agent", watch=[watch], config=config) as agent:
        agent.settle()
        stored = agent.stored
        after, known = stored.last_event(), {gap.id for gap in stored.gaps()}
        execs = agent.roles()["execs"]
        with exec_probe() as probe:
            os.kill(execs, signal.SIGSTOP)  # at its priority it keeps up with any storm
            try:
                true_storm(count, WORKERS, "lost")
            finally:
                os.kill(execs, signal.SIGCONT)
        time.sleep(1.0)  # the loss is counted when the buffer has been empty for a moment
        agent.process_marker()
        fresh = [gap for gap in stored.gaps() if gap.id not in known and gap.reason == "enobufs"]
        promises.keep(bool(fresh), "a buffer of 16 KiB overflows and becomes a gap")
        restored = wait_for(lambda: all(gap.restored for gap in stored.gaps()), 30.0)
        promises.keep(restored is not None, "the process table is read again after the loss")
        events = [row.event for row in stored.events("process", after)]
        declared = sum(gap.lost or 0 for gap in stored.gaps() if gap.reason == "enobufs")
        agreed = wait_for(lambda: _lost_so_far(agent) == declared, HEALTH_SECS, pause_secs=0.5)
        promises.keep(
            agreed is not None, f"{declared} declared lost, {_lost_so_far(agent)} counted lost"
        )
    execs = sum(isinstance(e, ProcessEvent) and e.action == "exec" for e in events)
    exits = sum(isinstance(e, ProcessEvent) and e.action == "exit" for e in events)
    counted = [gap.lost for gap in fresh if gap.lost is not None]
    promises.keep(len(counted) == len(fresh), "every loss of the process connector is counted")
    return {
        "processes": count,
        "sent_execs": probe.taken.execs,
        "sent_forks": probe.taken.forks,
        "sent_exits": probe.taken.exits,
        "probe_overflows": probe.taken.overflows,
        "stored_execs": execs,
        "stored_exits": exits,
        "gaps": len(fresh),
        "declared_lost": sum(counted),
        "restored_secs": None if restored is None else round(restored, 2),
    }


def _lost_so_far(agent: Agent) -> object:
    """What `execs` last reported as lost in this life."""
    roles = agent.ask("status")["roles"]
    return roles["execs"]["counters"].get("lost", 0) if isinstance(roles, dict) else None


def _accounting(count: int, promises: Promises) -> Figures:
    """The same messages on a large and on a small buffer, counted between two marker processes.

    Two CPUs may deliver to two sockets in different order, so a message beside a marker can fall on different
    sides of it on a busy host: a right count comes out equal in one of a few tries, a wrong one never does.
    """
    differences: list[int] = []
    figures: Figures = {}
    while len(differences) < TRIES and 0 not in differences:
        with (
            closing(ProcConnector(LARGE_BUFFER_BYTES)) as large,
            closing(ProcConnector(MIDDLE_BUFFER_BYTES)) as small,
        ):
            _read_past_marker(large, small)
            before = _counts(large), _counts(small)
            true_storm(count, WORKERS, "counted")
            _drain(large)
            _drain(small)
            _read_past_marker(large, small)
            sent = sum(_counts(large)) - sum(before[0])
            received, lost = (now - old for now, old in zip(_counts(small), before[1], strict=True))
            differences.append(received + lost - sent)
            figures = {"sent": sent, "received": received, "declared_lost": lost}
    promises.keep(0 in differences, f"received + declared lost = sent; differences {differences}")
    promises.keep(bool(figures["declared_lost"]), "the small buffer lost something")
    return figures | {"differences": differences}


def _counts(connector: ProcConnector) -> tuple[int, int]:
    return connector.received, connector.lost


def _drain(connector: ProcConnector) -> None:
    """Reads until nothing came fifty times in a row, 10 ms apart, and no loss is still being counted."""
    empty = 0
    while empty < 50 or connector.unsettled:
        before = _counts(connector)
        connector.read()
        empty = empty + 1 if _counts(connector) == before else 0
        if empty:
            time.sleep(0.01)


def _read_past_marker(*connectors: ProcConnector) -> None:
    """Starts one process and reads from each connector, message by message, up to its end."""
    marker = subprocess.Popen(["/bin/true"])
    marker.wait()
    for connector in connectors:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not _ends(connector.read(1), marker.pid):
            pass


def _ends(found: Sequence[object], pid: int) -> bool:
    return any(isinstance(raw, Exit) and raw.pid == pid for raw in found)
