"""Rules read in a process of its own, which ends.

What reading YAML and checking expressions leaves behind would stay in the engine for its whole life: 6 MB of 40.
`python -m sentinair.detect.sigma.apart DIRECTORY` writes what it read to standard output as msgpack.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

import sentinair
from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.rule import Rule
from sentinair.errors import ConfigFault, Fault
from sentinair.model.text import shown

__all__ = ["MAX_SECS", "Told", "read_apart"]

MAX_SECS: Final = 10.0  # the engine waits meanwhile; its watchdog has 20 s


class Told(msgspec.Struct, frozen=True):
    """A RulesRead that can be written down: without examples, which only people ask for."""

    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    silent: frozenset[str]
    digest: str
    faulty: tuple[tuple[str, str, str], ...]  # what, where, remedy

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(Fault(what, where=where, remedy=remedy) for what, where, remedy in self.faulty)


def read_apart(directory: Path) -> Told:
    """Every rule file below directory, and what is wrong with them.  Takes some 0.5 s for a hundred files.

    Raises ConfigFault if the process cannot be started, ends early or takes longer than MAX_SECS.
    """
    # -P: the working directory, which anybody may have chosen, is no place to import from.
    command = [sys.executable, "-P", "-m", __name__, os.fspath(directory)]
    home = os.fspath(Path(sentinair.__file__).parent.parent)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env=os.environ | {"PYTHONPATH": home},
            timeout=MAX_SECS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:  # no memory, no process left, a hung disk
        raise _unread(directory, str(fault)) from fault
    if done.returncode:
        raise _unread(directory, done.stderr.decode(errors="replace").strip()[-200:])
    try:
        return msgspec.msgpack.decode(done.stdout, type=Told)
    except msgspec.DecodeError as fault:
        raise _unread(directory, str(fault)) from fault


def _unread(directory: Path, why: str) -> ConfigFault:
    remedy = "see the host's memory and disk; `sentinair rules reload` tries again"
    return ConfigFault(
        [Fault(f"the rules cannot be read: {why}", where=os.fspath(directory), remedy=remedy)]
    )


def _written(directory: Path) -> bytes:
    files = importlib.import_module("sentinair.detect.sigma.files")  # not for whoever only asks
    read = files.read_rules(directory)
    return msgspec.msgpack.encode(
        Told(
            tuple(msgspec.structs.replace(rule, examples=()) for rule in read.rules),
            read.correlations,
            read.silent,
            read.digest,
            tuple((shown(one.what), shown(one.where), shown(one.remedy)) for one in read.faults),
        )
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(_written(Path(sys.argv[1])))
