"""Watches for a tree where the kernel gives no more of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sentinair.monitors import tree
from sentinair.monitors.tree import Tree
from sentinair.monitors.watch import Watch


class Full:
    """An inotify instance at its limit."""

    def add(self, directory: bytes) -> int:
        raise OSError(errno.ENOSPC, "no watches are left", directory)

    def remove(self, watch: int) -> None:
        raise AssertionError(f"{watch} was never given")


def test_of_directories_without_a_watch_the_first_are_named_and_the_others_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "MAX_REFUSED", 2)
    roots = [tmp_path / name for name in ("a", "b", "c")]
    for root in roots:
        root.mkdir()
    made = Tree(Full(), Watch([os.fsencode(root) for root in roots]))
    for root in roots:
        made.enter(os.fsencode(root))
    made.enter(os.fsencode(roots[0]))
    assert made.refused == {os.fsencode(root): "no watches are left" for root in roots[:2]}
    assert made.refused_more == 1
    made.rebuild()
    assert len(made.refused) == 2
