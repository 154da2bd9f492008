"""The notice as a whole: real terminals, a real file, time handed in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinair.errors import StorageFault, UsageFault
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry, Parcel
from sentinair.model.standing import Loss, Standing
from sentinair.sinks.ground import Ground
from sentinair.sinks.notice.kind import notice
from sentinair.sinks.notice.motd import Motd
from sentinair.sinks.notice.options import NoticeOptions
from sentinair.sinks.notice.sink import NoticeSink
from sentinair.sinks.notice.terminals import Terminals
from tests.harness.ledger import BEGAN_NS, alert
from tests.unit.sinks.notice.conftest import Desk

S = 1_000_000_000
LOSS = Loss("aa", "fanotify", "overflow", 3, BEGAN_NS)


def entry(kind: str, one: Alert | None = None, **data: object) -> Parcel:
    made = Entry(
        host="h",
        chain="0" * 32,
        stream="record",
        seq=1,
        kind=kind,
        time_ns=BEGAN_NS,
        version="1",
        alert=one,
        data=data,
    )
    return Parcel(made, b"")


def critical(number: int = 1, **more: object) -> Parcel:
    return entry("alert.raised", alert(number, severity="critical", **more))  # type: ignore[arg-type]


class Said(Terminals):
    """Lines instead of terminals."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fault: OSError | None = None

    def tell(self, line: str) -> Any:
        if self.fault is not None:
            raise self.fault
        self.lines.append(line)

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


class Room:
    """A notice, its time and what stands open."""

    def __init__(self, folder: Path, terminals: Terminals, **options: Any) -> None:
        folder.mkdir(mode=0o755)
        self.file = folder / "motd"
        self.now_ns = 1000 * S
        self.found: Standing | StorageFault = Standing()
        self.sink = NoticeSink(
            "notice",
            NoticeOptions(**options),
            terminals=terminals,
            motd=Motd(self.file),
            standing=self.standing,
            wall_ns=lambda: BEGAN_NS + self.now_ns,
            mono_ns=lambda: self.now_ns,
        )
        self.sink.open()

    def standing(self) -> Standing:
        if isinstance(self.found, StorageFault):
            raise self.found
        return self.found

    def later(self, secs: float) -> None:
        self.now_ns += int(secs * S)
        self.sink.idle(self.now_ns)

    def motd(self) -> str:
        """Of the day; "": there is none."""
        return self.file.read_text() if self.file.exists() else ""


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def room(tmp_path: Path, said: Said) -> Room:
    return Room(tmp_path / "notice", said)


def test_a_critical_alert_is_on_each_terminal_as_one_line_that_drives_none(
    desk: Desk, tmp_path: Path
) -> None:
    screen, stopped = desk.pty(), desk.pty()
    stopped.fill()
    room = Room(tmp_path / "notice", desk.terminals)
    name = "/tmp/\x1b[2J\x1b]0;x\x07\r\nSentinair: all is well\x9b\u202e\udc9b雛"
    room.sink.deliver([critical(title="Bad", filename=name)])
    shown = screen.read().replace(b"\r", b"").strip(b"\n")
    assert b"\n" not in shown
    assert all(0x20 <= byte <= 0x7E for byte in shown)
    assert rb"critical alert: Bad: /tmp/\x1b[2J" in shown


@pytest.mark.parametrize(
    ("kind", "severity", "heard"),
    [
        ("alert.raised", "critical", True),
        ("alert.reopened", "critical", True),
        ("alert.escalated", "critical", True),
        ("alert.raised", "high", False),
        ("alert.updated", "critical", False),
        ("alert.acknowledged", "critical", False),
    ],
)
def test_only_a_critical_alert_that_is_new_or_wants_an_answer_is_said(
    room: Room, said: Said, kind: str, severity: str, heard: bool
) -> None:
    room.sink.deliver([entry(kind, alert(1, severity=severity))])
    assert bool(said.lines) == heard


def test_a_flood_is_a_few_lines_and_a_count_that_misses_none(room: Room, said: Said) -> None:
    room.sink.deliver([critical(number) for number in range(500)])
    assert len(said.take()) == 6
    room.later(59)
    assert said.take() == []
    room.later(2)
    assert [line for line in said.take() if "and 494 more notices" in line]
    room.sink.deliver([critical(501)])
    assert len(said.take()) == 1


def test_a_flood_of_alerts_does_not_hide_that_the_agent_is_blind(room: Room, said: Said) -> None:
    room.found = Standing(500, (), (LOSS,))
    room.sink.deliver([critical(number) for number in range(500)])
    room.sink.deliver([entry("gap")])
    said.take()
    room.later(31)
    assert [line for line in said.take() if "BLIND: fanotify lost 3 events" in line]


