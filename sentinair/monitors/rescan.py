"""What directories hold now: to begin with, and after a loss, to restore the truth.

One thread walks; the engine compares.  A directory is listed and queued in one breath, under the lane's lock:
a live event that is queued before a listing was read before it, so a listing never contradicts a newer event.
Walking goes from descriptor to descriptor and asks before it enters another mount: a file system whose server
does not answer would hang it for ever.
"""

from __future__ import annotations

import stat
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from sentinair.ipc.lane import Lane
from sentinair.kernel import directory as kernel
from sentinair.model.event import FileState, Listing, Scanned
from sentinair.model.ports import Clock
from sentinair.monitors.names import Names, Verdict, before

__all__ = ["NAME", "Request", "Rescanner"]

NAME: Final = "rescan"  # the source of its events
MAX_DEPTH: Final = 128  # steps below a root; each is an open descriptor
MAX_ROOTS: Final = 1000  # asked for at once; more become all
MAX_ENTERED: Final = 4096  # directories that moved in and wait; more become a walk over all
MAX_UNREADABLE: Final = 100
_ROOM_SECS: Final = 1.0
_REASONS: Final = ("asked", "gap", "start")  # in rising order


class Request(msgspec.Struct, frozen=True):
    """One wish for a walk."""

    reason: str  # of _REASONS
    roots: tuple[bytes, ...] = ()  # empty: all that is watched
    gaps: tuple[bytes, ...] = ()  # gap_ids it repairs

    def merged(self, other: Request) -> Request:
        """One walk that fulfils both."""
        everything = not self.roots or not other.roots
        roots = () if everything else tuple(sorted({*self.roots, *other.roots}))
        return Request(
            max(self.reason, other.reason, key=_REASONS.index),
            roots if len(roots) <= MAX_ROOTS else (),
            tuple(dict.fromkeys((*self.gaps, *other.gaps))),
        )


class _Cancelled(Exception):
    """The rescanner is being stopped."""


class _Walk:
    """Counts of one walk."""

    def __init__(self, scan: int) -> None:
        self.scan = scan
        self.directories = 0
        self.entries = 0
        self.unreadable: list[bytes] = []

    def failed(self, path: bytes) -> None:
        if len(self.unreadable) < MAX_UNREADABLE:
            self.unreadable.append(path)


