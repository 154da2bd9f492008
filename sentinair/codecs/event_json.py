"""A stored event in the shape users rely on: id, timestamp, event_type, source, data, processed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sentinair.codecs.times import rfc3339
from sentinair.model.event import (
    ClockEvent,
    Event,
    FileEvent,
    GapEvent,
    HashEvent,
    ProcessEvent,
    Scanned,
    SinkEvent,
    TamperEvent,
    WriterEvent,
    action_names,
)
from sentinair.model.process import Parent, Process
from sentinair.model.text import quoted, shown

__all__ = ["put_bytes", "render", "render_process"]

Data = dict[str, Any]


def put_bytes(data: Data, key: str, raw: bytes | None) -> None:
    """raw as safe text under key, and as `<key>_hex` too where the text is not the bytes."""
    if raw is None:
        data[key] = None
        return
    text = shown(raw)
    data[key] = text
    if text.encode() != raw:
        data[f"{key}_hex"] = raw.hex()


def _put_argv(data: Data, argv: tuple[bytes, ...] | None) -> None:
    if argv is None:
        data["cmdline"] = data["argv"] = None
        return
    words = [shown(word) for word in argv]
    data["cmdline"] = quoted(words)
    data["argv"] = words
    # What shown() changes gets longer: one look at all together tells.
    if "".join(words).encode() != b"".join(argv):
        data["argv_hex"] = [raw.hex() for raw in argv]


def _parent(parent: Parent) -> Data:
    data: Data = {"pid": parent.pid, "start": parent.start}
    put_bytes(data, "exe", parent.exe)
    _put_argv(data, parent.argv)
    return data


def render_process(process: Process) -> Data:
    """Facts about one process; null where unknown. `start` in clock ticks since boot, parents nearest first."""
    data: Data = {"pid": process.pid, "start": process.start, "ppid": process.ppid}
    put_bytes(data, "exe", process.exe)
    _put_argv(data, process.argv)
    put_bytes(data, "cwd", process.cwd)
    data["uid"] = process.uid
    data["auid"] = process.auid
    data["deleted"] = process.deleted
    data["memfd"] = process.memfd
    data["masked"] = process.masked
    data["exited"] = process.exited
    data["parents"] = [_parent(parent) for parent in process.parents]
    return data


def _file(event: FileEvent, process: Process | None) -> Data:
    data: Data = {"actions": action_names(event.actions)}
    put_bytes(data, "path", event.path)
    put_bytes(data, "old_path", event.old_path)
    state = event.state
    data["mode"] = None if state is None else f"{state.mode & 0o7777:04o}"
    for name in ("uid", "gid", "size", "inode"):
        data[name] = None if state is None else getattr(state, name)
    data["absent"] = event.absent
    data["critical"] = event.critical
    if process is not None:
        data["process"] = render_process(process)
    elif event.pid is not None:
        data["process"] = render_process(Process(pid=event.pid, start=event.start))
    else:
        data["process"] = None
    return data


def _process(event: ProcessEvent, process: Process | None) -> Data:
    data: Data = {"action": event.action}
    data.update(render_process(process if process is not None else event.process))
    data["sha256"] = None if event.sha256 is None else event.sha256.hex()
    data["exit_code"] = event.exit_code
    data["old_uid"] = event.old_uid
    data["new_uid"] = event.new_uid
    return data


def _gap(event: GapEvent, _: Process | None) -> Data:
    return {
        "gap_id": event.gap_id.hex(),
        "source": shown(event.source),
        "reason": shown(event.reason),
        "lost": event.lost,
        "since": rfc3339(event.since_ns),
        "until": rfc3339(event.until_ns),
        "lane": event.lane,
        "first": event.first,
        "last": event.last,
        "repaired": None,  # a stored event never changes; who reads the gaps table fills this in
    }


def _hash(event: HashEvent, _: Process | None) -> Data:
    data: Data = {"of": event.of}
    put_bytes(data, "path", event.path)
    data["inode"] = None if event.file_id is None else event.file_id.inode
    data["sha256"] = None if event.sha256 is None else event.sha256.hex()
    data["at"] = rfc3339(event.seen_ns)
    data["unsure"] = event.unsure
    return data


def _writer(event: WriterEvent, _: Process | None) -> Data:
    return {"of": event.of, "process": render_process(event.process)}


def _clock(event: ClockEvent, _: Process | None) -> Data:
    return {"step_ns": event.step_ns}


def _tamper(event: TamperEvent, _: Process | None) -> Data:
    return {"found_by": event.found_by, "what": shown(event.what)}


def _sink(event: SinkEvent, _: Process | None) -> Data:
    return {"sink": event.sink, "what": event.what, "count": event.count, "why": shown(event.why)}


def _scanned(event: Scanned, _: Process | None) -> Data:
    return {
        "scan": event.scan,
        "scope": event.scope,
        "reason": event.reason,
        "roots": [shown(root) for root in event.roots],
        "gaps": [gap.hex() for gap in event.gaps],
        "directories": event.directories,
        "entries": event.entries,
        "unreadable": [shown(path) for path in event.unreadable],
        "began": rfc3339(event.began_ns),
    }


_KINDS: Final[dict[type[Event], tuple[str, Callable[[Any, Process | None], Data]]]] = {
    FileEvent: ("file", _file),
    ProcessEvent: ("process", _process),
    GapEvent: ("gap", _gap),
    HashEvent: ("hash", _hash),
    WriterEvent: ("writer", _writer),
    ClockEvent: ("clock", _clock),
    TamperEvent: ("tamper", _tamper),
    Scanned: ("scanned", _scanned),
    SinkEvent: ("sink", _sink),
}


def render(
    event_id: int | None,
    event: Event,
    process: Process | None,
    source: str | None,
    *,
    processed: bool = False,
) -> Data:
    """One event, JSON-able.

    event_id: its row in the store, None before it has one.  process: who did it, joined; None if not known.
    source: what the kernel side called itself ("fanotify", "cnproc", …); None where the reader does not know.
    Raises KeyError for an observation that is never stored (a Listing).
    """
    kind, data_of = _KINDS[type(event)]
    return {
        "id": event_id,
        "timestamp": rfc3339(event.seen_ns),
        "event_type": kind,
        "source": source,
        "data": data_of(event, process),
        "processed": processed,
    }
