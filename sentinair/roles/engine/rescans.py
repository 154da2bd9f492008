"""A listing against the known files: what happened to one directory while nobody looked."""

from __future__ import annotations

import stat
from collections.abc import Sequence

from sentinair.model.event import ATTRIB, CREATE, DELETE, WRITE, FileEvent, FileState, Listing

__all__ = ["compare"]

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
