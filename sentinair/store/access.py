"""Who may own the state directory and the ledger file, who holds them, and how the file is opened for reading."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sentinair.errors import PermissionFault, SentinairError, StorageFault
from sentinair.kernel.rights import mere_reader
from sentinair.settings.guarded import check_owned

__all__ = ["LEDGER", "claim", "is_claimed", "make_state", "open_as_reader", "open_read_only"]

LEDGER: Final = "ledger.db"
LOCK: Final = "run/engine.lock"
EPOCH: Final = "keys/epoch"
_OPENING_SECS: Final = 1.0  # an engine takes far less to open its record anew
_PAUSE_SECS: Final = 0.02


def make_state(state: Path) -> None:
    """The state directory, made with mode 2750 if absent, and checked.

    The set-gid bit hands its group to -wal and -shm, which readers of that group need.
    Raises PermissionFault if it, or what the engine keeps in it, is a symlink, somebody else's, or writable by others.
    """
    try:
        if not os.path.lexists(state):
            state.mkdir(mode=0o750, parents=True)
            os.chmod(state, 0o2750)  # noqa: S103 — mkdir(2) ignores the set-gid bit; others get nothing
        check_owned(state, directory=True)
        _check_inside(state)
        (state / "run").mkdir(mode=0o750, exist_ok=True)
    except OSError as fault:
        raise StorageFault(
            f"the state directory cannot be made: {fault.strerror}",
            where=str(state),
            remedy="see its parent's owner, mode and free space",
        ) from fault


def _check_inside(state: Path) -> None:
    """What may be there already; what is not there is nobody's.  Directories come before what they hold."""
    folders = [state / name for name in ("run", "keys")]
    files = [state / name for name in (LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", LOCK, EPOCH)]
    for path in (*folders, *files):
        if os.path.lexists(path):
            check_owned(path, directory=path in folders)


def claim(state: Path) -> int:
    """Take the engine's lock; returns its descriptor, to be closed at the end.

    Raises StorageFault if another engine holds it.
    """
    path = state / LOCK
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    except OSError as fault:
        raise StorageFault(f"cannot be opened: {fault.strerror}", where=str(path)) from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StorageFault(
            "another engine works on this state directory",
            where=str(state),
            remedy="stop it, or choose another state directory",
        ) from None
    return lock


def is_claimed(state: Path) -> bool:
    """Whether an engine holds the lock, as far as we may look."""
    try:
        lock = os.open(state / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not ours to see: the careful answer, which costs a WAL attempt only
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def open_as_reader(database: Path) -> sqlite3.Connection:
    """open_read_only(), and nothing that the agent must take for a change of its state.

    Root opens it with a mere reader's rights where that is enough: SQLite opens -wal and -shm for writing whenever it
    may, and chowns them for root (os_unix.c, robustFchown).
    """
    if os.geteuid() == 0 and database.is_file():
        end = time.monotonic() + _OPENING_SECS
        while True:
            try:
                with mere_reader(database.stat().st_gid):
                    return open_read_only(database)
            except (SentinairError, OSError):
                # No -shm.  An engine that lives is about to make it, and must not meet one of root's at that moment.
                if not is_claimed(database.parent) or time.monotonic() > end:
                    break
            time.sleep(_PAUSE_SECS)
    return open_read_only(database)


def open_read_only(database: Path) -> sqlite3.Connection:
    """The ledger for reading only.

    With a WAL or an engine: mode=ro.  Else immutable=1, since a reader of another user cannot make the shared
    memory a closed WAL database wants (https://www.sqlite.org/wal.html#readonly).
    Raises StorageFault if there is none or it cannot be opened, PermissionFault if we may not read it.
    """
    try:
        path = database.resolve()
        path.stat()
        readable = os.access(path, os.R_OK)
    except PermissionError:
        readable = False
    except (OSError, RuntimeError) as fault:  # RuntimeError: a loop of symlinks
        raise StorageFault(
            "there is no ledger",
            where=str(database),
            remedy="start the agent, or name its state with --state",
        ) from fault
    if not readable:
        raise PermissionFault(
            "the ledger may not be read",
            where=str(database),
            remedy="be root or a member of sentinair-read",
        )
    wal = path.with_name(path.name + "-wal")
    still = not (wal.exists() and wal.stat().st_size) and not is_claimed(path.parent)
    how = "immutable=1" if still else "mode=ro"
    try:
        connection = sqlite3.connect(
            f"file:{quote(os.fspath(path))}?{how}", uri=True, isolation_level=None, timeout=1.0
        )
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as fault:
        raise StorageFault(
            f"the ledger cannot be read: {fault}",
            where=str(database),
            remedy="run sentinair verify",
        ) from fault
    return connection
