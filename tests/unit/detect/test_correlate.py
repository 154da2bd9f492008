from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentinair.detect.fields import FieldsView
from sentinair.detect.sigma import correlate
from sentinair.detect.sigma.correlate import MAX_EVENTS, MAX_GROUPS, Correlator
from sentinair.detect.sigma.files import read_file
from sentinair.detect.sigma.kept import dump, take_over
from sentinair.detect.sigma.resolve import resolve
from sentinair.detect.sigma.windows import KEEP_NS, MAX_HELD
from sentinair.errors import DataFault
from sentinair.model.alert import Detection, Match
from tests.unit.detect.correlations import IDS, OWN, SEC, base, correlator, seen, text

THREE = "type: event_count\nrules: [a]\ngroup-by: [User]\ntimespan: 10s\ncondition: {gte: 3}"
VALUES = "type: value_count\nrules: [a]\ngroup-by: [User]\ntimespan: 10s\ncondition: {gte: 3, field: Image}"
ALL = "type: temporal\nrules: [a, b, c]\ngroup-by: [User]\ntimespan: 10s"
ORDERED = ALL.replace("temporal", "temporal_ordered")
FEW = "type: event_count\nrules: [a]\ngroup-by: [User]\ntimespan: 10s\ncondition: {lt: 3}"


def fired(subject: Correlator, *times: float) -> list[float]:
    return [at for at in times if seen(subject, at)]


# -- event_count --------------------------------------------------------------------------------------------------


def test_enough_events_within_the_span_fire_once() -> None:
    subject = correlator(THREE)
    assert fired(subject, 0, 4, 9, 9.5, 10) == [9]


def test_a_window_slides_it_knows_no_fixed_boundaries() -> None:
    assert fired(correlator(THREE), 0, 6, 11, 14) == [14]


def test_an_event_one_nanosecond_too_late_is_outside() -> None:
    assert fired(correlator(THREE), 0, 1, 10) == [10]
    assert fired(correlator(THREE), 0, 1, 10.000000001) == []


def test_it_fires_again_only_when_the_window_has_passed() -> None:
    assert fired(correlator(THREE), 0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14) == [2, 13]


def test_groups_are_counted_apart_and_absent_fields_not_at_all() -> None:
    subject = correlator(THREE)
    for at in range(2):
        assert not seen(subject, at, User="x")
        assert not seen(subject, at, User="y")
    assert seen(subject, 2, User="x")
    nobody = correlator(THREE.replace("[User]", "[User, Image]"))
    assert fired(nobody, 0, 1, 2, 3) == []
    assert len(nobody) == 0


def test_without_group_by_all_events_are_one_group() -> None:
    subject = correlator(THREE.replace("group-by: [User]\n", ""))
    assert [bool(seen(subject, at, User=str(at))) for at in range(3)] == [False, False, True]


def test_events_out_of_order_are_judged_by_their_own_time() -> None:
    assert fired(correlator(THREE), 9, 0, 4) == [4]
    assert fired(correlator(THREE), 30, 0, 4, 33, 31) == [31]
    assert fired(correlator(THREE), 30, 0, 4, 2) == [2]


def test_the_clock_plays_no_part_in_counting() -> None:
    subject = correlator(THREE)
    seen(subject, 0)
    seen(subject, 1)
    assert not subject.tick(15 * SEC)
    assert seen(subject, 2)


def test_one_event_that_two_rules_notice_counts_once() -> None:
    subject = correlator(THREE.replace("[a]", "[a, b]"))
    seen(subject, 0, "a")
    view_ids = [IDS["a"], IDS["b"]]
    for at in (1, 2):
        found = subject.take(view_ids, FieldsView({"User": ("u",)}), at * SEC, None)
    assert len(found) == 1
    assert found[0].matches[0].value == "3 events within 2 s"


