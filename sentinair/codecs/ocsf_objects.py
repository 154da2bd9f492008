"""The objects of OCSF 1.8 that our events are made of; each as its definition in the schema says, None left out later."""

from __future__ import annotations

from typing import Any, Final

from sentinair.codecs.facts import FileFacts, ProcessFacts, base
from sentinair.codecs.plain import clamped, text, whole
from sentinair.codecs.summary import Summary
from sentinair.model.attack import TACTICS, TECHNIQUES, tactic_name
from sentinair.model.entry import Entry

__all__ = [
    "actor", "attacks", "device", "entry_uid", "file", "file_named", "metadata", "ms", "process", "product", "user",
]  # fmt: skip

_Data = dict[str, Any]
_VERSION: Final = "1.8.0"
_MS_NS: Final = 1_000_000
_FILE_TYPES: Final = {
    "file": (1, "Regular File"),
    "directory": (2, "Folder"),
    "socket": (5, "Local Socket"),
    "pipe": (6, "Named Pipe"),
    "link": (7, "Symbolic Link"),
}


def ms(time_ns: int) -> int:
    """Milliseconds since the epoch, within 64 bits."""
    return clamped(time_ns // _MS_NS)


def entry_uid(entry: Entry) -> str | None:
    """The name of entry for every receiver."""
    return text(f"{entry.chain}-{entry.stream}-{entry.seq}")


def product(version: str) -> _Data:
    return {"name": "Sentinair", "vendor_name": "ZehraSec", "version": text(version)}


def metadata(entry: Entry, told: Summary) -> _Data:
    return {
        "version": _VERSION,
        "product": product(entry.version),
        "profiles": ["host", "security_control"],
        "uid": entry_uid(entry),
        "sequence": whole(entry.seq),
        "event_code": text(told.event_class),
        "log_name": "sentinair",
        "logged_time": ms(entry.time_ns),
    }


def device(host: str) -> _Data:
    """type_id 0: unknown."""
    name = text(host)
    return {
        "hostname": name,
        "type_id": 0,
        "os": {"name": "Linux", "type": "Linux", "type_id": 200},
    }


def user(uid: str | None, name: str | None = None) -> _Data | None:
    return None if uid is None and name is None else {"uid": uid, "name": name}


def file_named(path: str) -> _Data:
    """A file of which no more than its name is known."""
    return {"name": base(path) or path, "path": path, "type_id": 0, "type": "Unknown"}


def file(found: FileFacts) -> _Data:
    number, name = (0, "Unknown") if found.type is None else _FILE_TYPES.get(found.type, (99, "Other"))  # fmt: skip
    return {
        "name": found.name,
        "path": found.path,
        "parent_folder": found.path.rpartition("/")[0] or ("/" if "/" in found.path else None),
        "type_id": number,
        "type": name,
        "size": found.size,
        "uid": found.inode,
        "owner": user(found.uid),
        "hashes": _hashes(found.sha256),
        "is_deleted": True if found.gone else None,
    }


def _hashes(sha256: str | None) -> list[_Data] | None:
    return None if sha256 is None else [{"algorithm_id": 3, "algorithm": "SHA-256", "value": sha256}]  # fmt: skip


def process(found: ProcessFacts, name: str | None = None) -> _Data:
    """name: of its user, where known."""
    parent = found.parents[0] if found.parents else None
    return _program(found) | {
        "user": user(found.uid, name),
        "working_directory": found.cwd,
        "parent_process": None if parent is None else _program(parent),
        "ancestry": [_ancestor(one) for one in found.parents],
    }


def _program(found: ProcessFacts) -> _Data:
    exe = found.exe
    program = None if exe is None else file_named(exe) | {"hashes": _hashes(found.sha256)}
    return {
        "pid": found.pid,
        "uid": _process_uid(found),
        "name": found.name,
        "path": exe,
        "cmd_line": found.cmdline,
        "file": program,
    }


def _process_uid(found: ProcessFacts) -> str | None:
    """pid and start: one process of one boot.  A process must have one of pid and uid."""
    if found.pid is None:
        return "unknown"
    return None if found.start is None else f"{found.pid}-{found.start}"


def _ancestor(found: ProcessFacts) -> _Data:
    return {
        "pid": found.pid,
        "uid": _process_uid(found),
        "name": found.name,
        "path": found.exe,
        "cmd_line": found.cmdline,
    }


def actor(found: ProcessFacts | None, name: str | None = None) -> _Data:
    """Who did it; an actor must have something, so an unknown one is an application called "unknown"."""
    if found is None:
        return {"app_name": "unknown", "user": user(None, name)}
    return {"process": process(found, name), "user": user(found.uid, name)}


def attacks(techniques: tuple[str, ...], tactics: tuple[str, ...]) -> list[_Data]:
    """One each: which technique belongs to which tactic a rule does not say."""
    return [*(_technique(one) for one in techniques), *(_tactic(one) for one in tactics)]


def _technique(found: str) -> _Data:
    parent = found.partition(".")[0]
    sub = None if parent == found else {"uid": text(found), "name": TECHNIQUES.get(found)}
    return {
        "technique": {"uid": text(parent), "name": TECHNIQUES.get(parent)},
        "sub_technique": sub,
    }


def _tactic(found: str) -> _Data:
    return {"tactic": {"uid": TACTICS.get(found), "name": text(tactic_name(found))}}
