"""`sentinair verify` of a drop: the same judgement as the stand-alone file's, on a host that has the agent."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import click

from sentinair.cli.output import emit
from sentinair.errors import StorageFault
from sentinair.model.text import shown
from sentinair.sinks.drop.check.exports import is_export, judge_export
from sentinair.sinks.drop.check.found import Drop, Unjudged
from sentinair.sinks.drop.check.lines import judge
from sentinair.sinks.drop.check.program import read_known, told, write_known
from sentinair.store.access import LEDGER

__all__ = ["is_drop", "verify_drop"]

_OF_DROPS: Final = (".manifest", ".heartbeat", ".keys")


def is_drop(path: Path) -> bool:
    """Whether path is a directory of a drop or of exports, or one without a ledger and its keys; or one export.

    Who can write in a drop can lay a ledger and keys of his own beside it: they must not be proved in its place.
    """
    if is_export(path.name) and path.is_file():
        return True
    try:
        names = os.listdir(path)
    except OSError:
        return False
    if any(name.endswith(_OF_DROPS) or is_export(name) for name in names):
        return True
    return LEDGER not in names and "keys" not in names


def verify_drop(
    path: Path, public_key: Path, *, known: Path | None, max_age_secs: int | None, as_json: bool
) -> bool:
    """Judge and tell; whether all is as it was written.  Raises StorageFault if it cannot be judged."""
    where = None if known is None else os.fspath(known)
    try:
        before = read_known(where)
        if path.is_dir():
            drop = judge(
                os.fspath(path),
                os.fspath(public_key),
                before,
                now_ns=time.time_ns(),
                max_age_secs=max_age_secs,
            )
        else:
            drop = judge_export(os.fspath(path.parent), os.fspath(public_key), path.name)
        if where is not None and drop.ok:
            write_known(where, {**before, **drop.ends})
    except Unjudged as fault:
        remedy = "name a drop that has its first segment, or a state directory"
        if not public_key.is_file():
            remedy = "give the key with --public-key FILE"
        raise StorageFault(str(fault), remedy=remedy) from fault
    if as_json:
        emit({"path": shown(os.fspath(path)), **drop.as_json()})
    else:
        _tell(drop)
    return drop.ok


def _tell(drop: Drop) -> None:
    for line in told(drop):
        click.echo(line)
