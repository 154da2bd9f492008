"""No room: a disk or its inodes full before the start or while running.  The engine stays, says why, and goes on."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinair.errors import SentinairError, StorageFault
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures
from tests.harness.agent import Agent, wait_for

NEEDS = ("bytes before", "inodes before", "inodes running", "bytes running")
OPTIONS = {"bytes": "size=48m", "inodes": "nr_inodes=64"}
SIZES = {"small": (4.0, NEEDS[1:3]), "full": (60.0, NEEDS)}  # seconds each need is watched
STARTS_PER_MIN = 3
RECOVERY_SECS = 40.0  # a retry every 30 s, and some time to work
REASON_SECS = 30.0


def run(size: str) -> Figures:
    """The needs: bytes or inodes, before or after the start."""
    need_root()
    secs, needs = SIZES[size]
    promises = Promises()
    figures: Figures = {}
    with workplace() as folder:
        for name in needs:
            what, _, when = name.partition(" ")
            with _small_disk(folder / name.replace(" ", "-"), OPTIONS[what]) as disk:
                figures[name] = _need(disk, when == "before", secs, name, promises)
    return promises.onto(figures)


@contextmanager
def _small_disk(folder: Path, option: str) -> Iterator[Path]:
    folder.mkdir()
    command = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"{option},mode=755",
        "sentinair-campaign",
        str(folder),
    ]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        raise StorageFault(
            "tmpfs cannot be mounted", where=str(folder), remedy="run it as root of the host"
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def _fill(disk: Path) -> None:
    """Takes all inodes and all bytes that are left."""
    room = disk / "fill"
    with contextlib.suppress(OSError):
        room.mkdir(exist_ok=True)
        for number in range(100_000):
            (room / str(number)).touch()
            if number == 100:
                break
    with contextlib.suppress(OSError):
        opened = os.open(room / "0", os.O_WRONLY | os.O_APPEND)
        try:
            while os.write(opened, bytes(1 << 16)):
                pass
        finally:
            os.close(opened)


def _free(disk: Path) -> None:
    for path in (disk / "fill").iterdir():
        path.unlink()


def _need(disk: Path, before: bool, secs: float, name: str, promises: Promises) -> Figures:
    tree = disk.parent / f"{disk.name}-tree"
    tree.mkdir()
    # Configuration and logs lie on another disk: they must be readable when this one is full.
    agent = Agent(disk.parent / f"{disk.name}-logs", watch=[tree])
    agent.state = disk / "state"
    if before:
        _fill(disk)
    try:
        if not before:
            agent.start()
            agent.settle(10.0)
            _fill(disk)
        else:
            agent.launch()
        return _endured(agent, disk, tree, secs, name, promises)
    finally:
        agent.stop()


def _endured(
    agent: Agent, disk: Path, tree: Path, secs: float, name: str, promises: Promises
) -> Figures:
    starts: set[tuple[str, int]] = set()
    deadline, made = time.monotonic() + secs, 0
    while time.monotonic() < deadline:
        starts |= set(agent.roles().items())
        (tree / f"f{made}").touch()
        made += 1
        time.sleep(0.1)
    engines = sum(role == "engine" for role, _ in starts)
    # A refusal with a clear line is right as well, but then it must stay one: no starting again and again.
    ended = not agent.roles()
    allowed = max(STARTS_PER_MIN * secs / 60, 1)
    said = agent.output
    promises.keep(
        engines <= allowed,
        f"{name}: at most {STARTS_PER_MIN} starts a minute, not {engines} in {secs:g} s",
    )
    promises.keep("Traceback" not in said, f"{name}: a traceback is shown")
    reason = None if ended else _reason_given(agent, tree)
    promises.keep(ended or bool(reason), f"{name}: status says why nothing is written")
    _free(disk)
    came = None if ended else wait_for(lambda: _stored(agent, tree), RECOVERY_SECS, pause_secs=0.2)
    promises.keep(ended or came is not None, f"{name}: writing goes on once there is room")
    return {
        "refused_to_start": ended,
        "engine_starts": engines,
        "reason": reason,
        "writing_again_secs": None if came is None else round(came, 1),
        "said": said[-300:],
    }


def _reason_given(agent: Agent, tree: Path) -> str | None:
    """Why nothing is written, once the room that was left for the log is used up, too."""
    deadline, numbers = time.monotonic() + REASON_SECS, itertools.count()
    while (reason := _reason(agent)) is None and time.monotonic() < deadline:
        for number in itertools.islice(numbers, 100):
            (tree / f"more{number}").touch()
        time.sleep(0.2)
    return reason


def _reason(agent: Agent) -> str | None:
    try:
        reason = agent.ask("status").get("not_writing")
    except SentinairError as fault:
        return f"status does not answer: {fault}"
    return None if reason is None else str(reason)


def _stored(agent: Agent, tree: Path) -> bool:
    """Whether a file made now is stored."""
    (tree / "after").touch()
    with contextlib.suppress(sqlite3.Error):  # the database may not be there yet
        return bytes(tree / "after") in agent.stored.files(bytes(tree))
    return False
