"""The compiled file: all that sensor and execs may know, made from root-owned files before they start.

msgpack of one SensorSettings, written atomically with mode 0644.  The reader trusts it only if nobody but root
or the reader itself could have written it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import DataFault, PermissionFault, StorageFault
from sentinair.settings.types import FilesSettings, Lanes, ProcessesSettings, Settings

__all__ = ["FORMAT", "SensorSettings", "compile_settings", "read_compiled", "write_compiled"]

FORMAT: Final = 1
MAX_BYTES: Final = 4 << 20
_REMEDY: Final = "make it again with `sentinair config compile`"


class SensorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the senders work by; paths are UTF-8 text, os.fsencode gives the kernel's bytes."""

    format: int = FORMAT
    state: (
        str  # absolute path of the state directory: watched, critical, and never by our own writes
    )
    log_level: str = "info"
    lanes: Lanes = Lanes()
    files: FilesSettings = FilesSettings()
    processes: ProcessesSettings = ProcessesSettings()


def compile_settings(
    settings: Settings, state: Path, watch: tuple[Path, ...] = ()
) -> SensorSettings:
    """The senders' part of settings.  watch: paths of `run --watch`; if any, they replace files.watch."""
    files = settings.files
    if watch:
        roots = tuple(os.path.abspath(path) for path in watch)
        files = msgspec.structs.replace(files, watch=roots)
    return SensorSettings(
        state=os.path.abspath(state),
        log_level=settings.agent.log_level,
        lanes=settings.agent.lanes,
        files=files,
        processes=settings.processes,
    )


def write_compiled(path: Path, compiled: SensorSettings) -> None:
    """Write atomically: temporary file, fsync, rename, fsync of the folder.  Raises StorageFault."""
    data = msgspec.msgpack.encode(compiled)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, flags, 0o644)
        try:
            os.fchmod(descriptor, 0o644)  # whatever the umask: role users must read it
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise StorageFault(
            f"cannot be written: {fault.strerror}",
            where=str(path),
            remedy="see that its folder exists and is writable",
        ) from fault


def read_compiled(path: Path) -> SensorSettings:
    """The settings of this sender.

    Raises StorageFault if unreadable, PermissionFault if it is a link, no regular file, or somebody but root
    and this user could have written it, DataFault if it is not what this version writes.
    """
    try:
        # O_NONBLOCK: a FIFO in its place must not hang the start (open(2))
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as fault:
        if path.is_symlink():
            raise PermissionFault("is a symbolic link", where=str(path), remedy=_REMEDY) from fault
        raise StorageFault(
            f"cannot be read: {fault.strerror}", where=str(path), remedy=_REMEDY
        ) from fault
    try:
        _check_owner(path, os.fstat(descriptor))
        data = os.read(descriptor, MAX_BYTES)
    finally:
        os.close(descriptor)
    try:
        compiled = msgspec.msgpack.decode(data, type=SensorSettings)
    except msgspec.DecodeError as fault:
        raise DataFault(
            f"is not a compiled settings file: {fault}", where=str(path), remedy=_REMEDY
        ) from fault
    if compiled.format != FORMAT:
        raise DataFault(
            f"has format {compiled.format}, this version reads {FORMAT}",
            where=str(path),
            remedy=_REMEDY,
        )
    return compiled


def _check_owner(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PermissionFault("is not a regular file", where=str(path), remedy=_REMEDY)
    if found.st_uid not in (0, os.geteuid()):
        raise PermissionFault(
            f"belongs to uid {found.st_uid}, must belong to root or uid {os.geteuid()}",
            where=str(path),
            remedy=_REMEDY,
        )
    if found.st_mode & 0o022:
        raise PermissionFault(
            f"has mode {stat.S_IMODE(found.st_mode):04o}, others may write it",
            where=str(path),
            remedy=_REMEDY,
        )
