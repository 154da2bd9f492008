"""A campaign as a test: at its small size, on the real agent."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.bench.campaign import run, told

__all__ = ["NEEDS", "broken"]

NEEDS = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify and the process connector"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc for the load generators"),
]


def broken(name: str) -> object:
    """Runs campaign name; returns every promise that did not hold, [] if all did; its figures are in the output.

    Where SENTINAIR_FIGURES names a folder they are also left there, so that scripts/test need not run it once more.
    """
    figures = run(name, "small")
    print(figures)  # shown by pytest if the test fails
    if folder := os.environ.get("SENTINAIR_FIGURES"):
        Path(folder, name).write_bytes(told(name, figures) + b"\n")
    return figures["broken"]
