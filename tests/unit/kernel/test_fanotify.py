"""What fanotify can do here."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from sentinair.kernel import fanotify
from sentinair.kernel.fanotify import FULL, NAMES, Fanotify
from sentinair.kernel.handles import Directories
from sentinair.kernel.records import Records
from sentinair.model.event import CREATE, DELETE, RENAME
from sentinair.monitors.watch import Watch

root = pytest.mark.skipif(os.geteuid() != 0, reason="fanotify needs root")


def refused(number: int) -> type[Fanotify]:
    class Refused(Fanotify):
        def __init__(self, level: fanotify.Level = FULL) -> None:
            raise OSError(number, os.strerror(number))

    return Refused


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EPERM, "CAP_SYS_ADMIN"),
        (errno.EINVAL, "5.9"),
        (errno.ENOSYS, "without fanotify"),
        (errno.EMFILE, "max_user_groups"),
        (errno.ENOMEM, "memory"),
    ],
)
def test_a_kernel_that_refuses_is_explained(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanotify, "Fanotify", refused(number))
    probe, level = fanotify.probe()
    assert (probe.works, level) == (False, None)
    assert words in probe.reason


@root
def test_an_older_kernel_gives_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Fanotify

    def older(level: fanotify.Level) -> Fanotify:
        if level is FULL:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(level)

    monkeypatch.setattr(fanotify, "Fanotify", older)
    probe, level = fanotify.probe()
    assert probe.works
    assert level is NAMES
    assert any("rename" in limit for limit in probe.limits)


@root
def test_names_only_still_tells_what_came_went_and_moved(tmp_path: Path) -> None:
    group = Fanotify(NAMES)
    group.mark_filesystem(os.fsencode(tmp_path))
    directories = Directories(Watch([os.fsencode(tmp_path)]).directory)
    mount = tmp_path
    while not mount.is_mount():
        mount = mount.parent
    directories.place({os.statvfs(mount).f_fsid.to_bytes(8, "little"): [os.fsencode(mount)]})
    (tmp_path / "old").touch()
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "new").unlink()
    sweep = Records(directories, pidfds=False).cut(group.read())
    group.close()
    told = {Path(os.fsdecode(change.path)).name: change.actions for change in sweep.changes}
    assert told["old"] & (CREATE | DELETE) == CREATE | DELETE
    assert told["new"] & (RENAME | DELETE) == RENAME | DELETE
    assert {change.pid for change in sweep.changes} == {os.getpid()}


@root
def test_nothing_waiting_is_no_bytes_and_a_missing_path_an_error(tmp_path: Path) -> None:
    group = Fanotify(FULL)
    assert group.read() == b""
    with pytest.raises(FileNotFoundError):
        group.mark_reading(os.fsencode(tmp_path / "none"))
    with pytest.raises(OSError, match="fanotify_mark"):
        group.mark_filesystem(b"/proc/self")
    group.close()


def test_the_limit_of_files_is_raised_as_far_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        size = fanotify.raise_file_limit()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft > 256
        assert size == (fanotify.READ_BYTES if soft >= 8192 else fanotify.READ_BYTES // 16)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def forbidden(kind: int, limits: tuple[int, int]) -> None:
        raise PermissionError(kind, limits)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", forbidden)
    assert fanotify.raise_file_limit() == fanotify.READ_BYTES // 16
