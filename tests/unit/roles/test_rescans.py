"""A listing against the known files: every kind of difference becomes the right event, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sentinair.model.event import ATTRIB, CREATE, DELETE, WRITE, FileEvent, FileState, Listing
from sentinair.roles.engine.rescans import compare, is_own_work

FILE = FileState(mode=0o100644, uid=0, gid=0, size=5, inode=7, device=1, mtime_ns=100, ctime_ns=100)
FOLDER = replace(FILE, mode=0o040755, size=4096, inode=8)


def listing(entries: dict[bytes, FileState], *, absent: bool = False) -> Listing:
    names = tuple(sorted(entries))
    return Listing(
        seen_ns=1,
        mono_ns=2,
        scan=1,
        directory=b"/etc",
        names=names,
        states=tuple(entries[name] for name in names),
        absent=absent,
    )


def changes(known: dict[bytes, FileState], now: dict[bytes, FileState]) -> dict[bytes, int]:
    return {e.path: e.actions for e in compare(listing(now), list(known.items()))}


def test_an_unchanged_directory_says_nothing() -> None:
    assert changes({b"a": FILE, b"d": FOLDER}, {b"a": FILE, b"d": FOLDER}) == {}


def test_a_new_name_was_created_and_a_missing_one_deleted() -> None:
    assert changes({b"old": FILE}, {b"new": FILE}) == {b"/etc/new": CREATE, b"/etc/old": DELETE}


def test_new_content_is_a_write_even_at_equal_size() -> None:
    written = replace(FILE, mtime_ns=200, ctime_ns=200)
    assert changes({b"a": FILE}, {b"a": written}) == {b"/etc/a": WRITE}


def test_a_new_mode_or_owner_is_an_attribute_change() -> None:
    assert changes({b"a": FILE}, {b"a": replace(FILE, mode=0o104755, ctime_ns=2)}) == {
        b"/etc/a": ATTRIB
    }
    assert changes({b"a": FILE}, {b"a": replace(FILE, uid=5, size=6, ctime_ns=2)}) == {
        b"/etc/a": ATTRIB | WRITE
    }


def test_content_changed_with_its_time_set_back_still_shows_by_ctime() -> None:
    assert changes({b"a": FILE}, {b"a": replace(FILE, ctime_ns=300)}) == {b"/etc/a": ATTRIB}


def test_another_file_under_the_same_name_is_created_and_written() -> None:
    assert changes({b"a": FILE}, {b"a": replace(FILE, inode=9)}) == {b"/etc/a": CREATE | WRITE}


def test_a_directory_whose_entries_changed_is_itself_unchanged() -> None:
    touched = replace(FOLDER, mtime_ns=500, ctime_ns=500, size=8192)
    assert changes({b"d": FOLDER}, {b"d": touched}) == {}


def test_a_directory_that_is_gone_takes_its_names_along() -> None:
    gone = compare(listing({}, absent=True), [(b"a", FILE), (b"b", FILE)])
    assert [(e.path, e.actions, e.absent) for e in gone] == [
        (b"/etc/a", DELETE, True),
        (b"/etc/b", DELETE, True),
    ]


states = st.builds(
    FileState,
    mode=st.sampled_from([0o100644, 0o104755, 0o040755, 0o120777]),
    uid=st.integers(0, 2),
    gid=st.just(0),
    size=st.integers(0, 3),
    inode=st.integers(1, 3),
    device=st.just(1),
    mtime_ns=st.integers(0, 2),
    ctime_ns=st.integers(0, 2),
)
trees = st.dictionaries(st.binary(min_size=1, max_size=2).filter(lambda n: b"/" not in n), states)


@given(trees, trees)
def test_applying_the_events_leads_from_the_known_to_the_listed(
    known: dict[bytes, FileState], now: dict[bytes, FileState]
) -> None:
    result = dict(known)
    for event in compare(listing(now), list(known.items())):
        name = event.path.removeprefix(b"/etc/")
        if event.absent:
            del result[name]
        else:
            assert event.state is not None
            result[name] = event.state
    assert result.keys() == now.keys()
    for name, state in now.items():
        if not state.mode & 0o040000:
            assert result[name] == state


SOCKET = replace(FILE, mode=0o140660)


def in_state(name: bytes, state: FileState | None) -> FileEvent:
    return FileEvent(
        seen_ns=1,
        mono_ns=1,
        path=b"/state/" + name,
        actions=WRITE,
        state=state,
        absent=state is None,
    )


@pytest.mark.parametrize(
    ("name", "state", "own"),
    [
        (b"ledger.db", FILE, True),
        (b"ledger.db-wal", None, True),
        (b"keys/epoch", replace(FILE, mode=0o100600), True),
        (b"run/control.sock", SOCKET, True),
        (b"run/topics", FOLDER, True),
        (b"run/topics", replace(FOLDER, mode=0o040777), False),
        (b"run/topics", None, False),
        (b"run/topics/topics.sock", SOCKET, True),
        (b"run/topics/topics.sock", None, True),
        (b"run/topics/other.sock", SOCKET, False),
        (b"run/notice/motd", FILE, True),
        (b"detect.msgpack", replace(FILE, mode=0o100600), True),
        (b"detect.msgpack", None, False),
        (b"ledger.db", None, False),
        (b"keys/epoch", None, False),
        (b"keys/enrolment.pub", FILE, False),
        (b"planted", FILE, False),
        (b"ledger.db", replace(FILE, mode=0o120777), False),
        (b"ledger.db", replace(FILE, mode=0o100666), False),
        (b"../etc/ledger.db", FILE, False),
    ],
)
def test_only_the_agents_own_files_may_differ_in_its_state(
    name: bytes, state: FileState | None, own: bool
) -> None:
    assert is_own_work(in_state(name, state), b"/state") is own
    assert not is_own_work(in_state(name, state), b"/sta")
