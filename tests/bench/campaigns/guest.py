"""The units on a booted machine: tests/rig/test_guest.py, with what it measured."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.bench.bed import need_root
from tests.bench.figures import ROOT, Figures, commit
from tests.rig.machine import why_not

TESTS = "tests/rig/test_guest.py"


def run(size: str) -> Figures:
    """Small: nothing, and why.  Full: every test; those that failed are the broken promises."""
    if size == "small":
        return {"skipped": "boots a machine for minutes: only at full size", "broken": []}
    need_root()
    if why_not():
        subprocess.run([str(ROOT / "tests/rig/build_image.sh")], check=True, stdout=sys.stderr)
    built_from = commit()  # others may commit while the guest runs
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "figures.json"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-v", "--tb=short", "--no-header", TESTS],
            cwd=ROOT,
            env={**os.environ, "SENTINAIR_GUEST_FIGURES": str(told)},
            capture_output=True,
            text=True,
            check=False,
        )
        sys.stderr.write(done.stdout)
        figures: Figures = msgspec.json.decode(told.read_bytes()) if told.exists() else {}
    figures["built_from"] = built_from
    shown = re.findall(r"::(test_\w+) (PASSED|FAILED|ERROR)", done.stdout)
    figures["shown"] = [name for name, how in shown if how == "PASSED"]
    broken = [name for name, how in shown if how != "PASSED"]
    figures["broken"] = broken or ([] if shown else [f"no test ran: {done.stderr[-300:]}"])
    return figures
