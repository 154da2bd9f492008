"""rsyslog and syslog-ng restarted again and again while the real forwarder sends: what is in their files at the end.

RFC 5424, octet-counted, over TLS 1.3 with client certificates, of a real ledger.  Two lives of the agent: one sends
again what a broken connection may have lost, as it ships, and one does not (`again: false`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sentinair.errors import UsageFault
from sentinair.sinks.syslog.transport import TlsFiles, tls_context
from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures, spread
from tests.harness.agent import Agent, wait_for, write_config
from tests.harness.certificates import Authority, Leaf
from tests.harness.ledgers import SECOND_NS, LedgerMaker
from tests.harness.received import Count, count, first_seq, last_seq, ranges
from tests.harness.receivers import (
    Receiver,
    Rsyslog,
    SyslogNg,
    rsyslog_missing,
    syslog_ng_missing,
)
from tests.harness.stored import Stored

SIZES = {"small": (6_000, 3), "full": (100_000, 20)}  # records, restarts of each receiver
KILLED_EVERY = 3  # of the restarts every so many is by SIGKILL
KINDS: tuple[type[Receiver], ...] = (Rsyslog, SyslogNg)
COMMIT = 500
PATIENCE_SECS = 120.0
STIR_SECS = 0.2


class Restarts(threading.Thread):
    """Ends and starts one receiver each time that a share of the records has arrived."""

    def __init__(self, receiver: Receiver, wanted: range, times: int) -> None:
        super().__init__(name=f"restarts of {receiver.name}")
        self._receiver = receiver
        self._goals = [wanted[(n + 1) * len(wanted) // (times + 1)] for n in range(times)]
        self.done = {"SIGTERM": 0, "SIGKILL": 0}
        self.again: list[int] = []  # for each restart, how many records came that had come before
        self.fault: str | None = None

    def run(self) -> None:
        try:
            for number, goal in enumerate(self._goals):
                self._once(goal, killed=number % KILLED_EVERY == KILLED_EVERY - 1)
        except (OSError, TimeoutError) as fault:
            self.fault = str(fault)

    def _once(self, goal: int, *, killed: bool) -> None:
        lines = self._receiver.lines
        if wait_for(lambda: last_seq(lines) >= goal, PATIENCE_SECS, pause_secs=0.005) is None:
            raise TimeoutError(f"{goal} was never reached, {last_seq(lines)} was")
        number = signal.SIGKILL if killed else signal.SIGTERM
        self._receiver.stop(number)
        self.done[number.name] += 1
        last, size = last_seq(lines), lines.stat().st_size
        self._receiver.start()
        if wait_for(lambda: first_seq(lines, size) > 0, PATIENCE_SECS, pause_secs=0.005) is None:
            raise TimeoutError(f"nothing came after {last}")
        first = first_seq(lines, size)
        self.again.append(max(0, last - first + 1))


def run(size: str) -> Figures:
    """Raises UsageFault where a receiver is not there."""
    why = rsyslog_missing() or syslog_ng_missing()
    if why is not None:
        raise UsageFault(why, remedy="./scripts/test unpacks it")
    records, restarts = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        folder.chmod(
            0o700
        )  # roles that no other user can reach stay the caller's, whose ledger this is
        authority = Authority(folder)
        leaf = authority.issue("agent")
        agent = Agent(folder / "agent", watch=[_made(folder / "watched")])
        wanted = _fill(agent.state, records)
        sides: dict[str, list[Side]] = {}
        for again in (True, False):
            place = folder / ("again" if again else "once")
            sides[place.name] = _life(agent, place, authority, leaf, wanted, restarts, again=again)
    for side in sides["again"]:
        _judge(side, promises)
    shown = {
        way: {side.receiver: side.figures(restarts) for side in told} for way, told in sides.items()
    }
    versions = {side.receiver: side.version for side in sides["again"]}
    return promises.onto({"records": records, "receivers": versions, "tls": "1.3"} | shown)


class Side(msgspec.Struct, frozen=True):
    """What one receiver got in one life of the agent."""

    receiver: str
    version: str
    counted: Count
    signals: dict[str, int]
    again: list[int]
    fault: str | None
    breaks: int  # that the sink noticed
    secs: float

    def figures(self, restarts: int) -> Figures:
        told = self.counted
        return {
            "restarts": f"{len(self.again)} of {restarts}",
            "signals": self.signals,
            "failures_noticed": self.breaks,
            "lines": told.lines,
            "unique": told.unique,
            "missing": len(told.missing),
            "missing_ranges": ranges(told.missing)[:40],
            "repeated": told.repeated,
            "repeated_unlike": told.unlike,
            "out_of_order": told.out_of_order,
            "torn_lines": told.torn,
            "came_again_after_a_restart": spread(self.again, 0),
            "secs": self.secs,
        }


def _judge(side: Side, promises: Promises) -> None:
    name, told = side.receiver, side.counted
    promises.keep(side.fault is None, f"{name} is restarted as often as asked: {side.fault}")
    promises.keep(not told.missing, f"{name}: nothing is missing, not {len(told.missing)}")
    promises.keep(not told.unlike, f"{name}: what came twice is the same, not {told.unlike}")
    promises.keep(not told.out_of_order, f"{name}: in order, not {told.out_of_order}")


def _fill(state: Path, records: int) -> range:
    """A ledger of at least so many records, nearly all of alerts, which are answered; the numbers of all."""
    start_ns = time.time_ns() - 3 * records // COMMIT * SECOND_NS
    before = os.umask(0o027)
    try:
        maker = LedgerMaker(state, start_ns=start_ns)
        maker.unsafe_but_fast()
        for _ in range(records // COMMIT):
            maker.commit(alerts=maker.raised(COMMIT // 2))
            maker.commit(alerts=maker.resolved(COMMIT // 2))
        maker.close()
    finally:
        os.umask(before)
    return range(1, Stored(state / "ledger.db").head()[1] + 1)


def _life(
    agent: Agent,
    place: Path,
    authority: Authority,
    leaf: Leaf,
    wanted: range,
    times: int,
    *,
    again: bool,
) -> list[Side]:
    """One life of the agent, with a new sink for each receiver."""
    receivers = [kind(_made(place / kind.name), authority) for kind in KINDS]
    sinks = [_sink(one, f"{one.name}-{place.name}", authority, leaf, again) for one in receivers]
    write_config(agent.config, {"sinks": {"to": sinks}})
    with contextlib.ExitStack() as stack:
        for receiver in receivers:
            stack.enter_context(receiver)
            _is_1_3_only(receiver, authority, leaf)
        stack.enter_context(agent)
        began = time.monotonic()
        stack.enter_context(_stirred(agent.watch[0] / "file"))
        threads = [Restarts(one, wanted, times) for one in receivers]
        for thread in threads:
            thread.start()
        ends = [
            _ended(thread, receiver, wanted) - began
            for thread, receiver in zip(threads, receivers, strict=True)
        ]
        failed = [_failed(agent, f"{one.name}-{place.name}") for one in receivers]
    return [
        Side(one.name, one.version(), count(one.lines, wanted), thread.done, thread.again, thread.fault, breaks, round(secs, 1))
        for one, thread, breaks, secs in zip(receivers, threads, failed, ends, strict=True)
    ]  # fmt: skip


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _sink(
    receiver: Receiver, name: str, authority: Authority, leaf: Leaf, again: bool
) -> dict[str, object]:
    options = {
        "server": "127.0.0.1",
        "server_name": "receiver",
        "port": receiver.port,
        "protocol": "tls",
        "ca_file": str(authority.ca),
        "cert_file": str(leaf.cert),
        "key_file": str(leaf.key),
        "again": again,
    }
    return {"name": name, "kind": "syslog", "codec": "cef", "options": options}


def _is_1_3_only(receiver: Receiver, authority: Authority, leaf: Leaf) -> None:
    """Raises AssertionError if the receiver would take anything but TLS 1.3."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = tls_context(TlsFiles(authority.ca, leaf.cert, leaf.key))
        context.minimum_version = context.maximum_version = version
        spoken = None
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", receiver.port), 5) as plain,
            context.wrap_socket(plain, server_hostname="receiver") as made,
        ):
            spoken = made.version()
        assert spoken == ("TLSv1.3" if version is ssl.TLSVersion.TLSv1_3 else None), spoken


@contextlib.contextmanager
def _stirred(file: Path) -> Iterator[None]:
    """Something new in the record all the time, so that a sink which has sent all goes on."""
    end = threading.Event()

    def stir() -> None:
        while not end.wait(STIR_SECS):
            file.touch()

    thread = threading.Thread(target=stir, name="stir")
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _ended(thread: Restarts, receiver: Receiver, wanted: range) -> float:
    """When all restarts were done and the last record was there (steady clock)."""
    thread.join()
    wait_for(lambda: last_seq(receiver.lines) >= wanted[-1], PATIENCE_SECS)
    return time.monotonic()


def _failed(agent: Agent, name: str) -> int:
    sinks: Any = agent.ask("sinks.list")["sinks"]
    return int(next(one["failed"] for one in sinks if one["name"] == name))
