from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import DataFault, PermissionFault, StorageFault
from sentinair.settings.compiled import (
    SensorSettings,
    compile_settings,
    read_compiled,
    write_compiled,
)
from sentinair.settings.types import FilesSettings, Settings

COMPILED = compile_settings(Settings(), Path("/var/lib/sentinair"))


def test_what_was_compiled_is_read_back_equal(tmp_path: Path) -> None:
    settings = Settings(files=FilesSettings(watch=("/srv/ä*",), hash_quiet_ms=7))
    compiled = compile_settings(settings, Path("relative/state"))
    assert compiled.state == os.path.abspath("relative/state")
    write_compiled(tmp_path / "s", compiled)
    assert read_compiled(tmp_path / "s") == compiled
    assert compiled.files.hash_quiet_ms == 7


def test_paths_of_the_command_line_replace_the_watch_list() -> None:
    compiled = compile_settings(Settings(), Path("/s"), (Path("/a/../b"), Path("c")))
    assert compiled.files.watch == ("/b", os.path.abspath("c"))


def test_role_users_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_compiled(tmp_path / "s", COMPILED)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["s"]


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(
        StorageFault, match="is not there; make it again with `sentinair config compile`"
    ):
        read_compiled(tmp_path / "none")


def test_a_link_is_refused(tmp_path: Path) -> None:
    write_compiled(tmp_path / "s", COMPILED)
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with pytest.raises(PermissionFault, match="is a symbolic link"):
        read_compiled(tmp_path / "link")


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    write_compiled(tmp_path / "s", COMPILED)
    (tmp_path / "s").chmod(mode)
    with pytest.raises(PermissionFault, match="others may write it"):
        read_compiled(tmp_path / "s")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    write_compiled(tmp_path / "s", COMPILED)
    os.chown(tmp_path / "s", 4711, 0)
    with pytest.raises(PermissionFault, match="belongs to uid 4711"):
        read_compiled(tmp_path / "s")


def test_damaged_bytes_and_other_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    write_compiled(path, COMPILED)
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], b"\xc1" + whole):
        path.write_bytes(damaged)
        with pytest.raises(DataFault, match="is not a compiled settings file"):
            read_compiled(path)
    write_compiled(path, msgspec.structs.replace(COMPILED, format=2))
    with pytest.raises(DataFault, match="has format 2, this version reads 1"):
        read_compiled(path)


def test_a_value_out_of_range_is_refused_here_too(tmp_path: Path) -> None:
    path = tmp_path / "s"
    files = msgspec.structs.replace(COMPILED.files, hash_quiet_ms=-1)
    write_compiled(path, SensorSettings(state="/s", files=files))
    with pytest.raises(DataFault):
        read_compiled(path)


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match="cannot be written: No such file or directory"):
        write_compiled(tmp_path / "none" / "s", COMPILED)


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    write_compiled(tmp_path / "s", COMPILED)
    before = (tmp_path / "s").read_bytes()
    # RLIMIT_FSIZE makes write(2) fail with EFBIG, as a full disk does with ENOSPC
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from sentinair.settings.compiled import *; from sentinair.settings.types import Settings\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "write_compiled(Path(sys.argv[1]), compile_settings(Settings(), Path('/other')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StorageFault" in done.stderr
    assert (tmp_path / "s").read_bytes() == before
    assert os.listdir(tmp_path) == ["s"]
