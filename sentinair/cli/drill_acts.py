"""Harmless acts that raise alerts: real files and real processes, each of which carries a token that names it.

Nothing here does what it looks like.  A program is a copy of /bin/true under another name; where a rule wants its very
place, the copy is laid over that place in a mount namespace of its own process, which ends with it and which nobody
else sees (mount_namespaces(7)).  A file is new, holds a comment, has the token in its path, and goes again.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from sentinair.errors import SentinairError

__all__ = ["INERT", "Act", "ChildAct", "FileAct", "OpenAct", "Program", "ProgramAct"]

INERT: Final = b"# Sentinair drill: inert, and safe to delete.\n"
_CLONE_NEWNS: Final = 0x00020000  # sched.h
_MS_REC, _MS_PRIVATE, _MS_BIND = 0x4000, 0x40000, 0x1000  # mount(2), sys/mount.h
_APART_SECS: Final = (
    0.15  # between making a file and the act itself, where the two must be two events
)
_PATIENCE_SECS: Final = 5.0


class Act(Protocol):
    """One act.  token stands in path, program, folder or arguments of whatever alert it raises."""

    token: str
    how: str  # for a person

    def done(self) -> AbstractContextManager[int]:
        """A context: on entry the act is done and its steady time (ns) given; on exit every trace is removed."""
        ...


class Program:
    """The inert program all process acts are copies of, in a folder of its own; a context, removed at its end."""

    def __init__(self, token: str, folder: Path) -> None:
        self._prefix = f"{token}-program-"
        self._folder = folder
        self.path = folder / "unmade"

    @contextmanager
    def made(self) -> Iterator[None]:
        """Raises SentinairError where /bin/true does what its name says: then a copy could do harm."""
        home = Path(tempfile.mkdtemp(prefix=self._prefix, dir=self._folder))
        try:
            self.path = home / "false"
            shutil.copyfile(os.path.realpath("/bin/true"), self.path)
            self.path.chmod(0o755)
            home.chmod(0o755)
            if subprocess.run([self.path], check=False, env={}).returncode != 0:
                raise SentinairError(
                    "/bin/true is one of many programs in one file here, which act by their names",
                    where="drill",
                    remedy="programs cannot be drilled on this host",
                )
            yield
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def copy_to(self, target: Path) -> None:
        shutil.copyfile(self.path, target)
        target.chmod(0o755)


class ProgramAct:
    """A copy of the inert program, started under a name with arguments.

    folder: where a folder for the copy is made; ignored with place.  place: the very path the program must have, in
    a mount namespace of its own.
    """

    def __init__(
        self, token: str, program: Program, folder: Path, name: str, words: tuple[str, ...],
        place: Path | None = None,
    ) -> None:  # fmt: skip
        self.token = token
        self.how = f"start {' '.join(words)} as {place or folder / '…' / name}"
        self._program = program
        self._folder = folder
        self._name = name
        self._words = words
        self._place = place

    def home(self) -> Path:
        """The folder it starts in, and holds the copy; it has the token."""
        return self._folder / self.token

    @contextmanager
    def done(self) -> Iterator[int]:
        """As Act.done."""
        home = self.home()
        home.mkdir(mode=0o755)
        try:
            if self._place is None:
                tool, stage = home / self._name, None
                self._program.copy_to(tool)
            else:
                tool, stage = self._place, self._stage(self._place)
            child = subprocess.Popen(
                list(self._words),
                executable=tool,
                cwd=home,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=stage,  # noqa: PLW1509 - this program has one thread
            )
            child.wait(_PATIENCE_SECS)
            yield time.monotonic_ns()
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _stage(self, place: Path) -> Callable[[], None]:
        """Run in the child before it starts the program: puts the copy at place for the child alone."""
        libc = ctypes.CDLL(None, use_errno=True)
        copy, real = self._program.path, place.exists()

        def stage() -> None:
            _check(libc.unshare(_CLONE_NEWNS))
            _check(libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
            if real:
                _check(libc.mount(bytes(copy), bytes(place), None, _MS_BIND, None))
                return
            _check(libc.mount(b"none", bytes(place.parent), b"tmpfs", 0, b"size=1m"))
            self._program.copy_to(place)

        return stage


class ChildAct:
    """A copy of the inert program, started by a copy of the shell under the name of parent; that does nothing else."""

    def __init__(
        self, token: str, program: Program, folder: Path, parent: str, words: tuple[str, ...]
    ) -> None:
        """words: the first is the program's name, and no path."""
        self.token = token
        self.how = f"start {' '.join(words)} from {folder / '…' / parent}"
        self._program = program
        self._home = folder / token
        self._parent = self._home / "parent" / parent
        self._words = words

    @property
    def program(self) -> Path:
        """Where the program will be."""
        return self._home / self._words[0]

    @property
    def parent(self) -> Path:
        """Where the one that starts it will be."""
        return self._parent

    @contextmanager
    def done(self) -> Iterator[int]:
        """As Act.done."""
        self._home.mkdir(mode=0o755)  # one that is there is somebody's trap
        try:
            self._parent.parent.mkdir(mode=0o755)
            self._program.copy_to(self.program)
            shutil.copyfile(os.path.realpath("/bin/sh"), self._parent)
            self._parent.chmod(0o755)
            # `exec` finds no word of the shell's own, and in PATH nothing but the copy.
            script = f"(exec {shlex.join(self._words)})\nexit $?\n"
            done = subprocess.run(
                [self._parent.name], executable=self._parent, input=script.encode(), cwd=self._home,
                env={"PATH": str(self._home)}, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, check=False, timeout=_PATIENCE_SECS,
            )  # fmt: skip
            if done.returncode != 0:
                raise OSError(f"the shell ended with status {done.returncode}")
            yield time.monotonic_ns()
        finally:
            shutil.rmtree(self._home, ignore_errors=True)


