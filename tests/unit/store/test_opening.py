from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sentinair.errors import DataFault, PermissionFault, StorageFault, VersionFault
from sentinair.model.record import Record
from sentinair.settings.types import StoreSettings
from sentinair.store import access, schema
from sentinair.store.ledger import check_tail
from sentinair.store.read import Reader
from sentinair.store.recover import set_aside
from sentinair.store.reserve import Reserve
from sentinair.store.verify.report import verify
from sentinair.store.writer import Store
from tests.harness.ledger import alert, file_event, open_store, pending, raised, record_data, stamp


def written(state: Path) -> Path:
    store = open_store(state)
    store.commit(stamp(1), pending(store, [file_event(b"/a")]), raised(alert(1)))
    store.close(stamp(2))
    return state / "ledger.db"


def test_the_state_directory_is_made_for_its_group_and_nobody_else(state: Path) -> None:
    written(state)
    assert state.stat().st_mode & 0o7777 == 0o2750
    assert (state / "ledger.db").stat().st_mode & 0o777 == 0o640
    store = open_store(state, 3)
    assert (state / "ledger.db-wal").stat().st_mode & 0o777 == 0o640
    store.close(stamp(4))


def test_others_who_may_write_are_refused(state: Path) -> None:
    database = written(state)
    for path, mode in ((state, 0o770), (database, 0o646)):
        before = path.stat().st_mode & 0o7777
        path.chmod(mode)
        with pytest.raises(PermissionFault, match="others may write it"):
            open_store(state, 3)
        path.chmod(before)
    open_store(state, 4).close(stamp(5))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_owner_is_refused(state: Path) -> None:
    database = written(state)
    for path in (state, database):
        os.chown(path, 65534, -1)
        with pytest.raises(PermissionFault, match="belongs to uid 65534"):
            open_store(state, 3)
        os.chown(path, 0, -1)


def test_a_symlink_is_refused(state: Path, tmp_path: Path) -> None:
    database = written(state)
    database.rename(tmp_path / "elsewhere.db")
    database.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(PermissionFault, match="not a plain file"):
        open_store(state, 3)
    (tmp_path / "link").symlink_to(state)
    with pytest.raises(PermissionFault, match="not a directory"):
        open_store(tmp_path / "link", 3)


@pytest.mark.parametrize(
    "name", ["keys", "run", "ledger.db-wal", "ledger.db-shm", "run/engine.lock", "keys/epoch"]
)
@pytest.mark.parametrize("how", ["link", "owner", "mode"])
def test_nothing_the_engine_keeps_may_be_a_link_or_anothers(
    state: Path, tmp_path: Path, name: str, how: str
) -> None:
    written(state)
    path = state / name
    if not path.exists():
        path.touch(mode=0o640)
    if how == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    elif how == "mode":
        path.chmod(path.stat().st_mode | 0o022)
    elif os.geteuid():
        pytest.skip("only root can give a file away")
    else:
        os.chown(path, 65534, -1)
    with pytest.raises(PermissionFault) as caught:
        open_store(state, 3)
    assert caught.value.where == str(path)
    assert caught.value.exit_status == 77


def test_a_state_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault, match="cannot be made"):
        open_store(tmp_path / "file" / "state")