def test_the_detection_says_count_window_group_and_events() -> None:
    subject = correlator(THREE)
    for at in range(3):
        found = seen(subject, at * 1.5, event_id=40 + at, User="root")
    (one,) = found
    assert (one.rule_id, one.title, one.severity, one.source) == (OWN, "T", "high", "sigma")
    assert one.event_ids == (40, 41, 42)
    assert one.matches == (
        Match("event_count", "3 events within 3 s", "gte 3 within 10s"),
        Match("User", "root", "group-by"),
    )
    assert one.group == ("User\nroot",)


def test_at_most_ten_events_are_named() -> None:
    subject = correlator(THREE.replace("gte: 3", "gt: 11"))
    for at in range(12):
        found = seen(subject, at / 2, event_id=at)
    assert found[0].event_ids == tuple(range(10))


# -- value_count --------------------------------------------------------------------------------------------------


def test_distinct_values_are_counted_not_events() -> None:
    subject = correlator(VALUES)
    for at in range(6):
        assert not seen(subject, at, Image="/a" if at % 2 else "/b")
    (one,) = seen(subject, 6, Image="/c")
    assert one.matches[0].value == "3 values within 6 s: /b, /a, /c"


def test_a_value_that_came_again_counts_from_its_last_time() -> None:
    subject = correlator(VALUES)
    for at, image in [(0, "/a"), (9, "/b"), (11, "/a")]:
        assert not seen(subject, at, Image=image)
    assert seen(subject, 18, Image="/c")


def test_values_longer_than_is_kept_are_still_told_apart() -> None:
    subject = correlator(VALUES)
    fires = [bool(seen(subject, at, Image=f"/{'x' * 500}{at}")) for at in range(3)]
    assert fires == [False, False, True]
    subject = correlator(VALUES)
    assert not any(seen(subject, at, Image="/" + "x" * 500) for at in range(9))


def test_two_fields_are_counted_as_pairs() -> None:
    subject = correlator(VALUES.replace("field: Image", "field: [Image, Uid]"))
    pairs = [("/a", "1"), ("/a", "2"), ("/a", "1"), ("/b", "1")]
    assert [bool(seen(subject, 0, Image=one, Uid=two)) for one, two in pairs] == [
        False,
        False,
        False,
        True,
    ]


# -- temporal -----------------------------------------------------------------------------------------------------


def rules(subject: Correlator, *steps: tuple[float, str]) -> list[float]:
    return [at for at, rule in steps if seen(subject, at, rule)]


def test_all_rules_within_the_span_in_any_order_fire() -> None:
    assert rules(correlator(ALL), (0, "c"), (1, "c"), (2, "a"), (8, "b")) == [8]
    assert rules(correlator(ALL), (0, "c"), (2, "a"), (10.5, "b")) == []
    assert rules(correlator(ALL), (0, "c"), (2, "a"), (10.5, "b"), (11, "c")) == [11]


def test_order_counts_where_it_is_asked_for() -> None:
    assert rules(correlator(ORDERED), (0, "c"), (1, "b"), (2, "a")) == []
    assert rules(correlator(ORDERED), (0, "a"), (1, "b"), (2, "c")) == [2]
    assert rules(correlator(ORDERED), (0, "b"), (1, "a"), (2, "c"), (3, "b"), (4, "c")) == [4]
    assert rules(correlator(ORDERED), (0, "a"), (5, "b"), (10.5, "c")) == []


def test_order_is_that_of_the_events_not_of_their_coming() -> None:
    assert rules(correlator(ORDERED), (2, "c"), (0, "a"), (1, "b")) == [1]


def test_a_temporal_condition_may_want_some_of_the_rules() -> None:
    assert rules(correlator(ALL + "\ncondition: a and (b or c)"), (0, "b"), (1, "c"), (2, "a")) == [
        2
    ]
    assert rules(correlator(ALL + "\ncondition: {gte: 2}"), (0, "b"), (1, "b"), (2, "a")) == [2]