def test_a_loss_that_is_made_good_is_told_as_such(room: Room, said: Said) -> None:
    room.found = Standing(0, (), (LOSS,))
    room.sink.deliver([entry("gap")])
    room.later(31)
    assert "BLIND" in said.take()[0]
    assert "BLIND: fanotify" in room.motd()
    room.found = Standing()
    room.sink.deliver([entry("gap.restored")])
    room.later(1)
    assert "no longer blind" in said.take()[0]
    assert not room.motd()


def test_the_message_of_the_day_is_what_the_record_says_is_open(room: Room) -> None:
    assert not room.motd()
    one = alert(1, severity="critical", title="Bad", filename="/etc/shadow")
    room.found = Standing(1, (one,))
    room.sink.deliver([critical()])
    assert "critical alerts unanswered: 1" in room.motd()
    assert "Bad: /etc/shadow" in room.motd()
    room.found = Standing()
    room.later(2)
    assert room.motd(), "nothing was said to have changed"
    room.sink.deliver([entry("alert.acknowledged", one)])
    assert not room.motd()


def test_what_was_open_before_a_start_is_listed_at_once(room: Room) -> None:
    room.found = Standing(3)
    room.later(0)
    assert "unanswered: 3" in room.motd()


def test_a_message_of_an_earlier_life_goes_when_nothing_is_open(room: Room) -> None:
    room.file.write_text("of yesterday")
    room.later(0)
    assert not room.motd()


def test_an_unchanged_message_is_not_written_again(room: Room) -> None:
    room.found = Standing(3)
    room.later(0)
    before = room.file.stat().st_ino
    room.later(2)
    room.sink.deliver([entry("alert.updated", alert(1))])
    assert room.file.stat().st_ino == before


def test_an_end_is_said_in_the_message_of_the_day(room: Room) -> None:
    room.found = Standing(3)
    room.later(0)
    room.sink.close()
    assert room.motd().endswith("Not kept since then: the forwarder has ended.\n")


def test_an_end_with_nothing_open_leaves_nothing(room: Room) -> None:
    room.sink.close()
    room.later(0)
    room.sink.close()
    assert not room.motd()


def test_what_cannot_be_read_or_written_keeps_nobody_from_hearing(
    room: Room, said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    room.found = StorageFault("busy")
    room.file.mkdir()
    (room.file / "in it").touch()
    room.sink.deliver([critical()])
    for _ in range(5):
        room.later(1)
    assert len(said.take()) == 1
    assert "what is open cannot be read" in caplog.text
    room.found = Standing(1)
    (room.file / "in it").unlink()
    room.file.rmdir()
    room.later(1)
    assert room.motd()


def test_terminals_that_cannot_be_listed_are_logged_once(
    room: Room, said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    said.fault = FileNotFoundError(2, "No such file", "/dev")
    room.sink.deliver([critical(1), critical(2)])
    assert caplog.text.count("terminals cannot be listed") == 1


def test_a_test_is_said_with_who_asked(room: Room, said: Said) -> None:
    room.sink.deliver([entry("sink.tested", sink="notice", by="alice\x1b[2J")])
    (line,) = said.lines
    assert "this is a test" in line
    assert r"alice\x1b[2J" in line


def test_a_test_of_another_sink_is_no_business_of_the_room(room: Room, said: Said) -> None:
    room.sink.deliver([entry("sink.tested", sink="siem", by="alice")])
    assert said.lines == []


def test_without_objects_neither_line_nor_message_names_a_file(tmp_path: Path, said: Said) -> None:
    room = Room(tmp_path / "notice", said, objects=False)
    one = alert(1, severity="critical", title="Bad", filename="/secret")
    room.found = Standing(1, (one,))
    room.sink.deliver([entry("alert.raised", one)])
    assert "Bad" in said.lines[0]
    assert "/secret" not in said.lines[0] + room.motd()


def test_it_holds_nothing_back(room: Room) -> None:
    room.sink.deliver([critical()])
    assert room.sink.holding() == {}


@pytest.mark.parametrize(
    "told", [{"devices": "dev"}, {"logins": ""}, {"terminals": False, "motd": False}]
)
def test_options_that_make_no_sense_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(UsageFault):
        msgspec.convert(told, NoticeOptions)


def test_it_is_made_from_its_options(tmp_path: Path) -> None:
    (tmp_path / "run/notice").mkdir(parents=True)
    found = Standing(2)
    ask: Callable[[], Standing] = lambda: found  # noqa: E731
    ground = Ground(name="notice", host="h", state=tmp_path, standing=ask)
    options = NoticeOptions(devices=os.fspath(tmp_path), terminals=False)
    sink = notice(ground, options)
    sink.deliver([critical()])
    assert "unanswered: 2" in (tmp_path / "run/notice/motd").read_text()
