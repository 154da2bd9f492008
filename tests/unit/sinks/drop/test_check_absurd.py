"""What the owner of a share may put there so that the look at it never ends, or fills the memory of who looks."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.sinks.drop.check.folder import MAX_CERTIFICATE, Folder, read_keys
from sentinair.sinks.drop.check.found import MAX_WHAT
from sentinair.sinks.drop.check.program import main
from sentinair.sinks.drop.check.segments import judge_segments, manifests_of
from tests.harness.agent import ROOT
from tests.harness.drops import Station, sent

TERABYTES = 8 << 40


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return sent(tmp_path / "host", 30)


def sparse(path: Path) -> None:
    """A file that says it holds far more than any disk."""
    with path.open("wb") as file:
        file.write(b"begin\n")
        try:
            file.truncate(TERABYTES)
        except OSError as fault:
            pytest.skip(f"this file system has no such file: {fault.strerror}")


def test_files_with_holes_are_not_read_to_their_end(station: Station) -> None:
    first = station.segments()[0]
    sparse(first)
    sparse(station.drop / first.name.replace("bay_7", "bay_8"))
    export = station.drop / "sentinair_alerts_1700000000.json"
    sparse(export)
    said = {"exported": {"file": export.name, "count": 1, "sha256": "0" * 64}}
    manifest = export.with_name(f"{export.name}.manifest.json")
    manifest.write_text(json.dumps({"unsigned": "engine down", "said": said}))
    kinds = {(one.kind, one.where) for one in station.judged().findings}
    assert ("corrupted", first.name) in kinds
    assert ("corrupted", export.name) in kinds


def test_a_file_that_ends_in_zeros_is_told_as_what_it_is(station: Station) -> None:
    first = station.segments()[0]
    with first.open("ab") as file:
        file.write(bytes(1 << 16))
    assert [one.kind for one in station.judged().findings] == ["corrupted"]


def test_a_hundred_thousand_strange_names_are_looked_at_each_once(station: Station) -> None:
    """With a look through all names for each of them this takes most of an hour."""
    for number in range(50_000):
        os.mknod(station.drop / f"sentinair_alerts_1-{number}.json")
        os.mknod(station.drop / f"bay_9-chain-{number:012}-{number:012}.ndjson")
    drop = station.judged()
    assert len(drop.findings) == 100_000
    assert drop.lines[0].entries == 30


@pytest.mark.parametrize(
    "line",
    [b"\n" * (64 << 20), b"[" + b"[]," * (40 << 20), b'{"epoch": ' + b"9" * (32 << 20) + b"}\n"],
    ids=["empty lines", "one endless line", "one huge number"],
)
def test_certificates_of_strangers_take_no_memory(station: Station, line: bytes) -> None:
    (station.drop / "zz.keys").write_bytes(line)
    (station.drop / "zz.manifest").write_bytes(b'{"signed":' + line)
    made = "from sentinair.sinks.drop.check.program import main; import sys; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", made, os.fspath(station.drop)]
    words += ["--public-key", os.fspath(station.public_key)]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20)),
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "zz.keys" in done.stdout


def test_a_line_of_certificates_that_still_grows_is_no_finding(station: Station) -> None:
    (keys,) = station.drop.glob("*.keys")
    keys.write_bytes(keys.read_bytes() + b'{"chain": "')
    assert station.judged().ok
    keys.write_bytes(keys.read_bytes() + b"x" * MAX_CERTIFICATE)
    assert [(one.kind, one.where) for one in station.judged().findings] == [
        ("corrupted", keys.name)
    ]


def test_a_text_of_a_stranger_is_cut_where_it_is_told(station: Station) -> None:
    said = {"format": "sentinair drop 1", "host": "x" * 500_000, "chain": "y" * 32}
    seal = {"chain": "y" * 32, "epoch": 0, "signature": ""}
    text = json.dumps({"signed": said, "seal": seal}, separators=(",", ":"))
    (station.drop / "zz.manifest").write_text(text)
    (finding,) = station.judged().findings
    assert finding.kind == "foreign"
    assert len(finding.what) == MAX_WHAT


def test_a_segment_that_goes_while_it_is_judged_is_missing(station: Station) -> None:
    folder = Folder(os.fspath(station.drop), read_keys(os.fspath(station.public_key)))
    folder.read_certificates()
    manifests = manifests_of(folder)
    for path in station.segments():
        folder.sha256(path.name)
        path.unlink()
    judge_segments(folder, manifests, {})
    folder.close()
    assert {one.kind for one in folder.drop.findings} == {"missing"}
    assert {one.seq for one in folder.drop.findings} == {3, 13, 23}


@pytest.mark.parametrize("known", ["[" * 100_000, '{"a": {}}', "[]", "\xff", '{"a": [1e999, ""]}'])
def test_a_broken_file_of_what_was_known_is_told(
    station: Station, tmp_path: Path, capsys: pytest.CaptureFixture[str], known: str
) -> None:
    (tmp_path / "known").write_text(known, encoding="latin-1")
    words = [os.fspath(station.drop), "--public-key", os.fspath(station.public_key)]
    assert main([*words, "--known", os.fspath(tmp_path / "known")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_an_endless_public_key_is_refused(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([os.fspath(station.drop), "--public-key", "/dev/zero"]) == 2
    assert "/dev/zero: no public key" in capsys.readouterr().err
