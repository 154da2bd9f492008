"""A directory that others may write, used by its descriptor only.

No name in it is trusted: files are made under names nobody can guess (O_EXCL, O_NOFOLLOW), get their own name without
replacing anything, and are read only if they are plain files.  A directory that was swapped is noticed before the next
file; what is written meanwhile is still in the old one, never anywhere else.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

from sentinair.errors import SinkAway
from sentinair.kernel.rename import rename_new

__all__ = ["MAX_NAMES", "MODE", "Place", "safe"]

MODE: Final = 0o640
MAX_NAMES: Final = 16  # tries for a name somebody else has
_CHUNK: Final = 1 << 20
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._]+")
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def safe(text: str, limit: int = 64) -> str:
    """text as part of a file name every file system takes: letters, digits, dot, underscore; no dot in front.

    What is not one becomes an underscore; "-" stays free to part what names are made of.
    """
    return _UNSAFE.sub("_", text).strip(".")[:limit] or "_"


class Place:
    """One open directory.  Methods raise SinkAway for whatever the disk or the other side refuses."""

    def __init__(self, directory: str, owner: str, *, mounted: bool = False) -> None:
        """directory: its path; owner: safe name of who writes, for temporary files; mounted: it must be a mount point.

        Raises SinkAway if it is no directory, or not there.
        """
        self.directory = directory
        self._prefix = f".{owner}-"
        with self._trying("opened"):
            self.descriptor = os.open(
                directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        own = os.fstat(self.descriptor)
        self._identity = own.st_dev, own.st_ino
        if mounted and os.stat("..", dir_fd=self.descriptor).st_dev == own.st_dev:
            self.close()
            raise SinkAway("nothing is mounted there", where=directory, remedy="mount the share")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def check_same(self) -> None:
        """Raise SinkAway if the path leads elsewhere by now."""
        with self._trying("looked at"):
            now = os.stat(self.directory, follow_symlinks=False)
        if (now.st_dev, now.st_ino) != self._identity:
            raise SinkAway(
                "is another directory now", where=self.directory, remedy="see who replaced it"
            )

    def make(self) -> tuple[str, int]:
        """A new empty file: its temporary name, and a descriptor to write."""
        name = f"{self._prefix}{os.urandom(8).hex()}.part"
        with self._trying("written"):
            descriptor = os.open(name, _MAKE, MODE, dir_fd=self.descriptor)
        with contextlib.suppress(OSError):  # a stick may know no modes (vfat)
            os.fchmod(descriptor, MODE)  # whatever the umask is: the forwarder's unit has 0077
        return name, descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        with self._trying("written"):
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int | None = None) -> None:
        """Make a file, or the names in the directory, durable."""
        with self._trying("synced"):
            try:
                os.fsync(self.descriptor if descriptor is None else descriptor)
            except OSError as fault:
                # Some network file systems sync names by themselves and refuse to be told (fsync(2), EINVAL).
                if descriptor is not None or fault.errno not in {errno.EINVAL, errno.ENOTSUP}:
                    raise

    def put(self, temporary: str, name: str, size: int, sha256: str) -> bool:
        """Give a finished file its name, unless something else has it; such a file under it already is as good.

        size, sha256 (hex): of the finished file.  False: the temporary file is still there.
        """
        with self._trying("written"), contextlib.suppress(FileExistsError):
            rename_new(self.descriptor, temporary, name)
            return True
        if self.holds(name, size, sha256):
            self.remove(temporary)
            return True
        return False

    def put_bytes(self, name: str, data: bytes) -> bool:
        """A new file name with this content, in one step; False: something else has the name."""
        temporary, descriptor = self.make()
        done = False
        try:
            self.write(descriptor, data)
            self.sync(descriptor)
            done = self.put(temporary, name, len(data), hashlib.sha256(data).hexdigest())
        finally:
            os.close(descriptor)
            if not done:
                self.remove(temporary)
        return done

    def replace(self, stem: str, ending: str, data: bytes) -> str:
        """Put data under stem + ending in one step, whatever file or link has that name; returns it.

        A directory cannot be replaced: the name is then stem.2 + ending, and so on.
        """
        temporary, descriptor = self.make()
        try:
            self.write(descriptor, data)
            self.sync(descriptor)
            name = self.give_name(temporary, stem, ending)
        except SinkAway:
            self.remove(temporary)
            raise
        finally:
            os.close(descriptor)
        self.sync()
        return name

    def give_name(self, temporary: str, stem: str, ending: str) -> str:
        """As replace(), for a finished temporary file; the directory is not synced."""
        with self._trying("written"):
            for number in range(1, MAX_NAMES + 1):
                name = f"{stem}{ending}" if number == 1 else f"{stem}.{number}{ending}"
                with contextlib.suppress(IsADirectoryError):
                    at = self.descriptor
                    os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
                    return name
        raise self.crowded()

    def crowded(self) -> SinkAway:
        """The fault of a directory where others have all the names a file could take."""
        return SinkAway(
            f"the first {MAX_NAMES} names for a file are taken by others",
            where=self.directory,
            remedy="see who puts files there",
        )

    def open_file(self, name: str, flags: int = 0) -> int | None:
        """A descriptor of the plain file name; None: there is none, or something else."""
        try:
            descriptor = os.open(name, _READ | flags, dir_fd=self.descriptor)
        except OSError as fault:
            if fault.errno in {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT}:
                raise SinkAway(str(fault.strerror), where=self.directory) from fault
            return None
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:  # a second name may lie anywhere
            os.close(descriptor)
            return None
        return descriptor

    def read(self, descriptor: int, limit: int) -> bytes:
        """What the file holds from its beginning, at most limit bytes."""
        with self._trying("read"):
            parts, at = list[bytes](), 0
            while at < limit and (part := os.pread(descriptor, min(_CHUNK, limit - at), at)):
                parts.append(part)
                at += len(part)
            return b"".join(parts)

    def taken(self, name: str) -> bool:
        """Whether anything has this name."""
        with self._trying("looked at"):
            try:
                os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return False
            return True

    def holds(self, name: str, size: int, sha256: str) -> bool:
        """Whether name is a plain file with this content."""
        descriptor = self.open_file(name)
        if descriptor is None:
            return False
        try:
            if os.fstat(descriptor).st_size != size:
                return False
            digest = hashlib.sha256()
            with self._trying("read"):
                while chunk := os.read(descriptor, _CHUNK):
                    digest.update(chunk)
            return digest.hexdigest() == sha256
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> bool:
        """Take a name away; False if it cannot be (a directory has it, or it is gone)."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except OSError:
            return False
        return True

    def tidy(self) -> None:
        """Remove the temporary files a killed run of the same owner left."""
        ending = re.compile(re.escape(self._prefix) + r"[0-9a-f]{16}\.part")
        with self._trying("read"), os.scandir(self.descriptor) as entries:
            left = [entry.name for entry in entries if ending.fullmatch(entry.name)]
        for name in left:
            self.remove(name)

    def sizes(self) -> dict[str, int]:
        """Names and sizes of the plain files."""
        found = {}
        with self._trying("read"), os.scandir(self.descriptor) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # taken away meanwhile
                    if entry.is_file(follow_symlinks=False):
                        found[entry.name] = entry.stat(follow_symlinks=False).st_size
        return found

    @contextmanager
    def _trying(self, verb: str) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise
        except OSError as fault:
            raise SinkAway(
                f"cannot be {verb}: {fault.strerror}",
                where=self.directory,
                remedy="see that it is there, writable and has room",
            ) from fault
