"""One sink's thread on a real ledger: order, rate, what is critical, and bugs of others."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from sentinair.errors import SinkAway
from sentinair.ipc.messages import AskSink
from sentinair.model.alert import AlertChange
from sentinair.model.delivery import Key, Position, SinkHealth
from sentinair.model.entry import Parcel
from sentinair.model.record import Record
from sentinair.roles.forwarder.delivery import Delivery
from sentinair.roles.forwarder.orders import MAX_WAITING, Orders
from sentinair.roles.forwarder.supply import Supply
from sentinair.roles.forwarder.worker import Worker
from sentinair.settings.compiled import PlacedSink
from sentinair.settings.sinks import SinkSettings
from sentinair.sinks.choose import Chooser
from sentinair.store.writer import Store
from tests.harness.agent import wait_for
from tests.harness.ledger import alert, open_store, stamp

FILE_SINK = "tests.harness.sink_file:KIND"
LINES = "tests.harness.sink_file:LinesCodec"


class Life:
    """One thread on the ledger in folder/state, delivering to folder/out."""

    def __init__(
        self,
        folder: Path,
        at: Position = Position(0, 0),  # noqa: B008 - frozen
        *,
        sink: str = FILE_SINK,
        codec: str | None = LINES,
        options: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        self.out = folder / "out"
        given = {"file": str(self.out)} if options is None else dict(options)
        made = SinkSettings(name="s", options=given, **settings)  # type: ignore[arg-type]
        self.reports = threading.Event()
        self.orders = Orders("s", at, paused=False, on_change=self.reports.set)
        delivery = Delivery(
            PlacedSink(settings=made, sink=sink, codec=codec),
            state=folder / "state",
            host="h",
            networks=(),
            wall_ns=time.time_ns,
            pause=self.orders.pause,
        )
        supply = Supply(folder / "state", "h", Chooser(made))
        now = made.begin == "now"
        self.worker = Worker(made, self.orders, supply, delivery, begin_now=now)

    def rows(self) -> list[dict[str, Any]]:
        return (
            [json.loads(x) for x in self.out.read_text().splitlines()] if self.out.exists() else []
        )

    def until(self, true: Callable[[], bool], secs: float = 10.0) -> None:
        assert wait_for(true, secs) is not None, self.worker.health.word(0, None)

    def __enter__(self) -> Self:
        self.worker.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.orders.stop()
        self.worker.thread.join(5)
        assert not self.worker.thread.is_alive()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "state")
    yield made
    made.close(stamp(9))


def beats(store: Store, count: int, mark: str = "") -> None:
    store.commit(stamp(1), [], [], [Record("heartbeat", {"n": n, "m": mark}) for n in range(count)])


def test_a_limit_holds_back_all_but_what_is_critical(tmp_path: Path, store: Store) -> None:
    beats(store, 20)
    raised = AlertChange("alert.raised", alert(1, severity="critical", title="Now"))
    store.commit(stamp(1), [], [raised])
    beats(store, 5)
    with Life(tmp_path, per_minute=1, burst=3) as life:
        life.until(lambda: any(row["title"] == "Now" for row in life.rows()))
        assert [row["title"] for row in life.rows()].index("Now") == 3
        assert life.worker.health.limited_since_mono_ns is not None
        assert life.orders.position.seq < 10


def test_what_went_before_its_turn_does_not_go_again(tmp_path: Path, store: Store) -> None:
    beats(store, 5)
    raised = AlertChange("alert.raised", alert(1, severity="critical", title="Now"))
    store.commit(stamp(1), [], [raised])
    beats(store, 5)
    end = store.head.seq
    with Life(tmp_path, per_minute=600, burst=2) as life:
        life.until(lambda: life.orders.position.seq == end)
        assert [row["title"] for row in life.rows()].count("Now") == 1
        assert {row["seq"] for row in life.rows()} == set(range(1, end + 1))


def test_a_new_sink_may_begin_with_what_comes(tmp_path: Path, store: Store) -> None:
    beats(store, 5, "old")
    with Life(tmp_path, begin="now") as life:
        life.until(lambda: life.orders.position.seq > 0)
        beats(store, 3, "new")
        life.orders.wake()
        life.until(lambda: life.orders.position.seq == store.head.seq)
        assert {row["data"].get("m") for row in life.rows()} <= {"new", None}
        assert [row["data"].get("m") for row in life.rows()].count("new") == 3


def test_a_sink_that_cannot_be_made_says_why_and_is_tried_again(
    tmp_path: Path, store: Store
) -> None:
    beats(store, 1)
    with Life(tmp_path, options={"nonsense": "x"}) as life:
        life.until(lambda: life.worker.health.failures > 0)
        state, why = life.worker.health.state(time.monotonic_ns())
        assert (state, "nonsense" in why) == ("degraded", True)
        assert life.orders.position == Position(0, 0)


class _BrokenCodec:
    name = "broken"

    def encode(self, entry: object) -> bytes:
        if getattr(entry, "seq", 0) == 3:
            raise RuntimeError("a bug")
        return json.dumps({"seq": getattr(entry, "seq", 0)}).encode()


def test_an_entry_the_codec_fails_on_is_a_dead_letter_and_the_others_go_on(
    tmp_path: Path, store: Store
) -> None:
    beats(store, 6)
    with Life(tmp_path, codec=f"{__name__}:_BrokenCodec") as life:
        life.until(lambda: life.orders.position.seq == store.head.seq)
        (letter,) = life.orders.word(SinkHealth()).letters
        assert (letter.seq, "a bug" in letter.why) == (3, True)
        assert 3 not in {row["seq"] for row in life.rows()}
        assert {2, 4} <= {row["seq"] for row in life.rows()}


def test_a_refused_word_on_the_sinks_own_trouble_makes_no_new_trouble(
    tmp_path: Path, store: Store
) -> None:
    store.commit(stamp(1), [], [], [Record("sink.health", {"sink": "s", "state": "stale"})])
    (tmp_path / "out.refuse").write_text("sink.health")
    with Life(tmp_path) as life:
        life.until(lambda: life.orders.position.seq == store.head.seq)
        assert life.orders.word(SinkHealth()).letters == ()
        assert life.worker.health.own_refused == 1


def test_a_thread_waits_when_the_engine_stores_no_dead_letters(
    tmp_path: Path, store: Store
) -> None:
    beats(store, MAX_WAITING + 10)
    life = Life(tmp_path)
    keys: tuple[Key, ...] = tuple(("record", seq) for seq in range(1, MAX_WAITING + 1))
    life.orders.take(AskSink("s", "letters", keys))
    with life:
        life.until(lambda: life.orders.full)
        waiting = len(life.orders.word(SinkHealth()).delivered)
        assert waiting == MAX_WAITING
        life.orders.kept()
        life.until(lambda: life.orders.position.seq == store.head.seq)


def test_an_erased_record_goes_without_its_content(tmp_path: Path, store: Store) -> None:
    beats(store, 3)
    store._live().connection.execute("UPDATE ledger SET body = NULL, salt = NULL WHERE seq = 2")
    with Life(tmp_path) as life:
        life.until(lambda: life.orders.position.seq == store.head.seq)
        assert life.rows()[1]["data"] == {"erased": "True"}


def test_a_record_that_cannot_be_decoded_goes_all_the_same(tmp_path: Path, store: Store) -> None:
    beats(store, 3)
    store._live().connection.execute("UPDATE ledger SET body = x'ff' WHERE seq = 2")
    with Life(tmp_path) as life:
        life.until(lambda: life.orders.position.seq == store.head.seq)
        assert "undecodable" in life.rows()[1]["data"]


class Swallower:
    """Takes entries, holds them, and loses all of them at each third call."""

    name = "s"

    def __init__(self) -> None:
        self.held: int | None = None
        self.calls = 0
        self.is_well = False

    def open(self) -> None:
        self.held = None

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        self.held = parcels[0].entry.seq if self.held is None else self.held
        self.calls += 1
        if self.is_well:
            self.held = None
        elif self.calls % 3 == 0:
            fault = SinkAway("nobody signs")
            fault.undone = True
            raise fault

    def holding(self) -> Mapping[str, int]:
        return {} if self.held is None else {"record": self.held}

    def idle(self, mono_ns: int) -> None:
        """Nothing is due."""

    def close(self) -> None:
        """Nothing is open."""


def test_a_sink_that_takes_entries_and_never_delivers_them_becomes_unhealthy(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinair.sinks.backoff.FIRST_SECS", 0.001)
    beats(store, 50)
    sink = Swallower()
    with Life(tmp_path, batch=1) as life:
        life.worker._delivery._sink = sink

        def state() -> str:
            return life.worker.health.state(time.monotonic_ns())[0]

        life.until(lambda: state() == "unhealthy")
        calls = sink.calls
        life.until(lambda: sink.calls > calls)
        assert state() == "unhealthy"  # what it took meanwhile says nothing
        sink.is_well = True
        life.until(lambda: state() == "healthy")
        life.until(lambda: life.orders.word(SinkHealth()).position.seq == store.head.seq)


def test_what_a_sink_holds_is_given_but_not_sure_until_a_person_asks(
    tmp_path: Path, store: Store
) -> None:
    (tmp_path / "out.hold").touch()
    beats(store, 5)
    end = store.head.seq
    health = SinkHealth()
    with Life(tmp_path) as life:
        life.until(lambda: life.orders.word(health).given == Position(end, 0))
        assert life.orders.word(health).position == Position(0, 0)
        life.orders.take(AskSink("s", "try"))
        life.until(lambda: life.orders.word(health).position == Position(end, 0))
        beats(store, 1)
        life.orders.wake()
        life.until(lambda: life.orders.word(health).given == Position(end + 1, 0))
        assert life.orders.word(health).position == Position(end, 0)


def test_who_waits_for_a_flush_is_not_told_of_what_is_only_held(
    tmp_path: Path, store: Store
) -> None:
    (tmp_path / "out.hold").touch()
    beats(store, 5)
    health = SinkHealth()
    with Life(tmp_path) as life:
        life.until(lambda: len(life.rows()) == store.head.seq)
        (tmp_path / "out.away").touch()
        life.orders.take(AskSink("s", "try"))
        life.until(lambda: life.worker.health.failures > 0)
        assert life.orders.word(health).given == Position(0, 0)
        (tmp_path / "out.away").unlink()
        life.orders.take(AskSink("s", "try"))
        life.until(lambda: life.orders.word(health).position == Position(store.head.seq, 0))
