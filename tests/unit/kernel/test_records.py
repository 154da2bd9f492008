"""fanotify records, made by hand as the kernel lays them out."""

from __future__ import annotations

import os
import struct

from hypothesis import given
from hypothesis import strategies as st

from sentinair.kernel.handles import Directories
from sentinair.kernel.records import Records, Sweep
from sentinair.model import event
from sentinair.monitors.watch import Watch

FSID = b"\1\2\3\4\5\6\7\x08"
CREATE, WRITE, DELETE, RENAME, ONDIR, OVERFLOW, ATTRIB = (
    0x100,
    0x8,
    0x200,
    0x10000000,
    0x40000000,
    0x4000,
    0x4,
)


def handle(number: int) -> bytes:
    """struct file_handle."""
    return struct.pack("=Ii", 8, 1) + struct.pack("=Q", number)


def info(kind: int, directory: int, name: bytes | None) -> bytes:
    body = FSID + handle(directory) + (b"" if name is None else name + b"\0")
    body += b"\0" * (-len(body) % 4)
    return struct.pack("=BBH", kind, 0, len(body) + 4) + body


def record(mask: int, *parts: bytes, pid: int = 7, pidfd: int = -1) -> bytes:
    body = b"".join(parts) + struct.pack("=BBHi", 4, 0, 8, pidfd)
    return struct.pack("=IBBHQii", 24 + len(body), 3, 0, 24, mask, -1, pid) + body


def key(number: int) -> bytes:
    return FSID + handle(number)


def cutter() -> tuple[Records, Directories]:
    directories = Directories(Watch([b"/w"], [b"/w/*.swp"]).directory)
    directories.place({FSID: [b"/nowhere"]})
    directories.learn(key(1), b"/w")
    directories.learn(key(2), b"/w/sub")
    directories.learn(key(3), b"/other")
    return Records(directories), directories


def cut(*records: bytes) -> Sweep:
    return cutter()[0].cut(b"".join(records))


def test_records_of_one_name_and_process_become_one_change() -> None:
    sweep = cut(record(CREATE, info(2, 1, b"a")), record(WRITE, info(2, 1, b"a")))
    assert [(change.path, change.actions) for change in sweep.changes] == [
        (b"/w/a", event.CREATE | event.WRITE)
    ]
    assert sweep.records == 2


def test_two_processes_at_one_name_stay_apart() -> None:
    sweep = cut(record(WRITE, info(2, 1, b"a"), pid=7), record(WRITE, info(2, 1, b"a"), pid=8))
    assert [change.pid for change in sweep.changes] == [7, 8]


def test_names_nobody_watches_make_no_change() -> None:
    sweep = cut(record(WRITE, info(2, 3, b"a")), record(WRITE, info(2, 1, b"x.swp")))
    assert sweep.changes == []
    assert sweep.unnamed == 0


def test_a_rename_is_on_the_new_name_and_merges_with_what_follows_there() -> None:
    sweep = cut(
        record(CREATE | WRITE, info(2, 1, b"f")),
        record(RENAME, info(10, 1, b"f"), info(12, 2, b"g")),
        record(DELETE, info(2, 2, b"g")),
    )
    first, second = sweep.changes
    assert first.path == b"/w/f"
    assert (second.path, second.old_path) == (b"/w/sub/g", b"/w/f")
    assert second.actions == event.RENAME | event.DELETE


def test_a_name_taken_again_after_a_rename_is_a_change_of_its_own() -> None:
    sweep = cut(
        record(WRITE, info(2, 1, b"f")),
        record(RENAME, info(10, 1, b"f"), info(12, 1, b"g")),
        record(CREATE, info(2, 1, b"f")),
    )
    assert [change.path for change in sweep.changes] == [b"/w/f", b"/w/g", b"/w/f"]


def test_a_rename_out_of_the_watch_is_told_with_both_names() -> None:
    (change,) = cut(record(RENAME, info(10, 1, b"f"), info(12, 3, b"g"))).changes
    assert (change.path, change.old_path) == (b"/other/g", b"/w/f")


