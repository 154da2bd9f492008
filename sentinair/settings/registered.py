"""Which monitors, detectors, codecs and sinks are registered, and how they are had.

The installed packages' own lists are read (entry_points.txt, https://packaging.python.org/specifications/entry-points):
importlib.metadata, which reads more of them, would stay for a process's whole life: 4 MB of 30.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from sentinair.errors import StorageFault

__all__ = ["load", "look_up"]


def look_up(group: str) -> dict[str, str]:
    """Entry points of group by name, as `module:attribute`.  Raises StorageFault if a list cannot be read."""
    found: dict[str, str] = {}
    for folder in dict.fromkeys(sys.path):
        for path in sorted(Path(folder).glob("*-info/entry_points.txt")):
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as fault:
                raise StorageFault(
                    f"an installed package cannot be read: {fault}",
                    where=str(path),
                    remedy="install the agent again",
                ) from fault
            for name, place in _in_group(text, group):
                found.setdefault(name, place)  # the first on the path counts, as with imports
    return dict(sorted(found.items()))


def _in_group(text: str, group: str) -> list[tuple[str, str]]:
    here, pairs = False, []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            here = line == f"[{group}]"
        elif here and "=" in line and not line.startswith(("#", ";")):
            name, _, place = line.partition("=")
            pairs.append((name.strip(), place.split("[")[0].strip()))
    return pairs


def load(place: str) -> object:
    """The object at `module:attribute`; the module itself without an attribute."""
    module, _, attribute = place.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found
