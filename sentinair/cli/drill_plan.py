"""From a rule's own examples to an act that must raise it: what can be done here, or why nothing harmless can.

Each act is asked of the rule before it is done, with the event as it really will be; so a rule that is added needs no
code here, and a name that carries the drill's token is taken only where the rule still holds for it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sentinair.cli.drill_acts import Act, ChildAct, FileAct, OpenAct, Program, ProgramAct
from sentinair.cli.drill_host import HostView, changed
from sentinair.detect.fields import FILE_EVENT, PROCESS_CREATION
from sentinair.detect.sigma.detector import CompiledRule
from sentinair.detect.sigma.rule import Example, Rule
from sentinair.model.event import ACTIONS, CREATE, OPEN, RENAME, WRITE

__all__ = ["Planned", "plan"]

_BITS: Final = {name: bit for bit, name in ACTIONS.items()}
_SCRATCH: Final = ("/dev/shm", "/run/shm", "/var/tmp", "/tmp", "/mnt", "/media", "/run/media")  # noqa: S108
_LIBRARIES: Final = (
    "/",
    "/usr",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc",
    "/proc",
    "/dev",
)
_MAX_MADE: Final = 4  # folders made for one file
_NOT_HERE: Final = "none of its examples can be made here without changing the host"


class Planned(msgspec.Struct, frozen=True):
    """What a drill does for one rule."""

    rule: Rule
    act: Act | None
    reason: str = ""  # why there is none


class _Wanted(msgspec.Struct, frozen=True):
    """What is to be done with a file: actions by name, permission bits, and how many folders may be made."""

    actions: frozenset[str]
    mode: int
    making: int


class _Wishes:
    """Why the acts that came nearest were not taken; the nearest speaks."""

    def __init__(self) -> None:
        self._best = (0, _NOT_HERE)

    def add(self, nearness: int, reason: str) -> None:
        self._best = max(self._best, (nearness, reason), key=lambda one: one[0])

    @property
    def reason(self) -> str:
        return self._best[1]


def plan(rule: Rule, token: str, program: Program, host: HostView, folder: Path) -> Planned:
    """folder: where programs may be put when the rule does not care.  token: of this act alone."""
    examples = [one for one in rule.examples if one.matches]
    if not examples:
        return Planned(rule, None, "it has no example that must match")
    wishes = _Wishes()
    compiled = CompiledRule(rule)
    if rule.logsource == PROCESS_CREATION:
        acts = _programs(compiled, _runs(examples), token, program, host, folder, wishes)
    elif rule.logsource == FILE_EVENT:
        acts = _files(compiled, examples, token, host, wishes)
    else:
        return Planned(rule, None, f"no monitor tells of {rule.logsource} yet")
    act = next(acts, None)
    return Planned(rule, act, "" if act is not None else wishes.reason)


def _first(example: Example, field: str) -> str | None:
    values = example.fields.get(field)
    return values[0] if values else None


# -- programs -------------------------------------------------------------------------------------------------------


class _Run(msgspec.Struct, frozen=True):
    """What an example starts."""

    image: str
    words: tuple[str, ...]
    parent: str | None

    @property
    def name(self) -> str:
        return posixpath.basename(self.image) or "program"


def _runs(examples: list[Example]) -> list[_Run]:
    runs = []
    for example in examples:
        line = _first(example, "CommandLine")
        words = tuple(line.split(" ")) if line else ()
        image = _first(example, "Image") or (words[0] if words else None)
        if image and "\0" not in image + (line or ""):
            runs.append(_Run(image, words or (image,), _first(example, "ParentImage")))
    return runs


def _programs(
    compiled: CompiledRule, runs: list[_Run], token: str, program: Program, host: HostView,
    folder: Path, wishes: _Wishes,
) -> Iterator[Act]:  # fmt: skip
    for run in runs:
        for place in (folder, *_scratch(run.image)):
            act = ProgramAct(token, program, place, run.name, run.words)
            exe = bytes(act.home() / run.name)
            if place.is_dir() and _holds(compiled, host, exe, run.words, act.home()):
                if host.writable(bytes(place)):
                    yield act
                else:
                    wishes.add(2, f"{place} may not be written by you; use sudo")
    for run in runs:
        parent = posixpath.basename(run.parent or "")
        if parent and host.writable(bytes(folder)):
            words = (run.name, *run.words[1:])
            child = ChildAct(token, program, folder, parent, words)
            exe, above = bytes(child.program), bytes(child.parent)
            if _holds(compiled, host, exe, words, folder / token, above):
                yield child
    for run in runs:
        staged = _staged(compiled, run.image, run.words, token, program, host, folder, wishes)
        if staged is not None:
            yield staged


def _scratch(image: str) -> list[Path]:
    """The places for scratch files and media that image lies in."""
    return [Path(place) for place in _SCRATCH if image.startswith(place + "/")]


def _holds(
    compiled: CompiledRule, host: HostView, exe: bytes, words: tuple[str, ...], cwd: Path,
    parent: bytes | None = None,
) -> bool:  # fmt: skip
    argv = tuple(word.encode("utf-8", "surrogateescape") for word in words)
    return compiled.holds(host.starts(host.child(exe, argv, bytes(cwd), parent)))


def _staged(
    compiled: CompiledRule, image: str, words: tuple[str, ...], token: str, program: Program,
    host: HostView, folder: Path, wishes: _Wishes,
) -> Act | None:  # fmt: skip
    """At its very place, which its process alone sees."""
    if not image.startswith("/"):
        return None
    place = Path(os.path.realpath(image))
    act = ProgramAct(token, program, folder, place.name, words, place)
    if not _holds(compiled, host, bytes(place), words, act.home()):
        wishes.add(1, "it needs more than a program's name, place and arguments")
        return None
    if not host.is_root:
        wishes.add(3, f"only a program at {place} raises it, which you cannot stage; use sudo")
    elif not place.is_file() and (str(place.parent) in _LIBRARIES or not place.parent.is_dir()):
        wishes.add(3, f"only a program at {place} raises it, and nothing can be put there")
    else:
        return act
    return None


# -- files ----------------------------------------------------------------------------------------------------------


def _files(
    compiled: CompiledRule, examples: list[Example], token: str, host: HostView, wishes: _Wishes
) -> Iterator[Act]:
    named = [(one, path) for one in examples if (path := _first(one, "TargetFilename"))]
    for making in (0, _MAX_MADE):  # folders; where none need be made is the better place
        for inert_only in (True, False):
            for example, path in named:
                actions = frozenset(example.fields.get("Action", ("create",)))
                if actions <= {"open"}:
                    yield from _opened(compiled, path, token, host, wishes)
                    continue
                wanted = _Wanted(actions, _mode(example), making)
                for candidate in _candidates(path, token, host, inert_only=inert_only):
                    act = _made(compiled, candidate, wanted, token, host, wishes)
                    if act is not None:
                        yield act
    if named:
        wishes.add(
            1, f"only a file like {named[0][1]} itself raises it: that would change the host"
        )


def _mode(example: Example) -> int:
    given = _first(example, "Mode")
    mode = int(given, 8) if given and given.isdecimal() else 0o600
    for field, bit in (("SetUid", 0o4000), ("SetGid", 0o2000)):
        if _first(example, field) == "true":
            mode |= bit | 0o711
    return mode


def _candidates(path: str, token: str, host: HostView, *, inert_only: bool) -> Iterator[str]:
    """Paths with the token in them that are like path, the most harmless first."""
    folder, base = posixpath.split(path)
    if inert_only:
        yield posixpath.join(folder, f"{token}.inert")
        return
    stem, dot, ending = base.partition(".")
    if stem and dot:
        yield posixpath.join(folder, f"{token}.{ending}")
        yield posixpath.join(folder, f"{token}.{ending.rpartition('.')[2]}")
    yield posixpath.join(folder, token)
    yield posixpath.join(folder, f".{token}")
    yield posixpath.join(folder, f"{base}-{token}")
    yield posixpath.join(folder, f"{base}.{token}")
    yield posixpath.join(folder, f"{stem}-{token}{dot}{ending}")
    # Under its own name, in a folder that is ours: below what is there, or where accounts live.
    steps = [step for step in folder.split("/") if step]
    for kept in range(len(steps), -1, -1):
        above, below = steps[:kept], steps[kept:]
        for root in ("/" + "/".join(above), "/home", "/root") if kept else ("/home", "/root"):
            yield posixpath.join(root, token, *below, base)
    for root in host.roots():  # where the rule does not care
        yield posixpath.join(root, f"{token}.inert")


def _made(
    compiled: CompiledRule, path: str, wanted: _Wanted, token: str, host: HostView, wishes: _Wishes
) -> Act | None:
    raw = path.encode("utf-8", "surrogateescape")
    folder = os.path.dirname(raw)
    standing = host.standing(folder)
    if standing is None:
        return None
    missing = _missing(folder)
    if len(missing) > wanted.making + (token.encode() in missing):
        return None
    real = os.path.join(standing, *missing, os.path.basename(raw))
    actions, mode = wanted.actions, wanted.mode
    recipe = actions & {"create", "attrib", "rename", "delete"}
    bits = [
        sum(_BITS[name] for name in actions if name in _BITS) | CREATE | WRITE,
        *(_BITS[name] for name in actions if name in _BITS),
        *((RENAME,) if "rename" in recipe else ()),
    ]
    if not any(compiled.holds(host.changes(changed(real, one, mode))) for one in bits):
        return None
    shown = real.decode("utf-8", "backslashreplace")
    if not host.watched(real):
        wishes.add(2, f"{posixpath.dirname(shown)} is not watched")
    elif host.exists(real):
        wishes.add(2, f"{shown} is there already")
    elif not host.writable(standing):
        wishes.add(
            3, f"{standing.decode(errors='backslashreplace')} may not be written by you; use sudo"
        )
    else:
        return FileAct(token, Path(os.fsdecode(real)), recipe, mode)
    return None


def _missing(folder: bytes) -> list[bytes]:
    """The steps of folder that are not there, the upper first."""
    steps: list[bytes] = []
    while not os.path.isdir(folder):
        folder, step = os.path.split(folder)
        steps.append(step)
    return steps[::-1]


def _opened(
    compiled: CompiledRule, path: str, token: str, host: HostView, wishes: _Wishes
) -> Iterator[Act]:
    raw = os.fsencode(path)
    act = OpenAct(token, Path(path))
    argv = tuple(os.fsencode(word) for word in act.words)
    child = host.child(os.path.realpath(os.fsencode(act.words[0])), argv, b"/")
    if not compiled.holds(host.changes(changed(raw, OPEN, 0o600), child)):
        return
    if not (host.watched(raw) and host.read_watched(raw)):
        wishes.add(2, f"{path} is not watched for reading")
    elif not os.path.isfile(raw):
        wishes.add(2, f"{path} is not there")
    elif not os.access(raw, os.R_OK):
        wishes.add(3, f"{path} may not be read by you; use sudo")
    else:
        yield act
