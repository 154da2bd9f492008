"""An alert as a colleague would tell it, and the same as JSON.

Everything is taken from the alert itself: it works with the engine down, and says only what was recorded.
"""

from __future__ import annotations

import textwrap
from typing import Any, Final

from sentinair.codecs.times import from_rfc3339, rfc3339
from sentinair.model.alert import Alert

__all__ = ["explain", "explain_json"]

_WIDTH: Final = 78
_SURENESS: Final = ((0.8, "very likely"), (0.5, "likely"), (0.25, "possibly"), (0.0, "seldom"))
_MAX_LINE: Final = 400
_MAX_PARENT_LINE: Final = 120
_TICK_NS: Final = 10_000_000  # USER_HZ is 100 on every architecture of Debian, time(7)


def explain(alert: Alert) -> str:
    """Plain text, lines of at most about 78 columns but for long paths and command lines; ends with a newline."""
    parts = [
        _headline(alert),
        _section("What happened", _happened(alert)),
        _section("Why it was noticed", _matched(alert)),
        _section("Who did it", _chain_lines(alert)),
        _section("Why it matters", list(alert.why)),
        _section("What to do now", _numbered(alert.next_steps)),
        _section("How to answer", _answers(alert)),
    ]
    return "\n".join(part for part in parts if part)


def explain_json(alert: Alert) -> dict[str, Any]:
    """The same parts by name; times as RFC 3339 in UTC."""
    return {
        "id": alert.id,
        "title": alert.title,
        "severity": alert.severity,
        "confidence": alert.confidence,
        "status": alert.status,
        "happened": _happened(alert),
        "matched": _dicts(alert.details.get("matches")),
        "process_chain": _chain(alert),
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
        "tactics": list(alert.tactics),
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
    lines = [
        f"{alert.title}",
        f"{alert.severity} severity, {sure} true ({alert.confidence:.0%}), {alert.status}",
        f"alert {alert.id}",
    ]
    if alert.acknowledged_by is not None:
        when = (
            "" if alert.acknowledged_at_ns is None else f" at {rfc3339(alert.acknowledged_at_ns)}"
        )
        lines.append(f"answered by {alert.acknowledged_by}{when}")
    if alert.comment:
        lines.append(f"comment: {alert.comment}")
    return "\n".join(lines) + "\n"


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
    lines = [alert.description] if alert.description else []
    match event.get("event_type"):
        case "file":
            actions = ", ".join(str(action) for action in data.get("actions") or ())
            lines.append(f"{data.get('path')} ({actions})")
            if data.get("old_path"):
                lines.append(f"it was {data['old_path']} before")
            if data.get("mode") is not None:
                lines.append(
                    f"it has mode {data['mode']}, owner {data.get('uid')}, group {data.get('gid')}, "
                    f"{data.get('size')} bytes"
                )
            elif data.get("absent"):
                lines.append("it was gone when looked at")
        case "process":
            lines.append(f"process {data.get('pid')} ({data.get('action')}): {_command(data)}")
            if data.get("cwd") is not None:
                lines.append(f"in the folder {data['cwd']}")
    first, last = rfc3339(alert.first_seen_ns), rfc3339(alert.last_seen_ns)
    if alert.count == 1:
        lines.append(f"seen once, {first}")
    else:
        lines.append(f"seen {alert.count} times, from {first} to {last}")
    return lines


def _command(facts: dict[str, Any], limit: int = _MAX_LINE) -> str:
    command = facts.get("cmdline") or facts.get("exe") or "command unknown"
    text = str(command)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _matched(alert: Alert) -> list[str]:
    lines = [
        f"{match.get('field')} {match.get('wanted')}: it is {match.get('value')}"
        for match in _dicts(alert.details.get("matches"))
    ]
    credit = f"rule {alert.rule_id}"
    if alert.rule_author:
        credit += f" by {alert.rule_author}"
    if alert.rule_license:
        credit += f", {alert.rule_license}"
    if alert.techniques:
        credit += f"; ATT&CK {', '.join(alert.techniques)}"
    return [*lines, credit]


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
    lines = []
    for depth, step in enumerate(chain):
        began = f", started {step['started'][:19]}Z" if "started" in step else ""
        role, limit = ("from ", _MAX_PARENT_LINE) if depth else ("", _MAX_LINE)
        program = f" [{step['exe']}]" if step.get("cmdline") and step.get("exe") else ""
        lines.append(
            f"{'  ' * depth}{role}{step.get('pid')}: {_command(step, limit)}{program}{began}"
        )
    who = f"as user {alert.user or process.get('uid') or 'unknown'}"
    login = process.get("auid")
    lines.append(who + ("" if login is None else f", signed in as uid {login}"))
    if process.get("memfd"):
        lines.append("its program never had a name on disk (memfd)")
    elif process.get("deleted"):
        lines.append("its program's file has been deleted")
    if process.get("masked"):
        lines.append("secrets in command lines were replaced by ***")
    return lines


def _numbered(steps: tuple[str, ...]) -> list[str]:
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def _answers(alert: Alert) -> list[str]:
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
    return [f"sentinair alerts {verb} {alert.id}   ({meanings[verb]})" for verb in commands]
