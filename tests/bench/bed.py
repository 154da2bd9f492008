"""What campaigns share: a place to work, kernel limits for the time being, and promises that are counts."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinair.errors import PermissionFault
from tests.bench.figures import Figures

__all__ = ["Promises", "kernel_limit", "need_root", "workplace"]


class Promises:
    """Collects what did not hold; a campaign that has any is red."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def keep(self, held: bool, sentence: str) -> None:
        """sentence says what is promised; it is noted when it was not held."""
        if not held:
            self.broken.append(sentence)

    def onto(self, figures: Figures) -> Figures:
        """figures with "broken" beside them."""
        return {**figures, "broken": self.broken}


def need_root() -> None:
    """Raises PermissionFault for an ordinary user."""
    if os.geteuid() != 0:
        raise PermissionFault(
            "needs root: fanotify, the process connector", remedy="run it as root"
        )


@contextmanager
def workplace() -> Iterator[Path]:
    """An empty folder others may enter, gone afterwards; below TMPDIR."""
    folder = Path(tempfile.mkdtemp(prefix="sentinair-campaign-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kernel_limit(name: str, value: int) -> Iterator[None]:
    """A number below /proc/sys set for the time of the block: kernel_limit("fs/inotify/max_queued_events", 64)."""
    path = Path("/proc/sys") / name
    before = path.read_text()
    path.write_text(f"{value}\n")
    try:
        yield
    finally:
        path.write_text(before)
