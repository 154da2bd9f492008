from __future__ import annotations

from sentinair.codecs.summary import summary
from tests.harness.hostile import COUNT, PIECES, TURN, hostile_entries


def test_ten_thousand_of_the_hostile_entries_are_alerts_and_some_texts_are_a_mebibyte() -> None:
    alerts = mebibytes = 0
    seen = set()
    for number, entry in enumerate(hostile_entries(COUNT), start=1):
        assert entry.seq == number
        if entry.alert is None:
            continue
        alerts += 1
        seen.add(entry.alert.title)
        mebibytes += any(_octets(entry.alert, name) == 1 << 20 for name in ("title", "description", "filename", "user"))  # fmt: skip
    assert alerts == 10_000
    assert mebibytes >= 4
    assert seen >= set(PIECES)


def _octets(alert: object, name: str) -> int:
    return len((getattr(alert, name) or "").encode("utf-8", "surrogatepass"))


def test_the_same_seed_gives_the_same_entries() -> None:
    # by text: a NaN is not equal to itself
    assert repr(list(hostile_entries(10 * TURN, 3))) == repr(list(hostile_entries(10 * TURN, 3)))
    assert repr(list(hostile_entries(10 * TURN, 3))) != repr(list(hostile_entries(10 * TURN, 4)))


def test_any_entry_has_its_few_words() -> None:
    for entry in hostile_entries(10 * TURN):
        assert isinstance(summary(entry).message, str)
