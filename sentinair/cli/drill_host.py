"""What a drill must know of the host: who we are to a rule, what is watched, and what may be written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from sentinair.alerts.users import names_from_passwd
from sentinair.cli.drill_acts import INERT
from sentinair.detect.fields import EventView, View
from sentinair.detect.secrets import Masker
from sentinair.kernel import procfs
from sentinair.model.alert import Joined
from sentinair.model.event import FileEvent, FileState, ProcessEvent
from sentinair.model.process import MAX_PARENTS, Parent, Process
from sentinair.monitors.watch import Watch
from sentinair.settings.compiled import SensorSettings

__all__ = ["Host", "HostView", "changed"]

_NEVER_MADE: Final = (
    b"/etc/sentinair",
    b"/opt/sentinair",
)  # who sees them takes them for an installation


class HostView(Protocol):
    """What planning asks of a host."""

    is_root: bool

    def starts(self, process: Process) -> View:
        """A program start as a rule will see it."""
        ...

    def changes(self, event: FileEvent, process: Process | None = None) -> View:
        """A file event of our own, or of a child's, as a rule will see it."""
        ...

    def child(
        self, exe: bytes, argv: tuple[bytes, ...], cwd: bytes, parent: bytes | None = None
    ) -> Process:
        """A program we start, or that a program at parent does which we started."""
        ...

    def roots(self) -> tuple[str, ...]:
        """Where watching begins, of what is a directory."""
        ...

    def watched(self, path: bytes) -> bool: ...
    def read_watched(self, path: bytes) -> bool: ...
    def standing(self, directory: bytes) -> bytes | None:
        """The nearest directory at or above that is there, resolved; None: it, or one to be made, is out of bounds."""
        ...

    def writable(self, directory: bytes) -> bool: ...
    def exists(self, path: bytes) -> bool: ...


class Host:
    """This host, through what the sensor works by."""

    def __init__(self, compiled: SensorSettings) -> None:
        files = compiled.files
        self.is_root = os.geteuid() == 0
        self._state = os.path.realpath(os.fsencode(compiled.state))
        self._watch = _watch(files.watch, files.ignore, files.critical)
        self._read = _watch(files.read_watch)
        self._mask = Masker(compiled.processes.mask_options).argv
        self._users: Mapping[int, str] = names_from_passwd(Path("/etc/passwd").read_bytes())
        self._self = msgspec.structs.replace(
            procfs.look(os.getpid()) or Process(pid=os.getpid()), parents=_parents(os.getppid())
        )

    def starts(self, process: Process) -> View:
        argv = process.argv
        if argv is not None:
            process = msgspec.structs.replace(process, argv=self._mask(argv)[0])
        event = ProcessEvent(seen_ns=0, mono_ns=0, action="exec", process=process)
        return EventView(Joined(event, process), self._users)

    def changes(self, event: FileEvent, process: Process | None = None) -> View:
        return EventView(Joined(event, self._self if process is None else process), self._users)

    def child(
        self, exe: bytes, argv: tuple[bytes, ...], cwd: bytes, parent: bytes | None = None
    ) -> Process:
        own = self._self
        above = (Parent(own.pid, own.start, own.exe, own.argv), *own.parents)
        if parent is not None:
            above = (Parent(0, None, parent, (os.path.basename(parent),)), *above)
        return Process(
            pid=0,
            ppid=own.pid,
            exe=exe,
            argv=argv,
            cwd=cwd,
            uid=os.getuid(),
            auid=own.auid,
            parents=above[:MAX_PARENTS],
        )

    def roots(self) -> tuple[str, ...]:
        return tuple(os.fsdecode(root) for root in self._watch.roots() if os.path.isdir(root))

    def watched(self, path: bytes) -> bool:
        own = path == self._state or path.startswith(self._state + b"/")
        return not own and bool(self._watch.flags(path))

    def read_watched(self, path: bytes) -> bool:
        return bool(self._read.flags(path))

    def standing(self, directory: bytes) -> bytes | None:
        at = directory
        while not os.path.isdir(at):
            if at in _NEVER_MADE or at == b"/":
                return None
            at = os.path.dirname(at)
        return os.path.realpath(at)

    def writable(self, directory: bytes) -> bool:
        return os.access(directory, os.W_OK | os.X_OK)

    def exists(self, path: bytes) -> bool:
        return os.path.lexists(path)


def _watch(
    patterns: Iterable[str], ignore: Iterable[str] = (), critical: Iterable[str] = ()
) -> Watch:
    return Watch(map(os.fsencode, patterns), map(os.fsencode, ignore), map(os.fsencode, critical))


def _parents(pid: int) -> tuple[Parent, ...]:
    found: list[Parent] = []
    while pid > 0 and len(found) < MAX_PARENTS:
        facts = procfs.look(pid)
        if facts is None:
            break
        found.append(Parent(facts.pid, facts.start, facts.exe, facts.argv))
        pid = facts.ppid or 0
    return tuple(found)


def changed(path: bytes, actions: int, mode: int) -> FileEvent:
    """The event a file act of ours will be."""
    state = FileState(stat.S_IFREG | mode, os.geteuid(), os.getegid(), len(INERT), 1, 1, 0, 0)
    return FileEvent(seen_ns=0, mono_ns=0, path=path, actions=actions, state=state)
