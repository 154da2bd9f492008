"""One scalar changed in the administrator's YAML: every other byte, comments too, stays as it was."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import stat
from pathlib import Path
from typing import Final

import msgspec
import yaml

from sentinair.errors import ConfigFault, Fault, UsageFault
from sentinair.settings.describe import described
from sentinair.settings.guarded import read_guarded, write_atomically
from sentinair.settings.load import judge, read_documents
from sentinair.settings.nodes import MAX_BYTES, parse

__all__ = ["Change", "set_value"]

_INDENT: Final = 2


class Change(msgspec.Struct, frozen=True):
    """What set_value did."""

    path: str
    line: int  # from 1
    old: str | None  # as it stood in the file; None: it was not in the file, the default counted
    new: str


def set_value(config_dir: Path, key: str, value: str) -> Change:
    """Give the setting at dotted key the value, in its file in config_dir.

    value is read as YAML would read it there.  Raises UsageFault if key is no single value, ConfigFault with all
    faults if the configuration would not be valid afterwards (nothing is changed then), StorageFault, PermissionFault.
    """
    _check_key(key)
    steps = key.split(".")
    path = config_dir / f"{steps[0]}.yaml"
    faults: list[Fault] = []
    documents = read_documents(config_dir, faults)
    if faults:
        raise ConfigFault(faults)
    text = _text(path)
    written = _scalar_text(value, key)
    after, at, old = _edit(text, steps, written)
    document = parse(str(path), after, faults)
    if document is not None:
        judge({**documents, steps[0]: document}, faults)
    if faults:
        raise ConfigFault(faults)
    _write(path, after)
    return Change(str(path), after.count("\n", 0, at) + 1, old, written)


def _check_key(key: str) -> None:
    known = {one.key: one for one in described()}
    if key not in known:
        close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
        below = [name for name in known if name.startswith(f"{key}.")]
        remedy = f"did you mean {close[0]}?" if close else "`sentinair config show` lists them"
        if below:
            remedy = "name one of " + ", ".join(below)
        raise UsageFault(f"{key}: not a setting", remedy=remedy)
    if isinstance(known[key].default, tuple):
        file = f"{key.split('.', maxsplit=1)[0]}.yaml"
        raise UsageFault(f"{key}: is a list", remedy=f"edit it in {file}")


def _text(path: Path) -> str:
    try:
        return read_guarded(path, MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        return ""


def _scalar_text(value: str, key: str) -> str:
    """value as it can stand behind `key: `: plain if YAML reads it back as the same text, else quoted."""
    node: yaml.Node | None = None
    with contextlib.suppress(yaml.YAMLError):
        node = yaml.compose(f"k: {value}\n", Loader=yaml.SafeLoader)
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        found = node.value[0][1]
        if isinstance(found, yaml.ScalarNode) and found.value == value and not found.style:
            return value
    if any(c in value for c in "\n\r\0"):
        raise UsageFault(f"{key}: expected one line, got {value!r}", remedy="remove the line break")
    return json.dumps(value, ensure_ascii=False)  # YAML 1.2's double quotes are JSON's


def _edit(text: str, steps: list[str], written: str) -> tuple[str, int, str | None]:
    """The new text, the offset of the change, and the value that stood there."""
    # The pure Python loader counts characters from the start of this very text; libyaml skips a byte order mark.
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    above: yaml.Node | None = None
    for depth, step in enumerate(steps):
        if not isinstance(node, yaml.MappingNode):
            return _insert(text, steps[depth:], written, above, node)
        pair = next((pair for pair in node.value if pair[0].value == step), None)
        if pair is None:
            return _insert(text, steps[depth:], written, above, node)
        above, node = pair
    assert node is not None
    start, end = node.start_mark.index, node.end_mark.index
    if start == end:  # `key:` without a value
        assert above is not None
        start = end = text.index(":", above.end_mark.index) + 1
        return f"{text[:start]} {written}{text[end:]}", start, ""
    return text[:start] + written + text[end:], start, text[start:end]


def _insert(
    text: str, steps: list[str], written: str, above: yaml.Node | None, node: yaml.Node | None
) -> tuple[str, int, str | None]:
    """steps do not stand in text yet: put them first below the key `above`, or at the end."""
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        at = node.start_mark.index + 1
        inner = ": {".join(steps) + f": {written}" + "}" * (len(steps) - 1)
        return text[:at] + inner + (", " if node.value else "") + text[at:], at, None
    if above is None:
        at = len(text)
        lead = "" if not text or text.endswith("\n") else "\n"
        return text + lead + _block(steps, written, 0), at + len(lead), None
    column = above.start_mark.column + _INDENT
    if isinstance(node, yaml.MappingNode) and node.value:
        column = node.value[0][0].start_mark.column
    colon = text.index(":", above.end_mark.index)
    line_end = text.find("\n", colon)
    if line_end < 0:
        text, line_end = text + "\n", len(text)
    at = line_end + 1
    return text[:at] + _block(steps, written, column) + text[at:], at, None


def _block(steps: list[str], written: str, column: int) -> str:
    lines = [" " * (column + _INDENT * depth) + f"{step}:" for depth, step in enumerate(steps)]
    return "\n".join(lines) + f" {written}\n"


def _write(path: Path, text: str) -> None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        write_atomically(path, text.encode(), 0o644)
        return
    same = (found.st_uid, found.st_gid)
    owner = None if same == (os.geteuid(), os.getegid()) else same
    write_atomically(path, text.encode(), stat.S_IMODE(found.st_mode), owner)
