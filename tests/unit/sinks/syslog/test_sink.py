"""What a syslog sink holds as perhaps lost: the network is left out, time is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.errors import SinkAway, SinkRefused
from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.syslog.sink import AGAIN_NS, AGAIN_PARCELS, SyslogSink

SECOND_NS = 1_000_000_000


class Wire:
    """A transport that takes all, until it is told otherwise."""

    def __init__(self) -> None:
        self.fault: SinkAway | SinkRefused | None = None

    def open(self) -> None:
        self.fault = None

    def send(self, frames: Sequence[bytes]) -> None:
        if self.fault is not None:
            raise self.fault

    def check(self) -> None:
        self.send([])

    def close(self) -> None:
        """There is nothing to close."""


class Line:
    """A sink on such a wire, with a clock of its own."""

    def __init__(self, *, again: bool = True) -> None:
        self.wire = Wire()
        self.now_ns = 0
        self.sink = SyslogSink("s", self.wire, _envelope, lambda: self.now_ns, again=again)
        self.sink.open()

    def send(self, *seqs: int, stream: Literal["record", "event"] = "record") -> None:
        self.sink.deliver([_parcel(seq, stream) for seq in seqs])

    def held(self) -> dict[str, int]:
        self.sink.idle(self.now_ns)
        return dict(self.sink.holding())


def _envelope(entry: Entry, body: bytes) -> bytes:
    return b"%d %s" % (entry.seq, body)


def _parcel(seq: int, stream: Literal["record", "event"]) -> Parcel:
    entry = Entry(
        host="h", chain="c", stream=stream, seq=seq, kind="gap", time_ns=0, version="1"
    )  # fmt: skip
    return Parcel(entry, b"x")


_STEPS = st.lists(
    st.tuples(
        st.integers(1, 700),  # parcels of one delivery
        st.sampled_from((0, 1_000_000, SECOND_NS // 3, SECOND_NS, 9 * SECOND_NS, 31 * SECOND_NS)),
        st.sampled_from(("record", "record", "record", "event")),
    ),
    min_size=1,
    max_size=60,
)


@given(_STEPS)
def test_the_last_ten_thousand_or_thirty_seconds_are_held_and_not_much_more(
    steps: list[tuple[int, int, Literal["record", "event"]]],
) -> None:
    line = Line()
    sent: list[tuple[int, str, int]] = []
    for count, pause_ns, stream in steps:
        line.now_ns += pause_ns
        first = len(sent) + 1
        line.send(*range(first, first + count), stream=stream)
        sent += [(line.now_ns, stream, seq) for seq in range(first, first + count)]
        held = line.held()
        young = [one for one in sent if one[0] >= line.now_ns - AGAIN_NS]
        for _, name, seq in young[-AGAIN_PARCELS:]:
            assert held[name] <= seq
        slack = SECOND_NS  # of a slot
        old = [one for one in sent if one[0] < line.now_ns - AGAIN_NS - slack]
        for _, name, seq in [*old[-1:], *sent[: -AGAIN_PARCELS - 1_000]]:
            assert held.get(name, seq + 1) > seq
    line.now_ns += AGAIN_NS + 2 * SECOND_NS
    assert line.held() == {}


def test_what_went_before_its_turn_does_not_hide_what_came_after_it() -> None:
    line = Line()
    line.send(5_000)  # urgent
    line.now_ns += 2 * SECOND_NS
    line.send(100, 101)
    assert line.held() == {"record": 100}


def test_after_a_rewind_the_older_numbers_are_held_as_well() -> None:
    line = Line()
    for first in range(1, 20_000, 200):
        line.send(*range(first, first + 200))
    line.send(1, 2, 3)
    assert line.held() == {"record": 1}


def test_many_small_deliveries_are_remembered_in_little_memory() -> None:
    line = Line()
    for seq in range(1, 30_000):
        line.now_ns += 1_000_000
        line.send(seq)
    assert len(line.sink._slots) <= 100
    assert line.held()["record"] <= 30_000 - AGAIN_PARCELS


def test_a_broken_connection_holds_nothing_any_more() -> None:
    line = Line()
    line.send(1, 2)
    line.wire.fault = SinkAway("gone")
    with pytest.raises(SinkAway):
        line.send(3)
    assert line.sink.holding() == {}


def test_what_went_before_a_refused_one_is_held() -> None:
    line = Line()
    line.wire.fault = SinkRefused("too long", index=2)
    with pytest.raises(SinkRefused):
        line.send(7, 8, 9)
    line.wire.fault = None
    assert line.held() == {"record": 7}


def test_where_nothing_is_sent_again_nothing_is_held() -> None:
    line = Line(again=False)
    line.send(1, 2)
    assert line.held() == {}
