"""The engine and the forwarder alone, each in a process forked from this one: a life costs a tenth of a whole agent's."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from sentinair.errors import SentinairError
from sentinair.ipc.control import call
from sentinair.roles.engine.__main__ import main as engine
from sentinair.roles.forwarder import role as _role  # loaded here once, and not in each life
from sentinair.roles.forwarder.__main__ import main as forwarder
from sentinair.roles.prepare import make_state
from sentinair.settings.compiled import compile_sinks, write_compiled
from sentinair.settings.load import load
from sentinair.sinks.drop import kind as _kind
from tests.harness.agent import wait_for, write_config
from tests.harness.sink_file import REGISTERED
from tests.harness.stored import Stored

__all__ = ["Roles"]

_LOADED: Final = (_role, _kind)
UMASK: Final = 0o027


class Roles:
    """A state directory of its own, and who works on it.  Use as a context manager: leaving kills what lives."""

    def __init__(self, folder: Path, sinks: Sequence[Mapping[str, object]]) -> None:
        """folder: holds config/, state/ and log; made if absent, kept.  sinks: as in sinks.yaml."""
        self.state = folder / "state"
        self._config, self._log = folder / "config", folder / "log"
        self._pids: dict[str, int] = {}
        self._statuses: dict[str, int] = {}  # of the last that ended
        if not self._config.exists():
            write_config(self._config, {"sinks": {"to": list(sinks)}})
            for rule in (self._config / "rules").rglob("*.yml"):
                rule.unlink()  # nothing is judged here, and reading them takes most of a start
        before = os.umask(UMASK)
        try:
            make_state(self.state, separated=False)
            with _registered():
                compiled = compile_sinks(load(self._config), self.state)
            write_compiled(self.state / "run" / "forwarder.msgpack", compiled)
        finally:
            os.umask(before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for role in tuple(self._pids):
            self.kill(role)

    @property
    def output(self) -> str:
        """What the roles logged so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def stored(self) -> Stored:
        return Stored(self.state / "ledger.db")

    # -- lives -------------------------------------------------------------------------------------------------

    def start_engine(self, before: Callable[[], None] = lambda: None, *, ready: bool = True) -> int:
        """before: called in the new process first.  ready: wait until it answers."""
        words = ["--config", str(self._config), "--state", str(self.state)]
        pid = self._pids["engine"] = self._fork(engine, words, before)
        if ready:
            came = wait_for(self.answers, 20.0, pause_secs=0.005)
            assert came is not None, self.output[-2000:]
        return pid

    def start_forwarder(self, before: Callable[[], None] = lambda: None) -> int:
        run = self.state / "run"
        words = ["--settings", str(run / "forwarder.msgpack"), "--socket"]
        pid = self._fork(forwarder, [*words, str(run / "forwarder.sock")], before)
        self._pids["forwarder"] = pid
        return pid

    def _fork(
        self, main: Callable[[list[str]], int], words: list[str], before: Callable[[], None]
    ) -> int:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            self._live(main, words, before)
        return child

    def _live(
        self, main: Callable[[list[str]], int], words: list[str], before: Callable[[], None]
    ) -> NoReturn:
        status = 1
        try:
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            sys.path.insert(0, str(REGISTERED))
            os.umask(UMASK)
            before()
            status = main(words)
        finally:
            os._exit(status)

    def lives(self, role: str) -> bool:
        return self.ended(role) is None

    def ended(self, role: str) -> int | None:
        """Its exit status (negative: of a signal), None while it lives; -1000 if it was not started."""
        pid = self._pids.get(role)
        if pid is None:
            return self._statuses.get(role, -1000)
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        del self._pids[role]
        self._statuses[role] = os.waitstatus_to_exitcode(status)
        return self._statuses[role]

    def wait_for_end(self, role: str, secs: float) -> int | None:
        """Its status; None if it lives on."""
        by = time.monotonic() + secs
        while (status := self.ended(role)) is None and time.monotonic() < by:
            time.sleep(0.003)
        return status

    def stop(self, role: str, secs: float = 10.0) -> int | None:
        """SIGTERM; its status, None if it had to be killed."""
        if role not in self._pids:
            return -1000
        os.kill(self._pids[role], signal.SIGTERM)
        status = self.wait_for_end(role, secs)
        if status is None:
            self.kill(role)
        return status

    def kill(self, role: str) -> None:
        pid = self._pids.pop(role, None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    # -- questions ---------------------------------------------------------------------------------------------

    def ask(self, method: str, **params: object) -> Any:
        """One request to the engine.  Raises SentinairError."""
        return call(self.state / "run" / "control.sock", method, params)

    def answers(self) -> bool:
        try:
            return self.ask("status").get("not_writing") is None
        except SentinairError:
            return False

    def sink(self, name: str) -> dict[str, Any]:
        """What `status` says of the sink."""
        sinks: list[dict[str, Any]] = self.ask("sinks.list")["sinks"]
        return next(one for one in sinks if one["name"] == name)


@contextmanager
def _registered() -> Iterator[None]:
    """The tests' own kinds of sinks can be found."""
    sys.path.insert(0, str(REGISTERED))
    try:
        yield
    finally:
        sys.path.remove(str(REGISTERED))
