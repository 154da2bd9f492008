"""A campaign as a test: at its small size, on the real agent."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.bench.campaign import run

__all__ = ["NEEDS", "broken"]

NEEDS = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify and the process connector"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc for the load generators"),
]


def broken(name: str) -> object:
    """Runs campaign name; returns every promise that did not hold, [] if all did; its figures are in the output."""
    figures = run(name, "small")
    print(figures)  # shown by pytest if the test fails
    return figures["broken"]
