"""What became of a file, in words: its state before the event against that after."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["change_lines"]

_NAMES: Final = {"mode": "mode", "uid": "owner", "gid": "group", "size": "size", "type": "kind"}


def change_lines(
    file: dict[str, Any], actions: tuple[str, ...], *, absent: bool = False
) -> list[str]:
    """file: {"before", "after"} as `build` puts them into an alert's details.  actions, absent: of the event."""
    before, after = file.get("before"), file.get("after")
    if isinstance(before, dict) and isinstance(after, dict):
        return _differences(before, after)
    new = "it was not there" if "create" in actions else "not known"
    gone = "it was gone when looked at" if absent else "it could not be looked at"
    return [
        f"before: {_whole(before) if isinstance(before, dict) else new}",
        f"after: {_whole(after) if isinstance(after, dict) else gone}",
    ]


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    lines = [
        f"{name}: {before.get(key)} → {after.get(key)}{' bytes' if key == 'size' else ''}"
        for key, name in _NAMES.items()
        if before.get(key) != after.get(key)
    ]
    if before.get("inode") != after.get("inode"):
        lines.append("the name stands for another file now: it was replaced, not changed in place")
    if before.get("modified") != after.get("modified"):
        lines.append(f"last written: {before.get('modified')} → {after.get('modified')}")
    if not lines:
        return [f"before and after: {_whole(after)}"]
    same = [
        name for key, name in _NAMES.items() if key != "type" and before.get(key) == after.get(key)
    ]
    return [*lines, f"as before: {', '.join(same)}"] if same else lines


def _whole(state: dict[str, Any]) -> str:
    return (
        f"a {state.get('type')} with mode {state.get('mode')}, owner {state.get('uid')}, "
        f"group {state.get('gid')}, {state.get('size')} bytes, last written {state.get('modified')}"
    )
