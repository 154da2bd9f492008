"""A listing against the known files: what happened to one directory while nobody looked."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from typing import Final

from sentinair.model.event import ATTRIB, CREATE, DELETE, WRITE, FileEvent, FileState, Listing

__all__ = ["compare", "is_own_work"]

KEPT: Final = (
    b"ledger.db",
    b"keys/epoch",
    b"detect.msgpack",
)  # the agent writes these and never removes them
PASSING: Final = (
    b"ledger.db-wal",
    b"ledger.db-shm",
    b".detect.msgpack.new",
    b"reserve",
    b"run/engine.lock",
    b"run/sensor.msgpack",
    b"run/forwarder.msgpack",
    *(
        b"run/%s.sock" % name
        for name in (b"sensor", b"execs", b"api", b"forwarder", b"signing", b"control")
    ),
    b"run/topics/topics.sock",
    b"run/notice/motd",
    b"run/notice/.motd.new",
)

# What leaves the host lies here until it is fetched.  Who took or cut it shows to whoever verifies it: each file is
# signed, and names the one before.
EXPORTS: Final = b"data/exports"
FOLDERS: Final = (b"data", EXPORTS, b"run/notice", b"run/topics")

Known = Sequence[tuple[bytes, FileState]]


def compare(listing: Listing, known: Known) -> list[FileEvent]:
    """The changes that lead from known to listing, in order of names.

    known: the rows of listing.directory in the range it speaks for.  pid is None: nobody saw who it was.
    A directory's size and times change with its entries, which have events of their own: only its identity,
    owner and mode count.
    """
    if listing.absent:
        return [_event(listing, name, DELETE, None) for name, _ in known]
    before = dict(known)
    events = []
    for name, state in zip(listing.names, listing.states, strict=True):
        old = before.pop(name, None)
        actions = CREATE if old is None else _difference(old, state)
        if actions:
            events.append(_event(listing, name, actions, state))
    events.extend(_event(listing, name, DELETE, None) for name in before)
    return events


def is_own_work(event: FileEvent, state_directory: bytes) -> bool:
    """Whether a rescan's difference is what the agent itself does to its state, whose events are dropped.

    Only its own files, as files or sockets that not everybody may write; `verify` proves what is in them.  Another
    name, a link in place of one, or a record or key that is gone is somebody else's doing.
    """
    if not event.path.startswith(state_directory + b"/"):
        return False
    name, state = event.path[len(state_directory) + 1 :], event.state
    if name in FOLDERS and state is not None:
        return stat.S_ISDIR(state.mode) and not state.mode & stat.S_IWOTH
    if name.startswith(EXPORTS + b"/"):
        return state is None or (stat.S_ISREG(state.mode) and not state.mode & stat.S_IWOTH)
    if state is None:
        return name in PASSING
    ours = name in PASSING or name in KEPT
    plain = stat.S_ISREG(state.mode) or stat.S_ISSOCK(state.mode)
    return ours and plain and not state.mode & stat.S_IWOTH


def _difference(old: FileState, new: FileState) -> int:
    if old == new:
        return 0
    if (old.inode, old.device, stat.S_IFMT(old.mode)) != (
        new.inode,
        new.device,
        stat.S_IFMT(new.mode),
    ):
        return CREATE | WRITE  # the name stands for another file now
    attrib = ATTRIB if (old.mode, old.uid, old.gid) != (new.mode, new.uid, new.gid) else 0
    if stat.S_ISDIR(new.mode):
        return attrib
    if (old.size, old.mtime_ns) != (new.size, new.mtime_ns):
        return attrib | WRITE
    return (
        attrib or ATTRIB
    )  # only ctime moved: links, extended attributes, or content with mtime set back


def _event(listing: Listing, name: bytes, actions: int, state: FileState | None) -> FileEvent:
    directory = listing.directory if listing.directory != b"/" else b""
    return FileEvent(
        seen_ns=listing.seen_ns,
        mono_ns=listing.mono_ns,
        path=directory + b"/" + name,
        actions=actions,
        state=state,
        absent=state is None,
    )
