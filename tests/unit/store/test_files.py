from __future__ import annotations

import posixpath
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinair.model.event import CREATE, DELETE, RENAME, WRITE, FileEvent, FileState
from sentinair.store.events import Pending
from sentinair.store.files import Files, files_digest, files_sum, split
from sentinair.store.schema import create
from sentinair.store.writer import Store
from tests.harness.ledger import (
    BULK,
    DIRECTORY,
    PLAIN,
    file_event,
    pending,
    record_data,
    stamp,
    state_of,
)


def table(files: Files) -> dict[bytes, FileState]:
    rows = files._connection.execute("SELECT directory, name FROM files").fetchall()
    paths = [posixpath.join(directory, name) for directory, name in rows]
    return {path: state for path in paths if (state := files.one(path)) is not None}


def true_sum(files: Files) -> int:
    return files_sum(files._connection.execute("SELECT * FROM files").fetchall())


def commit(store: Store, *events: FileEvent) -> None:
    store.commit(stamp(1), pending(store, events))


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        (b"/", (b"/", b"")),
        (b"/etc", (b"/", b"etc")),
        (b"/etc/passwd", (b"/etc", b"passwd")),
    ],
)
def test_a_path_is_its_directory_and_its_name(path: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split(path) == parts


def test_the_last_state_of_a_name_wins(store: Store) -> None:
    commit(store, file_event(b"/d/a", size=1), file_event(b"/d/a", size=2))
    assert store.file(b"/d/a") == state_of(size=2)
    commit(store, file_event(b"/d/a", absent=True, actions=DELETE))
    assert store.file(b"/d/a") is None


def test_a_state_that_could_not_be_looked_at_changes_nothing(store: Store) -> None:
    commit(store, file_event(b"/d/a", size=1))
    unknown = FileEvent(seen_ns=1, mono_ns=1, path=b"/d/a", actions=CREATE)
    commit(store, unknown)
    assert store.file(b"/d/a") == state_of(size=1)


def test_known_names_come_in_byte_order_within_their_bounds(store: Store) -> None:
    commit(store, *[file_event(b"/d/" + name) for name in (b"b", b"a", b"\xff", b"c")])
    commit(store, file_event(b"/d/sub/x"), file_event(b"/"))
    assert [name for name, _ in store.known(b"/d")] == [b"a", b"b", b"c", b"\xff"]
    assert [name for name, _ in store.known(b"/d", b"a", b"c")] == [b"b", b"c"]
    assert [name for name, _ in store.known(b"/d", b"c")] == [b"\xff"]
    assert store.known(b"/") == []
    assert store.file(b"/") is not None


def test_a_renamed_directory_takes_everything_below_it_along(store: Store) -> None:
    commit(
        store,
        file_event(b"/d", DIRECTORY),
        file_event(b"/d/a"),
        file_event(b"/d/sub", DIRECTORY),
        file_event(b"/d/sub/b"),
        file_event(b"/d0"),
        file_event(b"/dx/a"),
    )
    commit(
        store,
        file_event(b"/d/new"),
        file_event(b"/e", DIRECTORY, actions=RENAME, old=b"/d"),
        file_event(b"/e/a"),
    )
    for gone in (b"/d", b"/d/a", b"/d/sub", b"/d/sub/b", b"/d/new"):
        assert store.file(gone) is None, gone
    for there in (b"/e", b"/e/a", b"/d0", b"/dx/a"):
        assert store.file(there) is not None, there


def test_a_deleted_directory_leaves_nothing_below_it(store: Store) -> None:
    commit(store, file_event(b"/d", DIRECTORY), file_event(b"/d/a"), file_event(b"/d/s/b"))
    commit(store, file_event(b"/d", absent=True, actions=DELETE))
    assert store.known(b"/d") == []
    assert store.known(b"/d/s") == []


def test_a_file_in_a_directorys_place_ends_what_was_below(store: Store) -> None:
    commit(store, file_event(b"/d", DIRECTORY), file_event(b"/d/a"))
    commit(store, file_event(b"/d", PLAIN))
    assert store.known(b"/d") == []
    assert store.file(b"/d") == state_of()


def test_what_a_first_listing_finds_is_known_without_an_event(store: Store) -> None:
    store.commit(stamp(1), (), (), (), {}, [(b"/d/a", state_of(size=5)), (b"/d/b", state_of())])
    assert store.file(b"/d/a") == state_of(size=5)
    store.commit(stamp(2), (), (), (), {}, [(b"/d/a", None)])
    assert store.file(b"/d/a") is None
    assert [batch["count"] for batch in record_data(store.path, "events.batch")] == [0, 0]


def test_a_creation_of_a_name_that_is_known_replaces_what_was_there(store: Store) -> None:
    names = [b"/d/%03d" % number for number in range(70)]
    commit(store, file_event(names[30], size=1), file_event(b"/d/dir", DIRECTORY))
    commit(store, file_event(b"/d/dir/below"), file_event(b"/d/other", size=1))
    commit(
        store,
        *[file_event(name, size=2, actions=CREATE) for name in names],
        file_event(b"/d/dir", PLAIN, size=2, actions=CREATE),
        file_event(b"/d/other", size=2, actions=WRITE),
    )
    assert [state.size for _, state in store.known(b"/d")] == [2] * 72
    assert store.known(b"/d/dir") == []
    files = Files(store._live().connection)
    assert files.total == true_sum(files)


def test_a_name_created_and_written_in_one_commit_is_stored_once(store: Store) -> None:
    commit(
        store,
        file_event(b"/d/a", size=1, actions=CREATE),
        file_event(b"/d/a", size=2, actions=WRITE),
        file_event(b"/d/b", size=1, actions=CREATE),
        file_event(b"/d/b", absent=True, actions=DELETE),
    )
    assert store.known(b"/d") == [(b"a", state_of(size=2))]


def test_numbers_of_64_bits_are_stored(store: Store) -> None:
    huge = FileState(PLAIN, 0, 0, 1, 2**64 - 1, 2**64 - 1, -(2**63), 2**63 - 1)
    event = FileEvent(seen_ns=1, mono_ns=1, path=b"/a", actions=CREATE, state=huge)
    commit(store, event)
    assert store.file(b"/a") == huge


def test_the_sum_does_not_depend_on_order_and_sees_every_column() -> None:
    rows = [(b"/", b"a", b"s", 1), (b"/", b"b", b"s", None)]
    total = files_sum(rows)
    assert files_sum(rows[::-1]) == total
    for changed in (
        (b"/x", b"a", b"s", 1),
        (b"/", b"c", b"s", 1),
        (b"/", b"a", b"t", 1),
        (b"/", b"a", b"s", 2),
    ):
        assert files_sum([changed, rows[1]]) != total
    assert files_digest(total) != files_digest(0)


_names = st.sampled_from([b"a", b"b"])
_paths = st.lists(_names, min_size=1, max_size=3).map(lambda parts: b"/" + b"/".join(parts))
_steps = st.lists(
    st.tuples(st.sampled_from(["write", "mkdir", "delete", "rename"]), _paths, _paths),
    max_size=60,
)


def _above(path: bytes) -> list[bytes]:
    return [path[:at] for at in range(1, len(path)) if path[at : at + 1] == b"/"]


def _model(tree: dict[bytes, bool], verb: str, path: bytes, to: bytes) -> FileEvent | None:
    """One act on a tree of path to "is a directory", and the event that tells it; None: it cannot be."""
    below = path + b"/"
    if verb == "delete":
        for name in [name for name in tree if name == path or name.startswith(below)]:
            del tree[name]
        return file_event(path, absent=True, actions=DELETE)
    if any(tree.get(above) is False for name in (path, to) for above in _above(name)):
        return None  # below a plain file there is nothing
    if any(above not in tree for name in (path, to) for above in _above(name)):
        return None  # its directory is not there
    if verb == "rename":
        if path not in tree or to == path or to.startswith(below) or tree.get(to):
            return None
        if to in tree and path.startswith(to + b"/"):
            return None
        directory = tree[path]
        for name in [name for name in tree if name == path or name.startswith(below)]:
            del tree[name]
        tree[to] = directory
        mode = DIRECTORY if directory else PLAIN
        return file_event(to, mode, actions=RENAME, old=path)
    if tree.get(path) is (verb == "write"):
        return None  # would replace a directory by a file at once, or the other way: no kernel does
    tree[path] = verb == "mkdir"
    return file_event(path, DIRECTORY if verb == "mkdir" else PLAIN, actions=CREATE)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_steps, st.integers(1, 7))
def test_the_table_is_what_a_dictionary_would_be(
    steps: list[tuple[str, bytes, bytes]], each: int
) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create(connection)
        files = Files(connection)
        tree: dict[bytes, bool] = {}
        batch: list[Pending] = []
        for number, (verb, path, to) in enumerate(steps):
            # A deletion is told for every name below as well, deepest first, as the kernel does.
            if verb == "delete":
                inner = sorted((n for n in tree if n.startswith(path + b"/")), reverse=True)
                events = [file_event(name, absent=True, actions=DELETE) for name in inner]
            else:
                events = []
            event = _model(tree, verb, path, to)
            events += [] if event is None else [event]
            batch += [Pending(number, "file", "x", BULK, number, 1, one, None) for one in events]
            if number % each == 0:
                files.apply((), batch)
                batch = []
        files.apply((), batch)
        assert set(table(files)) == set(tree)
        assert files.total == true_sum(files)
        assert Files(connection).total == files.total
