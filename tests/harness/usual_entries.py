"""Ordinary entries, as the engine makes them."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from sentinair.model.alert import Alert
from sentinair.model.entry import Entry

__all__ = ["TIME_NS", "alert_entry", "event_entry"]

TIME_NS: Final = 1_795_167_841_003_000_123
"""2026-11-20T09:44:01.003Z and a bit."""


def alert_entry(number: int = 7, **changes: Any) -> Entry:
    """An alert of one file, with every field that such an alert has; changes: of its Alert."""
    path = f"/etc/ssh/sshd_config.d/{number:05d}.conf"
    data = _file(path, number)
    match = {"field": "TargetFilename", "value": path, "wanted": "startswith /etc/ssh/"}
    alert = Alert(
        id=f"0193f0a2-7c1e-7abc-8def-{number:012x}",
        time_ns=TIME_NS,
        severity=("low", "medium", "high", "critical")[number % 4],
        category="file",
        title="SSH server settings changed",
        description="A program changed how this host lets people in over SSH.",
        source="sigma",
        rule_id="be7acc74-5e48-4f27-ab36-06bc8636cc65",
        fingerprint=f"{number:032x}",
        details={
            "matches": [match],
            "process": data["process"],
            "event": {"id": number, "event_type": "file", "data": data},
        },
        confidence=0.7,
        first_seen_ns=TIME_NS,
        last_seen_ns=TIME_NS + 2_000_000,
        why=(f"The path {path} starts with /etc/ssh/",),
        next_steps=("Ask who changed it and why.", "Compare it with the last known good copy."),
        techniques=("T1098.004",),
        tactics=("persistence",),
        rule_author="Sentinair",
        rule_license="Apache-2.0",
        user="root",
        filename=path,
        pid=4242,
        process="/usr/bin/vim.basic",
        host="ws-17.lan",
        event_ids=(number,),
        seq=number,
    )
    return Entry(
        host="ws-17.lan",
        chain="5a" * 16,
        stream="record",
        seq=number,
        kind="alert.raised",
        time_ns=TIME_NS + 5_000_000,
        version="0.1.0",
        alert=replace(alert, **changes),
        link="c3" * 32,
    )


def event_entry(number: int = 7, **changes: Any) -> Entry:
    """The event that alert_entry(number) tells of; changes: of the Entry."""
    entry = Entry(
        host="ws-17.lan",
        chain="5a" * 16,
        stream="event",
        seq=number,
        kind="file",
        time_ns=TIME_NS,
        version="0.1.0",
        data=_file(f"/etc/ssh/sshd_config.d/{number:05d}.conf", number),
    )
    return replace(entry, **changes)


def _file(path: str, number: int) -> dict[str, object]:
    parent = {"pid": 4000, "start": 980_000, "exe": "/usr/bin/bash", "cmdline": "bash", "argv": ["bash"]}  # fmt: skip
    process = {
        "pid": 4242, "start": 990_001, "ppid": 4000, "exe": "/usr/bin/vim.basic", "cmdline": f"vim {path}",
        "argv": ["vim", path], "cwd": "/root", "uid": 0, "auid": 1000, "deleted": False, "memfd": False,
        "masked": False, "exited": False, "parents": [parent],
    }  # fmt: skip
    return {
        "actions": ["write"], "path": path, "old_path": None, "mode": "0644", "uid": 0, "gid": 0, "size": 3_210,
        "inode": 131_072 + number, "absent": False, "critical": True, "process": process,
    }  # fmt: skip
