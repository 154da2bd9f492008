"""Who and what an entry tells of: its process and its file, read with care from what any entry may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from sentinair.codecs.plain import items, mapping, text, whole
from sentinair.model.entry import Entry

__all__ = ["FileFacts", "ProcessFacts", "act_of", "file_of", "process_of"]

_PARENTS: Final = 16
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class ProcessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One process, escaped and cut; None: not known."""

    pid: int | None = None
    start: int | None = None  # clock ticks since boot
    exe: str | None = None
    cmdline: str | None = None
    argv: list[str] | None = None
    argc: int | None = None
    cwd: str | None = None
    uid: str | None = None  # real user id, decimal
    auid: str | None = None  # login user id, decimal
    sha256: str | None = None
    exit_code: int | None = None  # as a shell says it: 128 and the signal for one that was killed
    parents: tuple[ProcessFacts, ...] = ()  # nearest first

    @property
    def name(self) -> str | None:
        return base(self.exe)


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One file, escaped and cut; None: not known."""

    path: str
    old_path: str | None = None
    type: str | None = None  # file, directory, link, socket, pipe, device, other
    mode: str | None = None  # octal
    uid: str | None = None
    gid: str | None = None
    size: int | None = None
    inode: str | None = None
    sha256: str | None = None
    gone: bool = False

    @property
    def name(self) -> str:
        return base(self.path) or self.path


def base(path: str | None) -> str | None:
    """What stands behind the last slash; the root is its own name."""
    return None if path is None else path.rstrip("/").rpartition("/")[2] or path or None


def act_of(entry: Entry) -> tuple[str, Mapping[str, Any]]:
    """The kind of the event that entry is or, of an alert, that raised it ("" if none), and its data."""
    if entry.alert is not None:
        event = mapping(entry.alert.details.get("event"))
        return text(event.get("event_type")) or "", mapping(event.get("data"))
    return (entry.kind if entry.stream == "event" else ""), mapping(entry.data)


def process_of(entry: Entry) -> ProcessFacts | None:
    """Who did it; None: not known, or nobody did."""
    kind, data = act_of(entry)
    if entry.alert is not None:
        alert = entry.alert
        found = mapping(alert.details.get("process"))
        facts = _process(found, data if kind == "process" else {}) if found else None
        if facts is None and (alert.pid is not None or alert.process is not None):
            facts = ProcessFacts(pid=whole(alert.pid), exe=text(alert.process))
        return facts
    if entry.stream != "event":
        return None
    found = data if kind == "process" else mapping(data.get("process"))
    return _process(found, found) if found else None


def _process(found: Mapping[str, Any], event: Mapping[str, Any]) -> ProcessFacts:
    """event: of a process, which knows a hash and an end."""
    parents = found.get("parents")
    parents = parents[:_PARENTS] if isinstance(parents, list | tuple) else ()
    argv = found.get("argv")
    listed: Sequence[object] | None = argv if isinstance(argv, list | tuple) else None
    return ProcessFacts(
        pid=whole(found.get("pid")),
        start=whole(found.get("start")),
        exe=text(found.get("exe")),
        cmdline=text(found.get("cmdline")),
        argv=None if listed is None else items(listed),
        argc=None if listed is None else len(listed),
        cwd=text(found.get("cwd")),
        uid=text(found.get("uid")),
        auid=text(found.get("auid")),
        sha256=_digest(event.get("sha256")),
        exit_code=_exit_code(whole(event.get("exit_code"))),
        parents=tuple(_process(one, {}) for one in map(mapping, parents) if one),
    )


def file_of(entry: Entry) -> FileFacts | None:
    """The file it is about; None: it is about none."""
    kind, data = act_of(entry)
    if entry.alert is not None:
        path = text(entry.alert.filename)
        if path is None:
            return None
        after = mapping(mapping(entry.alert.details.get("file")).get("after"))
        data = data if kind in ("file", "hash") else {}
        return _file(path, data, text(after.get("type")))
    path = text(data.get("path")) if kind in ("file", "hash") else None
    return None if path is None else _file(path, data, None)


def _file(path: str, data: Mapping[str, Any], sort: str | None) -> FileFacts:
    return FileFacts(
        path=path,
        old_path=text(data.get("old_path")),
        type=sort,
        mode=text(data.get("mode")),
        uid=text(data.get("uid")),
        gid=text(data.get("gid")),
        size=whole(data.get("size")),
        inode=text(data.get("inode")),
        sha256=_digest(data.get("sha256")),
        gone=data.get("absent") is True,
    )


def _digest(value: object) -> str | None:
    return value if isinstance(value, str) and _SHA256.fullmatch(value) else None


def _exit_code(status: int | None) -> int | None:
    """status: as wait(2) gives it."""
    if status is None:
        return None
    signal = status & 0x7F
    return 128 + signal if signal else status >> 8 & 0xFF