class Rescanner:
    """Walks in its own thread what it is asked to; start(), request() and entered() at will, then stop().

    verdict: on a directory by its path.  roots: where a walk over all begins.  may_enter: whether the mount with
    that device at that path may be walked.  All three are called in the walking thread.
    on_fault: told, in that thread, of an error that ended it.
    """

    def __init__(
        self,
        verdict: Callable[[bytes], Verdict],
        roots: Callable[[], tuple[bytes, ...]],
        lane: Lane,
        clock: Clock,
        *,
        may_enter: kernel.MayEnter,
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._verdict = verdict
        self._roots = roots
        self._lane = lane
        self._clock = clock
        self._may_enter = may_enter
        self._on_fault = on_fault
        self._wake = threading.Condition()
        self._next: Request | None = None
        self._entered: deque[bytes] = deque()
        self._stopped = False
        self._amid = False  # listing what moved in, in the middle of a walk
        self._scans = 0
        self._thread = threading.Thread(target=self._work, name=NAME, daemon=True)
        self.running = False

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_secs: float = 1.0) -> bool:
        """Give up what is being walked.  False if the thread did not end in time."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        with self._lane.room:
            self._lane.room.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_secs)
        return not self._thread.is_alive()

    def request(self, request: Request) -> None:
        """Walk soon, after the walk that is on; wishes that wait become one.  Scanned tells its end."""
        with self._wake:
            self._next = request if self._next is None else self._next.merged(request)
            self._wake.notify()

    def entered(self, path: bytes) -> None:
        """The directory path moved or was mounted into the watch: list it at once, even amid a walk.

        No Scanned follows.
        """
        with self._wake:
            if len(self._entered) < MAX_ENTERED:
                self._entered.append(path)
            else:
                self._next = Request("gap").merged(self._next or Request("asked"))
            self._wake.notify()

    def _work(self) -> None:
        try:
            while (request := self._await()) is not None:
                self._walk_entered()
                if isinstance(request, Request):
                    self._answer(request)
                self.running = False
        except _Cancelled:
            return
        except Exception as fault:  # noqa: BLE001 - the thread's edge: a dead walker must be heard of
            self._on_fault(fault)

    def _await(self) -> Request | bool | None:
        with self._wake:
            while not (self._stopped or self._next or self._entered):
                self._wake.wait()
            if self._stopped:
                return None
            request, self._next = self._next, None
            self.running = True
            return request or True

    def _answer(self, request: Request) -> None:
        began = self._clock.wall_ns()
        roots = request.roots or self._roots()
        walk = self._new_walk()
        for root in roots:
            self._walk_root(walk, root)
        end = Scanned(
            seen_ns=self._clock.wall_ns(),
            mono_ns=self._clock.mono_ns(),
            scan=walk.scan,
            scope="files",
            reason=request.reason,
            roots=roots,
            gaps=request.gaps,
            directories=walk.directories,
            entries=walk.entries,
            unreadable=tuple(walk.unreadable),
            began_ns=began,
        )
        self._lane.offer(NAME, (), (end,))

    def _new_walk(self) -> _Walk:
        self._scans += 1
        return _Walk(self._scans)

    def _walk_entered(self) -> None:
        while self._entered:
            self._walk_root(self._new_walk(), self._entered.popleft())

    def _walk_root(self, walk: _Walk, root: bytes) -> None:
        """The root's own name in its directory, then all below it."""
        parent, _, name = root.rpartition(b"/")
        parent = parent or b"/"
        try:
            with kernel.reached(parent, self._may_enter) as at:
                if name and self._verdict(parent).flags(name):
                    self._queue(walk, parent, at, [name], before(name), name)
            with kernel.reached(root, self._may_enter) as at:
                self._walk(walk, root, at, 0)
        except (FileNotFoundError, NotADirectoryError):
            self._say_absent(walk, root)
        except (OSError, kernel.OtherMountError):
            walk.failed(root)

    def _say_absent(self, walk: _Walk, root: bytes) -> None:
        """In one breath with another look, so that no event of its return stands before this."""
        with self._lane.lock:
            try:
                with kernel.reached(root, self._may_enter):
                    return
            except (FileNotFoundError, NotADirectoryError):
                self._offer(walk, root, (), (), absent=True)
            except (OSError, kernel.OtherMountError):
                walk.failed(root)

    def _walk(self, walk: _Walk, path: bytes, at: int, depth: int) -> None:
        self._pause()
        verdict = self._verdict(path)
        if not (verdict.any or verdict.below):
            return
        try:
            inside = self._list(walk, path, at, verdict)
        except OSError:
            walk.failed(path)
            return
        prefix = path if path != b"/" else b""
        for name in inside:
            below = prefix + b"/" + name
            interest = self._verdict(below)
            if interest.any or interest.below:
                if depth < MAX_DEPTH:
                    self._descend(walk, below, at, name, depth)
                else:
                    walk.failed(below)

    def _descend(self, walk: _Walk, path: bytes, at: int, name: bytes, depth: int) -> None:
        try:
            with kernel.entered(at, path, name, self._may_enter) as below:
                self._walk(walk, path, below, depth + 1)
        except (FileNotFoundError, NotADirectoryError):
            return  # replaced since it was listed: the kernel told so in an event of its own
        except kernel.OtherMountError:
            return  # not ours to walk
        except OSError:
            walk.failed(path)

    def _pause(self) -> None:
        """Between two directories: the lane must have room, and what moved in goes first."""
        while not self._lane.wait_for_room(_ROOM_SECS):
            if self._stopped:
                raise _Cancelled
        if self._stopped:
            raise _Cancelled
        if self._entered and not self._amid:
            self._amid = True
            self._walk_entered()
            self._amid = False

    def _list(self, walk: _Walk, path: bytes, at: int, verdict: Verdict) -> list[bytes]:
        """Queue what path holds; returns the directories in it that may hold what is watched."""
        inside: list[bytes] = []
        if verdict.any:
            names = Names(at, verdict, self._clock)
            after: bytes | None = None
            while True:
                with self._lane.lock:
                    part, upto = names.part(after)
                    inside += self._queue(walk, path, at, part, after, upto)
                if upto is None:
                    break
                after = upto
                self._pause()
            walk.directories += 1
        if not verdict.below:
            return []
        # A directory that is not watched itself may hold what is.
        return inside if verdict.constant else kernel.subdirectories(at)

    def _queue(
        self,
        walk: _Walk,
        path: bytes,
        at: int,
        names: list[bytes],
        after: bytes | None,
        upto: bytes | None,
    ) -> list[bytes]:
        """Look at names and queue what is there, in one breath; returns the directories among them."""
        with self._lane.lock:
            there, states = kernel.states(at, names)
            self._offer(walk, path, there, states, after, upto)
        return [name for name, it in zip(there, states, strict=True) if stat.S_ISDIR(it.mode)]

    def _offer(
        self,
        walk: _Walk,
        path: bytes,
        names: tuple[bytes, ...],
        states: tuple[FileState, ...],
        after: bytes | None = None,
        upto: bytes | None = None,
        *,
        absent: bool = False,
    ) -> None:
        listing = Listing(
            seen_ns=self._clock.wall_ns(),
            mono_ns=self._clock.mono_ns(),
            scan=walk.scan,
            directory=path,
            names=names,
            states=states,
            after=after,
            upto=upto,
            absent=absent,
        )
        self._lane.offer(NAME, (), (listing,))
        walk.entries += len(names)
