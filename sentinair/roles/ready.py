"""The one line `sentinair run` prints once the agent works: what works, and what does not."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ready_line"]


def ready_line(status: object, notes: list[str], *, whatever: bool) -> str | None:
    """The line for the engine's status answer; None while senders are still to come, unless `whatever`."""
    if not isinstance(status, Mapping):
        return None
    roles, monitoring = status.get("roles"), status.get("monitoring")
    if not isinstance(roles, Mapping) or not isinstance(monitoring, Mapping):
        return None
    absent = [name for name, role in roles.items() if role["state"] != "running"]
    refused = status.get("not_writing")
    if not whatever and (absent or (refused is None and not _proven(monitoring))):
        return None
    faults = [f"{name} has not reported yet" for name in absent]
    if refused:
        faults.append(f"not writing: {refused}")
    works = [_working(probe) for probe in status["probes"] if probe["works"]]
    fails = [
        f"{probe['name']}: {probe['reason']}" for probe in status["probes"] if not probe["works"]
    ]
    parts = ["ready" if not faults else "ready with faults: " + "; ".join(faults)]
    parts.append("works: " + (", ".join(works) or "nothing"))
    if fails:
        parts.append("does not: " + "; ".join(fails))
    return " | ".join([*parts, *notes])


def _working(probe: Mapping[str, object]) -> str:
    """Its name; of a fallback also what the better source lacks."""
    name, reason = str(probe["name"]), str(probe.get("reason", ""))
    return f"{name} ({reason})" if reason.startswith("fallback: ") else name


def _proven(monitoring: Mapping[str, object]) -> bool:
    return bool(monitoring.get("file_monitor")) and bool(monitoring.get("process_monitor"))
