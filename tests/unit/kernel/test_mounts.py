"""mountinfo."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sentinair.kernel.mounts import MountTable, covering, parse

_TEXT = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/a\040b rw - fuse.sshfs host: rw
31 22 0:41 / /mnt/nfs rw shared:3 master:4 - nfs4 srv:/x rw
32 22 0:5 / /proc rw - proc proc rw
33 22 8:1 /etc /srv/etc rw - ext4 /dev/sda1 rw
34 22 0:42 / /srv/etc rw - tmpfs none rw
not a line of that form
"""


def test_each_line_is_a_mount_and_octal_escapes_are_undone() -> None:
    mounts = parse(_TEXT)
    assert [mount.point for mount in mounts][:2] == [b"/", b"/mnt/a b"]
    assert mounts[4].root == b"/etc"
    assert mounts[0].device == b"8:1"


def test_servers_we_do_not_control_are_untouchable_and_kernel_windows_pseudo() -> None:
    kinds = {mount.kind: mount for mount in parse(_TEXT)}
    assert kinds[b"fuse.sshfs"].untouchable
    assert kinds[b"nfs4"].untouchable
    assert kinds[b"proc"].pseudo
    assert not kinds[b"ext4"].untouchable
    assert not kinds[b"ext4"].pseudo


def test_a_path_lies_on_the_longest_and_last_mount_above_it() -> None:
    mounts = parse(_TEXT)
    assert covering(mounts, b"/etc/passwd") is mounts[0]
    assert covering(mounts, b"/srv/etc/x") is mounts[5]
    assert covering(mounts, b"/srv/etcetera") is mounts[0]
    assert covering((), b"/") is None


@given(st.binary())
def test_any_bytes_are_read_without_a_crash(text: bytes) -> None:
    assert all(isinstance(mount.point, bytes) for mount in parse(text))


def test_this_host_has_a_root_mount_and_no_change_since_it_was_read() -> None:
    table = MountTable()
    try:
        table.changed()
        assert covering(table.read(), b"/") is not None
        assert not table.changed()
    finally:
        table.close()
