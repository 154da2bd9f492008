from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.codecs.event_json import render
from sentinair.model.event import (
    CREATE,
    WRITE,
    Event,
    FileEvent,
    FileState,
    GapEvent,
    Listing,
    ProcessEvent,
)
from sentinair.model.process import Parent, Process
from sentinair.model.text import shown_argv
from tests.harness.strategies import events, processes

BASH = Process(
    pid=7,
    start=9,
    ppid=1,
    exe=b"/usr/bin/bash",
    argv=(b"bash", b"-c", b"echo a b"),
    uid=0,
    auid=1000,
    parents=(Parent(1, 1, b"/sbin/init", (b"init",)),),
)


def test_a_file_event_has_the_promised_shape() -> None:
    state = FileState(0o104755, 0, 3, 10, 77, 1, 0, 0)
    event = FileEvent(
        seen_ns=1_700_000_000_123_456_789,
        mono_ns=1,
        path=b"/etc/x",
        actions=CREATE | WRITE,
        state=state,
    )
    shape = render(5, event, BASH, "fanotify")
    assert {key: shape[key] for key in shape if key != "data"} == {
        "id": 5,
        "timestamp": "2023-11-14T22:13:20.123456Z",
        "event_type": "file",
        "source": "fanotify",
        "processed": False,
    }
    data = shape["data"]
    assert data["actions"] == ["create", "write"]
    assert data["path"] == "/etc/x"
    assert (data["mode"], data["uid"], data["gid"], data["size"], data["inode"]) == (
        "4755", 0, 3, 10, 77,
    )  # fmt: skip
    assert data["process"]["exe"] == "/usr/bin/bash"
    assert data["process"]["cmdline"] == "bash -c 'echo a b'"
    assert data["process"]["argv"] == ["bash", "-c", "echo a b"]
    assert data["process"]["parents"][0]["pid"] == 1
    assert "path_hex" not in data


def test_bytes_that_are_not_text_stand_beside_it_in_hex() -> None:
    event = FileEvent(seen_ns=0, mono_ns=0, path=b"/a\xff\n", actions=CREATE)
    data = render(None, event, Process(pid=1, argv=(b"x", b"\xfe")), None)["data"]
    assert data["path"] == "/a\\xff\\x0a"
    assert bytes.fromhex(data["path_hex"]) == event.path
    assert data["process"]["argv_hex"] == ["78", "fe"]


def test_what_is_unknown_is_null() -> None:
    event = FileEvent(seen_ns=0, mono_ns=0, path=b"/a", actions=CREATE, pid=4, start=6)
    data = render(1, event, None, None)["data"]
    assert data["mode"] is data["uid"] is data["size"] is data["inode"] is None
    assert data["process"]["pid"] == 4
    assert data["process"]["exe"] is None
    nobody = FileEvent(seen_ns=0, mono_ns=0, path=b"/a", actions=CREATE)
    assert render(1, nobody, None, None)["data"]["process"] is None


def test_a_process_event_prefers_the_joined_facts() -> None:
    event = ProcessEvent(
        seen_ns=0, mono_ns=0, action="exec", process=Process(pid=7), sha256=b"\x01" * 32
    )
    data = render(1, event, BASH, "cnproc")["data"]
    assert data["action"] == "exec"
    assert data["exe"] == "/usr/bin/bash"
    assert data["sha256"] == "01" * 32
    assert render(1, event, None, "cnproc")["data"]["exe"] is None


def test_a_gap_names_source_reason_count_and_interval() -> None:
    event = GapEvent(
        seen_ns=0, mono_ns=0, gap_id=b"12345678", source="fanotify", reason="overflow", lost=None,
        since_ns=0, until_ns=1_000_000_000,
    )  # fmt: skip
    data = render(1, event, None, "fanotify")["data"]
    assert (data["source"], data["reason"], data["lost"]) == ("fanotify", "overflow", None)
    assert (data["since"], data["until"]) == (
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:01.000000Z",
    )
    assert data["repaired"] is None


def test_an_observation_that_is_never_stored_is_refused() -> None:
    listing = Listing(seen_ns=0, mono_ns=0, scan=1, directory=b"/", names=(), states=())
    with pytest.raises(KeyError):
        render(1, listing, None, None)


@given(st.lists(st.binary(max_size=4) | st.text(max_size=3).map(lambda text: text.encode("utf-8", "replace"))))  # fmt: skip
def test_arguments_stand_beside_their_text_in_hex_as_soon_as_one_is_not_that_text(
    argv: list[bytes],
) -> None:
    event = ProcessEvent(
        seen_ns=0, mono_ns=0, action="exec", process=Process(pid=1, argv=tuple(argv))
    )
    data = render(1, event, None, None)["data"]
    assert data["cmdline"] == shown_argv(tuple(argv))
    same = [word.encode() for word in data["argv"]] == argv
    assert data.get("argv_hex") == (None if same else [raw.hex() for raw in argv])


@given(events, st.none() | processes)
def test_any_event_becomes_json_without_control_characters(
    event: Event, process: Process | None
) -> None:
    text = json.dumps(render(1, event, process, "x"), ensure_ascii=False)
    text.encode()  # no lone surrogates
    for value in _texts(json.loads(text)):
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in value)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []
