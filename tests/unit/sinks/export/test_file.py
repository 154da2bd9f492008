"""One export in a folder that others may write: whole, under a name that was free, with what proves it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import SinkAway, UsageFault
from sentinair.model.entry import Entry
from sentinair.model.export import Exported, Wanted
from sentinair.sinks.drop.check.exports import judge_export
from sentinair.sinks.drop.check.lines import judge
from sentinair.sinks.drop.manifest import Certificate, Seal
from sentinair.sinks.drop.place import Place
from sentinair.sinks.export import file as export_file
from sentinair.sinks.export.file import as_file, codec_of
from sentinair.sinks.export.manifest import EXPORT_DOMAIN, ExportManifest, Sealed, Unsigned
from tests.harness.drops import Chain, LineCodec

MADE_NS = 1_700_000_000 * 10**9
STEM = "sentinair_alerts_1700000000"


class Desk:
    """A folder, and a chain that signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out"
        self.folder.mkdir()
        self.chain = Chain(folder / "state")
        self.place = Place(str(self.folder), "command")

    def manifest(self, exported: Exported) -> ExportManifest:
        return ExportManifest(
            host="h", chain=self.chain.ring.chain, version="1", by="uid 0 (root)", writer="forwarder",
            wanted=Wanted(codec="ndjson"), exported=exported,
            head_seq=self.chain.head.seq, head_link=self.chain.head.link.hex(), said_ns=MADE_NS,
        )  # fmt: skip

    def seal(self, exported: Exported) -> Sealed | Unsigned:
        ring = self.chain.ring
        signed = msgspec.json.encode(self.manifest(exported))
        signature = ring.sign(EXPORT_DOMAIN + signed)
        return Sealed(signed.decode(), Seal(ring.chain, ring.epoch, ring.public_key, signature))

    def certificates(self, chain: str) -> Iterable[Certificate]:
        after = -1
        while page := self.chain.certificates(chain, after):
            yield from page
            after = page[-1].epoch

    def write(self, entries: Iterable[Entry] | None = None, **named: object) -> str:
        given: dict[str, object] = {"seal": self.seal, "certificates": self.certificates, **named}
        exported, _ = as_file(
            self.place,
            LineCodec(),
            self.chain.grow(5) if entries is None else entries,
            "sentinair_alerts",
            MADE_NS,
            **given,  # type: ignore[arg-type]
        )
        return exported.file

    def names(self) -> set[str]:
        return set(os.listdir(self.folder))

    def faults(self) -> Sequence[object]:
        return judge(str(self.folder), str(self.chain.keys / "enrolment.pub")).findings


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.place.close()


def test_files_of_one_second_have_names_of_their_own_and_all_verify(desk: Desk) -> None:
    names = [desk.write() for _ in range(3)]
    assert names == [f"{STEM}.ndjson", f"{STEM}-2.ndjson", f"{STEM}-3.ndjson"]
    keys = f"sentinair_exports-{desk.chain.ring.chain}.keys"
    assert desk.names() == {*names, *(f"{name}.manifest.json" for name in names), keys}
    assert desk.faults() == []


def test_certificates_follow_the_key_that_signs(desk: Desk) -> None:
    desk.write()
    (keys,) = desk.folder.glob("*.keys")
    before = keys.read_bytes()
    desk.write()
    assert keys.read_bytes() == before
    desk.chain.restart()
    desk.write()
    assert keys.read_bytes().startswith(before)
    assert len(keys.read_bytes().splitlines()) == desk.chain.ring.epoch + 1
    keys.write_bytes(b"x" * 10_000)
    desk.write()
    assert desk.faults() == []


def test_a_record_without_the_certificate_gives_no_export(desk: Desk) -> None:
    with pytest.raises(SinkAway, match="no certificate of epoch"):
        desk.write(certificates=lambda _chain: [])
    assert [one for one in desk.names() if "alerts" in one] == []


