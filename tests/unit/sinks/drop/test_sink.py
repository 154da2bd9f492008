"""What lies in a drop after deliveries, restarts and faults, on a real directory."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import DataFault, SinkAway
from sentinair.model.entry import Entry, Parcel
from sentinair.model.ports import Sink
from sentinair.sinks.drop.check.found import Known
from sentinair.sinks.drop.manifest import Manifest
from sentinair.sinks.drop.segment import Limits
from tests.harness.drops import Chain, Station, parcels
from tests.unit.sinks.drop.conftest import Make


def manifests(station: Station) -> list[dict[str, object]]:
    found = [json.loads(file.read_bytes())["signed"] for file in station.drop.glob("*.manifest")]
    return sorted(found, key=lambda one: int(one["first"]))


def test_the_drop_is_a_sink(station: Station) -> None:
    sink: Sink = station.sink
    assert sink.holding() == {}


def test_segments_are_cut_by_count_and_named_by_host_chain_and_seqs(station: Station) -> None:
    station.send(25)
    chain = station.chain.ring.chain
    names = [f"bay_7-{chain}-{first:012}-{first + 9:012}.ndjson" for first in (3, 13)]
    assert [file.name for file in station.segments()] == names
    assert station.sink.holding() == {"record": 23}
    assert station.judged().ok


def test_segments_are_cut_by_size(make: Make) -> None:
    station = make(Limits(segment_bytes=1000), pad=400)
    station.send(9)
    assert len(station.segments()) == 4
    assert all(1000 <= file.stat().st_size < 2000 for file in station.segments())


def test_segments_are_cut_by_time_when_nothing_comes(station: Station) -> None:
    station.send(3)
    assert station.segments() == []
    station.clock.pass_secs(61)
    station.sink.idle(station.clock.mono)
    assert station.seqs() == [3, 4, 5]
    assert station.sink.holding() == {}


def test_manifests_name_their_predecessor_and_what_is_in_their_segment(station: Station) -> None:
    station.send(30)
    said = manifests(station)
    assert [one["count"] for one in said] == [10, 10, 10]
    assert said[0]["previous"] is None
    assert len({one["previous"] for one in said}) == 3
    assert [one["link"] for one in said] == [e.link for e in station.sent[9::10]]
    assert (
        station.chain.signed[0].decode()
        in (station.drop / f"{said[0]['file']}.manifest").read_text()
    )


def test_what_comes_again_is_not_written_again(station: Station) -> None:
    station.send(20)
    station.sink.open()
    station.sink.deliver(parcels(station.sent, station.codec))
    assert station.sink.repeated == 20
    assert station.seqs() == [entry.seq for entry in station.sent]


def test_what_a_person_wants_sent_again_is_late_and_no_fault(station: Station) -> None:
    station.send(20)
    station.sink.deliver(parcels([*station.sent[5:9], *station.sent[2:4]], station.codec))
    assert station.sink.holding() == {"record": 5}
    station.send(10)
    station.sink.close()
    assert sorted(station.seqs()) == sorted([*range(3, 33), 5, 6, 8, 9, 10, 11])
    assert station.judged().findings == []
    assert station.judged().lines[0].last == 32


def test_an_entry_that_has_no_place_in_the_format_leaves_nothing(make: Make) -> None:
    station = make(complete=False)
    entries = station.chain.grow(4)
    bodies = [station.codec.encode(entry) for entry in entries]
    bodies[1] = b""
    station.sink.deliver([Parcel(*pair) for pair in zip(entries, bodies, strict=True)])
    station.sink.close()
    assert station.seqs() == [3, 5, 6]
    assert station.judged().ok


def test_a_restart_goes_on_where_the_last_life_ended(station: Station) -> None:
    station.send(14)
    station.restart()
    station.send(3)
    station.restart(killed=True)
    station.send(20)
    station.sink.close()
    assert station.seqs() == [entry.seq for entry in station.sent]
    assert not [name for name in os.listdir(station.drop) if name.endswith(".part")]
    assert station.judged().ok


def test_a_killed_run_leaves_no_temporary_file_for_ever(station: Station) -> None:
    station.send(5)
    assert [name for name in os.listdir(station.drop) if name.endswith(".part")]
    station.crash()
    station.sink = station.opened()
    assert os.listdir(station.drop) == []


def test_a_new_chain_begins_a_new_segment_and_the_verifier_takes_both(station: Station) -> None:
    station.send(4)
    station.chain.begin()
    station.send(16)
    station.sink.close()
    drop = station.judged()
    assert drop.ok
    assert [line.entries for line in sorted(drop.lines, key=lambda line: line.entries)] == [4, 16]


def test_records_of_an_old_chain_are_signed_by_the_key_of_the_new_one(station: Station) -> None:
    backlog = station.chain.grow(5)
    station.chain.begin()
    station.deliver(backlog)
    station.send(5)
    station.sink.close()
    assert station.judged().ok


def test_events_and_records_have_segments_of_their_own(station: Station) -> None:
    station.send(6)
    station.deliver(station.chain.events(12))
    assert station.sink.holding() == {"record": 3, "event": 11}
    station.sink.close()
    assert {line.stream for line in station.judged().lines} == {"record", "event"}
    assert station.judged().ok


def test_while_the_engine_is_away_nothing_is_put_away_and_all_comes_later(station: Station) -> None:
    station.chain.away = True
    station.send(9)
    with pytest.raises(SinkAway):
        station.send(1)
    assert station.sink.holding() == {}
    assert os.listdir(station.drop) == []
    station.chain.away = False
    station.sink.open()
    station.sink.deliver(parcels(station.sent, station.codec))
    assert station.seqs() == [entry.seq for entry in station.sent]


def test_a_quiet_drop_has_a_heartbeat_that_tells_its_end(station: Station) -> None:
    station.send(10)
    station.quiet()
    (file,) = station.drop.glob("*.heartbeat")
    said = json.loads(file.read_bytes())["signed"]
    assert said["heads"][0]["last"] == 12
    assert said["next_due_ns"] - said["made_ns"] == 60 * 10**9
    assert station.judged().ok


def test_a_host_name_that_is_none_makes_a_plain_file_name(make: Make) -> None:
    station = make()
    (entry,) = station.chain.grow(1)
    odd = Entry(
        host="../..\n-x\u202e/",
        chain=entry.chain,
        stream="record",
        seq=entry.seq,
        kind="k",
        time_ns=0,
        version="1",
        link=entry.link,
    )
    station.deliver([odd])
    station.sink.close()
    (file,) = station.segments()
    assert re.fullmatch(r"[A-Za-z0-9_.]+-[0-9a-f]{32}-\d{12}-\d{12}\.ndjson", file.name)
    assert station.judged().ok


def test_above_the_cap_the_oldest_go_and_the_next_manifest_says_so(make: Make) -> None:
    station = make(Limits(segment_count=10, cap_bytes=12_000))
    for _ in range(20):
        station.send(10)
    here = sum(file.stat().st_size for file in station.drop.iterdir())
    assert here < 16_000
    assert station.sink.lost >= 80
    drop = station.judged()
    assert drop.ok, drop.findings
    seqs = station.seqs()
    assert seqs == list(range(seqs[0], 203))
    assert sum(line.lost for line in drop.lines) <= station.sink.lost == seqs[0] - 3


def test_the_manifest_says_which_of_the_deleted_had_been_received(make: Make) -> None:
    station = make(Limits(segment_count=10, cap_bytes=12_000))
    station.sink._received = lambda _chain, _stream: 22
    for _ in range(10):
        station.send(10)
    lost = [msgspec.json.decode(line, type=Manifest).lost for line in station.chain.signed]
    assert [one.why for losses in lost for one in losses][:3] == ["cap, received"] * 2 + ["cap"]


def test_files_that_were_taken_over_and_away_are_not_lost(make: Make) -> None:
    station = make(Limits(segment_count=10, cap_bytes=12_000))
    known: dict[str, Known] = {}
    for _ in range(10):
        station.send(40)
        drop = station.judged(known)
        assert drop.ok, drop.findings
        known = drop.ends
        for file in station.drop.iterdir():
            if file.suffix != ".keys":
                file.unlink()
    assert station.sink.lost == 0


@pytest.mark.parametrize("damage", ["cut", "one figure", "no json", "empty"])
def test_a_damaged_memory_is_set_aside_and_the_drop_begins_anew(
    tmp_path: Path, damage: str
) -> None:
    station = Station(tmp_path)
    station.send(20)
    station.sink.close()
    memory = tmp_path / "memory"
    whole = memory.read_bytes()
    last = f'"last":{station.sent[-1].seq}'.encode()
    memory.write_bytes(
        {
            "cut": whole[:-80],
            "one figure": whole.replace(last, last[:-1] + b"9"),
            "no json": b"{" + whole,
            "empty": b"",
        }[damage]
    )
    with pytest.raises(DataFault, match="set aside as memory.damaged-1"):
        station.opened()
    station.sink = station.opened()
    station.send(10)
    station.sink.close()
    assert (tmp_path / "memory.damaged-1").exists()
    assert station.seqs() == [entry.seq for entry in station.sent]
    assert [one.kind for one in station.judged().findings] == ["repeated"]


def test_what_is_missing_in_a_complete_drop_lies_between_segments_and_is_found(
    station: Station,
) -> None:
    station.send(4)
    (gone,) = station.chain.grow(1)  # what could not be encoded
    station.send(5)
    station.sink.close()
    said = [json.loads(signed) for signed in station.chain.signed]
    assert [one["count"] == one["last"] - one["first"] + 1 for one in said] == [True, True]
    assert [(one.kind, one.seq) for one in station.judged().findings] == [("missing", gone.seq)]


def test_what_was_taken_and_not_put_away_is_told_as_undone(station: Station) -> None:
    station.chain.away = True
    station.send(5)
    with pytest.raises(SinkAway) as fault:
        station.send(5)
    assert fault.value.undone
    with pytest.raises(SinkAway) as fault:
        station.send(1)
    assert not fault.value.undone


def test_limits_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        Limits(segment_bytes=1 << 40)


def test_certificates_are_appended_and_written_anew_when_somebody_changed_them(
    station: Station,
) -> None:
    station.send(10)
    (keys,) = station.drop.glob("*.keys")
    before, inode = keys.read_bytes(), keys.stat().st_ino
    station.chain.restart()
    station.send(10)
    assert keys.read_bytes().startswith(before)
    assert keys.stat().st_ino == inode
    assert len(keys.read_bytes().splitlines()) == 3
    keys.write_bytes(b"{}\n")
    station.chain.restart()
    station.send(10)
    assert len(keys.read_bytes().splitlines()) == 4
    # the restarts of the engine took a record each that was never sent
    assert {finding.kind for finding in station.judged().findings} == {"missing"}


def test_a_mount_point_is_asked_for(make: Make) -> None:
    station = make()
    station.sink._mounted = True
    with pytest.raises(SinkAway, match="nothing is mounted"):
        station.sink.open()


def test_the_chain_of_a_harness_is_one_chain(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    first = chain.ring.chain
    chain.restart()
    assert chain.ring.chain == first
    chain.begin()
    assert chain.ring.chain != first


def test_what_a_person_waits_for_is_put_away_at_once(station: Station) -> None:
    station.send(3)
    assert station.segments() == []
    station.sink.flush()
    assert len(station.segments()) == 1
    assert station.sink.holding() == {}
    station.sink.flush()
    assert len(station.segments()) == 1
