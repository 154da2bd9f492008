"""The message of the day: whole or not at all, and in the agent's own place only."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sentinair.errors import PermissionFault, StorageFault
from sentinair.sinks.notice.motd import FOLDER, Motd, place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "notice").mkdir(mode=0o755)
    return tmp_path / "notice" / "motd"


def test_it_is_readable_for_all_whatever_the_umask(path: Path) -> None:
    before = os.umask(0o077)
    try:
        Motd(path).show("one\n")
    finally:
        os.umask(before)
    assert path.read_text() == "one\n"
    assert path.stat().st_mode & 0o777 == 0o644


def test_nothing_open_leaves_no_file(path: Path) -> None:
    Motd(path).show("one\n")
    Motd(path).show(None)
    Motd(path).show(None)
    assert list(path.parent.iterdir()) == []


def test_a_reader_sees_one_message_or_the_next_and_never_a_part(path: Path) -> None:
    motd, ended = Motd(path), threading.Event()
    texts = {letter * 8000 + "\n" for letter in "ab"}
    motd.show(min(texts))

    def write() -> None:
        for text in sorted(texts) * 100:
            motd.show(text)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not ended.is_set():
        seen.add(path.read_text())
    writer.join()
    assert seen <= texts


@pytest.mark.parametrize("text", ["new\n", None])
def test_a_link_planted_at_its_name_is_replaced_and_not_followed(
    path: Path, text: str | None
) -> None:
    victim = path.parent.parent / "victim"
    victim.write_text("kept")
    path.symlink_to(victim)
    path.with_name(".motd.new").symlink_to(victim)
    Motd(path).show(text)
    assert victim.read_text() == "kept"
    assert not path.is_symlink()
    assert path.exists() == (text is not None)


@pytest.mark.parametrize("text", ["new\n", None])
def test_a_directory_planted_at_its_name_is_told(path: Path, text: str | None) -> None:
    path.mkdir()
    (path / "in it").touch()
    with pytest.raises(StorageFault, match="cannot be"):
        Motd(path).show(text)


def test_a_folder_that_is_a_link_or_open_to_others_or_gone_is_refused(path: Path) -> None:
    folder = path.parent
    link = folder.with_name("link")
    link.symlink_to(folder)
    with pytest.raises(PermissionFault):
        Motd(link / "motd").show("x")
    folder.chmod(0o777)
    with pytest.raises(PermissionFault):
        Motd(path).show("x")
    with pytest.raises(StorageFault, match="systemd-tmpfiles"):
        Motd(folder.with_name("none") / "motd").show("x")
    assert list(folder.iterdir()) == []


@pytest.mark.root
def test_a_folder_of_another_user_is_refused(path: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root: gives a folder away")
    os.chown(path.parent, 1000, 1000)
    with pytest.raises(PermissionFault):
        Motd(path).show("x")


def test_the_installed_agent_keeps_it_in_run_and_others_in_their_state(tmp_path: Path) -> None:
    assert place(Path("/var/lib/sentinair")) == FOLDER / "motd"
    assert place(tmp_path) == tmp_path / "run/notice/motd"