@pytest.mark.parametrize("plant", ["link", "folder", "pipe", "file", "manifest"])
def test_what_others_put_at_a_name_is_neither_followed_nor_replaced(
    desk: Desk, tmp_path: Path, plant: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    name = desk.folder / f"{STEM}.ndjson"
    if plant == "link":
        name.symlink_to(victim)
    elif plant == "folder":
        name.mkdir()
    elif plant == "pipe":
        os.mkfifo(name)
    elif plant == "file":
        name.write_text("theirs")
    else:
        name.with_name(f"{name.name}.manifest.json").symlink_to(victim)
    assert desk.write() == f"{STEM}-2.ndjson"
    assert victim.read_text() == "theirs"
    assert judge_export(
        str(desk.folder), str(desk.chain.keys / "enrolment.pub"), f"{STEM}-2.ndjson"
    ).ok


def test_who_is_faster_keeps_the_name(desk: Desk) -> None:
    asked: list[str] = []

    def seal(exported: Exported) -> Sealed | Unsigned:
        asked.append(exported.file)
        if (
            len(asked) <= 2
        ):  # while it is signed, somebody takes the name of the manifest, or of the file
            ending = ".manifest.json" if len(asked) == 1 else ""
            (desk.folder / (exported.file + ending)).write_text("theirs")
        return desk.seal(exported)

    assert desk.write(seal=seal) == f"{STEM}-3.ndjson"
    assert asked == [f"{STEM}.ndjson", f"{STEM}-2.ndjson", f"{STEM}-3.ndjson"]
    assert f"{STEM}-2.ndjson.manifest.json" not in desk.names()
    assert (desk.folder / f"{STEM}-2.ndjson").read_text() == "theirs"


def test_a_second_with_all_names_taken_is_a_clear_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_file, "MAX_NAMES", 3)
    desk.write()
    desk.write()
    with pytest.raises(SinkAway, match="names of one second are taken"):
        desk.write()


def _breaking() -> Iterator[Entry]:
    yield from ()
    raise UsageFault("broken")


def test_whatever_breaks_leaves_nothing_behind(desk: Desk) -> None:
    def refuse(*_: object) -> Sealed:
        raise UsageFault("broken")

    for named in ({"entries": _breaking()}, {"seal": refuse}, {"watch": refuse}):
        with pytest.raises(UsageFault):
            desk.write(**named)
        assert desk.names() == set()


def test_a_file_is_readable_to_the_group_whatever_the_umask_is(desk: Desk) -> None:
    before = os.umask(0o077)
    try:
        desk.write()
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(one.stat().st_mode) for one in desk.folder.iterdir()}
    assert modes == {0o640}


def test_an_export_of_nothing_is_a_file_of_its_form(desk: Desk) -> None:
    codec = codec_of(Wanted(codec="json"))
    exported, _ = as_file(
        desk.place, codec, (), "sentinair_alerts", MADE_NS,
        seal=desk.seal, certificates=desk.certificates,
    )  # fmt: skip
    assert (exported.count, exported.first, exported.last) == (0, None, None)
    shape = json.loads((desk.folder / exported.file).read_bytes())
    assert (shape["alerts"], shape["alert_count"]) == ([], 0)
    assert desk.faults() == []


def test_a_stolen_key_of_an_earlier_epoch_signs_nothing_of_today(desk: Desk) -> None:
    desk.chain.restart()
    desk.chain.grow(3)
    key, epoch, chain = desk.chain.stolen()

    def seal(exported: Exported) -> Sealed | Unsigned:
        signed = msgspec.json.encode(desk.manifest(exported))
        public = next(c.public_key for c in desk.certificates(chain) if c.epoch == epoch)
        signature = key.sign(EXPORT_DOMAIN + signed).hex()
        return Sealed(signed.decode(), Seal(chain, epoch, public, signature))

    desk.chain.restart()
    desk.write(seal=seal, certificates=lambda _chain: desk.certificates(chain))
    (finding,) = desk.faults()
    assert "was destroyed before record" in str(finding)
