"""All that a forwarder without work does beside a stub, which loads nothing: it clears away what a killed one left of
an export, and becomes small again after one.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
from typing import Final

__all__ = ["EXPORTS", "IDLE", "OWNER", "begin_anew", "clear_leftovers", "let_signals_come"]

EXPORTS: Final = b"data/exports"  # below the state directory
OWNER: Final = "export"
IDLE: Final = -1
"""No exit status: no sink is enabled, no export is wanted any more, and nothing of the role need stay loaded."""
_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
_LEFT: Final = re.compile(rb"\.export-[0-9a-f]{16}\.part")


def clear_leftovers(state: bytes) -> int:
    """Remove unfinished files; returns how many there were.  Where there is no such directory there are none."""
    folder = os.path.join(state, EXPORTS)
    cleared = 0
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if _LEFT.fullmatch(name):
                with contextlib.suppress(OSError):  # a directory: none of ours
                    os.unlink(os.path.join(folder, name))
                    cleared += 1
    return cleared


def begin_anew(stop: int) -> None:
    """Begin this program anew in the same process (execv(2)), so that the memory of its work is given back.

    The pid stays: sensor and service manager know it.  Returns only if it is time to end: stop can be read.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)  # kept over the exec: none is lost between
    if not select.select([stop], [], [], 0)[0]:
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- our own command line


def let_signals_come() -> None:
    """What begin_anew() had held back."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
