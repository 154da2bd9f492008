"""The README's section "Out of the host", walked as it stands: each command it gives is run, on a clone of this tree.

What a test must not do to its host is done elsewhere: the collector's folder, its log and the stick are of the test, and
the collector is started by hand instead of by systemd.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.agent import ROOT, wait_for
from tests.harness.receivers import Started, free_port, rsyslog_missing, start_rsyslog

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the roles are separated"),
]
# Lines that are not for a test, and what the test does in their place.
ELSEWHERE = {
    "apt-get install rsyslog rsyslog-gnutls": "unpacked by scripts/test",
    "systemctl restart rsyslog": "started below",
    "./scripts/run": "started below",
}


def commands() -> list[str]:
    """Those of the section, in order."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## Out of the host\n")[2]
    blocks = re.findall(r"(?:^ {4}.+\n)+", section.partition("\n## ")[0], re.MULTILINE)
    lines = [line for block in blocks for line in textwrap.dedent(block).splitlines()]
    return [line.partition("  #")[0].strip() for line in lines]


class Walk:
    """A clone in folder/clone, a stick in folder/stick, the collector's files in folder/etc and folder/log."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.stick = folder / "clone", folder / "stick"
        self.rsyslog, self.log = folder / "etc", folder / "log"
        for made in (self.stick, self.log):
            made.mkdir()
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
            cwd=ROOT, capture_output=True, check=False,
        )  # fmt: skip
        if listed.returncode:
            pytest.skip("not a git checkout")
        for name in filter(None, listed.stdout.decode().split("\0")):
            if not name.startswith("tests/") and (ROOT / name).is_file():
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.clone / name)
        program = self.clone / ".venv" / "bin" / "sentinair"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sentinair.cli.main "$@"\n')
        program.chmod(0o755)
        self._agent: subprocess.Popen[bytes] | None = None
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.clone),
            "HOME": str(folder / "home"),
        }
        self.collector = self.clone / "config" / "siem" / "rsyslog" / "sentinair.conf"
        self.port = free_port()
        _replace(self.collector, "/etc/rsyslog.d", str(self.rsyslog))
        _replace(self.collector, "/var/log/", f"{self.log}/")
        _replace(self.collector, 'port="6514"', f'port="{self.port}"')

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        here = line.replace("/etc/rsyslog.d", str(self.rsyslog)).replace("/var/log", str(self.log))
        return subprocess.run(
            ["bash", "-c", here.replace("/media/stick", str(self.stick))],
            cwd=self.clone, env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def start(self) -> None:
        program = str(self.clone / ".venv" / "bin" / "sentinair")
        places = ["--config", str(self.clone / "config"), "--state", str(self.clone / "var")]
        with (self.clone / "agent.log").open("wb") as log:
            self._agent = subprocess.Popen(
                [program, *places, "run", "--watch", str(self.clone / "docs")],
                cwd=self.clone, env=self._environment, stdout=log, stderr=log,
            )  # fmt: skip
        assert wait_for(lambda: "\nready" in f"\n{self.said}", 30) is not None, self.said

    @property
    def said(self) -> str:
        return (self.clone / "agent.log").read_text(errors="replace")

    def stop(self) -> None:
        if self._agent is not None:
            self._agent.terminate()
            self._agent.wait(30)

    def edit(self) -> None:
        """What the section asks for in words."""
        sinks = self.clone / "config" / "sinks.yaml"
        drop = "      kind: drop\n      codec: ndjson\n      enabled: "
        _replace(sinks, f"{drop}false", f"{drop}true")
        head, mark, rest = sinks.read_text("utf-8").partition("    # - name: siem")
        sinks.write_text(head + (mark + rest).replace("    # ", "    "), "utf-8")
        _replace(
            sinks,
            "        server: 127.0.0.1",
            f"        server: 127.0.0.1\n        port: {self.port}",
        )


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def walk() -> Iterator[Walk]:
    why = rsyslog_missing()
    if why is not None:
        pytest.skip(why)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="sentinair-walk-") as name:
        Path(name).chmod(0o755)
        made = Walk(Path(name))
        try:
            yield made
        finally:
            made.stop()


def test_the_readme_leads_from_nothing_to_a_collector_and_a_proven_stick(walk: Walk) -> None:
    receiver: Started | None = None
    walk.start()
    try:
        for line in commands():
            if line == "systemctl restart rsyslog":
                receiver = start_rsyslog(walk.rsyslog / "sentinair.conf", walk.port, walk.log)
                walk.edit()
            elif line == "./scripts/run":
                walk.stop()
                walk.start()
            if line in ELSEWHERE:
                continue
            done = walk.run(line)
            if line.startswith("grep"):
                assert wait_for(lambda line=line: walk.run(line).returncode == 0, 10) is not None  # type: ignore[misc]
                continue
            assert done.returncode == 0, (line, done.stdout, done.stderr, walk.said)
            if "verify" in line:
                assert done.stdout.endswith("verified\n"), (line, done.stdout)
            if "sinks test" in line:
                assert "was taken" in done.stdout, (line, done.stdout)
    finally:
        if receiver is not None:
            receiver.stop()
    assert any(
        "alert.raised" in line for line in (walk.log / "sentinair.json").read_text().splitlines()
    )


def test_the_section_gives_the_commands_that_are_walked() -> None:
    found = commands()
    assert set(ELSEWHERE) <= set(found)
    assert len(found) == len(set(found)) > 12
