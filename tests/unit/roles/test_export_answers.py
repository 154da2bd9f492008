"""What the engine takes as an order, and what of an export it signs, on a real record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import PermissionFault, StorageFault, UsageFault
from sentinair.ipc.messages import AskExport, ExportWord, GiveUpExport, Welcome
from sentinair.ipc.sockets import Peer
from sentinair.model.export import Exported
from sentinair.roles.engine import exports as orders
from sentinair.roles.engine.export_answers import ExportAnswers
from sentinair.sinks.export.manifest import ExportManifest, Sealed
from sentinair.store.read import Reader
from sentinair.store.verify.report import verify
from tests.unit.roles.engine_bed import Bed, stamp
from tests.unit.roles.engine_bed import Peer as End

ME = Peer(pid=os.getpid(), uid=os.geteuid(), gid=os.getegid())
WANTED = {"codec": "ndjson", "severity": ["high"]}
EXPORTED: dict[str, object] = {
    "file": "sentinair_alerts_1700000000.ndjson", "count": 2, "bytes": 10, "sha256": "a" * 64,
    "first": 1, "last": 3, "made_ns": 1_700_000_000_000_000_000,
}  # fmt: skip


class Desk:
    def __init__(self, folder: Path) -> None:
        self.bed = Bed(folder / "state")
        self.answers = ExportAnswers(lambda: self.bed.spine, stamp)
        for number in range(5):
            self.bed.commits.record("rescan.asked", {"path": f"{number:02x}", "by": "test"})
        assert self.bed.commits.commit()

    def forwarder(self) -> End:
        end = self.bed.connect("forwarder")
        end.hello()
        return end

    def order(self, **wanted: object) -> str:
        answer = self.answers.begin(ME, {"wanted": {**WANTED, **wanted}})
        assert isinstance(answer, dict)
        return str(answer["id"])

    def look(self, order_id: str) -> ExportWord:
        word = self.answers.look(ME, {"id": order_id})
        return msgspec.convert(msgspec.to_builtins(word), ExportWord)

    def seal(self, peer: Peer = ME, **params: object) -> Sealed:
        answer = self.answers.seal(peer, {"exported": EXPORTED, **params})
        return msgspec.convert(msgspec.to_builtins(answer), Sealed)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.bed.close()


def test_an_order_goes_to_the_forwarder_and_its_words_come_back(desk: Desk) -> None:
    end = desk.forwarder()
    order_id = desk.order()
    (asked,) = end.heard()
    assert isinstance(asked, AskExport)
    assert (asked.id, asked.wanted.severity, asked.begun) == (order_id, ("high",), False)
    assert desk.look(order_id).state == "waiting"
    end._say(ExportWord(order_id, "running", 7, 9))
    assert (desk.look(order_id).count, desk.look(order_id).whole) == (7, 9)
    sealed = desk.seal(id=order_id)
    manifest = msgspec.json.decode(sealed.signed, type=ExportManifest)
    assert (manifest.writer, manifest.wanted.severity) == ("forwarder", ("high",))
    exported = msgspec.convert(EXPORTED, Exported)
    end._say(ExportWord(order_id, "done", 2, 2, exported=exported))
    assert desk.look(order_id).exported == exported
    with pytest.raises(UsageFault, match="over"):
        desk.seal(id=order_id)


def test_an_end_that_was_never_signed_is_a_failure(desk: Desk) -> None:
    end = desk.forwarder()
    order_id = desk.order()
    exported = msgspec.convert(EXPORTED, Exported)
    end._say(ExportWord(order_id, "done", 2, 2, exported=exported))
    assert "nothing like it was signed" in desk.look(order_id).why


def test_a_forwarder_that_comes_back_is_told_what_was_begun(desk: Desk) -> None:
    end = desk.forwarder()
    order_id = desk.order()
    other = desk.order()
    end._say(ExportWord(order_id, "running", 7, 9))
    end.hang_up()
    welcome: Welcome = desk.bed.connect("forwarder", b"run-0002").hello()
    assert [(one.id, one.begun) for one in welcome.exports] == [(order_id, True), (other, False)]


def test_more_orders_than_can_wait_are_refused(desk: Desk) -> None:
    desk.forwarder()
    given = [desk.order() for _ in range(orders.MAX_UNFINISHED)]
    with pytest.raises(UsageFault, match="4 exports are under way; wait"):
        desk.order()
    desk.answers.give_up(ME, {"id": given[0]})
    assert desk.look(given[0]).why == "it was given up"
    desk.order()


def test_what_is_given_up_is_told_to_the_forwarder(desk: Desk) -> None:
    end = desk.forwarder()
    order_id = desk.order()
    end.heard()
    desk.answers.give_up(ME, {"id": order_id})
    assert end.heard() == [GiveUpExport(order_id)]
    end._say(ExportWord(order_id, "running", 7, 9))  # said before it heard
    assert desk.look(order_id).state == "failed"


def test_a_silent_forwarder_is_not_waited_for_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.forwarder()
    order_id = desk.order()
    monkeypatch.setattr(orders, "SILENT_NS", -1)
    assert "has not spoken of it for" in desk.look(order_id).why


def test_the_last_ends_are_remembered_and_no_more(desk: Desk) -> None:
    desk.forwarder()
    given = [desk.order()]
    for _ in range(orders.MAX_FINISHED + 2):
        desk.answers.give_up(ME, {"id": given[-1]})
        given.append(desk.order())
    with pytest.raises(StorageFault, match="knows nothing of this export"):
        desk.look(given[0])
    assert desk.look(given[-2]).state == "failed"


def test_without_a_forwarder_there_is_nobody_to_ask(desk: Desk) -> None:
    with pytest.raises(StorageFault, match="the forwarder is not running"):
        desk.order()


@pytest.mark.parametrize(
    "wanted",
    [
        {"codec": "doc"},
        {"codec": "csv", "what": "events"},
        {"severity": ["huge"]},
        {"kind": ["file"]},
        {"status": ["open"], "what": "events"},
        {"limit": -1},
        {"source": ["x"] * 100},
        {"since_ns": 1 << 70},
        {"path": "x"},
    ],
    ids=str,
)
def test_what_cannot_be_wanted_is_refused(desk: Desk, wanted: dict[str, object]) -> None:
    desk.forwarder()
    with pytest.raises(UsageFault):
        desk.order(**wanted)


def test_a_commands_export_is_signed_as_its_callers_word_and_recorded(desk: Desk) -> None:
    manifest = msgspec.json.decode(desk.seal(wanted=WANTED).signed, type=ExportManifest)
    assert (manifest.writer, manifest.by.split()[1]) == ("command", str(os.geteuid()))
    with Reader.open(desk.bed.state) as reader:
        (record,) = reader.records("export.signed")
        before = next(iter(reader.records(since_seq=manifest.head_seq, limit=1)))
    assert before.link.hex() == manifest.head_link
    assert isinstance(record.data, dict)
    assert record.data["exported"]["sha256"] == "a" * 64
    assert (record.data["writer"], record.data["by"]) == ("command", manifest.by)
    assert verify(desk.bed.state, processes=1).findings == ()


@pytest.mark.parametrize(
    "said",
    [
        {"count": 4},
        {"last": 10**6},
        {"first": 4},
        {"first": None},
        {"first": None, "last": None},
        {"count": 0},
        {"count": -1},
        {"sha256": "x"},
        {"file": "../sentinair_alerts_1.csv"},
        {"file": "sentinair_alerts_1.csv\n"},
        {"file": "sentinair_events_1.ndjson"},
        {"more": 1},
    ],
    ids=str,
)
def test_what_the_record_cannot_hold_is_not_signed(desk: Desk, said: dict[str, object]) -> None:
    with pytest.raises(UsageFault):
        desk.seal(exported={**EXPORTED, **said}, wanted=WANTED)
    assert desk.bed.records("export.signed") == []


def test_an_empty_export_and_no_more_than_was_wanted_is_signed(desk: Desk) -> None:
    nothing = {**EXPORTED, "count": 0, "first": None, "last": None}
    assert desk.seal(exported=nothing, wanted=WANTED).seal.epoch >= 0
    with pytest.raises(UsageFault, match="more than the 1"):
        desk.seal(wanted={**WANTED, "limit": 1})


def test_nobody_but_the_forwarder_has_its_orders_signed(desk: Desk) -> None:
    desk.forwarder()
    order_id = desk.order()
    other = Peer(pid=ME.pid + 1, uid=ME.uid, gid=ME.gid)
    with pytest.raises(PermissionFault, match="only the forwarder"):
        desk.seal(other, id=order_id)
    with pytest.raises(PermissionFault, match="sentinair-admin"):
        desk.seal(Peer(pid=1, uid=3_999_999, gid=1), wanted=WANTED)
