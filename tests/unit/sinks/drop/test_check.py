"""The verdict on damaged drops, and on whole ones that look odd."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinair.model.entry import Entry
from sentinair.sinks.drop.check.found import Unjudged
from sentinair.sinks.drop.check.lines import judge
from sentinair.sinks.drop.check.program import main, told
from sentinair.sinks.drop.manifest import BEAT_FORMAT, MANIFEST_FORMAT, line_of
from sentinair.sinks.drop.segment import Limits
from tests.harness.agent import ROOT
from tests.harness.drop_damage import DAMAGES, Case, Verdict, damaged
from tests.harness.drops import Chain, Station

PROGRAM = ROOT / "scripts" / "verify-drop.py"


def filled(folder: Path, chain: Chain | None = None) -> Station:
    """Six segments of one chain with three epochs, some of several blocks, and a heartbeat."""
    station = Station(folder, Limits(segment_count=12), pad=3000, chain=chain)
    station.send(10)
    station.deliver(station.chain.events(20))
    station.clock.pass_secs(61)
    station.sink.idle(station.clock.mono)
    for count in (30, 31):
        station.send(count)
        station.deliver(station.chain.restart())
    station.clock.pass_secs(61)
    station.sink.idle(station.clock.mono)
    station.quiet()
    station.sink.close()
    return station


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Station:
    return filled(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Station:
    return filled(tmp_path_factory.mktemp("other"))


def test_a_whole_drop_is_verified(station: Station) -> None:
    drop = station.judged()
    assert (drop.findings, drop.notes) == ([], [])
    records, events = sorted(drop.lines, key=lambda line: line.stream, reverse=True)
    assert (records.host, records.first, records.last, records.segments) == ("bay-7", 3, 75, 7)
    assert (events.first, events.last, events.entries) == (1, 20, 20)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_damage_gets_its_verdict(
    station: Station,
    other: Station,
    tmp_path: Path,
    damage: Callable[[Case], Verdict],
    seed: int,
) -> None:
    assert damaged(damage, station, other, tmp_path / "drop", seed) is None


def test_a_new_stick_goes_on_from_what_was_known(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.send(20)
    known = station.judged().ends
    station.sink.close()
    station.drop.rename(tmp_path / "first stick")
    station.drop.mkdir()
    station.sink.open()
    station.send(20)
    station.sink.close()
    assert station.judged(known).ok
    assert [one.kind for one in station.judged().findings] == ["missing"]


def test_a_segment_without_manifest_at_the_end_is_not_judged_yet(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.send(20)
    station.sink.close()
    last = station.segments()[-1]
    last.with_name(last.name + ".manifest").unlink()
    drop = station.judged()
    assert drop.ok
    assert "not judged" in drop.notes[0]


def test_a_record_left_out_of_a_segment_is_found_though_the_forwarder_signed_for_it(
    tmp_path: Path,
) -> None:
    """The forwarder can have signed what it likes of bytes, not of records: those the engine looks up."""
    station = Station(tmp_path)

    def lying(entry: Entry) -> bytes:
        return b'{"seq":4,"link":"00"}'

    station.send(4)
    station.codec.encode = lying  # type: ignore[method-assign]
    station.send(6)
    station.sink.close()
    assert [one.kind for one in station.judged().findings] == ["forged"]


def test_silence_is_found_where_an_age_is_given(station: Station) -> None:
    newest = max(station.judged().made_ns.values())
    for secs, kinds in ((100, []), (50, ["stale"])):
        drop = judge(
            str(station.drop),
            str(station.public_key),
            now_ns=newest + 60 * 10**9,
            max_age_secs=secs,
        )
        assert [one.kind for one in drop.findings] == kinds


@pytest.mark.parametrize("key", [b"", b"AAAA sentinair\n", b"\xff"])
def test_without_directory_or_key_nothing_is_judged(
    station: Station, tmp_path: Path, key: bytes
) -> None:
    (tmp_path / "key").write_bytes(key)
    with pytest.raises(Unjudged):
        judge(str(station.drop), str(tmp_path / "key"))
    with pytest.raises(Unjudged):
        judge(str(tmp_path / "none"), str(station.public_key))


BROKEN = (
    "",
    "{",
    "[]",
    '{"signed":}',
    '{"signed":1,"seal":2}',
    '{"signed":{},"seal":{}}',
    '{"signed":{"format":"sentinair drop 1"},"seal":{"chain":1,"epoch":"x"}}',
    "[" * 10**5,
)


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("ending", ["manifest", "heartbeat", "keys"])
def test_files_that_are_none_never_stop_the_look(
    station: Station, tmp_path: Path, text: str, ending: str
) -> None:
    (tmp_path / f"x.{ending}").write_text(text)
    drop = judge(str(tmp_path), str(station.public_key))
    assert all(one.kind in {"corrupted", "foreign"} for one in drop.findings)


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_thief_signs_is_judged(
    station: Station, tmp_path: Path, data: st.DataObject
) -> None:
    """A good seal over fields of any kind."""
    held = station.segments()[0]
    manifest = json.loads(held.with_name(f"{held.name}.manifest").read_bytes())["signed"]
    odd = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("a\0b"),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
        max_leaves=5,
    )
    names = st.sampled_from([*sorted(manifest), "heads"])
    for name in data.draw(st.lists(names, min_size=1, max_size=4)):
        manifest[name] = data.draw(odd)
    manifest["format"] = data.draw(st.sampled_from([MANIFEST_FORMAT, BEAT_FORMAT]))
    signed = json.dumps(manifest).encode()
    line = line_of(signed, station.chain.sign(signed, ()))
    for ending in ("manifest", "heartbeat"):
        (tmp_path / f"x.{ending}").write_bytes(line)
    (keys,) = station.drop.glob("*.keys")
    (tmp_path / keys.name).write_bytes(keys.read_bytes())
    assert told(judge(str(tmp_path), str(station.public_key)))


def test_the_program_keeps_where_it_ended_and_tells_by_its_exit_status(
    station: Station, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(station.drop), "--public-key", str(station.public_key)]
    state = ["--known", str(tmp_path / "state")]
    assert main([*words, *state]) == 0
    assert capsys.readouterr().out.endswith("verified\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([str(empty), *words[1:], *state]) == 0
    assert "nothing of it is here" in capsys.readouterr().out
    assert main([*words, "--max-age", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["kind"] == "stale"
    (tmp_path / "state").write_text("[]")
    assert main([*words, *state]) == 2


def test_the_stand_alone_file_is_made_of_these_modules(tmp_path: Path) -> None:
    done = subprocess.run([ROOT / "scripts" / "build-verifier", tmp_path / "made.py"], check=True)
    assert done.returncode == 0
    assert (tmp_path / "made.py").read_text() == PROGRAM.read_text(), "run scripts/build-verifier"


def test_no_two_parts_of_the_stand_alone_file_have_the_same_name() -> None:
    names = [
        ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else node.name
        for node in ast.parse(PROGRAM.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)
    ]
    assert len(names) == len(set(names))


def test_the_stand_alone_file_runs_where_nothing_of_the_agent_is(
    station: Station, tmp_path: Path
) -> None:
    copy = tmp_path / "verify-drop.py"
    copy.write_text(
        "import sys\n"
        "class Wall:\n"
        "    def find_spec(self, name, *_):\n"
        "        assert name.split('.')[0] not in ('sentinair', 'msgspec', 'click'), name\n"
        "sys.meta_path.insert(0, Wall())\n"
        + PROGRAM.read_text().replace("from __future__ import annotations", "")
    )
    words = [sys.executable, "-P", str(copy), str(station.drop)]
    words += ["--public-key", str(station.public_key)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd="/", env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("verified\n")


def test_where_no_segment_is_yet_nothing_is_verified(station: Station, tmp_path: Path) -> None:
    with pytest.raises(Unjudged, match="no segment is here yet"):
        judge(str(tmp_path), str(station.public_key))
    (tmp_path / ".drop-1.part").write_bytes(b"half")
    with pytest.raises(Unjudged, match="no segment is here yet"):
        judge(str(tmp_path), str(station.public_key))


def test_without_cryptography_the_stand_alone_file_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "cryptography.py").write_text("raise ImportError('not here')")
    done = subprocess.run(
        [sys.executable, PROGRAM, "--help"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == "verify-drop: needs cryptography, on Debian the package python3-cryptography\n"
    )
