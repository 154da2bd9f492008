"""Who could have written a file or folder, reading one that nobody else could have, and writing one in one piece."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sentinair.errors import PermissionFault, StorageFault

__all__ = ["check_folder", "check_owned", "read_guarded", "sync", "write_atomically"]


def read_guarded(
    path: Path, max_bytes: int, remedy: str = "", trusted: frozenset[int] = frozenset()
) -> bytes:
    """The content of path.  trusted: uids that may own it, beside root and ourselves.

    Raises FileNotFoundError if there is none, StorageFault if it is unreadable or larger than max_bytes,
    PermissionFault if it is a link, no regular file, or others could have written it.
    """
    try:
        # O_NONBLOCK: a FIFO in its place must not hang the start (open(2))
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as fault:
        if path.is_symlink():
            raise PermissionFault(
                "is a symbolic link", where=str(path), remedy=remedy or "put the file itself there"
            ) from fault
        raise StorageFault(
            f"cannot be read: {fault.strerror}", where=str(path), remedy=remedy
        ) from fault
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise PermissionFault("is not a regular file", where=str(path), remedy=remedy)
        _check_writers(path, found, remedy, trusted)
        if found.st_size > max_bytes:
            raise StorageFault(
                f"has {found.st_size} bytes, limit {max_bytes}", where=str(path), remedy=remedy
            )
        return os.read(descriptor, max_bytes)
    finally:
        os.close(descriptor)


def check_folder(path: Path) -> None:
    """Raise FileNotFoundError, StorageFault (no folder) or PermissionFault (others could change what is in it)."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise PermissionFault(
            "is a symbolic link", where=str(path), remedy="name the folder it points to"
        )
    if not stat.S_ISDIR(found.st_mode):
        raise StorageFault("is not a folder", where=str(path), remedy="name a folder")
    _check_writers(path, found, "")


def check_owned(path: Path, *, directory: bool, owner: int | None = None) -> None:
    """Raise PermissionFault unless path is owner's, no symlink, of that type, and nobody else may write it.

    owner: uid of the engine; None: it is this process.
    """
    found = path.lstat()
    if not (stat.S_ISDIR if directory else stat.S_ISREG)(found.st_mode):
        noun = "a directory" if directory else "a plain file"
        raise PermissionFault(f"is not {noun}", where=str(path), remedy="move it away")
    uid = os.geteuid() if owner is None else owner
    if found.st_uid != uid:
        raise PermissionFault(
            f"belongs to uid {found.st_uid}, the engine runs as uid {uid}",
            where=str(path),
            remedy=f"chown it to uid {uid}, or choose another state directory",
        )
    _check_mode(path, found, "chmod go-w it, and see what was changed meanwhile")


def _check_writers(
    path: Path, found: os.stat_result, remedy: str, trusted: frozenset[int] = frozenset()
) -> None:
    uid = os.geteuid()
    if found.st_uid not in {0, uid, *trusted}:
        owners = "root" if uid == 0 else f"root or uid {uid}"
        raise PermissionFault(
            f"belongs to uid {found.st_uid}, must belong to {owners}",
            where=str(path),
            remedy=remedy or f"chown {uid} it if its content is yours",
        )
    _check_mode(path, found, remedy or "chmod go-w it")


def _check_mode(path: Path, found: os.stat_result, remedy: str) -> None:
    if found.st_mode & 0o022:
        what = f"has mode {stat.S_IMODE(found.st_mode):04o}, others may write it"
        raise PermissionFault(what, where=str(path), remedy=remedy)


def sync(path: Path) -> None:
    """Make a file's content, or the names in a directory, durable.  Raises OSError.

    Source: fsync(2), which for a new name wants the directory synced, too.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(
    path: Path,
    data: bytes,
    mode: int,
    owner: tuple[int, int] | None = None,
    *,
    alone: bool = False,
) -> None:
    """Put data at path, whole or not at all: temporary file, fsync, rename, fsync of the folder.

    mode holds whatever the umask is; owner is (uid, gid), None for our own.  Raises StorageFault.
    alone: nobody else writes path now, so that the temporary file of a writer that was killed may be taken away.
    """
    temporary = path.with_name(f".{path.name}.new" if alone else f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync(path.parent)
    except OSError as fault:
        _forget(temporary)
        raise StorageFault(
            f"cannot be written: {fault.strerror}",
            where=str(path),
            remedy="see that its folder exists, is writable and has room",
        ) from fault


def _forget(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the fault that brought us here is the one to tell
        return
