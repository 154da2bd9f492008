"""A place to work where all roles run as this user: what root writes there is then the engine's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bed import workplace

__all__ = ["unseparated"]


@contextmanager
def unseparated() -> Iterator[Path]:
    """An empty folder only root may enter: the roles' users cannot, so the runner leaves the roles as they are."""
    with workplace() as folder:
        folder.chmod(0o700)
        yield folder
