"""The doctor's checks of this agent: configuration, state, disk, sockets, engine, record."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from typing import Final

from sentinair.cli import doctor_notice, sink_text, status_text
from sentinair.cli.doctor_findings import Finding, fail, ok, warn
from sentinair.cli.moments import ago, span
from sentinair.cli.places import Places
from sentinair.cli.reading import reading
from sentinair.cli.status import left
from sentinair.errors import PermissionFault, SentinairError
from sentinair.ipc.control import call
from sentinair.settings.load import load
from sentinair.store.reserve import NAME as RESERVE

__all__ = ["configuration", "disk", "engine", "record", "sockets", "state_directory"]

LOW_BYTES: Final = 256 << 20  # less free than this, and the reserve may soon be needed
OLD_CHECKPOINT_NS: Final = 5 * 60 * 1_000_000_000  # five times the interval that ships
_SEEN: Final = {"file": "files", "process": "processes"}  # monitor to the line's name
_NAMES: Final = ("sensor", "execs", "control")


def configuration(places: Places) -> Iterator[Finding]:
    try:
        load(places.config)
    except SentinairError as fault:
        first, *rest = str(fault).splitlines()
        more = f" (and {len(rest)} more)" if rest else ""
        yield fail("config", f"{first}{more}", "`sentinair config check` names all faults")
    else:
        yield ok("config", f"{places.config} has no fault")


def state_directory(places: Places) -> Iterator[Finding]:
    try:
        found = os.lstat(places.state)
    except OSError as fault:
        yield fail(
            "state",
            f"{places.state}: {fault.strerror}",
            "start the agent once, or give --state DIR",
        )
        return
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        yield fail("state", f"{places.state} is no directory", "move it away")
    elif mode & 0o027:
        yield fail(
            "state", f"{places.state} has mode {mode:04o}: too open", f"chmod 2750 {places.state}"
        )
    else:
        yield ok("state", f"{places.state}, owner uid {found.st_uid}, mode {mode:04o}")


def disk(places: Places) -> Iterator[Finding]:
    try:
        found = os.statvfs(places.state)
    except OSError:
        return  # the state directory's own line said so
    free = found.f_bavail * found.f_frsize
    text = f"{free / 1e9:.1f} GB free, {found.f_favail} inodes"
    if free < LOW_BYTES or (found.f_files and found.f_favail < 100):
        yield fail("disk", text, "make room: a full disk stops the record")
    else:
        yield ok("disk", text)
    yield from _reserve(places)


def _reserve(places: Places) -> Iterator[Finding]:
    path = places.state / RESERVE
    try:
        if not places.database.exists():
            return
        size = path.stat().st_size
    except PermissionError:
        return  # the record's own line says who may look
    except OSError:
        yield warn("reserve", f"{path} is not there", "the agent makes it again once there is room")
    else:
        yield ok("reserve", f"{size / 1e6:.0f} MB kept for a full disk")


def sockets(places: Places) -> Iterator[Finding]:
    try:
        missing = [name for name in _NAMES if not (places.run / f"{name}.sock").is_socket()]
    except PermissionError:
        remedy = "use sudo, or join the group sentinair-admin"
        yield warn("sockets", f"{places.run}: you may not look into it", remedy)
        return
    if missing:
        yield warn(
            "sockets",
            f"{places.run}: no {', '.join(missing)}",
            "they are made when the agent starts",
        )
    else:
        yield ok("sockets", f"{places.run}: {', '.join(_NAMES)}")


def engine(places: Places) -> Iterator[Finding]:
    """What the engine says of itself, of the senders and of the monitors."""
    try:
        found = status_text.parse(call(places.control, "status"))
    except PermissionFault as fault:
        yield warn("engine", fault.what, fault.remedy)
        return
    except SentinairError as fault:
        yield fail("engine", fault.what, "start it: systemctl start sentinair, or sentinair run")
        return
    if found.not_writing:
        yield fail("engine", f"does not write: {found.not_writing}", "it tries again every 30 s")
    else:
        about = f"running for {span(found.system.uptime)}, version {found.system.version}"
        yield ok("engine", about)
    for name in ("sensor", "execs"):
        yield _role(name, found.roles.get(name, status_text.Role("absent")))
    for name in _SEEN:
        evidence = found.coverage.evidence.get(f"{name}_monitor", "nothing is known of it")
        if found.monitoring.get(f"{name}_monitor", False):
            yield ok(_SEEN[name], evidence)
        else:
            yield fail(_SEEN[name], evidence, "`sentinair status` says more")
    yield _rules(found.rules)
    yield from sink_text.findings(found.sinks)
    forwarder = found.roles.get("forwarder", status_text.Role())
    yield from doctor_notice.findings(places, forwarder.pid)
    if found.roles_separated:
        yield ok("roles", "each under its own user")
    else:
        remedy = "install the units, or run as root from a place like /opt"
        yield warn("roles", f"not separated: {found.roles_note}", remedy)


def _rules(rules: status_text.Rules) -> Finding:
    if rules.refused:
        more = f" (and {rules.refused_count - 1} more)" if rules.refused_count > 1 else ""
        what = f"{rules.loaded} judge; refused: {rules.refused[0]}{more}"
        return fail("rules", what, "`sentinair rules check` names all faults")
    forgotten = rules.memory.get("correlation_forgotten", 0)
    if forgotten:
        remedy = "a correlation groups by something that is ever new; see `sentinair rules list`"
        return warn("rules", f"{forgotten} groups or events had to be forgotten too early", remedy)
    return ok("rules", f"{rules.loaded} rules and {rules.correlations} correlations judge")


def _role(name: str, role: status_text.Role) -> Finding:
    if role.state != "running":
        remedy = "look at its log; it is started again by itself"
        return fail(name, role.note or role.state, remedy)
    if role.note:
        remedy = "this is not seen; as root, or by its units, the agent sees more"
        return warn(name, f"pid {role.pid}, {role.note}", remedy)
    return ok(name, f"pid {role.pid}")


def record(places: Places) -> tuple[list[Finding], int | None]:
    """The lines on the ledger, and the wall clock of its newest record (None: no record)."""
    try:
        with reading(places) as reader:
            found = left(reader)
    except SentinairError as fault:
        return [fail("record", fault.what, "start the agent once, or give --state DIR")], None
    now = time.time_ns()
    newest, sealed = found.last_record_ns, found.last_checkpoint_ns
    lines = [
        ok("record", f"{found.records} records, the newest {_when(newest, now)}"),
        ok("gaps", "none open")
        if not found.open_gaps
        else warn("gaps", f"{found.open_gaps} not yet restored", "`sentinair status` names them"),
    ]
    text = "none yet" if sealed is None else f"the last {ago(sealed, now)}"
    if sealed is None or now - sealed > OLD_CHECKPOINT_NS:
        lines.append(warn("checkpoint", text, "a running agent makes one a minute"))
    else:
        lines.append(ok("checkpoint", text))
    return lines, newest


def _when(time_ns: int | None, now_ns: int) -> str:
    return "never" if time_ns is None else ago(time_ns, now_ns)
