"""What an event offers to rules: Sigma's field names, and a few of our own.

Every field holds a tuple of texts: none where the value is unknown, one as a rule, several for Action.
process_creation follows Sysmon for Linux: CommandLine is argv joined by single spaces, LogonId the login uid.
Our own: Action, Mode (octal permission bits), SetUid and SetGid (of an executable regular file), FileUid and
FileGid (the file's owner), SourceFilename (the name before a rename); Uid, LoginUid, Deleted, Memfd (the program's
file has lost its name, or never had one), Ancestors (every program up the parent chain).
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from sentinair.model.alert import Joined
from sentinair.model.event import FileEvent, ProcessEvent, action_names
from sentinair.model.process import Process

__all__ = [
    "FIELDS",
    "FILE_EVENT",
    "NETWORK_CONNECTION",
    "PROCESS_CREATION",
    "EventView",
    "FieldsView",
    "Texts",
    "View",
    "command_line",
    "fold",
    "is_setgid",
    "is_setuid",
    "text_of",
]

FILE_EVENT: Final = "file_event"
PROCESS_CREATION: Final = "process_creation"
NETWORK_CONNECTION: Final = "network_connection"
Texts = tuple[str, ...]


class View(Protocol):
    """One event as a rule sees it."""

    def texts(self, field: str) -> Texts:
        """The field's values; empty if it is absent.  "" asks for the values of all fields, for keywords."""
        ...

    def lowered(self, field: str) -> Texts:
        """The same without case, by fold()."""
        ...


