"""Regular expressions that take time by the length of the text, whatever they are.

Whoever runs a program chooses what a rule's expression has to read, so one that backtracks is a way to stop the
agent.  RE2 never does; it knows no look-around and no back references, and an expression with these is refused when
it is loaded.  It is imported when the first rule needs it: 1.3 MB.
Why and how much: docs/decisions/regular-expressions.md.  Source: https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

__all__ = ["MAX_CHARS", "MAX_SIZE", "compile_regex"]

MAX_CHARS: Final = 65_536
"""An expression sees this much of a value."""
MAX_SIZE: Final = 2_000
"""Of one expression, in RE2's instructions: the most steps that one character can cost."""
_MAX_BYTES: Final = 8 << 20  # for one expression and its states; beyond, RE2 goes on more slowly


def compile_regex(pattern: str, flags: str = "") -> Callable[[str], bool] | str:
    """Whether pattern is found anywhere in a text; or, as a sentence part, why it cannot be used.

    flags: letters of i (case), m (^ and $ at lines), s (. matches newlines).
    """
    re2: Any = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_BYTES
    options.never_capture = (
        True  # where the groups are found nobody asks, and looking costs 200 times as much
    )
    marked = f"(?{flags}){pattern}" if flags else pattern
    try:
        compiled = re2.compile(marked, options=options)
    except UnicodeEncodeError as fault:
        return f"it is no text: {fault.reason}"
    except re2.error as fault:
        said = fault.args[0] if fault.args else ""
        return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    if compiled.programsize > MAX_SIZE:
        return f"it has {compiled.programsize} steps, at most are {MAX_SIZE}"
    search = compiled.search

    def found(text: str) -> bool:
        raw = text[:MAX_CHARS].encode("utf-8", "surrogateescape")
        if (
            not raw.isascii()
        ):  # no dot matches half a character: one stray byte would hide what follows
            raw = raw.decode("utf-8", "replace").encode()
        return search(raw) is not None

    return found
