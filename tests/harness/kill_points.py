"""Arms a process to kill itself (SIGKILL) when it comes to a named call for the nth time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Call", "arm"]


class Call(NamedTuple):
    """A function of a module or a method of a class, by the name it is called by."""

    owner: object
    name: str
    after: bool  # whether the kill comes after the call
    when: Callable[..., bool] | None = None  # given the call's words: whether it is counted


def arm(call: Call, nth: int) -> None:
    """Only in a process of the test's own, forked for it: nothing is ever put back."""
    real: Callable[..., Any] = getattr(call.owner, call.name)
    left = nth

    def armed(*words: Any, **named: Any) -> Any:
        nonlocal left
        if call.when is not None and not call.when(*words, **named):
            return real(*words, **named)
        left -= 1
        last = left == 0
        if last and not call.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*words, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(call.owner, call.name, armed)