class _Folds(dict[int, int]):
    """For str.translate: what Unicode folds to one other character; some 1,500 are ever kept."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        for folded in (char.casefold(), char.lower()):
            if len(folded) == 1 and folded != char:
                self[code] = ord(folded)
                return self[code]
        return code


_FOLDS: Final = _Folds()


def fold(text: str) -> str:
    """text without case, each character by itself: parts fold as the whole does, and lengths stay.

    str.lower() looks at neighbours (a final sigma), str.casefold() makes two characters of one.
    Source: Unicode Standard 3.13, "simple case folding".
    """
    return text.lower() if text.isascii() else text.translate(_FOLDS)


def text_of(raw: bytes) -> str:
    """Bytes as text without loss: what is not UTF-8 becomes lone surrogates (PEP 383)."""
    return raw.decode("utf-8", "surrogateescape")


def command_line(argv: tuple[bytes, ...]) -> str:
    """argv as rules see it."""
    return text_of(b" ".join(argv))


def is_setuid(event: FileEvent) -> bool:
    """Is it an executable regular file with the set-user-id bit?"""
    return _special(event, stat.S_ISUID)


def is_setgid(event: FileEvent) -> bool:
    """Is it an executable regular file with the set-group-id bit?"""
    return _special(event, stat.S_ISGID)


def _special(event: FileEvent, bit: int) -> bool:
    state = event.state
    if state is None or not state.mode & bit:
        return False
    return stat.S_ISREG(state.mode) and bool(state.mode & 0o111)


def _one(raw: bytes | None) -> Texts:
    return () if raw is None else (text_of(raw),)


def _number(value: int | None) -> Texts:
    return () if value is None else (str(value),)


def _flag(value: bool) -> Texts:
    return ("true",) if value else ("false",)


def _line(argv: tuple[bytes, ...] | None) -> Texts:
    return () if argv is None else (command_line(argv),)


_OF_PROCESS: Final[dict[str, Callable[[Process], Texts]]] = {
    "Image": lambda p: _one(p.exe),
    "CommandLine": lambda p: _line(p.argv),
    "CurrentDirectory": lambda p: _one(p.cwd),
    "ProcessId": lambda p: _number(p.pid),
    "ParentProcessId": lambda p: _number(p.ppid),
    "LogonId": lambda p: _number(p.auid),
    "LoginUid": lambda p: _number(p.auid),
    "Uid": lambda p: _number(p.uid),
    "Deleted": lambda p: _flag(p.deleted),
    "Memfd": lambda p: _flag(p.memfd),
    "ParentImage": lambda p: _one(p.parents[0].exe) if p.parents else (),
    "ParentCommandLine": lambda p: _line(p.parents[0].argv) if p.parents else (),
    "Ancestors": lambda p: tuple(text_of(a.exe) for a in p.parents if a.exe is not None),
}
_OF_FILE: Final[dict[str, Callable[[FileEvent], Texts]]] = {
    "TargetFilename": lambda e: (text_of(e.path),),
    "SourceFilename": lambda e: _one(e.old_path),
    "Action": lambda e: tuple(action_names(e.actions)),
    "Mode": lambda e: () if e.state is None else (f"{e.state.mode & 0o7777:04o}",),
    "SetUid": lambda e: () if e.state is None else _flag(is_setuid(e)),
    "SetGid": lambda e: () if e.state is None else _flag(is_setgid(e)),
    "FileUid": lambda e: () if e.state is None else (str(e.state.uid),),
    "FileGid": lambda e: () if e.state is None else (str(e.state.gid),),
}
_OF_EXEC: Final[dict[str, Callable[[ProcessEvent], Texts]]] = {
    "Action": lambda e: (e.action,),
    "Hashes": lambda e: () if e.sha256 is None else (f"SHA256={e.sha256.hex()}",),
}
_OF_EVENT: Final[dict[type, dict[str, Callable[[Any], Texts]]]] = {
    FileEvent: dict(_OF_FILE),
    ProcessEvent: dict(_OF_EXEC),
}

_OF_NETWORK: Final = (
    "DestinationHostname",
    "DestinationIp",
    "DestinationPort",
    "Initiated",
    "Protocol",
    "SourceIp",
    "SourcePort",
)

FIELDS: Final[dict[str, frozenset[str]]] = {
    FILE_EVENT: frozenset({*_OF_FILE, *_OF_PROCESS, "User"}),
    PROCESS_CREATION: frozenset({*_OF_EXEC, *_OF_PROCESS, "User"}),
    NETWORK_CONNECTION: frozenset({*_OF_NETWORK, *_OF_PROCESS, "User"}),
}
"""Fields a rule of each log source category may name."""


class EventView:
    """A view on a real event; each field is worked out once, and only when asked for."""

    __slots__ = ("_event", "_low", "_of_event", "_process", "_texts", "_users")

    def __init__(
        self, joined: Joined, users: Mapping[int, str], low: dict[str, Texts] | None = None
    ) -> None:
        """users: uid to login name.  low: fields known in lower case already; taken over."""
        self._event = joined.event
        self._of_event = _OF_EVENT[type(joined.event)]
        self._process = joined.actor
        self._users = users
        self._texts: dict[str, Texts] = {}
        self._low = {} if low is None else low

    def texts(self, field: str) -> Texts:
        """As View.texts; a field this kind of event never has is absent."""
        found = self._texts.get(field)
        if found is None:
            found = self._texts[field] = self._read(field)
        return found

    def lowered(self, field: str) -> Texts:
        """As View.lowered."""
        found = self._low.get(field)
        if found is None:
            found = self._low[field] = tuple(fold(text) for text in self.texts(field))
        return found

    def _read(self, field: str) -> Texts:
        if not field:
            names = (*self._of_event, *_OF_PROCESS, "User")
            return tuple(text for name in names for text in self.texts(name))
        of_event = self._of_event.get(field)
        if of_event is not None:
            return of_event(self._event)
        process = self._process
        if process is None:
            return ()
        if field == "User":
            uid = process.uid
            return () if uid is None else (self._users.get(uid, str(uid)),)
        of_process = _OF_PROCESS.get(field)
        return () if of_process is None else of_process(process)


class FieldsView:
    """A view on values written down, for a rule's examples."""

    def __init__(self, fields: Mapping[str, Texts]) -> None:
        self._fields = fields

    def texts(self, field: str) -> Texts:
        """As View.texts."""
        if not field:
            return tuple(text for texts in self._fields.values() for text in texts)
        return self._fields.get(field, ())

    def lowered(self, field: str) -> Texts:
        """As View.lowered."""
        return tuple(fold(text) for text in self.texts(field))
