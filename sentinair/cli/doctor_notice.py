"""The doctor's line on who at this host is told of what cannot wait."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sentinair.cli.doctor_findings import Finding, ok, warn
from sentinair.cli.places import Places
from sentinair.errors import SentinairError
from sentinair.settings.load import load
from sentinair.sinks.notice.motd import FOLDER, LINK, NAME, place
from sentinair.sinks.notice.options import NoticeOptions
from sentinair.sinks.notice.terminals import tty_group

__all__ = ["findings"]

KIND: Final = "notice"
# The role's own namespace says nothing about the group's number here.
_UNMAPPED: Final = Path("/dev/null")


def findings(places: Places, forwarder: int | None) -> Iterator[Finding]:
    """forwarder: its pid; None: it is not there.  Nothing where no such sink is enabled."""
    for options in _enabled(places.config):
        if options.terminals:
            yield _terminals(forwarder)
        if options.motd:
            yield _motd(places.state, LINK)


def _enabled(config: Path) -> list[NoticeOptions]:
    try:
        sinks = load(config).sinks.to
    except SentinairError:  # the configuration's own line says why
        return []
    wanted = [sink for sink in sinks if sink.enabled and sink.kind == KIND]
    return [msgspec.convert(sink.options, NoticeOptions) for sink in wanted]


def _terminals(forwarder: int | None) -> Finding:
    if forwarder is None:
        return warn("notice", "no terminal is told: the forwarder is not there", "look at its log")
    rights = _rights(Path(f"/proc/{forwarder}/status"))
    if rights is None:
        return warn("notice", "what the forwarder may write to cannot be seen", "use sudo")
    uid, groups = rights
    if uid == 0 or tty_group(Path("/etc/group"), _UNMAPPED) in groups:
        return ok("notice", "on terminals of all who let others write to them (mesg y)")
    return warn(
        "notice",
        f"on terminals of uid {uid} only: an ordinary user may write to no others",
        "run the agent by its units, or as root",
    )


def _rights(status: Path) -> tuple[int, set[int]] | None:
    """Effective uid and supplementary groups of a process: proc(5)."""
    try:
        rows = dict(
            line.split(":", 1) for line in status.read_text("ascii", "replace").splitlines()
        )
        return int(rows["Uid"].split()[1]), {int(word) for word in rows["Groups"].split()}
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _motd(state: Path, link: Path) -> Finding:
    """Whether a login shows what is open."""
    file = place(state)
    if file.parent != FOLDER:
        text = f"who logs in is not told: what is open stands in {file} only"
        return warn("motd", text, "installed with its units the agent shows it at each login")
    if os.path.realpath(link) != str(FOLDER / NAME):
        text = f"who logs in is not told: {link} does not lead to {file}"
        return warn("motd", text, "systemd-tmpfiles --create")
    return ok("motd", f"who logs in reads {link}, where pam_motd is in use")
