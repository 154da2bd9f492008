"""Rules dropped into the folder of the real agent: counted, changed, refused, kept over a restart."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinair.ipc.control import call
from tests.harness.agent import Agent, separated_agent, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify and the process connector"),
]
COUNTED = """\
title: Marked program
name: marked
logsource: {product: linux, category: process_creation}
detection:
  s: {CommandLine|contains: MARK-7f3a2c}
  condition: s
---
title: Marked file
name: marked_file
logsource: {product: linux, category: file_event}
detection:
  s: {TargetFilename|endswith: .marked}
  condition: s
---
title: Marked program three times
id: 0b7f7d1c-8f0a-4f0e-9a43-7a3f5b7c1d01
level: high
correlation:
  type: event_count
  rules: [marked]
  group-by: [User]
  timespan: 10m
  condition: {gte: 3}
---
title: Marked program, then a marked file
id: 0b7f7d1c-8f0a-4f0e-9a43-7a3f5b7c1d02
level: medium
correlation:
  type: temporal_ordered
  rules: [marked, marked_file]
  group-by: [User]
  timespan: 10m
---
title: A few only
id: 0b7f7d1c-8f0a-4f0e-9a43-7a3f5b7c1d03
level: low
correlation:
  type: event_count
  rules: [marked_file]
  timespan: 1s
  condition: {lt: 5}
"""


@pytest.fixture
def agent() -> Iterator[Agent]:
    with separated_agent() as made:
        yield made


def put(agent: Agent, name: str, content: str) -> Path:
    path = agent.config / "rules" / name
    path.write_text(content)
    path.chmod(0o644)
    return path


def run() -> None:
    subprocess.run(["/bin/true", "MARK-7f3a2c"], check=True)


def titles(agent: Agent) -> dict[str, Any]:
    done = agent.cli("alerts", "list", "--json", "--limit", "0")
    return {one["title"]: one for one in map(json.loads, done.stdout.splitlines())}


def status(agent: Agent) -> dict[str, Any]:
    found = call(agent.state / "run" / "control.sock", "status")
    assert isinstance(found, dict)
    rules = found["rules"]
    assert isinstance(rules, dict)
    return rules


def test_correlations_count_real_events_over_a_change_of_rules_and_a_restart(agent: Agent) -> None:
    before = status(agent)["loaded"]
    put(agent, "counted.yml", COUNTED)
    assert agent.cli("rules", "reload").returncode == 0
    assert status(agent)["loaded"] == before + 2
    run()
    assert wait_for(lambda: status(agent)["memory"]["correlation_groups"] > 0, 10) is not None
    put(
        agent,
        "other.yml",
        COUNTED.split("---", maxsplit=1)[0]
        .replace("Marked", "Other")
        .replace("marked", "other")
        .replace("MARK", "OTHER"),
    )
    assert wait_for(lambda: status(agent)["loaded"] == before + 3, 15) is not None
    run()
    agent.settle()
    agent.stop()
    agent.start()
    run()
    assert wait_for(lambda: "Marked program three times" in titles(agent), 15) is not None
    (agent.watch[0] / "x.marked").write_text("x")
    wanted = {"Marked program, then a marked file", "A few only"}
    assert wait_for(lambda: wanted <= titles(agent).keys(), 30) is not None, (
        titles(agent).keys(),
        status(agent),
    )
    found = titles(agent)
    assert not {"Marked program", "Marked file"} & found.keys()
    three = found["Marked program three times"]
    assert three["severity"] == "high"
    assert three["why"] is not None
    assert len(three["details"]["matches"]) == 2
    said = agent.cli("alerts", "explain", three["id"]).stdout
    assert "3 events within" in said
    assert agent.cli("verify").returncode == 0


def test_a_bad_file_leaves_the_agent_judging_through_a_restart(agent: Agent) -> None:
    put(agent, "counted.yml", COUNTED.split("---", maxsplit=1)[0])
    bad = put(agent, "bad.yml", "title: [\n")
    assert wait_for(lambda: status(agent)["refused_count"] > 0, 15) is not None
    agent.stop()
    agent.start()
    assert str(bad) in status(agent)["refused"][0]
    run()
    assert wait_for(lambda: "Marked program" in titles(agent), 15) is not None
    assert str(bad) in agent.cli("doctor").stdout.replace("\n", "").replace(" ", "")