def test_aliases_join_different_fields() -> None:
    body = (
        "type: temporal\nrules: [a, b]\ngroup-by: [who]\ntimespan: 10s\n"
        "aliases: {who: {a: User, b: LoginUid}}"
    )
    subject = correlator(body)
    assert not seen(subject, 0, "a", User="7", LoginUid="8")
    assert not seen(subject, 1, "b", User="7", LoginUid="9")
    (one,) = seen(subject, 2, "b", User="0", LoginUid="7")
    assert one.matches[1] == Match("who", "7", "group-by")


# -- windows that must be over ------------------------------------------------------------------------------------


def test_fewer_than_is_judged_two_seconds_after_the_window() -> None:
    subject = correlator(FEW)
    seen(subject, 0, event_id=7)
    seen(subject, 3, event_id=8)
    assert not subject.tick(round(11.9 * SEC))
    (one,) = subject.tick(12 * SEC)
    assert one.matches[0].value == "2 events within 3 s"
    assert one.event_ids == (7, 8)
    assert not subject.tick(12 * SEC + KEEP_NS)
    assert len(subject) == 0


def test_an_event_late_by_less_than_two_seconds_still_counts() -> None:
    subject = correlator(FEW)
    seen(subject, 0)
    seen(subject, 3)
    subject.tick(11 * SEC)
    seen(subject, 9)
    assert not subject.tick(14 * SEC)


def test_an_event_later_than_that_is_counted_as_late() -> None:
    subject = correlator(FEW)
    seen(subject, 0)
    assert subject.tick(12 * SEC)
    seen(subject, 9)
    assert subject.late == 1
    assert not subject.tick(60 * SEC)


def test_a_range_and_an_exact_number_wait_for_the_end_too() -> None:
    for condition, counts in [("{gte: 2, lte: 3}", {2, 3}), ("{eq: 4}", {4}), ("{lte: 1}", {1})]:
        for count in range(1, 6):
            subject = correlator(FEW.replace("{lt: 3}", condition))
            for at in range(count):
                assert not seen(subject, at)
            assert bool(subject.tick(12 * SEC)) is (count in counts)


def test_windows_follow_each_other() -> None:
    subject = correlator(FEW)
    for at in (0, 1, 2, 11, 25, 26, 27):
        seen(subject, at)
    values = [one.matches[0].value for one in subject.tick(60 * SEC)]
    assert values == ["1 events within 0 s"]


# -- chains -------------------------------------------------------------------------------------------------------


def chain(inner: str, outer: str) -> Correlator:
    head = "title: Inner\nid: 00000000-0000-4000-8000-0000000000ee\nname: inner\nlevel: low\n"
    content = text(inner, "", head) + b"---\n" + text(outer)
    read = read_file(content, "c.yml")
    joined = resolve(read.rules, read.drafts)
    assert not (*read.faults, *joined.faults)
    return Correlator(joined.correlations, joined.silent)


def test_a_correlation_may_count_another_and_groups_by_the_event_that_completed_it() -> None:
    subject = chain(
        THREE, "type: temporal_ordered\nrules: [inner, b]\ngroup-by: [Image]\ntimespan: 1m"
    )
    for at in range(3):
        assert not seen(subject, at, "a", Image=f"/{at}")
    assert not seen(subject, 5, "b", Image="/1")
    assert seen(subject, 5, "b", Image="/2")


def test_a_correlation_may_count_one_that_closes() -> None:
    subject = chain(FEW, "type: event_count\nrules: [inner]\ntimespan: 1h\ncondition: {gte: 2}")
    seen(subject, 0, User="x", event_id=1)
    seen(subject, 1, User="y", event_id=2)
    (one,) = subject.tick(20 * SEC)
    assert one.rule_id == OWN
    assert one.event_ids == (1, 2)


# -- memory -------------------------------------------------------------------------------------------------------


def test_a_group_is_forgotten_when_nothing_can_come_of_it() -> None:
    subject = correlator(THREE)
    seen(subject, 0)
    subject.tick(10 * SEC + KEEP_NS - 1)
    assert len(subject) == 1
    subject.tick(10 * SEC + KEEP_NS)
    assert len(subject) == 0
    assert subject.forgotten == 0


