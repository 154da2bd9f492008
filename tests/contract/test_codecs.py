"""What every registered codec promises, whatever it writes."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from configparser import ConfigParser
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinair.codecs import event_json
from sentinair.model.entry import Entry
from sentinair.model.event import Event
from sentinair.model.ports import Codec
from sentinair.model.process import Process
from tests.harness.hostile import COUNT, hostile_entries
from tests.harness.strategies import events, processes
from tests.harness.usual_entries import TIME_NS, alert_entry, event_entry

ROOT = Path(__file__).parents[2]
UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Raw, these have no business in any output; tab and line feed may be the format's own."""

ALERTS_ONLY: Final = frozenset({"json", "csv", "xml"})
"""The integration guide's own files have an alert's columns and no place for what names anything else."""


def _registered() -> dict[str, str]:
    """Name to "module:class", from setup.cfg itself: no installation needed."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options.entry_points"]["sentinair.codecs"].strip().splitlines()
    pairs = (line.split("=", 1) for line in lines)
    return {name.strip(): place.strip() for name, place in pairs}


REGISTERED = _registered()
every_codec = pytest.mark.parametrize("name", sorted(REGISTERED))


def _made(name: str) -> Codec:
    module, _, made = REGISTERED[name].partition(":")
    if not ROOT.joinpath(*module.split(".")).with_suffix(".py").exists():
        pytest.skip(f"{module} is registered and not there yet")
    make: Callable[[], Codec] = getattr(importlib.import_module(module), made)
    return make()


def _file(codec: Codec, entries: list[Entry]) -> bytes:
    body = codec.between().join([codec.encode(entry) for entry in entries])
    return codec.begin(TIME_NS) + body + codec.end(len(entries))


@cache
def _hostile() -> tuple[Entry, ...]:
    return tuple(islice(hostile_entries(COUNT), 2_400))


@every_codec
def test_a_codec_calls_itself_what_it_is_registered_as(name: str) -> None:
    codec = _made(name)
    assert codec.name == name
    assert re.fullmatch(r"(\.[a-z]+)+", codec.suffix)
    assert codec.lines in (True, False)


@every_codec
def test_a_codec_takes_any_entry_and_writes_clean_utf8(name: str) -> None:
    codec = _made(name)
    for entry in _hostile():
        text = codec.encode(entry).decode("utf-8")
        assert text or (name in ALERTS_ONLY and entry.alert is None)
        found = UNSAFE.search(text)
        assert found is None, (entry.seq, found)


@every_codec
def test_a_codec_remembers_nothing(name: str) -> None:
    codec, entries = _made(name), _hostile()[:480]
    forwards = [codec.encode(entry) for entry in entries]
    backwards = [codec.encode(entry) for entry in reversed(entries)]
    assert backwards[::-1] == forwards
    assert [_made(name).encode(entry) for entry in entries[:24]] == forwards[:24]
    assert codec.begin(TIME_NS) == codec.begin(TIME_NS)
    assert codec.end(3) == codec.end(3)


@every_codec
def test_an_entry_of_a_codec_of_lines_is_one_line(name: str) -> None:
    codec = _made(name)
    if not codec.lines:
        pytest.skip("writes whole files, not lines")
    for entry in _hostile():
        assert b"\n" not in codec.encode(entry)
    before = codec.begin(TIME_NS).count(b"\n")
    for count in (1, 2, 600):
        written = _file(codec, list(_hostile()[:count]))
        assert written.endswith(b"\n")
        assert written.count(b"\n") == before + count
    assert _file(codec, []) in (b"", codec.begin(TIME_NS))


@every_codec
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(event=events, process=st.none() | processes)
def test_a_codec_takes_any_event_of_the_kernel(
    name: str, event: Event, process: Process | None
) -> None:
    codec = _made(name)
    shape = event_json.render(5, event, process, "fanotify")
    entry = Entry(
        host="h", chain="5a" * 16, stream="event", seq=5, kind=shape["event_type"], time_ns=event.seen_ns,
        version="0.1.0", data=shape["data"],
    )  # fmt: skip
    assert UNSAFE.search(codec.encode(entry).decode("utf-8")) is None


@every_codec
def test_what_makes_an_entry_unique_is_in_what_is_written(name: str) -> None:
    codec = _made(name)
    alert, event = alert_entry(), event_entry(123_457)
    assert alert.alert is not None
    assert alert.alert.id in codec.encode(alert).decode()
    if name not in ALERTS_ONLY:
        written = codec.encode(event).decode()
        assert event.chain in written
        assert "event" in written
        assert "123457" in written
