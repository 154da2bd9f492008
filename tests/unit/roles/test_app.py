"""The engine's loop in this process: it stays up when the record cannot be opened or read, and begins again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinair.errors import StorageFault
from sentinair.ipc.control import call
from sentinair.ipc.notify import Notifier
from sentinair.ipc.sockets import listen
from sentinair.roles.engine import app
from sentinair.roles.engine.answers import Answers
from sentinair.roles.engine.app import Engine
from sentinair.roles.engine.spine import Spine
from sentinair.roles.engine.status import Counters
from sentinair.store.read import Reader
from tests.unit.roles.engine_bed import Bed, stamp

Status = dict[str, object]


def asked(control: Path, wanted: Callable[[Status], bool]) -> Status:
    """The first status answer that is as wanted; the last one after 10 s."""
    deadline = time.monotonic() + 10
    while True:
        answer = call(control, "status")
        assert isinstance(answer, dict)
        if wanted(answer) or time.monotonic() > deadline:
            return answer
        time.sleep(0.02)


def run(
    tmp_path: Path, open_spine: Callable[[], Spine], story: Callable[[Path], list[Status]]
) -> list[Status]:
    """Runs an engine here while story talks to it from a thread; returns what story returns."""
    control = tmp_path / "c.sock"
    told: list[Status] = []
    engine = Engine(
        {"control": listen(control)},
        open_spine,
        lambda made: Answers(made, Counters(), stamp, None).handlers(),
        Notifier({}),
        tmp_path / "state",
    )

    def talk() -> None:
        try:
            told.extend(story(control))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=talk)
    thread.start()
    try:
        engine.run()
    finally:
        thread.join()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    return told


def is_writing(status: Status) -> bool:
    return status["not_writing"] is None


def test_a_record_that_cannot_be_opened_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "RETRY_NS", 300_000_000)
    tries: list[float] = []

    def open_spine() -> Spine:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise StorageFault("no space left", where="here")
        return Bed(tmp_path / "state").spine

    first, last = run(
        tmp_path,
        open_spine,
        lambda control: [asked(control, lambda _: True), asked(control, is_writing)],
    )
    assert first["not_writing"] == "here: no space left"
    assert is_writing(last)
    assert len(tries) == 3
    assert tries[1] - tries[0] >= 0.3


def test_a_record_that_cannot_be_read_while_judging_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "RETRY_NS", 100_000_000)
    opened: list[Bed] = []

    def fail(*_: object) -> None:
        raise StorageFault("lost the disk")

    def open_spine() -> Spine:
        bed = Bed(tmp_path / "state")
        if not opened:
            monkeypatch.setattr(bed.spine.intake, "release", fail)
        opened.append(bed)
        return bed.spine

    (last,) = run(tmp_path, open_spine, lambda control: [asked(control, is_writing)])
    assert is_writing(last)
    assert len(opened) == 2


def test_a_record_taken_away_while_it_is_written_is_begun_anew_and_said(tmp_path: Path) -> None:
    state = tmp_path / "state"
    opened: list[Bed] = []

    def open_spine() -> Spine:
        opened.append(Bed(state))
        return opened[-1].spine

    def story(control: Path) -> list[Status]:
        asked(control, is_writing)
        for file in state.glob("ledger.db*"):
            file.unlink()
        deadline = time.monotonic() + 10
        while len(opened) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        return [asked(control, is_writing)]

    (last,) = run(tmp_path, open_spine, story)
    assert is_writing(last), last["not_writing"]
    assert len(opened) == 2
    with Reader.open(state) as reader:
        (told,) = reader.records("tamper")
    assert "taken away" in str(told.data)
    assert opened[0].store.chain != opened[1].store.chain
