"""hypothesis strategies for the model's values: any bytes, any unknowns."""

from __future__ import annotations

from hypothesis import strategies as st

from sentinair.model.event import (
    ClockEvent,
    Event,
    FileEvent,
    FileState,
    GapEvent,
    HashEvent,
    ProcessEvent,
    Scanned,
    WriterEvent,
)
from sentinair.model.process import FileId, Parent, Process

__all__ = ["events", "processes"]

_TIMES = st.integers(0, 4_000_000_000_000_000_000)
_SMALL = st.integers(0, 2**31 - 1)  # the wire takes no greater pid
_PATHS = st.one_of(
    st.binary(max_size=40).map(lambda raw: b"/" + raw),
    st.sampled_from([b"/etc/passwd", b"/tmp/x", b"/root/.ssh/authorized_keys", b"/srv/st/run/x"]),
)
_ARGV = st.none() | st.lists(st.binary(max_size=30), max_size=5).map(tuple)
_STATES = st.builds(
    FileState,
    mode=st.sampled_from([0o100644, 0o104755, 0o102755, 0o040755, 0o120777, 0]),
    uid=_SMALL,
    gid=_SMALL,
    size=_SMALL,
    inode=_SMALL,
    device=_SMALL,
    mtime_ns=_TIMES,
    ctime_ns=_TIMES,
)
_IDS = st.builds(FileId, _SMALL, _SMALL, _TIMES)
_PARENTS = st.builds(Parent, _SMALL, st.none() | _SMALL, st.none() | _PATHS, _ARGV)

processes = st.builds(
    Process,
    pid=_SMALL,
    start=st.none() | _SMALL,
    ppid=st.none() | _SMALL,
    exe=st.none() | _PATHS,
    argv=_ARGV,
    cwd=st.none() | _PATHS,
    uid=st.none() | _SMALL,
    auid=st.none() | _SMALL,
    deleted=st.booleans(),
    memfd=st.booleans(),
    masked=st.booleans(),
    parents=st.lists(_PARENTS, max_size=3).map(tuple),
)
_FILES = st.builds(
    FileEvent,
    seen_ns=_TIMES,
    mono_ns=_TIMES,
    path=_PATHS,
    actions=st.integers(1, 63),
    old_path=st.none() | _PATHS,
    state=st.none() | _STATES,
    absent=st.booleans(),
    pid=st.none() | _SMALL,
    start=st.none() | _SMALL,
)
_PROCESSES = st.builds(
    ProcessEvent,
    seen_ns=_TIMES,
    mono_ns=_TIMES,
    action=st.sampled_from(["exec", "exit", "setid", "inventory"]),
    process=processes,
    exit_code=st.none() | _SMALL,
    old_uid=st.none() | _SMALL,
    new_uid=st.none() | _SMALL,
    sha256=st.none() | st.binary(min_size=32, max_size=32),
)
_GAPS = st.builds(
    GapEvent,
    seen_ns=_TIMES,
    mono_ns=_TIMES,
    gap_id=st.binary(min_size=8, max_size=8),
    source=st.sampled_from(["fanotify", "cnproc", "sensor/bulk", "se\nnsor"]),
    reason=st.sampled_from(["overflow", "enobufs", "lane_full", "sender_death", "new one"]),
    lost=st.none() | _SMALL,
    since_ns=_TIMES,
    until_ns=_TIMES,
)
_HASHES = st.builds(
    HashEvent,
    seen_ns=_TIMES,
    mono_ns=_TIMES,
    path=_PATHS,
    file_id=st.none() | _IDS,
    sha256=st.none() | st.binary(min_size=32, max_size=32),
)
_WRITERS = st.builds(WriterEvent, seen_ns=_TIMES, mono_ns=_TIMES, of=_SMALL, process=processes)
_CLOCKS = st.builds(
    ClockEvent, seen_ns=_TIMES, mono_ns=_TIMES, step_ns=st.integers(-(10**18), 10**18)
)
_SCANS = st.builds(
    Scanned,
    seen_ns=_TIMES,
    mono_ns=_TIMES,
    scan=_SMALL,
    scope=st.sampled_from(["files", "processes"]),
    reason=st.sampled_from(["start", "gap", "asked"]),
    roots=st.lists(_PATHS, max_size=2).map(tuple),
    gaps=st.lists(st.binary(min_size=8, max_size=8), max_size=2).map(tuple),
    directories=_SMALL,
    entries=_SMALL,
    unreadable=st.lists(_PATHS, max_size=2).map(tuple),
    began_ns=_TIMES,
)

events: st.SearchStrategy[Event] = st.one_of(
    _FILES, _PROCESSES, _GAPS, _HASHES, _WRITERS, _CLOCKS, _SCANS
)
"""Every kind of event that is stored."""
