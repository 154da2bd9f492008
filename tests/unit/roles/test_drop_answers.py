"""What the engine signs for a drop, and what it does not, on a real record."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import PermissionFault, StorageFault, UsageFault
from sentinair.ipc.sockets import Peer
from sentinair.model.entry import Entry
from sentinair.roles.engine.drop_answers import DropAnswers, may_sign
from sentinair.sinks.drop.check.lines import judge
from sentinair.sinks.drop.manifest import Certificate, Manifest, Seal, encoded
from sentinair.sinks.drop.segment import Limits
from sentinair.sinks.drop.sink import DropSink
from sentinair.store.read import Reader
from sentinair.store.verify.report import verify
from tests.harness.drops import LineCodec, SteadyClock, parcels
from tests.unit.roles.engine_bed import Bed

ME = Peer(pid=os.getpid(), uid=os.geteuid(), gid=os.getegid())


class Desk:
    """A bed, and a drop that it signs."""

    def __init__(self, folder: Path) -> None:
        self.bed = Bed(folder / "state")
        self.answers = DropAnswers(lambda: self.bed.spine, folder / "state")
        self.folder = folder
        (folder / "drop").mkdir(exist_ok=True)
        self.asked: list[dict[str, object]] = []
        self.clock = SteadyClock()
        self.sink = DropSink(
            "siem",
            folder / "drop",
            LineCodec(),
            self,
            self.clock,
            folder / "memory",
            limits=Limits(segment_count=5),
            complete=True,
        )
        self.sink.open()

    def sign(self, signed: bytes, runs: Sequence[tuple[int, int]]) -> Seal:
        self.asked.append({"signed": signed.decode(), "runs": [list(run) for run in runs]})
        return self.ask(self.asked[-1])

    def ask(self, params: dict[str, object]) -> Seal:
        answer = msgspec.msgpack.encode(self.answers.sign(ME, params))
        return msgspec.msgpack.decode(answer, type=Seal)

    def certificates(self, chain: str, after: int) -> Sequence[Certificate]:
        answer = self.answers.certificates(ME, {"chain": chain, "after": after})
        return msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=list[Certificate])

    def entries(self, since: int = 1) -> list[Entry]:
        """All records of the ledger, as a forwarder reads them."""
        with Reader.open(self.bed.state) as reader:
            return [
                Entry(
                    host="host",
                    chain=self.bed.store.chain,
                    stream="record",
                    seq=record.seq,
                    kind=record.kind,
                    time_ns=record.stamp.time_ns,
                    version="1",
                    link=record.link.hex(),
                )
                for record in reader.records(since_seq=since, limit=1000)
            ]

    def grow(self, count: int = 20) -> None:
        for number in range(count):
            self.bed.commits.record("rescan.asked", {"path": f"{number:02x}", "by": "test"})
        assert self.bed.commits.commit()

    def deliver(self) -> None:
        self.sink.deliver(parcels(self.entries(), LineCodec()))

    def changed(self, **said: object) -> dict[str, object]:
        """The last manifest that was signed, with other words."""
        held = msgspec.json.decode(str(self.asked[-1]["signed"]), type=Manifest)
        signed = encoded(msgspec.structs.replace(held, **said)).decode()
        return {**self.asked[-1], "signed": signed}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.grow()
    yield made
    made.sink.close()
    made.bed.close()


def test_a_drop_of_the_real_record_is_verified_and_each_signature_is_a_record(desk: Desk) -> None:
    desk.deliver()
    state = desk.bed.state
    drop = judge(str(desk.folder / "drop"), str(state / "keys" / "enrolment.pub"))
    assert drop.ok, drop.findings
    assert drop.lines[0].segments == len(desk.asked) > 3
    signed = desk.bed.records("manifest.signed")
    assert len(signed) == len(desk.asked)
    assert {"first", "last", "sha256", "previous", "by", "epoch"} <= set(signed[0])  # type: ignore[call-overload]
    assert verify(state, processes=1).findings == ()


def test_a_drop_goes_on_over_restarts_of_the_engine(desk: Desk) -> None:
    desk.deliver()
    for _ in range(2):
        desk.bed.close()
        desk.bed = Bed(desk.folder / "state")
        desk.grow()
        desk.deliver()
    key = desk.folder / "state" / "keys" / "enrolment.pub"
    drop = judge(str(desk.folder / "drop"), str(key))
    assert drop.ok, drop.findings
    assert desk.bed.store.ring.epoch == 2


def test_a_heartbeat_is_signed_for_what_is_in_the_ledger_only(desk: Desk) -> None:
    desk.deliver()
    for _ in range(2):  # what it still holds goes first
        desk.clock.pass_secs(61)
        desk.sink.idle(desk.clock.mono)
    assert "heartbeat" in str(desk.asked[-1]["signed"])
    link = str(msgspec.json.decode(str(desk.asked[-1]["signed"]))["heads"][0]["link"])
    forged = str(desk.asked[-1]["signed"]).replace(link, "0" * 64)
    with pytest.raises(UsageFault, match="does not hold record"):
        desk.ask({"signed": forged, "runs": []})


@pytest.mark.parametrize(
    "said",
    [
        {"count": 4},
        {"last": 10**6},
        {"first": 1},
        {"links": "0" * 64},
        {"link": None},
        {"chain": "0" * 32},
        {"stream": "event"},
    ],
    ids=str,
)
def test_what_the_ledger_does_not_bear_out_is_not_signed(
    desk: Desk, said: dict[str, object]
) -> None:
    desk.deliver()
    before = len(desk.bed.records("manifest.signed"))
    with pytest.raises(UsageFault):
        desk.ask(desk.changed(**said))
    assert len(desk.bed.records("manifest.signed")) == before


def test_a_complete_segment_may_leave_nothing_out(desk: Desk) -> None:
    desk.deliver()
    runs = [[6, 7], [9, 10]]
    with pytest.raises(UsageFault, match="leaves nothing out"):
        desk.ask({**desk.changed(first=6, last=10, count=4), "runs": runs})


@pytest.mark.parametrize(
    "runs",
    [[[2, 1]], [[3, 4], [4, 5]], [[0, 5]], "x", [[1]], [[1, 10**9]], [[1, 1 << 63]]],
    ids=str,
)
def test_runs_that_are_none_are_refused(desk: Desk, runs: object) -> None:
    desk.deliver()
    with pytest.raises(UsageFault, match="runs"):
        desk.ask({**desk.asked[-1], "runs": runs})


@pytest.mark.parametrize(
    "signed", ["", "[]", "{}", '{"format":"x"}', '{"format":"sentinair drop 1"}', "[" * 10**5]
)
def test_what_is_no_manifest_is_not_signed(desk: Desk, signed: str) -> None:
    with pytest.raises(UsageFault):
        desk.ask({"signed": signed, "runs": []})


def test_another_spelling_of_a_manifest_is_not_signed(desk: Desk) -> None:
    desk.deliver()
    signed = str(desk.asked[-1]["signed"])
    for other in (signed.replace(":", ": ", 1), signed[:-1] + ',"last":7}'):
        with pytest.raises(UsageFault, match="as this version writes them"):
            desk.ask({**desk.asked[-1], "signed": other})


def test_events_are_signed_for_up_to_the_newest_one(desk: Desk) -> None:
    desk.deliver()
    event = {"stream": "event", "link": None, "links": None, "first": 1, "last": 5, "count": 5}
    assert desk.bed.store.last_event_id == 0
    with pytest.raises(UsageFault, match="no 5 such events"):
        desk.ask({**desk.changed(**event), "runs": []})


def test_nothing_is_signed_while_the_record_takes_no_writes(desk: Desk) -> None:
    def broken() -> None:
        raise StorageFault("full")

    desk.answers._spine = broken  # type: ignore[assignment]
    with pytest.raises(StorageFault):
        desk.ask({"signed": "{}", "runs": []})


def test_only_the_forwarder_and_administrators_may_ask(desk: Desk) -> None:
    nobody = Peer(pid=1, uid=pwd.getpwnam("nobody").pw_uid, gid=65534)
    assert not may_sign(nobody)
    assert not may_sign(Peer(pid=1, uid=3_999_999, gid=1))
    assert may_sign(Peer(pid=1, uid=0, gid=0))
    for method in (desk.answers.sign, desk.answers.certificates):
        with pytest.raises(PermissionFault, match="sentinair-admin"):
            method(nobody, {})


@pytest.mark.parametrize(
    ("name", "may"),
    [("sentinair-fwd", True), ("sentinair-api", False), ("sentinair-sensor", False)],
)
def test_roles_are_told_apart_by_their_users(name: str, may: bool) -> None:
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        pytest.skip(f"there is no user {name} here")
    assert may_sign(Peer(pid=1, uid=uid, gid=uid)) is may
