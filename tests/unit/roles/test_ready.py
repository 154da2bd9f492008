"""The line that `run` prints once the agent works."""

from __future__ import annotations

from sentinair.roles.ready import ready_line

STATUS = {
    "roles": {"sensor": {"state": "running"}},
    "monitoring": {"file_monitor": True, "process_monitor": True},
    "probes": [
        {"name": "inotify", "works": True, "reason": "fallback: needs CAP_SYS_ADMIN"},
        {"name": "cnproc", "works": True, "reason": "works"},
    ],
}


def test_a_fallback_says_what_the_better_source_lacks() -> None:
    line = ready_line(STATUS, [], whatever=False)
    assert line == "ready | works: inotify (fallback: needs CAP_SYS_ADMIN), cnproc"


def test_a_note_is_no_thing_that_does_not_work() -> None:
    line = ready_line(STATUS, ["roles not separated: why"], whatever=False)
    assert line is not None
    assert line.endswith("cnproc | roles not separated: why")


def test_what_does_not_work_has_its_reason() -> None:
    probes = [{"name": "cnproc", "works": False, "reason": "no permission"}]
    line = ready_line({**STATUS, "probes": probes}, [], whatever=False)
    assert line == "ready | works: nothing | does not: cnproc: no permission"


def test_a_role_that_takes_long_is_not_said_to_have_failed() -> None:
    slow = {**STATUS, "roles": {"sensor": {"state": "absent"}}}
    assert ready_line(slow, [], whatever=False) is None
    line = ready_line(slow, [], whatever=True)
    assert line is not None
    assert line.startswith("ready with faults: sensor has not reported yet | works: ")
