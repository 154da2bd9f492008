"""What the tree on disk holds, and how a record of it differs."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sentinair.model.event import FileState

__all__ = ["Difference", "compare", "state_of", "tree_states"]


class Difference(msgspec.Struct, frozen=True):
    """How a record differs from the tree."""

    absent: tuple[bytes, ...]  # on disk, not in the record
    extra: tuple[bytes, ...]  # in the record, not on disk
    changed: tuple[bytes, ...]  # in both, with another state

    def __bool__(self) -> bool:
        return bool(self.absent or self.extra or self.changed)

    def __str__(self) -> str:
        parts = (("absent", self.absent), ("extra", self.extra), ("changed", self.changed))
        return "; ".join(f"{len(p)} {name}: {p[:3]!r}" for name, p in parts if p) or "equal"


def state_of(path: bytes) -> FileState:
    """lstat of path in the model's form.  Raises OSError."""
    found = os.lstat(path)
    return FileState(
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_size,
        found.st_ino,
        found.st_dev,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def tree_states(root: Path) -> dict[bytes, FileState]:
    """Everything below root, without root itself."""
    states = {}
    for folder, directories, files in os.walk(os.fsencode(root)):
        for name in (*directories, *files):
            path = os.path.join(folder, name)
            states[path] = state_of(path)
    return states


def compare(actual: Mapping[bytes, FileState], recorded: Mapping[bytes, FileState]) -> Difference:
    """How recorded differs from actual.

    Of a directory only identity, owner and mode count: its size and times change with its entries.
    """
    common = actual.keys() & recorded.keys()
    changed = [path for path in common if _told(actual[path]) != _told(recorded[path])]
    return Difference(
        tuple(sorted(actual.keys() - recorded.keys())),
        tuple(sorted(recorded.keys() - actual.keys())),
        tuple(sorted(changed)),
    )


def _told(state: FileState) -> FileState:
    if not stat.S_ISDIR(state.mode):
        return state
    return msgspec.structs.replace(state, size=0, mtime_ns=0, ctime_ns=0)
