"""Events: what happened, frozen; gaps: what was not seen; listings: what a directory holds now.

`seen_ns` is CLOCK_REALTIME and `mono_ns` CLOCK_MONOTONIC, both in nanoseconds, when the observation was read.
An event's key is (sender, run, lane, seq): `Batch` carries the first three, seq is first_seq plus its index.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sentinair.model.process import FileId, Int64, Pid, Process, Unsigned, Word

__all__ = [
    "ACTIONS",
    "ATTRIB",
    "CREATE",
    "DELETE",
    "GAP_REASONS",
    "KINDS",
    "OPEN",
    "RENAME",
    "WRITE",
    "ClockEvent",
    "Event",
    "FileEvent",
    "FileState",
    "GapEvent",
    "HashEvent",
    "Listing",
    "Observation",
    "ProcessEvent",
    "Scanned",
    "SinkEvent",
    "TamperEvent",
    "WriterEvent",
    "action_names",
]

# File actions are a set of kinds without order (fanotify merges waiting events of one name and process).
CREATE: Final = 1
WRITE: Final = 2  # a descriptor open for writing was closed
ATTRIB: Final = 4
RENAME: Final = 8  # this is the new name; old_path has the old one
DELETE: Final = 16
OPEN: Final = 32  # only for the short list of paths watched for reading
ACTIONS: Final = {
    CREATE: "create",
    WRITE: "write",
    ATTRIB: "attrib",
    RENAME: "rename",
    DELETE: "delete",
    OPEN: "open",
}


def action_names(actions: int) -> list[str]:
    """Names of the bits in actions, in the order of ACTIONS."""
    return [name for bit, name in ACTIONS.items() if actions & bit]


class FileState(msgspec.Struct, frozen=True, array_like=True):
    """What lstat says of one name. mode holds type and permission bits; sizes in bytes, times in ns since the epoch."""

    mode: Word
    uid: Word
    gid: Word
    size: Int64
    inode: Unsigned
    device: Unsigned
    mtime_ns: Int64
    ctime_ns: Int64


class Event(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Common to all events."""

    seen_ns: Int64
    mono_ns: Int64


class FileEvent(Event, frozen=True, array_like=True, kw_only=True, tag="file"):
    """One or more changes to one name, as the kernel told them, merged within one read."""

    path: bytes  # absolute
    actions: Word  # bits of ACTIONS
    old_path: bytes | None = None  # the name before a rename, where the source tells it
    state: FileState | None = (
        None  # None with absent: gone when looked at; None without: could not be looked at
    )
    absent: bool = False
    pid: Pid | None = (
        None  # None: this source cannot know, or the writer is in no namespace of ours
    )
    start: Int64 | None = None  # start of that process, clock ticks since boot; None: it was gone
    critical: bool = False  # configured as critical: travels in the vital lane
    hash_wanted: bool = False  # configured for hashing: a HashEvent follows unless it goes first
    directory: bool = False  # the source said it is (or was) one; state says it too while it stands


class ProcessEvent(Event, frozen=True, array_like=True, kw_only=True, tag="process"):
    """A process began a program, ended, changed its user, or was found by the inventory."""

    action: str  # exec | exit | setid | inventory
    process: Process
    exit_code: Word | None = None  # wait status as of wait(2), exit only
    old_uid: Word | None = None  # setid only
    new_uid: Word | None = None  # setid only: effective uid after the change
    sha256: bytes | None = None  # of the executable, when it was known already


class GapEvent(Event, frozen=True, array_like=True, kw_only=True, tag="gap"):
    """Others were lost. A Scanned naming gap_id follows once the truth is restored."""

    gap_id: bytes  # 8 random bytes, made by who noticed
    source: str  # "fanotify", "inotify", "cnproc", a lane ("sensor/bulk"), or a sender ("sensor")
    reason: str  # of GAP_REASONS
    lost: Int64 | None  # None: cannot be counted
    since_ns: Int64  # the interval in which events were lost, wall clock
    until_ns: Int64
    lane: str | None = None  # with first and last: the hole in that lane's seq
    first: Int64 | None = None
    last: Int64 | None = None


GAP_REASONS: Final = {
    "overflow": "the kernel's queue was full",
    "enobufs": "the kernel's socket buffer was full",
    "lane_full": "the sender's own queue was full",
    "sender_death": "the process that collects events ended and was started again",
    "mark_failed": "a file system could not be watched",
    "restart": "the agent was not running",
}
"""What the reason of a GapEvent means, for a person."""


class HashEvent(Event, frozen=True, array_like=True, kw_only=True, tag="hash"):
    """The content of one file, hashed after it was quiet."""

    path: bytes
    file_id: FileId | None
    sha256: bytes | None  # None: not hashed, and unsure says why
    unsure: str | None = None
    of: Int64 | None = None  # id of the event that asked for it; given by the engine


class WriterEvent(Event, frozen=True, array_like=True, kw_only=True, tag="writer"):
    """Who caused an earlier event, learned after that event had been stored."""

    of: Int64  # id of the earlier event
    process: Process


class ClockEvent(Event, frozen=True, array_like=True, kw_only=True, tag="clock"):
    """The wall clock was set: it moved by step_ns against the steady clock."""

    step_ns: Int64


class TamperEvent(Event, frozen=True, array_like=True, kw_only=True, tag="tamper"):
    """The agent found its own record changed or damaged."""

    found_by: str  # "start", "commit" or "full check"
    what: str  # one sentence


class SinkEvent(Event, frozen=True, array_like=True, kw_only=True, tag="sink"):
    """What should have left the host did not: a sink refused entries for good, or has not worked for long."""

    sink: str  # as the administrator called it
    what: str  # refused | unhealthy
    count: Int64  # refused: entries since the last such event; unhealthy: seconds
    why: str  # the sink's own word, escaped


class Listing(Event, frozen=True, array_like=True, kw_only=True, tag="listing"):
    """What one directory held, in byte order of names: part of a rescan, an observation that is not stored.

    It speaks for the names n with after < n <= upto (None: no bound on that side): a known name in that range
    that is not listed is gone.  absent: the directory itself is gone, and all below it.
    """

    scan: int
    directory: bytes
    names: tuple[bytes, ...]
    states: tuple[FileState, ...]
    after: bytes | None = None
    upto: bytes | None = None
    absent: bool = False


class Scanned(Event, frozen=True, array_like=True, kw_only=True, tag="scanned"):
    """A rescan ended: everything its Listings (or inventory events) said stands before it in the same lane."""

    scan: int
    scope: str  # "files" or "processes"
    reason: str  # "start", "gap", "asked"
    roots: tuple[bytes, ...]
    gaps: tuple[bytes, ...]  # gap_ids this rescan repairs
    directories: int
    entries: int
    unreadable: tuple[
        bytes, ...
    ] = ()  # what could not be listed (first 100); the truth is not restored there
    began_ns: Int64 = 0


Observation = (
    FileEvent | ProcessEvent | GapEvent | HashEvent | WriterEvent | ClockEvent | Listing | Scanned
)
"""Everything that travels in a lane."""

KINDS: Final = ("file", "process", "gap", "hash", "writer", "clock", "tamper", "scanned", "sink")
"""Kinds of event that are stored; the tag of each class."""
