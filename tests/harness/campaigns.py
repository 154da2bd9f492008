"""A campaign as a test: at its small size, on the real agent."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.bench.campaign import run

__all__ = ["NEEDS", "kept"]

NEEDS = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify and the process connector"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc for the load generators"),
]


def kept(name: str) -> None:
    """Runs campaign name; fails with every promise that did not hold."""
    assert run(name, "small")["broken"] == []
