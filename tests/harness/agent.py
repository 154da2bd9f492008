"""Starts the real agent, `sentinair run`, on a state and a configuration of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import yaml

from sentinair.errors import SentinairError
from sentinair.ipc.control import call
from tests.bench.proctree import command_line, cpu_secs, exact_cpu_secs, pss_mb, tree
from tests.harness.stored import Stored

__all__ = ["ROLES", "ROOT", "Agent", "NotReady", "for_forwarder", "separated_agent", "wait_for"]

ROOT: Final = Path(__file__).parents[2]
ROLES: Final = ("sensor", "execs", "engine", "api", "forwarder")
Overrides = Mapping[str, Mapping[str, object]]


class NotReady(SentinairError):
    """The agent did not start; carries what it said."""


def wait_for(true: Callable[[], bool], secs: float, *, pause_secs: float = 0.02) -> float | None:
    """Seconds until true() was true, asked every pause_secs; None when it was not within secs."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > secs:
            return None
        time.sleep(pause_secs)
    return time.monotonic() - began


def write_config(folder: Path, overrides: Overrides) -> None:
    """The configuration that ships, copied to folder, with overrides {"files": {"source": "inotify"}, …} in it."""
    shutil.copytree(ROOT / "config", folder, dirs_exist_ok=True)
    for name, changes in overrides.items():
        path = folder / f"{name}.yaml"
        loaded = (yaml.safe_load(path.read_text()) if path.exists() else None) or {}
        loaded[name] = _merged(loaded.get(name) or {}, changes)
        path.write_text(yaml.safe_dump(loaded))


