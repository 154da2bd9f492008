"""A drop signed by a running engine, judged by the stand-alone file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.errors import SinkAway
from sentinair.model.entry import Entry
from sentinair.sinks.drop.segment import Limits
from sentinair.sinks.drop.signer import EngineSigner
from sentinair.sinks.drop.sink import DropSink
from sentinair.store.read import Reader
from tests.harness.agent import ROOT
from tests.harness.drops import LineCodec, SteadyClock, parcels
from tests.unit.cli.conftest import Program, engine, program, recorded, written

__all__ = ["program", "recorded", "written"]


def entries(state: Path, chain: str) -> list[Entry]:
    with Reader.open(state) as reader:
        return [
            Entry(
                host="host",
                chain=chain,
                stream="record",
                seq=record.seq,
                kind=record.kind,
                time_ns=record.stamp.time_ns,
                version="1",
                link=record.link.hex(),
            )
            for record in reader.records(limit=1000)
        ]


def test_a_drop_signed_by_the_running_engine_is_verified(recorded: Program, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    key = recorded.state / "keys" / "enrolment.pub"
    signer = EngineSigner(recorded.state / "run" / "control.sock")
    sink = DropSink(
        "siem",
        tmp_path / "drop",
        LineCodec(),
        signer,
        SteadyClock(),
        tmp_path / "memory",
        limits=Limits(segment_count=20),
        complete=True,
    )
    sink.open()
    with engine(recorded):
        sent = entries(recorded.state, key.read_text().split()[-1])
        sink.deliver(parcels(sent, LineCodec()))
        sink.close()
    words = [sys.executable, str(ROOT / "scripts" / "verify-drop.py"), str(tmp_path / "drop")]
    done = subprocess.run(
        [*words, "--public-key", str(key)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"1 to {sent[-1].seq}, {len(sent)} entries" in done.stdout


def test_an_engine_that_is_down_is_a_sink_that_is_away(tmp_path: Path) -> None:
    signer = EngineSigner(tmp_path / "none.sock")
    with pytest.raises(SinkAway, match="not running"):
        signer.sign(b"{}", ())
    with pytest.raises(SinkAway, match="not running"):
        signer.certificates("0" * 32, -1)
