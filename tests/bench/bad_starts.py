"""The starts that must be refused: each spoils one thing of a good configuration or state."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.harness.agent import Agent

__all__ = ["CASES", "Case"]

STRANGER = 54_321  # a uid nobody has


class Case(msgspec.Struct, frozen=True):
    """One spoiled start: what is spoiled, and what the refusal must be."""

    name: str
    spoil: Callable[[Agent], None]
    statuses: tuple[int, ...]  # exit statuses that are right
    says: tuple[str, ...]  # all of these stand in the refusal
    lines: int = 1  # at most so many lines


def _config(name: str, text: str) -> Callable[[Agent], None]:
    def spoil(agent: Agent) -> None:
        (agent.config / name).write_text(text)

    return spoil


def _all_at_once(agent: Agent) -> None:
    (agent.config / "files.yaml").write_text("files:\n  hash_quiet_ms: soon\n  wach: [/etc]\n")
    (agent.config / "api.yaml").write_text("api:\n  port: eighty\n")
    (agent.config / "agent.yaml").write_text("agent:\n  log_levl: info\n")


def _link_state(agent: Agent) -> None:
    real = agent.state.with_name("elsewhere")
    agent.state.rename(real)
    agent.state.symlink_to(real)


def _link_ledger(agent: Agent) -> None:
    ledger = agent.state / "ledger.db"
    ledger.rename(agent.state / "other.db")
    ledger.symlink_to(agent.state / "other.db")


def _give_away(name: str) -> Callable[[Agent], None]:
    def spoil(agent: Agent) -> None:
        os.chown(agent.folder / name, STRANGER, STRANGER)

    return spoil


def _open_up(name: str, mode: int) -> Callable[[Agent], None]:
    def spoil(agent: Agent) -> None:
        (agent.folder / name).chmod(mode)

    return spoil


def _link_config(agent: Agent) -> None:
    file = agent.config / "files.yaml"
    file.rename(agent.config / "files.real")
    file.symlink_to(agent.config / "files.real")


def _file_as_state(agent: Agent) -> None:
    agent.state.rename(agent.state.with_name("elsewhere"))
    agent.state.write_text("not a directory")


def _file_as_socket(agent: Agent) -> None:
    socket: Path = agent.state / "run" / "control.sock"
    socket.parent.mkdir(exist_ok=True)
    socket.parent.chmod(0o755)
    owner = agent.state.stat()
    os.chown(socket.parent, owner.st_uid, owner.st_gid)
    socket.unlink(missing_ok=True)
    socket.write_text("not a socket")


def _bad_rule(agent: Agent) -> None:
    for rule in (agent.config / "rules").glob("*.yml"):  # a good one would judge on
        rule.unlink()
    (agent.config / "rules" / "spoiled.yml").write_text("title: spoiled\ndetection: [unclosed\n")


def _newer_ledger(agent: Agent) -> None:
    # user_version: header offset 60, https://www.sqlite.org/fileformat2.html
    with open(agent.state / "ledger.db", "r+b") as file:
        file.seek(60)
        file.write((9999).to_bytes(4, "big"))


CASES: tuple[Case, ...] = (
    Case("malformed YAML", _config("files.yaml", "files: [unclosed\n"), (78,), ("files.yaml:",)),
    Case(
        "unknown key",
        _config("agent.yaml", "agent:\n  log_levl: info\n"),
        (78,),
        ("agent.yaml:2", "log_level"),
    ),
    Case(
        "wrong type",
        _config("api.yaml", "api:\n  port: eighty\n"),
        (78,),
        ("api.yaml:2", "port", "eighty"),
    ),
    Case(
        "all faults at once",
        _all_at_once,
        (78,),
        ("files.yaml:2", "files.yaml:3", "api.yaml:2", "agent.yaml:2", "watch", "log_level"),
        lines=5,
    ),
    Case(
        "YAML alias",
        _config("files.yaml", "files: &a\n  watch: [/etc]\nother: *a\n"),
        (78,),
        ("files.yaml:",),
        3,
    ),
    Case(
        "config is not text",
        _config("files.yaml", "files:\n  watch: [/\x00]\n"),
        (78,),
        ("files.yaml",),
    ),
    Case("no rule but a malformed one", _bad_rule, (78,), ("spoiled.yml",)),
    Case("config is a link", _link_config, (77, 78), ("files.yaml",)),
    Case("config of another owner", _give_away("config/files.yaml"), (77, 78), ("files.yaml",)),
    Case(
        "config others may write", _open_up("config/files.yaml", 0o666), (77, 78), ("files.yaml",)
    ),
    Case("config directory others may write", _open_up("config", 0o777), (77, 78), ("config",)),
    Case("state is a link", _link_state, (77,), ("state",)),
    Case("state is a file", _file_as_state, (74, 77), ("state",)),
    Case("state of another owner", _give_away("state"), (77,), ("state",)),
    Case("state its group may write", _open_up("state", 0o2770), (77,), ("state",)),
    Case("state all may write", _open_up("state", 0o777), (77,), ("state",)),
    Case("ledger is a link", _link_ledger, (77,), ("ledger.db",)),
    Case("ledger of another owner", _give_away("state/ledger.db"), (77,), ("ledger.db",)),
    Case("ledger all may write", _open_up("state/ledger.db", 0o666), (77,), ("ledger.db",)),
    Case("a file in a socket's place", _file_as_socket, (77,), ("control.sock",)),
    Case("a newer program's ledger", _newer_ledger, (74,), ("9999",)),
)
