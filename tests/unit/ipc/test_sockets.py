"""Listening sockets: mode and group, dead ones replaced, living ones respected, handed over by number."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.errors import PermissionFault, StorageFault
from sentinair.ipc.sockets import handed_over, listen, peer


def test_a_socket_has_the_mode_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    with listen(tmp_path / "a.sock", mode=0o660, gid=os.getegid()):
        assert stat.S_IMODE((tmp_path / "a.sock").stat().st_mode) == 0o660


def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    listen(tmp_path / "a.sock").close()
    with listen(tmp_path / "a.sock"):
        assert stat.S_ISSOCK((tmp_path / "a.sock").stat().st_mode)


def test_a_socket_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    with listen(tmp_path / "a.sock"), pytest.raises(StorageFault, match="another agent"):
        listen(tmp_path / "a.sock")


def test_a_file_or_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with pytest.raises(PermissionFault, match="is not a socket"):
            listen(tmp_path / name)
    assert (tmp_path / "file").read_text() == "x"


def test_a_path_that_is_too_long_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match="107"):
        listen(tmp_path / ("x" * 120))


def test_the_kernel_tells_who_connected(tmp_path: Path) -> None:
    with listen(tmp_path / "a.sock") as server, socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(tmp_path / "a.sock"))
        accepted, _ = server.accept()
        with accepted:
            assert (peer(accepted).pid, peer(accepted).uid) == (os.getpid(), os.geteuid())


CHILD = """
from sentinair.ipc.sockets import handed_over
import os
found = handed_over()
print(sorted((name, made.getsockname().rpartition("/")[2], os.get_inheritable(made.fileno()))
             for name, made in found.items()))
"""


def test_sockets_are_handed_over_by_the_runner(tmp_path: Path) -> None:
    with listen(tmp_path / "c.sock") as one, listen(tmp_path / "s.sock") as two:
        names = f"control={one.fileno()},sensor={two.fileno()}"
        out = subprocess.run(
            [sys.executable, "-c", CHILD],
            env={**os.environ, "SENTINAIR_SOCKETS": names, "PYTHONPATH": os.getcwd()},
            pass_fds=(one.fileno(), two.fileno()),
            capture_output=True,
            text=True,
            check=True,
        )
    assert out.stdout.strip() == "[('control', 'c.sock', False), ('sensor', 's.sock', False)]"


def test_sockets_are_handed_over_by_systemd(tmp_path: Path) -> None:
    script = f"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=sentinair-control.socket exec {sys.executable} -c '{CHILD}' 3<&%d"
    with listen(tmp_path / "c.sock") as one:
        out = subprocess.run(
            ["/bin/bash", "-c", script % one.fileno()],
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            pass_fds=(one.fileno(),),
            capture_output=True,
            text=True,
            check=True,
        )
    assert out.stdout.strip() == "[('control', 'c.sock', False)]"


def test_without_any_there_are_none() -> None:
    assert handed_over({}) == {}