_RENAME_NOREPLACE: Final = 1  # linux/fs.h
_AT_FDCWD: Final = -100  # fcntl.h


def _move(old: Path, new: Path) -> None:
    """Rename, but never over what is there.  Raises OSError.  Source: rename(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = bytes(old), _AT_FDCWD, bytes(new)
    if libc.renameat2(_AT_FDCWD, *names, _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.EINVAL, errno.ENOSYS) or os.path.lexists(new):
        raise OSError(number, os.strerror(number), str(new))
    os.rename(old, new)  # a file system that cannot promise it


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class FileAct:
    """An inert file that was not there, made and removed.

    actions: what is done with it, of create, attrib, rename, delete; writing is part of create.
    """

    def __init__(self, token: str, path: Path, actions: frozenset[str], mode: int = 0o600) -> None:
        self.token = token
        self.how = f"make {path}"
        self.path = path
        self._actions = actions
        self._mode = mode
        self._id: tuple[int, int] | None = None  # device and inode of the file made

    @contextmanager
    def done(self) -> Iterator[int]:
        """As Act.done.  What others put in its way is neither followed, written over nor removed."""
        made: list[Path] = []
        first = self.path
        if "rename" in self._actions:
            first = self.path.with_name(f"{self.token}.first")
        try:
            for folder in reversed(self.path.parents):
                if not folder.is_dir():
                    made.append(folder)  # before it is: an interrupt may come at any time
                    try:
                        self._make(folder)
                    except FileExistsError:
                        made.pop()
                        raise
            if os.path.realpath(self.path.parent) != str(self.path.parent):
                raise OSError(f"{self.path.parent} leads elsewhere")
            self._write(first)
            if first != self.path:
                _move(first, self.path)
            if "delete" in self._actions:
                time.sleep(_APART_SECS)
                self.path.unlink()
            yield time.monotonic_ns()
        finally:
            self._forget(first)
            self._forget(self.path)
            for folder in reversed(made):
                with contextlib.suppress(OSError):  # it was never made, or others use it by now
                    self._remove(folder)

    def _make(self, folder: Path) -> None:
        """By way of a name with the token, so that its events have it too."""
        if self.token in folder.name:
            folder.mkdir(mode=0o755)
            return
        marked = folder.with_name(f"{self.token}.folder")
        marked.mkdir(mode=0o755)
        try:
            _move(marked, folder)
        except OSError:
            marked.rmdir()
            raise

    def _remove(self, folder: Path) -> None:
        if self.token not in folder.name and not os.listdir(folder):
            marked = folder.with_name(f"{self.token}.folder")
            _move(folder, marked)
            folder = marked
        folder.rmdir()

    def _write(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            found = os.fstat(descriptor)
            self._id = found.st_dev, found.st_ino
            os.write(descriptor, INERT)
            if "attrib" in self._actions or self._mode != 0o600:
                os.fchmod(descriptor, self._mode)
        finally:
            os.close(descriptor)

    def _forget(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            if (found.st_dev, found.st_ino) == self._id:
                path.unlink()


class OpenAct:
    """A file opened for reading by a child that reads nothing of it."""

    CODE: Final = "import os, sys; os.close(os.open(sys.argv[1], os.O_RDONLY))"

    def __init__(self, token: str, path: Path) -> None:
        self.token = token
        self.how = f"open {path}, and read nothing"
        self.words = (sys.executable, "-I", "-S", "-c", self.CODE, str(path), token)

    @contextmanager
    def done(self) -> Iterator[int]:
        done = subprocess.run(
            self.words, check=False, env={}, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_PATIENCE_SECS,
        )  # fmt: skip
        if done.returncode != 0:
            raise OSError(f"{self.words[-2]} could not be opened")
        yield time.monotonic_ns()