def damage_header(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(b"x" * 16)


def damage_body(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE ledger SET body = body || ' ' WHERE seq = 2")


def damage_column(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE ledger SET time = time + 1 WHERE seq = 2")


def damage_link(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE ledger SET link = zeroblob(32) WHERE seq = 2")


def damage_hole(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM ledger WHERE seq = 2")


def damage_mark(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA application_id=1")


def damage_table(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DROP TABLE lanes")


def empty(database: Path) -> None:
    database.write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [
        damage_header,
        damage_body,
        damage_column,
        damage_link,
        damage_hole,
        damage_mark,
        damage_table,
        empty,
    ],
)
def test_a_damaged_ledger_is_set_aside_whole_and_said_so(state: Path, damage: object) -> None:
    store = open_store(state)  # without close: no checkpoint hides the tail
    store.commit(stamp(1), pending(store, [file_event(b"/a")]), raised(alert(1)))
    store._drop()
    os.close(store._lock)
    damage(state / "ledger.db")  # type: ignore[operator]
    held = (state / "ledger.db").read_bytes()
    again = open_store(state, 3)
    assert again.opened.damaged is not None
    assert again.opened.created
    assert (state / again.opened.damaged.file).read_bytes() == held
    assert again.chain != store.chain
    assert record_data(again.path, "store.damaged")[0]["file"] == again.opened.damaged.file
    again.commit(stamp(4), (), (), [Record("start", {})])
    again.close(stamp(5))
    assert verify(state).ok


def test_a_log_left_alone_is_set_aside_too(state: Path) -> None:
    database = written(state)
    database.unlink()
    (state / "ledger.db-wal").write_bytes(b"left over")
    store = open_store(state, 3)
    assert store.opened.damaged is not None
    aside = state / (store.opened.damaged.file + "-wal")
    assert aside.read_bytes() == b"left over"
    store.close(stamp(4))


def test_a_ledger_set_aside_by_a_start_that_was_killed_is_still_said(state: Path) -> None:
    set_aside(written(state), 0)
    store = open_store(state, 3)
    assert store.opened.damaged is None
    (data,) = record_data(store.path, "store.damaged")
    assert data["file"] == "ledger.damaged-19700101T000000Z"
    store.close(stamp(4))
    again = open_store(state, 5)
    assert len(record_data(again.path, "store.damaged")) == 1
    again.close(stamp(6))


def test_a_ledger_taken_away_begins_a_new_chain(state: Path) -> None:
    store = open_store(state)
    store.close(stamp(1))
    (state / "ledger.db").unlink()
    again = open_store(state, 2)
    assert again.chain != store.chain
    again.close(stamp(3))


def test_names_of_what_is_set_aside_never_clash(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        (tmp_path / "ledger.db").write_bytes(b"x")
        aside = set_aside(tmp_path / "ledger.db", 0)
        assert aside is not None
        names.add(aside.name)
    assert names == {f"ledger.damaged-19700101T000000Z{more}" for more in ("", "-2", "-3")}
    assert set_aside(tmp_path / "ledger.db", 0) is None


def test_the_tail_is_checked_from_the_last_checkpoint_on(state: Path) -> None:
    database = written(state)
    with closing(sqlite3.connect(database)) as connection:
        assert check_tail(connection) == 0
        connection.execute("DELETE FROM ledger WHERE kind = 'checkpoint'")
        assert check_tail(connection) == 3
        connection.execute("UPDATE ledger SET salt = NULL, body = NULL WHERE seq = 2")
        assert check_tail(connection) == 3
        connection.execute("UPDATE ledger SET leaf = zeroblob(32) WHERE seq = 2")
        with pytest.raises(DataFault, match="record 2"):
            check_tail(connection)


NEXT = schema.VERSION + 1


def add_colour(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE colours(name TEXT)")
    connection.execute("INSERT INTO colours VALUES('quokka')")


def fail_midway(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE colours(name TEXT)")
    connection.execute("INSERT INTO nowhere VALUES(1)")


def test_a_restart_across_a_migration_loses_nothing(state: Path) -> None:
    written(state)
    settings = StoreSettings(reserve_bytes=1 << 20)
    store = Store.open(
        state, settings, stamp(3), version=NEXT, migrations={**schema.MIGRATIONS, NEXT: add_colour}
    )
    assert store.opened.migrated == (NEXT,)
    assert store.alert(alert(1).id) is not None
    assert store.allocate(1) == 2
    store.close(stamp(4))
    again = Store.open(
        state, settings, stamp(5), version=NEXT, migrations={**schema.MIGRATIONS, NEXT: add_colour}
    )
    assert again.opened.migrated == ()
    again.close(stamp(6))
    with pytest.raises(
        VersionFault, match=f"version {NEXT}, this program knows up to {schema.VERSION}"
    ):
        open_store(state, 7)


def test_a_migration_that_fails_leaves_the_file_as_it_was(state: Path) -> None:
    database = written(state)
    settings = StoreSettings(reserve_bytes=1 << 20)
    before = database.read_bytes()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(connection, to=NEXT, steps={NEXT: fail_midway})
        connection.execute("ROLLBACK")
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    assert database.read_bytes() == before
    with pytest.raises(VersionFault, match=f"nothing leads from {schema.VERSION} to {NEXT}"):
        Store.open(state, settings, stamp(3), version=NEXT, migrations={})
    open_store(state, 4).close(stamp(5))


def test_a_fresh_database_has_the_expected_schema(state: Path) -> None:
    with closing(sqlite3.connect(written(state))) as connection:
        assert schema.stored_objects(connection) == schema.expected_objects()


def test_the_reserve_takes_real_blocks_and_gives_them_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 1 << 20)
    assert not reserve.held
    assert reserve.make()
    assert reserve.make()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 1 << 20
    assert reserve.release()
    assert not reserve.release()
    assert not Reserve(tmp_path, 1 << 60).make()
    assert not Reserve(tmp_path / "nowhere", 1).make()


def test_who_holds_the_lock_is_seen(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not access.is_claimed(state)
    store = open_store(state)
    assert access.is_claimed(state)
    store.close(stamp(1))
    assert not access.is_claimed(state)
    (state / "run" / "engine.lock").unlink()
    (state / "run" / "engine.lock").symlink_to("loop")
    assert access.is_claimed(state)
    with Reader.open(state) as reader:
        assert reader.head().seq == 2


def test_a_record_of_the_first_version_gets_its_sinks(state: Path) -> None:
    database = written(state)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript("DROP TABLE sinks; DROP TABLE letters; PRAGMA user_version=1")
    store = open_store(state, 4)
    assert store.opened.migrated == (2,)
    store.close(stamp(5))
    with closing(sqlite3.connect(database)) as connection:
        assert schema.stored_objects(connection) == schema.expected_objects()
