"""An alert as a colleague would tell it, and the same as JSON.

Everything is taken from the alert itself, and from the timeline of its process where the caller has read one: it
works with the engine down, and says only what was recorded.
"""

from __future__ import annotations

import shlex
import textwrap
from typing import Any, Final

from sentinair.alerts.file_change import change_lines
from sentinair.alerts.literal import found_part, sentence, split_wanted
from sentinair.alerts.timeline import Timeline, lines, rendered
from sentinair.codecs.times import from_rfc3339, rfc3339
from sentinair.model.alert import Alert
from sentinair.model.attack import technique_name

__all__ = ["explain", "explain_json", "process_of"]

_WIDTH: Final = 78
_SURENESS: Final = ((0.8, "very likely"), (0.6, "likely"), (0.25, "possibly"), (0.0, "seldom"))
_GLOB: Final = frozenset("*?\\")
_MAX_LINE: Final = 400
_MAX_PARENT_LINE: Final = 120
_TICK_NS: Final = 10_000_000  # USER_HZ is 100 on every architecture of Debian, time(7)


def explain(alert: Alert, did: Timeline | None = None) -> str:
    """Plain text, lines of at most about 78 columns but for long paths and command lines; ends with a newline.

    did: what else its process did; None: not asked.
    """
    parts = [
        _headline(alert),
        _section("What happened", _happened(alert)),
        _section("What changed", _changed(alert)),
        _section("Why it was noticed", [*_matched(alert), *_credit(alert)]),
        _section("Who did it", _chain_lines(alert)),
        _section("What else it did", [] if did is None else lines(alert, did)),
        _section("Held back until now", _held(alert)),
        _section("Why it matters", list(alert.why)),
        _section("What to do now", _numbered(alert.next_steps)),
        _section("How to answer", _answer_lines(alert)),
    ]
    return "\n".join(part for part in parts if part)


def explain_json(alert: Alert, did: Timeline | None = None) -> dict[str, Any]:
    """The same parts by name; times as RFC 3339 in UTC."""
    return {
        "id": alert.id,
        "title": alert.title,
        "severity": alert.severity,
        "confidence": alert.confidence,
        "status": alert.status,
        "drill": bool(alert.details.get("drill")),
        "held": alert.held_since_ns is not None,
        "happened": _happened(alert),
        "file": alert.details.get("file"),
        "changed": _changed(alert),
        "matched": [_match(one) for one in _dicts(alert.details.get("matches"))],
        "process_chain": _chain(alert),
        "timeline": None if did is None else rendered(alert, did),
        "held_alerts": _dicts(alert.details.get("held")),
        "why": list(alert.why),
        "next_steps": list(alert.next_steps),
        "answer": _answers(alert),
        "rule": {
            "id": alert.rule_id,
            "author": alert.rule_author,
            "license": alert.rule_license,
            "link": alert.rule_link,
        },
        "techniques": list(alert.techniques),
        "technique_names": {one: technique_name(one) for one in alert.techniques},
        "tactics": list(alert.tactics),
    }


def process_of(alert: Alert) -> tuple[int, int | None, int | None] | None:
    """pid, start in clock ticks, and begin in wall clock ns of the process behind it, as far as they are known."""
    chain = _chain(alert)
    pid = chain[0].get("pid") if chain else None
    if not isinstance(pid, int):
        return None
    started = chain[0].get("started")
    start = chain[0].get("start")
    return (
        pid,
        start if isinstance(start, int) else None,
        from_rfc3339(started) if isinstance(started, str) else None,
    )


def _match(match: dict[str, Any]) -> dict[str, Any]:
    value, wanted = str(match.get("value")), str(match.get("wanted"))
    op, literal = split_wanted(wanted)
    return {
        **match,
        "op": op or None,
        "literal": literal or None,
        "found": found_part(value, wanted),
    }


