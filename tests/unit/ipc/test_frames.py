"""Frames: what goes in comes out, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.errors import DataFault
from sentinair.ipc.frames import MAX_FRAME_BYTES, FrameReader, frame


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(1, 50))
def test_bodies_survive_any_cutting_of_the_stream(bodies: list[bytes], step: int) -> None:
    stream = b"".join(frame(body) for body in bodies)
    reader = FrameReader()
    got = [
        body for at in range(0, len(stream), step) for body in reader.feed(stream[at : at + step])
    ]
    assert got == bodies


def test_a_length_over_the_cap_is_refused_before_its_bytes_are_held() -> None:
    with pytest.raises(DataFault, match="announced"):
        FrameReader(max_bytes=100).feed(b"\x00\x00\x00\x65")


def test_a_body_over_the_cap_is_not_framed() -> None:
    with pytest.raises(DataFault, match="limit"):
        frame(b"x" * (MAX_FRAME_BYTES + 1))


@given(st.binary(max_size=200))
def test_any_bytes_give_frames_or_a_data_fault(junk: bytes) -> None:
    reader = FrameReader(max_bytes=64)
    try:
        assert all(len(body) <= 64 for body in reader.feed(junk))
    except DataFault:
        assert len(junk) >= 4
