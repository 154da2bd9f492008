"""A drop made from options, with the codec that ships, and an engine that signs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.errors import DataFault
from sentinair.model.entry import Parcel
from sentinair.sinks.drop.check.lines import judge
from sentinair.sinks.drop.kind import drop
from sentinair.sinks.drop.options import DropOptions
from sentinair.sinks.ground import Ground
from tests.unit.cli.conftest import Program, engine, program, recorded, written
from tests.unit.sinks.drop.test_signer import entries

__all__ = ["program", "recorded", "written"]


def test_a_drop_of_ndjson_goes_to_exports_and_is_verified_by_its_links(recorded: Program) -> None:
    exports = recorded.state / "data" / "exports"
    exports.mkdir(parents=True)
    codec = NdjsonCodec()
    sink = drop(
        Ground(name="drop", host="host", state=recorded.state, codec=codec),
        DropOptions(complete=True, segment_bytes=4096),
    )
    key = recorded.state / "keys" / "enrolment.pub"
    with engine(recorded):
        sink.open()
        sent = entries(recorded.state, key.read_text().split()[-1])
        sink.deliver([Parcel(entry, codec.encode(entry)) for entry in sent])
        sink.close()
    found = judge(str(exports), str(key))
    assert found.ok, found.findings
    assert found.lines[0].entries == len(sent)
    assert found.lines[0].segments > 3


def test_a_drop_without_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="needs a codec"):
        drop(Ground(name="drop", host="host", state=tmp_path), DropOptions())
