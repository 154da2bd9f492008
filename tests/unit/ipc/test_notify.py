"""Datagrams to the service manager."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sentinair.ipc.notify import Notifier


def test_a_role_tells_its_manager_how_it_is(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        notifier = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000000"})
        notifier.ready("two\nlines")
        notifier.status("s")
        notifier.alive()
        notifier.stopping()
        said = [manager.recv(100) for _ in range(4)]
    assert said == [b"READY=1\nSTATUS=two lines", b"STATUS=s", b"WATCHDOG=1", b"STOPPING=1"]
    assert notifier.watchdog_secs == 20


def test_an_abstract_address_begins_with_an_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"sentinair-test-{os.getpid()}"
        manager.bind("\0" + name)
        Notifier({"NOTIFY_SOCKET": "@" + name}).stopping()
        assert manager.recv(100) == b"STOPPING=1"


def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    Notifier({}).ready("x")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("x")
    assert list(tmp_path.iterdir()) == []


def test_a_watchdog_meant_for_another_process_is_not_pinged(tmp_path: Path) -> None:
    notifier = Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"})
    assert notifier.watchdog_secs is None
    notifier.alive()


def test_the_environment_of_this_process_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert Notifier.from_environment().watchdog_secs == 3
