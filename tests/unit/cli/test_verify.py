"""`sentinair verify` and `sentinair db …` on a real record."""

from __future__ import annotations

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sentinair.cli import db as db_command
from sentinair.errors import StorageFault
from sentinair.store.access import claim
from tests.unit.cli.conftest import Program


def _rewrite(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_record_that_is_whole_is_verified(recorded: Program) -> None:
    assert recorded("verify") == 0
    assert "verified" in recorded.out
    assert "the one beside the record" in recorded.out
    report = recorded.lines("verify", str(recorded.state))[0]
    assert report["ok"] is True
    assert report["events"] == 200
    assert report["findings"] == []


def test_a_key_from_elsewhere_is_used(recorded: Program, tmp_path: Path) -> None:
    key = tmp_path / "kept.pub"
    shutil.copy(recorded.state / "keys" / "enrolment.pub", key)
    database = str(recorded.state / "ledger.db")
    assert recorded("verify", database, "--public-key", str(key)) == 0
    assert "the one beside" not in recorded.out
    assert recorded("verify", "--public-key", str(tmp_path / "none")) == 2


def test_a_rewritten_record_is_found(recorded: Program) -> None:
    _rewrite(recorded.state / "ledger.db", "UPDATE ledger SET time = time + 1 WHERE seq = 20")
    assert recorded("verify") == 1
    assert recorded.out.splitlines()[0].startswith("record 20: ")
    assert "NOT VERIFIED" in recorded.out
    assert "the first at record 20" in recorded.out
    assert recorded("verify", "--json") == 1
    assert '"first_bad":20' in recorded.out


def test_many_findings_are_cut_for_people(recorded: Program) -> None:
    _rewrite(recorded.state / "ledger.db", "UPDATE ledger SET time = time + 1")
    assert recorded("verify") == 1
    assert "more; --json gives all" in recorded.out


def test_verifying_nothing_is_one_line(program: Program, tmp_path: Path) -> None:
    assert program("verify", str(tmp_path)) == 74
    assert len(program.err.splitlines()) == 1


def test_a_whole_file_is_said_to_be_whole(recorded: Program) -> None:
    assert recorded("db", "check") == 0
    assert recorded.out.endswith("whole\n")
    assert recorded.lines("db", "check")[0]["whole"] is True


def test_a_changed_schema_is_found(recorded: Program) -> None:
    _rewrite(recorded.state / "ledger.db", "CREATE TABLE extra(x)")
    assert recorded("db", "check") == 1
    assert "tables or indices are not as this version makes them" in recorded.out


def test_a_foreign_database_is_found(recorded: Program) -> None:
    _rewrite(recorded.state / "ledger.db", "PRAGMA application_id=7")
    assert recorded("db", "check") == 1
    assert "application id 0x7" in recorded.out


def test_a_damaged_page_is_found(recorded: Program) -> None:
    database = recorded.state / "ledger.db"
    with database.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)
    assert recorded("db", "check") == 1
    assert recorded.out


def test_a_stopped_agent_is_backed_up_and_restored(recorded: Program, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert recorded("db", "backup", str(copy)) == 0
    assert "enrolment.pub" in recorded.out
    assert copy.stat().st_mode & 0o777 == 0o600
    alerts = recorded.lines("alerts", "list")
    database = recorded.state / "ledger.db"
    _rewrite(database, "DELETE FROM alerts")
    assert not recorded.lines("alerts", "list")
    assert recorded("db", "restore", str(copy)) == 0
    assert "ledger.replaced-" in recorded.out
    assert recorded.lines("alerts", "list") == alerts
    assert recorded("verify") == 0
    assert len(list(recorded.state.glob("ledger.replaced-*"))) == 1
    assert "aside" in recorded.lines("db", "restore", str(copy))[0]
    assert len(list(recorded.state.glob("ledger.replaced-*"))) == 2


def test_a_backup_never_overwrites(recorded: Program, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    assert recorded("db", "backup", str(there)) == 2
    assert there.read_text() == "mine"
    assert recorded("db", "backup", str(tmp_path / "none" / "x")) == 74
    assert len(recorded.err.splitlines()) == 1


def test_a_backup_that_does_not_verify_is_not_restored(recorded: Program, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert recorded("db", "backup", str(copy)) == 0
    _rewrite(copy, "UPDATE ledger SET time = time + 1 WHERE seq = 20")
    before = (recorded.state / "ledger.db").read_bytes()
    assert recorded("db", "restore", str(copy)) == 1
    assert "does not verify" in recorded.err
    assert (recorded.state / "ledger.db").read_bytes() == before


def test_nothing_is_restored_below_a_running_engine(recorded: Program, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert recorded("db", "backup", str(copy)) == 0
    lock = claim(recorded.state)
    try:
        assert recorded("db", "restore", str(copy)) == 74
        assert "another engine" in recorded.err
    finally:
        os.close(lock)


def test_a_record_that_was_lost_is_restored(recorded: Program, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert recorded("db", "backup", str(copy)) == 0
    (recorded.state / "ledger.db").unlink()
    assert recorded.lines("db", "restore", str(copy))[0]["aside"] is None
    assert recorded("verify") == 0


@pytest.mark.slow
def test_a_running_engine_makes_the_backup(running: Program, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert running.lines("db", "backup", str(copy))[0]["bytes"] == copy.stat().st_size
    key = str(running.state / "keys" / "enrolment.pub")
    assert running("verify", str(copy), "--public-key", key) == 0


def test_on_a_terminal_verifying_tells_how_far_it_is(recorded: Program) -> None:
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "sentinair.cli.main", *recorded.places, "verify"]
    try:
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=slave, check=True)
        said = os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert "record " in said
    assert said.endswith("\x1b[K")


def test_where_the_engine_may_not_write_the_caller_does(
    recorded: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*asked: object, **more: object) -> object:
        raise StorageFault("Permission denied")

    monkeypatch.setattr(db_command, "call", refuse)
    copy = tmp_path / "copy.db"
    assert recorded("db", "backup", str(copy)) == 0
    key = str(recorded.state / "keys" / "enrolment.pub")
    assert recorded("verify", str(copy), "--public-key", key) == 0