@pytest.mark.parametrize(
    "body", [THREE.replace("gte: 3", "gte: 50"), VALUES.replace("gte: 3", "gte: 50")]
)
def test_ten_thousand_groups_in_flight_take_less_than_20_mb(body: str) -> None:
    subject = correlator(body)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(10_000):
            for at in range(5):
                seen(
                    subject,
                    at,
                    event_id=number,
                    User=f"user-{number:06}",
                    Image=f"/usr/bin/p{number}-{at}",
                )
        assert len(subject) == 10_000
        assert tracemalloc.get_traced_memory()[0] - before < 20e6
    finally:
        tracemalloc.stop()


def test_beyond_that_the_longest_unseen_goes_first_and_is_counted() -> None:
    subject = correlator(THREE)
    for number in range(MAX_GROUPS):
        seen(subject, 0, User=str(number))
    seen(subject, 1, User="0")
    for number in range(5):
        seen(subject, 1, User=f"new{number}")
    assert len(subject) == MAX_GROUPS
    assert subject.forgotten == 5
    assert seen(subject, 2, User="0")
    assert not seen(subject, 2, User="1")


def test_all_groups_together_hold_a_bounded_number_of_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(correlate, "MAX_EVENTS", 100)
    subject = correlator(THREE.replace("gte: 3", "gte: 40"))
    for user in "wxyz":
        for at in range(39):
            seen(subject, at / 10, User=user)
    assert len(subject) == 2
    assert subject.forgotten == 2
    assert MAX_EVENTS > MAX_HELD


def test_one_group_holds_a_bounded_number_of_events() -> None:
    subject = correlator(ORDERED)
    for at in range(2000):
        seen(subject, at / 1000, "ab"[at % 2])
    assert subject.forgotten > 0
    assert sum(map(len, subject.windows.values())) <= 512


def test_groups_that_go_leave_no_trace_in_the_list_of_what_is_due() -> None:
    subject = correlator(THREE.replace("10s", "7d"))
    for number in range(3 * MAX_GROUPS):
        seen(subject, 0, User=str(number))
    assert len(subject._due) <= 2 * MAX_GROUPS + 1


# -- kept ---------------------------------------------------------------------------------------------------------

BODIES = (
    THREE,
    VALUES,
    ALL,
    ORDERED,
    FEW,
    ALL + "\ncondition: a and (b or c)",
    VALUES.replace("gte: 3", "gte: 2, lt: 4"),
)


def every() -> Correlator:
    content = "---\n".join(base(name) for name in "abc").encode()
    for number, body in enumerate(BODIES):
        head = f"title: T{number}\nid: 00000000-0000-4000-8000-0000000001{number:02}\nlevel: low\n"
        content += b"---\n" + text(body, "", head)
    read = read_file(content, "c.yml")
    joined = resolve(read.rules, read.drafts)
    assert not (*read.faults, *joined.faults)
    return Correlator(joined.correlations)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), st.integers(0, 4)),
        st.tuples(
            st.sampled_from("abc"),
            st.integers(-30, 10),
            st.sampled_from("xy"),
            st.sampled_from("123"),
        ),
    ),
    max_size=60,
)


def play(
    subject: Correlator, steps: list[tuple[object, ...]], clock: int = 0
) -> tuple[list[Detection], int]:
    found: list[Detection] = []
    for number, step in enumerate(steps):
        clock += 1
        if step[0] == "tick":
            clock += 4 * int(str(step[1]))
            found += subject.tick(clock * SEC // 4)
        else:
            rule, late, user, image = step
            at = (clock + int(str(late))) / 4
            found += seen(subject, at, str(rule), number, User=str(user), Image=str(image))
    return found, clock


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(0, 60))
def test_saved_and_restored_anywhere_it_judges_the_same(
    steps: list[tuple[object, ...]], cut: int
) -> None:
    whole, _ = play(every(), steps)
    first, second = every(), every()
    found, clock = play(first, steps[:cut])
    take_over(second, dump(first))
    assert dump(second) == dump(first)
    more, _ = play(second, steps[cut:], clock)
    rest = whole[len(found) :]
    assert found == whole[: len(found)]
    assert [(one.rule_id, one.group, one.matches) for one in more] == [
        (one.rule_id, one.group, one.matches) for one in rest
    ]


