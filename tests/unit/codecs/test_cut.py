from __future__ import annotations

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from sentinair.codecs.cut import NARROW as NARROW_ROOM
from sentinair.codecs.cut import NARROW_MARK, fit, fit_bytes, fit_raw

WORDED = re.compile(r"…\[(\d+) bytes, sha256 ([0-9a-f]{16})\]\Z")
SHORT = re.compile(r"…\[(\d+) ([0-9a-f]{16})\]\Z")


def _told(raw: bytes) -> tuple[str, str]:
    return str(len(raw)), hashlib.sha256(raw).hexdigest()[:16]


@given(st.text(max_size=200), st.integers(NARROW_MARK, 120))
def test_what_fits_is_left_and_what_is_cut_says_its_length_and_hash(text: str, room: int) -> None:
    raw = text.encode("utf-8", "backslashreplace")
    shortened = fit(text, room)
    assert len(shortened) <= room
    if len(text) <= room:
        assert shortened == text
    else:
        mark = (SHORT if room < NARROW_ROOM else WORDED).search(shortened)
        assert mark is not None
        assert mark.groups() == _told(raw)
        assert text.startswith(shortened[: mark.start()])


@given(st.text(max_size=200), st.integers(NARROW_MARK, 120))
def test_counted_in_bytes_no_character_is_split(text: str, room: int) -> None:
    raw = text.encode("utf-8", "backslashreplace")
    shortened = fit_bytes(text, room)
    assert len(shortened.encode("utf-8", "backslashreplace")) <= room
    if len(raw) <= room:
        assert shortened == text
    else:
        mark = (SHORT if room < NARROW_ROOM else WORDED).search(shortened)
        assert mark is not None
        assert mark.groups() == _told(raw)
        assert raw.startswith(shortened[: mark.start()].encode())
    assert fit_raw(raw, room).decode() == shortened.encode("utf-8", "backslashreplace").decode()


def test_the_mark_can_speak_of_what_the_text_was_made_from() -> None:
    # in bytes two characters less: the mark begins with one of three bytes
    assert fit("x" * 100, 60, "whole")[2:] == fit_bytes("x" * 100, 60, "whole")
    mark = WORDED.search(fit("x" * 100, 60, "whole"))
    assert mark is not None
    assert mark.groups() == _told(b"whole")
