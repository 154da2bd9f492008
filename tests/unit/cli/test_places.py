"""Where configuration, state and sockets are."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinair.cli import places
from sentinair.cli.places import Places, find


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "SYSTEM_CONFIG", tmp_path / "etc")
    monkeypatch.setattr(places, "SYSTEM_STATE", tmp_path / "lib")
    monkeypatch.setattr(places, "SYSTEM_RUN", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_clone_is_used_where_nothing_is_installed(host: Path) -> None:
    found = find(None, None)
    assert found == Places(host / "config", host / "var")
    assert found.control == host / "var/run/control.sock"
    assert found.database == host / "var/ledger.db"
    assert found.arguments() == f"--config {host}/config --state {host}/var"


def test_the_installed_agent_is_used_where_there_is_one(host: Path) -> None:
    (host / "etc").mkdir()
    (host / "lib").mkdir()
    (host / "run").mkdir()
    found = find(None, None)
    assert found == Places(host / "etc", host / "lib")
    assert found.control == host / "run/control.sock"
    assert not found.arguments()


def test_what_is_asked_for_wins(host: Path) -> None:
    (host / "etc").mkdir()
    assert find(Path("a"), Path("b")) == Places(host / "a", host / "b")
