"""Verifying: what an honest ledger passes and what each kind of tampering trips over."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import DataFault, StorageFault
from sentinair.model.record import Stamp
from sentinair.store.access import open_read_only
from sentinair.store.chain import GENESIS, Head, build, leaf_of, link_of
from sentinair.store.events import LaneKey
from sentinair.store.verify import helper as verify_helper
from sentinair.store.verify import tasks as verify_tasks
from sentinair.store.verify.batches import Batches
from sentinair.store.verify.plan import make_plan
from sentinair.store.verify.report import Report, verify
from sentinair.store.verify.tasks import perform_all
from tests.harness.ledgers import LedgerMaker


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory with a past that retention took."""
    state = tmp_path_factory.mktemp("verify") / "state"
    maker = LedgerMaker(state)
    maker.unsafe_but_fast()
    maker.mixed(150)
    maker.commit(alerts=maker.resolved(8))
    maker.forget()
    maker.mixed(150)
    maker.close()
    yield state


@pytest.fixture
def state(honest: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return shutil.copytree(honest, tmp_path / "state")


def change(state: Path, *statements: str) -> Report:
    """What verify says after these statements; the search index is left alone."""
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return verify(state)


def says(report: Report) -> str:
    return "\n".join(f"{finding.where}: {finding.what}" for finding in report.findings)


def test_an_honest_ledger_passes_and_tells_where_it_ends(honest: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = verify(honest, progress=lambda read, total: seen.append((read, total)))
    assert report.ok
    assert report.exit_status == 0
    assert report.first_bad is None
    assert report.head.seq == report.checkpoint_seq
    assert report.unsigned == 0
    assert report.events > 100
    assert seen[-1] == (report.head.seq, report.head.seq)
    assert [(seq, chain) for seq, chain, _ in report.chains] == [(1, report.chain)]


def test_a_commit_that_only_moved_a_lane_is_no_finding(tmp_path: Path) -> None:
    maker = LedgerMaker(tmp_path / "state")
    lane = LaneKey("sensor", b"run-0001", "bulk")
    for position in range(3):
        maker.mixed(5)
        maker.store.commit(maker.stamp(), (), (), (), {lane: position + 1}, ())
        maker.mixed(1)
    maker.close()
    report = verify(tmp_path / "state")
    assert says(report) == ""


def test_a_public_key_held_elsewhere_is_enough(honest: Path, tmp_path: Path) -> None:
    key = tmp_path / "copy.pub"
    shutil.copyfile(honest / "keys" / "enrolment.pub", key)
    assert verify(honest / "ledger.db", key).ok


def test_a_ledger_of_somebody_else_does_not_pass_under_my_key(honest: Path, tmp_path: Path) -> None:
    key = tmp_path / "other.pub"
    key.write_text(base64.b64encode(bytes(range(32))).decode() + " mine\n", "utf-8")
    report = verify(honest, key)
    assert report.exit_status == 1
    assert report.first_bad == 1
    assert "not among the given ones" in says(report)


def test_without_ledger_or_key_there_is_one_clear_fault(honest: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match="--public-key"):
        verify(tmp_path / "none.db")
    with pytest.raises(StorageFault, match="no ledger"):
        verify(tmp_path / "none.db", honest / "keys" / "enrolment.pub")
    (tmp_path / "bad.pub").write_text("?\n", "utf-8")
    with pytest.raises(DataFault):
        verify(honest, tmp_path / "bad.pub")


@pytest.mark.parametrize(
    ("statement", "where", "what"),
    [
        ("UPDATE ledger SET time = time + 1 WHERE seq = 300", "record 300", "columns"),
        ("UPDATE ledger SET mono = mono + 0.5 WHERE seq = 300", "record 300", "columns"),
        ("UPDATE ledger SET boot = 'x' WHERE seq = 300", "record 300", "columns"),
        ("UPDATE ledger SET salt = zeroblob(16) WHERE seq = 300", "record 300", "hashed"),
        ("UPDATE ledger SET salt = 'text' WHERE seq = 300", "record 300", "wrong type"),
        ("UPDATE ledger SET body = NULL WHERE seq = 300", "record 300", "wrong type"),
        ("UPDATE ledger SET leaf = zeroblob(32) WHERE seq = 300", "record 300", "hashed"),
        ("UPDATE ledger SET link = zeroblob(32) WHERE seq = 300", "record 300", "follow"),
        ("UPDATE ledger SET link = 'x' WHERE seq = 300", "record 300", "follow"),
        ("DELETE FROM ledger WHERE seq = 300", "record 300", "missing"),
        ("DELETE FROM ledger WHERE seq = 1", "record 1", "missing"),
        ("UPDATE ledger SET seq = 100000 WHERE seq = 300", "record 300", "missing"),
        ("DELETE FROM events WHERE id = (SELECT max(id) - 5 FROM events)", "record", "rows are there"),
        ("UPDATE events SET time = time + 1 WHERE id = (SELECT max(id) - 5 FROM events)", "record", "not what"),
        ("INSERT INTO events SELECT max(id) + 1, 1, 1, 1, 1, NULL, x'00' FROM events", "table events", "holds"),
        ("UPDATE processes SET body = x'00' WHERE id = (SELECT max(id) FROM processes)", "record", "not what"),
        ("DELETE FROM processes WHERE id = (SELECT max(id) FROM processes)", "record", "rows are there"),
        ("INSERT INTO processes VALUES(99999, 1, x'00')", "table processes", "holds"),
        ("UPDATE files SET event = event + 1", "table files", "summed"),
        ("DELETE FROM gaps WHERE restored IS NULL", "table gaps", "missing"),
        ("UPDATE gaps SET lost = 0", "table gaps", "not what the ledger says"),
        ("UPDATE streams SET count = count + 1", "table streams", "not what"),
        ("UPDATE streams SET source = 'x' WHERE id = 1", "table streams", "not what"),
        ("INSERT INTO streams VALUES(9, 'file', 'x', 0, 0)", "table streams", "not what"),
        ("UPDATE lanes SET committed = committed - 1 WHERE id = 1", "table lanes", "not what"),
        ("DELETE FROM lanes", "table lanes", "missing"),
        ("UPDATE shelves SET count = 0", "table alerts", "shelves"),
        ("UPDATE shelves SET category = 'x' WHERE count = 0", "table alerts", "shelves"),
        ("UPDATE alerts SET time = time + 1", "table alerts", "columns"),
        ("UPDATE alerts SET body = replace(body, 'root', 'toor')", "table alerts", "not what record"),
        ("UPDATE alerts SET seq = 3", "table alerts", "its last record"),
        ("DELETE FROM alerts WHERE number = (SELECT max(number) FROM alerts)", "table alerts", "alerts, the ledger"),
        ("DELETE FROM meta", "table files", "summed"),
        ("INSERT INTO meta VALUES('x', x'00')", "table files", "does not belong"),
        ("CREATE TRIGGER t AFTER INSERT ON ledger BEGIN SELECT 1; END", "schema", "does not belong"),
        ("DROP INDEX ledger_kind", "schema", "missing or changed"),
        ("PRAGMA user_version=7", "schema", "version 7"),
        ("PRAGMA application_id=7", "schema", "0x7"),
        ("INSERT INTO alert_search(rowid, text) VALUES(77777, 'ghost')", "search index", "ghost"),
        ("DELETE FROM alert_search_data WHERE id > 10", "search index", ""),
        ("UPDATE alert_search_config SET v = 9", "search index", ""),
        (
            "UPDATE alert_search_data SET block = CAST(x'00000100' || substr(block, 5) AS BLOB) WHERE id = 10",
            "search index",
            "segments",
        ),
        (
            "UPDATE alert_search_data SET block = substr(block, 1, 4) || x'ffffffffffff7f' WHERE id = 10",
            "search index",
            "",
        ),
    ],
)  # fmt: skip
def test_what_was_changed_is_found_and_named(
    state: Path, statement: str, where: str, what: str
) -> None:
    report = change(state, statement)
    assert report.exit_status == 1
    found = [f for f in report.findings if f.where.startswith(where) and what in f.what]
    assert found, says(report)


def test_the_first_bad_record_is_named(state: Path) -> None:
    report = change(state, "UPDATE ledger SET time = 0 WHERE seq IN (400, 290)")
    assert report.first_bad == 290


def rewrite(state: Path, seq: int, edit: Callable[[str], str]) -> None:
    """What a forger without key can do: change one body and make the chain fit again from there to the head."""
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        link = GENESIS
        for at, salt, body, leaf, stored in connection.execute(
            "SELECT seq, salt, body, leaf, link FROM ledger ORDER BY seq"
        ).fetchall():
            if at < seq:
                link = stored
                continue
            forged = edit(body.decode()).encode() if at == seq else body
            hashed = leaf if forged is None or at != seq else leaf_of(salt, forged)
            link = link_of(link, hashed)
            row = (forged, hashed, link, at)
            connection.execute("UPDATE ledger SET body = ?, leaf = ?, link = ? WHERE seq = ?", row)
        connection.execute("COMMIT")


def last_of(state: Path, kind: str) -> int:
    with closing(sqlite3.connect(state / "ledger.db")) as connection:
        query = "SELECT max(seq) FROM ledger WHERE kind = ? AND body IS NOT NULL"
        (seq,) = connection.execute(query, (kind,)).fetchone()
    return int(seq)


def test_a_rewritten_past_with_a_fitting_chain_fails_at_the_next_seal(state: Path) -> None:
    seq = last_of(state, "heartbeat")
    rewrite(state, seq, lambda body: body.replace('"alerts":', '"alerts":9'))
    report = verify(state)
    assert report.first_bad is not None
    assert report.first_bad > seq
    assert "seals another place" in says(report)


@pytest.mark.parametrize(
    ("kind", "old", "new", "what"),
    [
        ("checkpoint", '"counters":{', '"counters":{"x":1,', "not made with its epoch's key"),
        ("checkpoint", '"epoch":', '"epoch":7', "the current one is"),
        ("checkpoint", '"previous_checkpoint":"', '"previous_checkpoint":"0', "does not name"),
        ("checkpoint", '"counters"', '"kounters"', "is no checkpoint record"),
        ("epoch", '"public_key":"', '"public_key":"x', "is no epoch record"),
        ("epoch", '"epoch":', '"epoch":5', "does not follow"),
        ("epoch", '"signature":"', '"signature":"zz', "not signed by its predecessor"),
        ("retention", '"count":', '"count":1', "what it says was deleted"),
        ("retention", '"upto":', '"upto":99999', "are gone, after"),
        ("events.batch", '"lanes":', '"lane":', "is no events.batch record"),
        ("events.batch", '"count":', '"count":1', "counts"),
        ("events.batch", '"first":', '"first":1', "follows the batch before"),
        ("alert.updated", '"status":', '"statis":', "is no alert record"),
        ("gap", '"source":', '"sauce":', "cannot be read"),
    ],
)
def test_a_forged_record_of_each_kind_is_found(
    state: Path, kind: str, old: str, new: str, what: str
) -> None:
    seq = last_of(state, kind)
    if kind == "retention":
        with closing(sqlite3.connect(state / "ledger.db")) as connection:
            query = "SELECT max(seq) FROM ledger WHERE kind = ? AND body -> '$.data.upto' <> 'null'"
            (seq,) = connection.execute(query, (kind,)).fetchone()
    rewrite(state, seq, lambda body: body.replace(old, new, 1))
    report = verify(state)
    assert what in says(report)


def test_erasure_without_a_retention_record_is_found(state: Path) -> None:
    seq = last_of(state, "alert.raised")
    report = change(state, f"UPDATE ledger SET salt = NULL, body = NULL WHERE seq = {seq}")
    assert "no retention record says so" in says(report)
    seq = last_of(state, "checkpoint")
    report = change(state, f"UPDATE ledger SET salt = NULL, body = NULL WHERE seq = {seq}")
    assert "is never erased" in says(report)
    seq = last_of(state, "events.batch")
    assert (
        change(state, f"UPDATE ledger SET salt = NULL, body = NULL WHERE seq = {seq}").exit_status
        == 1
    )


def test_the_columns_of_an_erased_record_cannot_be_changed(state: Path) -> None:
    report = change(
        state,
        "UPDATE ledger SET time = time + 1 WHERE seq = (SELECT max(seq) FROM ledger WHERE body IS NULL)",
    )
    assert "not those it had" in says(report)
    report = change(state, "UPDATE ledger SET body = x'00', salt = x'00' WHERE body IS NULL")
    assert "retention erased it" in says(report)


def test_an_index_that_hides_a_retention_record_is_found(state: Path) -> None:
    report = change(state, "UPDATE ledger SET kind = 'heartbeat' WHERE kind = 'retention'")
    assert report.exit_status == 1


def test_a_cut_tail_shows_in_the_head_only(state: Path) -> None:
    seq = last_of(state, "checkpoint")
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM ledger WHERE seq = ?", (seq,))
    report = verify(state)
    assert report.ok
    assert report.head.seq == seq - 1
    assert report.unsigned > 0


def test_a_missing_signing_key_begins_a_chain_that_verifies_with_both_keys(state: Path) -> None:
    first = (state / "keys" / "enrolment.pub").read_text("utf-8")
    (state / "keys" / "epoch").unlink()
    maker = LedgerMaker(state, start_ns=1_800_000_000_000_000_000)
    maker.commit(records=[maker.heartbeat()])
    maker.close()
    report = verify(state)
    assert report.ok, says(report)
    assert len(report.chains) == 2
    assert report.chain == report.chains[1][1]
    key = state / "first.pub"
    key.write_text(first, "utf-8")
    report = verify(state, key)
    assert report.first_bad == report.chains[1][0]


def test_a_forged_chain_without_enrolment_is_found(tmp_path: Path, state: Path) -> None:
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM ledger")
        row = build(Head(0, GENESIS), "a" * 32, Stamp(1, 1, "b" * 32), "heartbeat", {}, bytes(16))
        connection.execute("INSERT INTO ledger VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    report = verify(state)
    assert "no chain begins with it" in says(report)


def test_a_file_that_is_no_database_is_found_or_refused(state: Path) -> None:
    (state / "ledger.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    with pytest.raises(StorageFault):
        verify(state)


def test_a_torn_page_is_a_finding_and_no_crash(state: Path) -> None:
    raw = bytearray((state / "ledger.db").read_bytes())
    for page in range(2, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 64] = bytes(64)
    (state / "ledger.db").write_bytes(raw)
    report = verify(state)
    assert report.exit_status == 1


def test_two_processes_find_what_one_finds(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinair.store.verify.report._PARALLEL_RECORDS", 1)
    monkeypatch.setattr(verify_tasks, "SPAN_RECORDS", 50)
    alone, both = verify(state, processes=1), verify(state, processes=2)
    assert alone == both
    assert both.ok
    change(state, "UPDATE ledger SET time = 0 WHERE seq IN (290, 300)", "UPDATE lanes SET time = 0")
    alone, both = verify(state, processes=1), verify(state, processes=2)
    assert both.first_bad == 290
    assert both == alone


def test_an_engine_that_writes_meanwhile_is_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinair.store.verify.report._PARALLEL_RECORDS", 1)
    maker = LedgerMaker(tmp_path / "state")
    maker.unsafe_but_fast()
    maker.mixed(100)
    report = verify(tmp_path / "state", progress=lambda _read, _total: maker.mixed(2))
    assert report.ok, says(report)
    assert maker.store.head.seq > report.head.seq
    maker.close()


def test_without_a_common_snapshot_one_process_does_it_all(state: Path) -> None:
    database = state / "ledger.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        with verify_helper.started(database, _Elsewhere(connection)) as run:  # type: ignore[arg-type]
            assert run is perform_all


class _Elsewhere:
    """A connection whose head is always another one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._count = 0

    def execute(self, statement: str) -> sqlite3.Cursor:
        self._count += 1
        if "FROM ledger" in statement:
            return self._connection.execute(f"SELECT {self._count}, zeroblob(32)")
        return self._connection.execute(statement)


def test_a_second_process_that_dies_is_one_clear_fault(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinair.store.verify.report._PARALLEL_RECORDS", 1)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(StorageFault, match="ended early"):
        verify(state)


def test_the_second_process_serves_tasks_until_its_input_ends(state: Path, tmp_path: Path) -> None:
    database = state / "ledger.db"
    with closing(sqlite3.connect(database)) as connection:
        plan = make_plan(connection)
    requests, answers = tmp_path / "requests", tmp_path / "answers"
    with requests.open("wb") as stream:
        for asked in (
            verify_helper._Snapshot(),
            verify_helper._Snapshot(),
            verify_helper._Work(verify_tasks.Task("schema"), plan),
            verify_helper._Work(verify_tasks.Task("span", 1, 20)),
        ):
            verify_helper._send(stream, asked)
    with requests.open("rb") as down, answers.open("wb") as up:
        verify_helper.serve(database, down, up)
    with answers.open("rb") as stream:
        frames = list(iter(lambda: verify_helper._receive(stream), None))
    assert len(frames) == 4
    assert frames[0] == frames[1]


def found_in_forged(state: Path, **forged: int) -> list[str]:
    """What is found when a batch of ten events says something else, and the true one is read after it."""
    maker = LedgerMaker(state)
    maker.commit(maker.file_events(10))
    maker.close()
    found: list[str] = []
    with closing(open_read_only(state / "ledger.db")) as connection:
        (stored,) = connection.execute(
            "SELECT body FROM ledger WHERE kind = 'events.batch'"
        ).fetchone()
        body = msgspec.json.decode(stored)
        body["data"] |= forged
        batches = Batches(connection, make_plan(connection), lambda _, what: found.append(what))
        batches.take(2, json.dumps(body, separators=(",", ":")).encode())
        batches.take(3, stored)  # read as if nothing had been, but that it does not follow
    return [what for what in found if "follows the batch before" not in what]


@pytest.mark.parametrize(
    ("first", "last", "count", "told"),
    [
        (1, 0, 0, []),
        (-7, -5, 3, ["which cannot be"]),
        (1, 0, -1, ["names events 1 to 0 but counts -1"]),
        (1, 10**12, 10**12, ["10 rows are there"]),
        (1, 10**30, 10**30, ["which cannot be"]),
        (1, 5, 4, ["names events 1 to 5 but counts 4", "5 rows are there"]),
    ],
)
def test_a_batch_that_counts_strangely_is_told_and_ends_nothing(
    tmp_path: Path, first: int, last: int, count: int, told: list[str]
) -> None:
    found = found_in_forged(tmp_path / "state", first=first, last=last, count=count)
    assert len(found) == len(told)
    assert all(word in what for word, what in zip(told, found, strict=True)), found


@pytest.mark.parametrize(
    ("first", "count"), [(1, -1), (0, 1), (1, 10**12), (1, 10**30), (10**30, 1)]
)
def test_a_batch_that_names_strange_processes_is_told(
    tmp_path: Path, first: int, count: int
) -> None:
    (found,) = found_in_forged(tmp_path / "state", process_first=first, process_count=count)
    assert "process" in found