def _merged(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return merged


class Agent:
    """One `sentinair run`.  Use as a context manager; leaving stops it, and kills what does not stop.

    folder: holds config/, state/, out.log and err.log; made if absent, kept.
    watch: paths for --watch; empty: the watch list of the configuration.
    user: uid to run as; None: as the caller.
    """

    def __init__(
        self,
        folder: Path,
        *,
        watch: Sequence[Path] = (),
        config: Overrides | None = None,
        user: int | None = None,
        path: Sequence[Path] = (),
        ready_secs: float = 20.0,
    ) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.state = folder / "state"
        self.watch = tuple(watch)
        self.user = user
        self._path = os.pathsep.join(map(str, (ROOT, *path)))  # where its processes import from
        self.ready_secs: float | None = None  # how long the last start took
        self._patience_secs = ready_secs
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if not self.config.exists():
            write_config(self.config, config or {})
        if user is not None:
            for below in (folder, *folder.rglob("*")):
                os.chown(below, user, user)

    @property
    def command(self) -> list[str]:
        """The command line that starts it."""
        watched = [word for path in self.watch for word in ("--watch", str(path))]
        return [*self._program, "run", *watched]

    @property
    def _program(self) -> list[str]:
        program = [sys.executable, "-m", "sentinair.cli.main"]
        return [*program, "--config", str(self.config), "--state", str(self.state)]

    @property
    def stored(self) -> Stored:
        """Reader of its database."""
        return Stored(self.state / "ledger.db")

    @property
    def pid(self) -> int:
        """Pid of the runner.  Only while started."""
        assert self._process is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it printed and logged so far."""
        logs = (self.folder / "out.log", self.folder / "err.log")
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def start(self) -> Self:
        """Starts and waits for the line "ready".  Raises NotReady with its output when that does not come."""
        began = time.monotonic()
        self.launch()
        came = wait_for(self._is_ready_or_ended, self._patience_secs, pause_secs=0.005)
        if came is None or not self._is_ready():
            status = self.stop()
            raise NotReady(
                f"ended with {status} and said: {self.output[-2000:]}", where="sentinair run"
            )
        self.ready_secs = time.monotonic() - began
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Starts without waiting."""
        environment = {**os.environ, "PYTHONPATH": self._path}
        with (
            open(self.folder / "out.log", "wb") as out,
            open(self.folder / "err.log", "ab") as err,
        ):
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user is not None else None,
                start_new_session=True,
            )
        return self._process

    def _is_ready(self) -> bool:
        lines = (self.folder / "out.log").read_text(errors="replace").splitlines()
        return any(line.startswith("ready") for line in lines)

    def _is_ready_or_ended(self) -> bool:
        assert self._process is not None
        return self._is_ready() or self._process.poll() is not None

    def stop(self, number: int = signal.SIGTERM, *, secs: float = 20.0) -> int | None:
        """Signals the runner and waits; its exit status, or None if it had to be killed.

        Kills only what it started itself: the runner and its descendants.
        """
        process = self._process
        if process is None:
            return None
        descendants = tree(process.pid)[1:] if process.poll() is None else []
        if process.poll() is None:
            process.send_signal(number)
        status: int | None = None
        try:
            status = process.wait(secs)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        for pid in descendants:
            # A pid may have been given to another process since: only ours carry the package's name.
            if any(word.startswith("sentinair.") for word in command_line(pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process = None
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def pids(self) -> list[int]:
        """The runner and all its descendants."""
        return tree(self.pid)

    def roles(self) -> dict[str, int]:
        """Role to pid, of the roles that live now."""
        found: dict[str, int] = {}
        for pid in self.pids()[1:]:
            words = command_line(pid)
            for role in ROLES:
                if f"sentinair.roles.{role}" in words:
                    found.setdefault(role, pid)
        return found

    def cpu_secs(self) -> float:
        """CPU seconds of all its processes so far, ended children included, to 10 ms a process."""
        return cpu_secs(self.pids())

    def cpu_by_role(self) -> dict[str, float]:
        """CPU seconds so far by role; the runner is "run"."""
        return {role: cpu_secs([pid]) for role, pid in {**self.roles(), "run": self.pid}.items()}

    def exact_cpu_secs(self) -> float:
        """CPU seconds of its living threads, to the nanosecond."""
        return exact_cpu_secs(self.pids())

    def pss_mb(self) -> dict[str, float]:
        """MB by role; the runner is "run", children of roles are "other"."""
        names = {pid: role for role, pid in self.roles().items()} | {self.pid: "run"}
        sizes: dict[str, float] = {}
        for pid, size in pss_mb(self.pids()).items():
            name = names.get(pid, "other")
            sizes[name] = sizes.get(name, 0.0) + size
        return sizes

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One other command of the program on the same configuration and state."""
        return subprocess.run(
            [*self._program, *words],
            env={**os.environ, "PYTHONPATH": self._path},
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, method: str, **params: object) -> dict[str, object]:
        """One request to its engine."""
        answer = call(self.state / "run" / "control.sock", method, params)
        assert isinstance(answer, dict)
        return answer

    def settle(self, secs: float = 60.0, *, quiet_secs: float = 1.0) -> float | None:
        """Waits until what is stored of files has stood still for quiet_secs.

        Returns after how many seconds it last moved, or None if it did not stop within secs.  Processes are not
        asked: on a host that is used they never stand still; process_marker() waits for those.
        """
        stored, last = self.stored, -1
        began = moved = time.monotonic()
        while time.monotonic() - began < secs:
            now = stored.told_of_files()
            if now != last:
                last, moved = now, time.monotonic()
            elif time.monotonic() - moved >= quiet_secs:
                return moved - began
            time.sleep(0.05)
        return None

    def process_marker(self, secs: float = 60.0) -> float | None:
        """Runs a process and waits until it is stored, and with it all that was read before it.

        Again each second: one that ends before its arguments are read is stored without its word.
        Returns how many seconds that took, or None if none came within secs.
        """
        word = f"marker-{os.urandom(8).hex()}"
        after = self.stored.last_event()
        began = time.monotonic()
        while time.monotonic() - began < secs:
            subprocess.run(["/bin/true", word], check=True)
            if (
                wait_for(lambda: self.stored.holds("process", word.encode(), after), 1.0)
                is not None
            ):
                return time.monotonic() - began
        return None


def for_forwarder(folder: Path) -> Path:
    """folder, made if absent, which the forwarder may write whether or not the roles are separated."""
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(KeyError, PermissionError):
        user = pwd.getpwnam("sentinair-fwd")
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


@contextmanager
def separated_agent(config: Overrides | None = None) -> Iterator[Agent]:
    """An agent in a folder that the role users can reach; watches one empty folder beside it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="sentinair-agent-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "watched").mkdir()
        made = Agent(folder / "agent", watch=[folder / "watched"], config=config)
        made.folder.chmod(0o755)
        with made:
            yield made
