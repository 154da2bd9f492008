"""What every detector is made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["Ground"]


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to each factory of the entry point group `sentinair.detectors`."""

    rules_dir: Path  # *.yml below it are rules
    state_dir: Path  # the agent's own: what others write there is an alert
    users: Mapping[int, str] = {}  # uid to login name; a uid that is missing shows as its number
    partial: bool = False  # rule files with faults are left out; else they are refused all together
