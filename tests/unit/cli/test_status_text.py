"""The engine's status, as people read it."""

from __future__ import annotations

import pytest

from sentinair.cli import status_text
from sentinair.errors import DataFault

ANSWER = {
    "system": {"running": True, "uptime": 3725.4, "version": "0.1.0", "mode": "observe"},
    "monitoring": {"file_monitor": True, "usb_monitor": False},
    "performance": {"cpu_usage": 0.2, "memory_usage": 20_000_000, "disk_usage": 41.5},
    "alerts": {"total_today": 3, "critical_open": 1, "last_alert": "2000-01-01T00:00:00.000000Z"},
    "coverage": {
        "evidence": {"file_monitor": "its source answered", "usb_monitor": "not built"},
        "gaps_open": [
            {
                "id": "00",
                "source": "cnproc",
                "reason": "enobufs",
                "lost": 7,
                "since": "soon",
                "until": "",
            }
        ],
        "gaps_total": 2,
        "blind_spots": ["fanotify: exfat names"],
    },
    "ledger": {"seq": 99, "link": "ab" * 32, "last_checkpoint": None},
    "roles": {"sensor": {"state": "running", "pid": 12, "since": "", "note": "slow"}},
    "roles_separated": False,
    "roles_note": "an ordinary user",
    "not_writing": "disk full",
}


def test_all_that_the_engine_says_is_shown() -> None:
    shown = list(status_text.rows(status_text.parse(ANSWER)))
    assert ("sentinair", "running for 1 h 2 min, version 0.1.0, mode observe") in shown
    assert ("NOT WRITING", "disk full") in shown
    assert ("file monitor", "on: its source answered") in shown
    assert ("usb monitor", "OFF: not built") in shown
    assert ("cannot see", "fanotify: exfat names") in shown
    assert ("OPEN GAP", "cnproc lost 7 events (enobufs) soon") in shown
    assert ("gaps", "2 since start, 1 not yet restored") in shown
    assert ("role sensor", "running, pid 12, slow") in shown
    assert ("roles", "not separated: an ordinary user") in shown
    assert ("ledger", f"record 99, head {'ab' * 8}") in shown
    assert ("checkpoint", "none") in shown
    assert ("load", "engine 0.2 % CPU, 20 MB, disk 41.5 % full") in shown
    assert any(name == "alerts" and "1 critical open, last" in text for name, text in shown)


def test_what_waits_for_an_answer_and_what_is_held_back_is_said() -> None:
    alerts = {"escalated_open": 2, "suppressions": 3, "held_back": 40}
    shown = dict(status_text.rows(status_text.parse({**ANSWER, "alerts": alerts})))
    assert shown["UNANSWERED"] == "2 alerts wait for an answer for too long"
    assert shown["suppressions"] == "3 in force, 40 detections held back"


def test_an_engine_that_says_less_is_still_shown() -> None:
    shown = dict(status_text.rows(status_text.parse({"roles_separated": True})))
    assert shown["load"] == "unknown"
    assert shown["roles"] == "each its own user"
    assert "ledger" not in shown
    assert "NOT WRITING" not in shown


@pytest.mark.parametrize("answer", [None, 3, {"system": 4}, {"coverage": {"gaps_open": [{}]}}])
def test_what_is_no_status_is_a_fault_of_the_data(answer: object) -> None:
    with pytest.raises(DataFault, match="cannot be read"):
        status_text.parse(answer)