def naive(times: list[int], span: int, least: int) -> list[int]:
    """Of times in order: those at which a sliding count fires."""
    fires: list[int] = []
    held: list[int] = []
    over = -(10**30)
    for at in times:
        if at <= over:
            continue
        held = [one for one in [*held, at] if one >= at - span]
        if len(held) >= least:
            fires.append(at)
            over, held = held[0] + span, []
    return fires


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=40), st.integers(1, 5))
def test_in_order_it_fires_as_a_naive_count_does(times: list[int], least: int) -> None:
    times.sort()
    subject = correlator(THREE.replace("gte: 3", f"gte: {least}"))
    found = [at for at in times if seen(subject, at)]
    assert found == naive(times, 10, least)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("1234")), max_size=40))
@example([(0, "2"), (1, "2"), (2, "2"), (2, "3"), (11, "1"), (12, "1"), (12, "2"), (12, "3")])
def test_what_is_dropped_as_needless_keeps_no_window_from_holding(
    steps: list[tuple[int, str]],
) -> None:
    """Distinct values, against windows that keep everything; what was dropped may make one begin later."""
    steps.sort()
    subject = correlator(VALUES)
    held: list[tuple[int, str]] = []
    over = -1
    for at, image in steps:
        found = seen(subject, at, Image=image)
        if at <= over:
            assert not found
            continue
        held = [one for one in [*held, (at, image)] if one[0] >= at - 10]
        last = {value: time for time, value in held}
        assert bool(found) is (len(last) >= 3)
        if found:
            begin = at - int(found[0].matches[0].value.split()[3])  # "3 values within 9 s: …"
            assert held[0][0] <= begin <= min(last.values())
            over, held = begin + 10, []


@settings(max_examples=200, deadline=None)
@given(st.permutations(range(8)))
def test_any_order_of_coming_fires_for_the_same_burst(order: list[int]) -> None:
    subject = correlator(THREE.replace("gte: 3", "gte: 8"))
    assert sum(bool(seen(subject, at)) for at in order) == 1


def test_a_changed_or_removed_correlation_does_not_take_over_what_another_remembered() -> None:
    old = correlator(THREE)
    fired(old, 0, 1)
    for body in (THREE.replace("gte: 3", "gte: 4"), THREE.replace("10s", "11s")):
        new = correlator(body)
        take_over(new, dump(old))
        assert len(new) == 0
    new = correlator(THREE)
    take_over(new, dump(old))
    assert fired(new, 2) == [2]


@pytest.mark.parametrize("damage", [b"", b"\x80", b"\xff" * 40])
def test_bytes_that_are_no_memory_are_refused_and_change_nothing(damage: bytes) -> None:
    subject = correlator(THREE)
    seen(subject, 0)
    with pytest.raises(DataFault):
        take_over(subject, damage)
    assert len(subject) == 1


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_memory_is_refused_or_harmless(data: st.DataObject) -> None:
    old = correlator(VALUES)
    for at in range(3):
        seen(old, at, Image=f"/{at}", User=f"u{at}")
    kept = bytearray(dump(old))
    place = data.draw(st.integers(0, len(kept) - 1))
    kept[place] = data.draw(st.integers(0, 255))
    new = correlator(VALUES)
    try:
        take_over(new, bytes(kept))
    except DataFault:
        assert len(new) == 0
    seen(new, 4, Image="/x")
    new.tick(10**12 * SEC)
