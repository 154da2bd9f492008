"""Epoch keys: one current key at every crash point, and none that could sign the past."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import DataFault, PermissionFault, StorageFault
from sentinair.store import seals
from sentinair.store.chain import EMPTY, Head
from sentinair.store.keys import KeyRing, Known
from sentinair.store.seals import EpochData

HEAD = Head(41, b"h" * 32)


def known_of(ring: KeyRing, data: EpochData) -> Known:
    return Known(ring.chain, data.epoch, data.public_key)


def begun(directory: Path) -> tuple[KeyRing, Known]:
    """A chain whose enrolment and first epoch are in the ledger."""
    ring = KeyRing.open(directory, None)
    ring.enrolment(EMPTY)
    ring.recorded()
    data = ring.stage(HEAD)
    ring.promote()
    return ring, known_of(ring, data)


def checks(public_key: str, ring: KeyRing, data: EpochData, head: Head) -> bool:
    message = seals.epoch_message(ring.chain, data.epoch, data.public_key, head)
    return seals.signed_by(bytes.fromhex(public_key), data.signature, message)


def test_a_first_start_makes_a_chain_with_a_public_enrolment_key(tmp_path: Path) -> None:
    ring = KeyRing.open(tmp_path / "keys", None, lambda size: b"\xab" * size)
    assert ring.new
    assert ring.reason == "the first start"
    assert ring.chain == "ab" * 16
    keys = seals.read_enrolment(tmp_path / "keys" / "enrolment.pub")
    assert keys == {bytes.fromhex(ring.public_key): f"sentinair {ring.chain}"}
    data = ring.enrolment(EMPTY)
    assert data.epoch == 0
    assert checks(ring.public_key, ring, data, EMPTY)
    assert (tmp_path / "keys" / "epoch").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys" / "enrolment.pub").stat().st_mode & 0o777 == 0o644


def test_the_next_key_is_signed_by_the_one_before_for_its_place_only(tmp_path: Path) -> None:
    ring, _ = begun(tmp_path)
    signer = ring.public_key
    data = ring.stage(HEAD)
    assert data.signed_by == data.epoch - 1 == 1
    assert checks(signer, ring, data, HEAD)
    assert not checks(signer, ring, data, Head(HEAD.seq + 1, HEAD.link))
    assert not checks(signer, ring, data, Head(HEAD.seq, bytes(32)))
    assert not checks(data.public_key, ring, data, HEAD)


def test_a_killed_engine_goes_on_with_the_key_the_ledger_names(tmp_path: Path) -> None:
    ring, known = begun(tmp_path)
    again = KeyRing.open(tmp_path, known)
    assert not again.new
    assert (again.chain, again.epoch, again.public_key) == (ring.chain, 1, ring.public_key)


def test_killed_after_staging_before_the_commit_the_old_key_stays(tmp_path: Path) -> None:
    ring, known = begun(tmp_path)
    ring.stage(HEAD)
    again = KeyRing.open(tmp_path, known)
    assert not again.new
    assert (again.epoch, again.public_key) == (1, known.public_key)
    assert b'"staged":null' in (tmp_path / "epoch").read_bytes()


def test_killed_after_the_commit_before_the_file_the_new_key_is_current(tmp_path: Path) -> None:
    ring, _ = begun(tmp_path)
    old = msgspec.json.decode((tmp_path / "epoch").read_bytes())["private"]
    later = known_of(ring, ring.stage(HEAD))
    again = KeyRing.open(tmp_path, later)
    assert not again.new
    assert (again.epoch, again.public_key) == (2, later.public_key)
    assert old.encode() not in (tmp_path / "epoch").read_bytes()


def test_killed_while_the_file_was_written_the_temporary_one_is_not_in_the_way(
    tmp_path: Path,
) -> None:
    _, known = begun(tmp_path)
    (tmp_path / ".epoch.new").write_bytes(b"half a ke")
    again = KeyRing.open(tmp_path, known)
    again.stage(HEAD)
    again.promote()
    assert again.epoch == 2


def test_after_a_change_no_private_half_of_the_past_is_left(tmp_path: Path) -> None:
    ring, _ = begun(tmp_path)
    old = msgspec.json.decode((tmp_path / "epoch").read_bytes())["private"]
    ring.stage(HEAD)
    ring.promote()
    assert all(old.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_rolled_back_change_keeps_the_key(tmp_path: Path) -> None:
    ring, known = begun(tmp_path)
    ring.stage(HEAD)
    ring.drop()
    ring.promote()  # nothing is staged: nothing happens
    assert (ring.epoch, ring.public_key) == (1, known.public_key)


def test_killed_between_enrolment_and_first_commit_the_same_chain_begins(tmp_path: Path) -> None:
    first = KeyRing.open(tmp_path, None)
    first.stage(HEAD)  # the first epoch change travels in the same commit, which never came
    again = KeyRing.open(tmp_path, None)
    assert again.new
    assert (again.chain, again.epoch, again.public_key) == (first.chain, 0, first.public_key)
    assert len(seals.read_enrolment(tmp_path / "enrolment.pub")) == 1


def test_a_missing_key_begins_a_new_chain_and_says_so(tmp_path: Path) -> None:
    ring, known = begun(tmp_path)
    (tmp_path / "epoch").unlink()
    again = KeyRing.open(tmp_path, known)
    assert again.new
    assert again.reason == "the signing key was missing"
    assert again.chain != ring.chain
    assert len(seals.read_enrolment(tmp_path / "enrolment.pub")) == 2


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"chain":"a","epoch":1,"private":"zz"}', b"\xff"]
)
def test_a_damaged_key_begins_a_new_chain(tmp_path: Path, content: bytes) -> None:
    _, known = begun(tmp_path)
    (tmp_path / "epoch").write_bytes(content)
    again = KeyRing.open(tmp_path, known)
    assert again.new
    assert again.reason == "the signing key was damaged"


def test_a_key_of_an_earlier_epoch_is_not_accepted(tmp_path: Path) -> None:
    ring, _ = begun(tmp_path)
    old = (tmp_path / "epoch").read_bytes()
    known = known_of(ring, ring.stage(HEAD))
    ring.promote()
    (tmp_path / "epoch").write_bytes(old)
    again = KeyRing.open(tmp_path, known)
    assert again.new
    assert again.reason == "the signing key was not the one the ledger names"


def test_a_lost_ledger_begins_a_new_chain_though_a_key_is_there(tmp_path: Path) -> None:
    ring, _ = begun(tmp_path)
    again = KeyRing.open(tmp_path, None)
    assert again.new
    assert again.chain != ring.chain


def test_a_key_others_may_read_is_refused(tmp_path: Path) -> None:
    _, known = begun(tmp_path)
    (tmp_path / "epoch").chmod(0o640)
    with pytest.raises(PermissionFault, match="mode 0640"):
        KeyRing.open(tmp_path, known)


def test_a_link_in_place_of_the_key_is_refused(tmp_path: Path) -> None:
    _, known = begun(tmp_path)
    (tmp_path / "epoch").rename(tmp_path / "elsewhere")
    (tmp_path / "epoch").symlink_to("elsewhere")
    with pytest.raises(StorageFault, match="cannot be read"):
        KeyRing.open(tmp_path, known)


def test_a_fifo_in_place_of_the_key_neither_hangs_nor_passes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "epoch", 0o600)
    with pytest.raises(PermissionFault, match="plain file"):
        KeyRing.open(tmp_path, None)


def test_a_place_that_cannot_be_written_is_one_clear_fault(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(StorageFault, match="cannot be made"):
        KeyRing.open(tmp_path / "plain" / "keys", None)
    ring, _ = begun(tmp_path)
    for left in tmp_path.iterdir():
        if left.is_file():
            left.unlink()
    tmp_path.rmdir()
    with pytest.raises(StorageFault, match="cannot be written"):
        ring.stage(HEAD)


def test_an_unreadable_list_of_public_keys_stops_a_new_chain(tmp_path: Path) -> None:
    (tmp_path / "enrolment.pub").write_bytes(b"\xff\xfe")
    with pytest.raises(StorageFault, match=r"enrolment\.pub"):
        KeyRing.open(tmp_path, None)


def test_a_last_line_without_newline_stays_a_line_of_its_own(tmp_path: Path) -> None:
    line = seals.enrolment_line("c" * 32, b"k" * 32)
    (tmp_path / "enrolment.pub").write_text(line.rstrip("\n"), "utf-8")
    KeyRing.open(tmp_path, None)
    assert len(seals.read_enrolment(tmp_path / "enrolment.pub")) == 2


def test_a_checkpoint_signs_every_field(tmp_path: Path) -> None:
    ring, _ = begun(tmp_path)
    data = ring.checkpoint(HEAD, 77, {"events": 3}, b"\x11" * 32)
    key = bytes.fromhex(ring.public_key)
    message = seals.checkpoint_message(ring.chain, 77, data)
    assert seals.signed_by(key, data.signature, message)
    for change in (
        {"epoch": 2},
        {"seq": 40},
        {"link": "00" * 32},
        {"counters": {"events": 4}},
        {"previous_checkpoint": None},
    ):
        forged = seals.checkpoint_message(ring.chain, 77, msgspec.structs.replace(data, **change))
        assert not seals.signed_by(key, data.signature, forged)
    later = seals.checkpoint_message(ring.chain, 78, data)
    assert not seals.signed_by(key, data.signature, later)
    assert not seals.signed_by(key, data.signature, seals.checkpoint_message("0" * 32, 77, data))


def test_a_signature_that_is_no_hex_is_no_signature() -> None:
    assert not seals.signed_by(bytes(32), "no hex", b"")
    assert not seals.signed_by(b"short", "00" * 64, b"")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no public key"),
        ("# only a remark\n", "holds no public key"),
        ("!!!! x\n", "not base64"),
        ("AAAA x\n", "3 bytes, 32 expected"),
    ],
)
def test_a_file_that_is_no_key_is_refused_with_its_line(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "enrolment.pub"
    path.write_text(text, "utf-8")
    with pytest.raises(DataFault, match=fault):
        seals.read_enrolment(path)


def test_an_absent_public_key_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match="--public-key"):
        seals.read_enrolment(tmp_path / "none")