def _dicts(value: object) -> list[dict[str, Any]]:
    """Details come back from the store as plain values of any shape."""
    return (
        [item for item in value if isinstance(item, dict)]
        if isinstance(value, list | tuple)
        else []
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _headline(alert: Alert) -> str:
    sure = next(word for floor, word in _SURENESS if alert.confidence >= floor)
    told = [
        f"{alert.title}",
        f"{alert.severity} severity, {sure} true ({alert.confidence:.0%}), {alert.status}",
        f"alert {alert.id} on {alert.host}" if alert.host else f"alert {alert.id}",
    ]
    if alert.details.get("drill"):
        told.insert(0, "THIS WAS A DRILL: nothing bad happened")
    if alert.held_since_ns is not None:
        told.append(
            f"its notice was held: a maintenance went on since {_clock(alert.held_since_ns)}"
        )
    if alert.escalated_at_ns is not None:
        told.append(f"nobody had answered it by {_clock(alert.escalated_at_ns)}")
    if alert.reopened_at_ns is not None:
        told.append(f"opened again {_clock(alert.reopened_at_ns)}")
    if alert.assignee is not None:
        told.append(f"assigned to {alert.assignee}")
    if alert.acknowledged_by is not None:
        when = "" if alert.acknowledged_at_ns is None else f" at {_clock(alert.acknowledged_at_ns)}"
        told.append(f"answered by {alert.acknowledged_by}{when}")
    if alert.comment:
        told.append(f"comment: {alert.comment}")
    told += [f"note by {note.by}, {_clock(note.time_ns)}: {note.text}" for note in alert.notes]
    return "\n".join(told) + "\n"


def _clock(time_ns: int) -> str:
    """For people: to the second, UTC."""
    return rfc3339(time_ns)[:19].replace("T", " ") + " UTC"


def _section(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    body = []
    for line in lines:
        indent = " " * (2 + len(line) - len(line.lstrip()))
        body.append(
            textwrap.fill(
                line.strip(),
                _WIDTH,
                initial_indent=indent,
                subsequent_indent=indent + "  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    return f"{title}\n" + "\n".join(body) + "\n"


def _happened(alert: Alert) -> list[str]:
    event = _dict(alert.details.get("event"))
    data = _dict(event.get("data"))
    told = [alert.description] if alert.description else []
    match event.get("event_type"):
        case "file":
            actions = ", ".join(str(action) for action in data.get("actions") or ())
            told.append(f"{data.get('path')} ({actions})")
            if data.get("old_path"):
                told.append(f"it was {data['old_path']} before")
        case "process":
            action = data.get("action")
            how = "running already when the agent looked" if action == "inventory" else action
            told.append(f"process {data.get('pid')} ({how}): {_command(data)}")
            if data.get("cwd") is not None:
                told.append(f"in the folder {data['cwd']}")
    first, last = _clock(alert.first_seen_ns), _clock(alert.last_seen_ns)
    if alert.count == 1:
        told.append(f"seen once, {first}")
    else:
        told.append(f"seen {alert.count} times, from {first} to {last}")
    return told


def _changed(alert: Alert) -> list[str]:
    data = _dict(_dict(alert.details.get("event")).get("data"))
    file = _dict(alert.details.get("file"))
    if file and data.get("actions") != ["open"]:
        actions = tuple(str(one) for one in data.get("actions") or ())
        return change_lines(file, actions, absent=bool(data.get("absent")))
    if data.get("mode") is not None:  # raised by a version that did not know the state before
        return [
            f"it has mode {data['mode']}, owner {data.get('uid')}, group {data.get('gid')}, "
            f"{data.get('size')} bytes"
        ]
    return ["it was gone when looked at"] if data.get("absent") else []


def _held(alert: Alert) -> list[str]:
    return [
        f"{one.get('severity')}: {one.get('title')}"
        + (f" — {one['subject']}" if one.get("subject") else "")
        + f"  ({one.get('id')})"
        for one in _dicts(alert.details.get("held"))
    ]


def _command(facts: dict[str, Any], limit: int = _MAX_LINE) -> str:
    command = facts.get("cmdline") or facts.get("exe") or "command unknown"
    text = str(command)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _matched(alert: Alert) -> list[str]:
    return [
        sentence(str(match.get("field")), str(match.get("value")), str(match.get("wanted")))
        for match in _dicts(alert.details.get("matches"))
    ]


def _credit(alert: Alert) -> list[str]:
    credit = f"rule {alert.rule_id}"
    if alert.rule_author:
        credit += f" by {alert.rule_author}"
    if alert.rule_license:
        credit += f", {alert.rule_license}"
    told = [credit]
    if alert.rule_link:
        told.append(f"more on it: {alert.rule_link}")
    for technique in alert.techniques:
        name = technique_name(technique)
        told.append(f"ATT&CK {technique}" + ("" if name is None else f", {name}"))
    return told


def _chain(alert: Alert) -> list[dict[str, Any]]:
    """The process and its parents, nearest first: pid, start, started, exe, cmdline, uid, auid where known."""
    process = _dict(alert.details.get("process"))
    if not process:
        return []
    keys = ("pid", "start", "exe", "cmdline", "uid", "auid")
    steps = [process, *_dicts(process.get("parents"))]
    booted = alert.details.get("booted")
    chain = []
    for step in steps:
        known = {key: step.get(key) for key in keys if key in step}
        start = step.get("start")
        if isinstance(start, int) and isinstance(booted, str):
            known["started"] = rfc3339(from_rfc3339(booted) + start * _TICK_NS)
        chain.append(known)
    return chain


def _chain_lines(alert: Alert) -> list[str]:
    chain = _chain(alert)
    if not chain:
        return ["It is not known: the source could not tell, or the process was gone."]
    process = _dict(alert.details.get("process"))
    told = []
    for depth, step in enumerate(chain):
        role, limit = ("from ", _MAX_PARENT_LINE) if depth else ("", _MAX_LINE)
        program = f" [{step['exe']}]" if step.get("cmdline") and step.get("exe") else ""
        told.append(
            f"{'  ' * depth}{role}{step.get('pid')}: {_command(step, limit)}{program}"
            f"{_began(step, alert.first_seen_ns)}"
        )
    who = f"as user {alert.user or process.get('uid') or 'unknown'}"
    login = process.get("auid")
    told.append(who + ("" if login is None else f", signed in as uid {login}"))
    if process.get("memfd"):
        told.append("its program never had a name on disk (memfd)")
    elif process.get("deleted"):
        told.append("its program's file has been deleted")
    if process.get("masked"):
        told.append("secrets in command lines were replaced by ***")
    return told


def _began(step: dict[str, Any], seen_ns: int) -> str:
    """When a process began, and how long before the event that was."""
    if "started" not in step:
        return ""
    secs = max(0, seen_ns - from_rfc3339(step["started"])) // 1_000_000_000
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if secs >= 2 * size:
            return f", started {step['started'][:19]}Z, {secs // size} {name} before"
    return f", started {step['started'][:19]}Z" + (f", {secs} s before" if secs else "")


def _numbered(steps: tuple[str, ...]) -> list[str]:
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def _answers(alert: Alert) -> list[dict[str, str]]:
    commands = {
        "open": ("ack", "resolve", "false-positive"),
        "acknowledged": ("resolve", "false-positive", "reopen"),
    }.get(alert.status, ("reopen",))
    meanings = {
        "ack": "you have seen it and look into it",
        "resolve": "it was real and is dealt with",
        "false-positive": "it was harmless",
        "reopen": "it needs another look",
    }
    told = [
        {"command": f"sentinair alerts {verb} {alert.id}", "meaning": meanings[verb]}
        for verb in commands
    ]
    quiet = _suppression(alert)
    return told if quiet is None else [*told, quiet]


def _suppression(alert: Alert) -> dict[str, str] | None:
    """How to be spared its like for a month; None for what should not, or cannot, be narrowed to one program or file."""
    grave = alert.severity == "critical" or alert.source != "sigma" or alert.details.get("drill")
    option, place = ("program", alert.process) if alert.process else ("path", alert.filename)
    if grave or alert.status == "resolved" or not place or set(place) & _GLOB:
        return None
    narrow = f"--{option} {shlex.quote(place)}"
    return {
        "command": f'sentinair suppressions add --like {alert.id} {narrow} --for 30d --reason "…"',
        "meaning": f"it is harmless and will come again: hold it back for this {option} for a month",
    }


def _answer_lines(alert: Alert) -> list[str]:
    told = []
    for answer in _answers(alert):
        told += [answer["command"], f"  {answer['meaning']}"]
    return told
