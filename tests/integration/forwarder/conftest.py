"""A real agent with a file sink that fails on demand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.agent import Agent, wait_for
from tests.harness.sink_file import REGISTERED

__all__ = ["Outlet", "outlet"]


class Outlet:
    """An agent whose record goes to `file`."""

    def __init__(
        self, folder: Path, *, source: str = "inotify", inside: bool = False, **more: object
    ) -> None:
        """inside: the file lies in data/exports of the state directory."""
        exports = folder / "agent/state/data/exports"
        self.file = (exports if inside else folder) / "out.jsonl"
        self.watched = folder / "watched"
        self.watched.mkdir()
        sink = {
            "name": "lines",
            "kind": "test_file",
            "codec": "test_lines",
            "options": {"file": str(self.file)},
        } | more
        self.agent = Agent(
            folder / "agent",
            watch=[self.watched],
            config={"sinks": {"to": [sink]}, "files": {"source": source}},
            path=[REGISTERED],
        )

    def fault(self, name: str, text: str = "") -> None:
        self.file.with_name(f"{self.file.name}.{name}").write_text(text)

    def mend(self, name: str) -> None:
        self.file.with_name(f"{self.file.name}.{name}").unlink()

    def rows(self) -> list[dict[str, Any]]:
        """What has arrived so far; a line that is being written is left out."""
        if not self.file.exists():
            return []
        data = self.file.read_bytes()
        return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]

    def seqs(self, stream: str = "record") -> list[int]:
        return [row["seq"] for row in self.rows() if row["stream"] == stream]

    def sink(self, name: str = "lines") -> dict[str, Any]:
        """What `status` says of the sink."""
        sinks: Any = self.agent.ask("sinks.list")["sinks"]
        return next(one for one in sinks if one["name"] == name)

    def head(self) -> int:
        return self.agent.stored.head()[1]

    def wait_for_all(self, secs: float = 30.0) -> None:
        """Until all that is in the ledger now has arrived."""
        head = self.head()
        came = wait_for(lambda: head in self.seqs()[-2000:], secs, pause_secs=0.1)
        assert came is not None, f"{self.seqs()[-3:]} of {head}: {self.agent.output[-2000:]}"

    def missing(self) -> set[int]:
        """Records up to the last that arrived which did not."""
        seen = self.seqs()
        return set(range(1, max(seen) + 1)) - set(seen)


def first_seen(seqs: list[int]) -> list[int]:
    """seqs without repetitions."""
    return list(dict.fromkeys(seqs))


@pytest.fixture
def outlet(tmp_path: Path) -> Outlet:
    return Outlet(tmp_path)
