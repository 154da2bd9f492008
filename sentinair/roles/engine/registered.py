"""Which detectors are registered: looked up in a process of its own, that ends.

importlib.metadata and what it imports would stay in the engine for its whole life: 4 MB of 30.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Final

from sentinair.errors import StorageFault

__all__ = ["load", "look_up"]

_PROGRAM: Final = (
    "import sys, importlib.metadata as m;"
    "print(*sorted(f'{e.name}={e.value}' for e in m.entry_points(group=sys.argv[1])), sep='\\n')"
)


def look_up(group: str) -> dict[str, str]:
    """Entry points of group by name, as `module:attribute`.  Raises StorageFault if Python cannot tell."""
    tried = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM, group], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise StorageFault(
            "the installed packages cannot be read",
            where=sys.executable,
            remedy=f"install the agent again: {tried.stderr.strip()[-200:]}",
        )
    return dict(line.split("=", 1) for line in tried.stdout.split())


def load(place: str) -> object:
    """The object at `module:attribute`."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
