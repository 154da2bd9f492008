"""`sentinair db …`: check, back up and restore the record."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from sentinair.cli.options import json_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.errors import EngineAbsent, SentinairError, StorageFault, UsageFault
from sentinair.ipc.control import call
from sentinair.model.text import shown

__all__ = ["db"]

BACKUP_SECS: Final = 600.0
"""How long the engine may take for a backup; 1 GB takes a few seconds on a slow disk."""
_BESIDE: Final = ("-wal", "-shm")


@click.group()
def db() -> None:
    """Check, back up and restore the record."""
