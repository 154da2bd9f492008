"""Which user each role runs as without systemd, and the command line that makes it so.

The same users and capabilities as in systemd/*.service; there the unit does it, here setpriv(1).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["PLACES", "Place", "command", "why_not_separated"]

SENSOR_CAPS: Final = "+sys_admin,+dac_read_search,+sys_ptrace,+net_admin"


class Place(msgspec.Struct, frozen=True):
    """How one role runs. groups: supplementary."""

    user: str
    groups: tuple[str, ...] = ()
    capabilities: str = ""
    fifo: bool = False


PLACES: Final = {
    "engine": Place("sentinair"),
    "sensor": Place("sentinair-sensor", capabilities=SENSOR_CAPS),
    "execs": Place("sentinair-sensor", capabilities=SENSOR_CAPS, fifo=True),
    "api": Place("sentinair-api", groups=("sentinair-read",)),
    # tty: terminals whose owner lets others write to them (mesg(1)), for the sink kind notice
    "forwarder": Place("sentinair-fwd", groups=("sentinair-read", "tty")),
}


def why_not_separated(state: Path) -> str | None:
    """None if each role can have its own user here, else the reason in words.

    state: the state directory, which need not be there yet.
    """
    if os.geteuid() != 0:
        return "not started as root, all roles run as this user"
    if shutil.which("setpriv") is None:
        return "setpriv is missing (package util-linux)"
    for place in PLACES.values():
        try:
            pwd.getpwnam(place.user)
        except KeyError:
            return f"user {place.user} is missing (scripts/run makes it from systemd/sysusers.d)"
    users = sorted({place.user for place in PLACES.values()})
    above = next(path for path in state.absolute().parents if path.is_dir())
    tries = [_try_as(user, above) for user in users]
    for user, tried in zip(users, [one.wait() for one in tries], strict=True):
        if tried:
            places = f"{sys.executable}, the agent's code or {above}"
            return f"{user} cannot reach {places} (a 0700 directory above it?)"
    return None


def _try_as(user: str, above: Path) -> subprocess.Popen[bytes]:
    """Whether user can import what a role imports and pass through the directory above."""
    program = "import os, sys, sentinair.ipc.messages; os.stat(os.path.join(sys.argv[1], '.'))"
    words = [*_setpriv(Place(user)), sys.executable, "-P", "-c", program, str(above)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, cwd="/")


def command(role: str, arguments: list[str], *, separated: bool) -> list[str]:
    """The command line that starts role; it dies with the process that runs it."""
    place = PLACES[role]
    # -P: where we were started from is no place to import from.
    words = [sys.executable, "-P", "-m", f"sentinair.roles.{role}", *arguments]
    if shutil.which("setpriv") is not None:
        words = [*_setpriv(place if separated else None), *words]
    if place.fifo and os.geteuid() == 0 and shutil.which("chrt") is not None:
        # Before the user changes: a dropped user may not raise its own priority (sched(7), CAP_SYS_NICE).
        words = ["chrt", "-f", "1", *words]
    return words


def _setpriv(place: Place | None) -> list[str]:
    words = ["setpriv", "--pdeathsig", "TERM"]
    if place is None:
        return words
    words += ["--reuid", place.user, "--regid", place.user, "--no-new-privs"]
    words += ["--groups", ",".join(place.groups)] if place.groups else ["--clear-groups"]
    if place.capabilities:
        drop = "-all," + place.capabilities
        return [*words, "--inh-caps", drop, "--ambient-caps", drop, "--bounding-set", drop]
    return [*words, "--inh-caps", "-all", "--ambient-caps", "-all", "--bounding-set", "-all"]
