"""One event as one line a person reads: who did what to what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = ["summary"]

Data = dict[str, Any]


def summary(event: Data) -> str:
    """event: as codecs.event_json.render gives it.  Its text is safe already."""
    text = _KINDS.get(event["event_type"])
    return text(event["data"]) if text is not None else ""


def _who(process: Data | None) -> str:
    if process is None:
        return ""
    name = process.get("exe") or "?"
    return f" by {name} ({process['pid']})"


def _file(data: Data) -> str:
    done = "+".join(data["actions"]) or "changed"
    old = f" from {data['old_path']}" if data.get("old_path") else ""
    return f"{done} {data['path']}{old}{_who(data.get('process'))}"


def _process(data: Data) -> str:
    what = data.get("cmdline") or data.get("exe") or "?"
    change = f" {data['old_uid']} to {data['new_uid']}" if data["action"] == "setid" else ""
    user = "" if data.get("uid") is None else f", uid {data['uid']}"
    return f"{data['action']}{change} {what} ({data['pid']}{user})"


def _gap(data: Data) -> str:
    lost = "an unknown number of" if data["lost"] is None else str(data["lost"])
    return f"{data['source']} lost {lost} events ({data['reason']})"


def _hash(data: Data) -> str:
    return f"{data['path']} {data['sha256'] or 'not hashed'}" + (
        f" ({data['unsure']})" if data["unsure"] else ""
    )


def _writer(data: Data) -> str:
    return f"event {data['of']} was{_who(data['process'])}"


def _clock(data: Data) -> str:
    return f"the clock was set by {data['step_ns'] / 1e9:+.3f} s"


def _tamper(data: Data) -> str:
    return f"the record is not as it was written ({data['found_by']}): {data['what']}"


def _sink(data: Data) -> str:
    if data["what"] == "refused":
        return f"sink {data['sink']} refused {data['count']} entries: {data['why']}"
    return f"sink {data['sink']} has not worked for {data['count']} s: {data['why']}"


def _scanned(data: Data) -> str:
    blind = f", {len(data['unreadable'])} unreadable" if data["unreadable"] else ""
    return f"{data['scope']} listed again ({data['reason']}): {data['entries']} entries{blind}"


_KINDS: Final[dict[str, Callable[[Data], str]]] = {
    "file": _file,
    "process": _process,
    "gap": _gap,
    "hash": _hash,
    "writer": _writer,
    "clock": _clock,
    "tamper": _tamper,
    "scanned": _scanned,
    "sink": _sink,
}