def test_a_rename_to_where_no_path_leads_is_a_deletion() -> None:
    (change,) = cut(record(RENAME, info(10, 1, b"f"), info(12, 99, b"g"))).changes
    assert (change.path, change.actions) == (b"/w/f", event.DELETE)


def test_a_renamed_directory_empties_the_cache() -> None:
    records, directories = cutter()
    sweep = records.cut(record(RENAME | ONDIR, info(10, 1, b"sub"), info(12, 1, b"new")))
    assert key(2) not in directories
    assert (sweep.moved[0].old_path, sweep.moved[0].new_path) == (b"/w/sub", b"/w/new")


def test_a_directory_gone_by_now_is_named_by_a_later_record_of_the_same_read() -> None:
    sweep = cut(
        record(DELETE, info(2, 50, b"f")),
        record(DELETE | ONDIR, info(2, 1, b"gone"), info(1, 50, None)),
    )
    assert {change.path for change in sweep.changes} == {b"/w/gone", b"/w/gone/f"}


def test_a_directory_nobody_can_name_is_counted() -> None:
    sweep = cut(record(WRITE, info(2, 60, b"a")), record(WRITE, info(2, 60, b"b")))
    assert sweep.unnamed == 2


def test_a_deleted_directory_leaves_the_cache() -> None:
    records, directories = cutter()
    records.cut(record(DELETE | ONDIR, info(2, 1, b"sub"), info(1, 2, None)))
    assert key(2) not in directories


def test_a_record_on_a_directory_itself_has_its_path() -> None:
    (change,) = cut(record(ATTRIB | ONDIR, info(2, 2, b"."))).changes
    assert change.path == b"/w/sub"
    assert change.on_directory


def test_a_link_count_that_changed_says_nothing_new() -> None:
    assert cut(record(ATTRIB, info(1, 5, None))).changes == []


def test_the_overflow_marker_is_seen() -> None:
    assert cut(record(OVERFLOW, pid=0)).overflow


def test_process_descriptors_are_closed_and_tell_who_still_lives() -> None:
    open_ones = [os.pidfd_open(os.getpid()) for _ in range(5)]
    spared = open_ones.pop(2)
    records = [record(WRITE, info(2, 1, b"a"), pidfd=pidfd, pid=7) for pidfd in open_ones]
    sweep = cut(*records, record(WRITE, info(2, 1, b"b"), pid=8))
    for pidfd in open_ones:
        try:
            os.fstat(pidfd)
        except OSError:
            continue
        raise AssertionError(f"{pidfd} is still open")
    os.close(spared)  # between them in number, but not of this read
    assert (sweep.alive, sweep.gone) == ({7}, {8})


def test_without_process_descriptors_a_name_that_looks_like_one_is_a_name() -> None:
    directories = Directories(Watch([b"/w"]).directory)
    directories.learn(key(1), b"/w")
    name = b"abcd\x04\x00\x08"
    raw = info(2, 1, name)
    data = struct.pack("=IBBHQii", 24 + len(raw), 3, 0, 24, WRITE, -1, 7) + raw
    sweep = Records(directories, pidfds=False).cut(data)
    assert (sweep.gone, sweep.alive) == (set(), set())
    assert len(sweep.changes) == 1


_NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: b"\0" not in name and b"/" not in name
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([CREATE, WRITE, DELETE, ATTRIB, CREATE | ONDIR, DELETE | ONDIR]),
            st.integers(1, 4),
            _NAMES,
            st.integers(1, 3),
        ),
        max_size=30,
    )
)
def test_every_watched_name_is_told_whatever_the_order(
    made: list[tuple[int, int, bytes, int]],
) -> None:
    data = [record(mask, info(2, place, name), pid=pid) for mask, place, name, pid in made]
    told = {(change.path, change.pid) for change in cut(*data).changes}
    places = {1: b"/w", 2: b"/w/sub"}
    for _, place, name, pid in made:
        if place not in places or name == b"." or (place == 1 and name.endswith(b".swp")):
            continue
        assert (places[place] + b"/" + name, pid) in told
