"""Secrets in command lines, masked before anything is judged, stored or shown.

A plain command line costs a few look-ups.  Where one of the tell-tale words is in it, each argument is looked at as
text (secret_text), the whole as a command with options (secret_options), and an argument that is itself a command
line (`sh -c "…"`) as one more of both.
What cannot be told from an ordinary word (`./backup hunter2`) stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from sentinair.detect.secret_options import PROGRAMS, SQL_PROGRAMS, OptionNames, mask_options
from sentinair.detect.secret_text import MASK, is_run, mask_text
from sentinair.model.process import Parent, Process

__all__ = ["MASK", "Masker"]

# In lower case, anywhere.
_WORDS: Final = (
    b"pass", b"pwd", b"secret", b"token", b"key", b"cred", b"psk", b"auth", b"cookie", b"bearer", b"basic ",
    b"akia", b"asia", b"eyj", b"<<<",
)  # fmt: skip
# At the start of a word; so are the names of programs that take secrets by letter.
_STARTS: Final = (
    b"abia", b"acca", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"glpat-", b"npm_", b"hvs.", b"xox", b"aiza",
    b"sk-", b"sk_", b"pk-", b"pk_", b"rk-", b"rk_",
)  # fmt: skip
_TO_WORDS: Final = bytes(
    code if (chr(code).isalnum() and code < 128) or code in b"_.-" else 32 for code in range(256)
)
_USERINFO: Final = re.compile(rb"://[^/\s]*@")
_WORD: Final = re.compile(rb"""(?:[^\s'"|;&()<>]|'[^']*'|"(?:\\.|[^"\\])*"|['"])+|[|;&()<>]+""")
_SCRIPT_FOLLOWS: Final = re.compile(rb"-[a-zA-Z]{0,8}c")
_INTERPRETER: Final = re.compile(
    rb"(?:.*/)?(?:(?:ba|da|z|k|c|a|tc|fi)?sh|busybox|python|perl|ruby|lua|php|node|g?awk|mawk|tclsh)[\d.]*",
    re.DOTALL,
)
_OPERATOR: Final = frozenset(b"|;&()<>")
_MAX_DEPTH: Final = 3
_MIN_SECRET: Final = len(b"psk=x")  # with what shows that it is one
_PROGRAM_NAMES: Final = frozenset(PROGRAMS) | SQL_PROGRAMS | {b"sudo"}
_REMEMBERED: Final = 1_024
_REMEMBERED_BYTES: Final = 512


class Masker:
    """Masks argument vectors.  Remembers some that hold no secret (parents repeat), never one that does."""

    def __init__(self, options: Iterable[str] = ()) -> None:
        """options: further option names that carry secrets on this host, as typed ("--unlock-code")."""
        extra = frozenset(option.encode() for option in options)
        self._names = OptionNames(extra)
        self._words = _WORDS + tuple(option.lower() for option in extra)
        self._plain: set[tuple[bytes, ...]] = set()

    def argv(self, argv: tuple[bytes, ...]) -> tuple[tuple[bytes, ...], bool]:
        """(argv with secrets replaced by ***, was anything replaced).  The same tuple if nothing was."""
        if argv in self._plain:
            return argv, False
        low = b"\n".join(argv).lower()
        if not self._suspicious(low):
            if len(low) > _REMEMBERED_BYTES:
                return argv, False
            if len(self._plain) >= _REMEMBERED:
                self._plain.clear()
            self._plain.add(argv)
            return argv, False
        masked = tuple(self._command(list(argv)))
        return (argv, False) if masked == argv else (masked, True)

    def process(self, process: Process) -> Process:
        """The same facts with argv and the parents' argv masked; its masked flag says whether anything was."""
        argv, changed = (None, False) if process.argv is None else self.argv(process.argv)
        parents, changed_parents = self._parents(process.parents)
        if not changed and not changed_parents:
            return process
        return replace(process, argv=argv, parents=parents, masked=True)

    def _parents(self, parents: tuple[Parent, ...]) -> tuple[tuple[Parent, ...], bool]:
        changed = False
        masked: list[Parent] = []
        for parent in parents:
            argv, hit = (None, False) if parent.argv is None else self.argv(parent.argv)
            changed |= hit
            masked.append(replace(parent, argv=argv) if hit else parent)
        return (tuple(masked), True) if changed else (parents, False)

    def _suspicious(self, low: bytes) -> bool:
        for word in self._words:
            if word in low:
                return True
        if b"://" in low and _USERINFO.search(low):
            return True
        for word in low.translate(_TO_WORDS).split():
            if word in _PROGRAM_NAMES or word.startswith(_STARTS):
                return True
        return False

    def _command(self, words: list[bytes]) -> list[bytes]:
        before = list(words)
        mask_options(words, self._names)
        masked: list[bytes] = []
        is_script = interpreted = False
        for word, old in zip(words, before, strict=True):
            masked.append(self._word(word, is_script=is_script) if word == old else word)
            interpreted = interpreted or _INTERPRETER.fullmatch(old) is not None
            is_script = interpreted or _SCRIPT_FOLLOWS.fullmatch(old) is not None
        return masked

    def _word(self, word: bytes, *, is_script: bool) -> bytes:
        if b" " in word or b"\t" in word or b"\n" in word:
            word = self._line(word, 1)
        if len(word) < _MIN_SECRET:
            return word
        return mask_text(word, is_script=is_script)

    def _line(self, line: bytes, depth: int) -> bytes:
        """A shell's command line: each simple command in it is masked by its options; the rest stays as it is."""
        pieces: list[bytes] = []
        command: list[re.Match[bytes]] = []
        end = 0
        for found in _WORD.finditer(line):
            if found.group()[0] in _OPERATOR:
                end = self._simple(line, command, end, pieces, depth)
                command = []
            else:
                command.append(found)
        end = self._simple(line, command, end, pieces, depth)
        return b"".join(pieces) + line[end:]

    def _simple(
        self, line: bytes, found: list[re.Match[bytes]], end: int, pieces: list[bytes], depth: int
    ) -> int:
        words = [_unquoted(one.group()) for one in found]
        masked = list(words)
        mask_options(masked, self._names)
        for one, old, by_option in zip(found, words, masked, strict=True):
            raw = one.group()
            if by_option != old and is_run(old):
                continue
            quoted = by_option == old and old != raw and b" " in old
            new = self._line(old, depth + 1) if quoted and depth < _MAX_DEPTH else by_option
            if new != old:
                quote = raw[:1] if raw[:1] in {b"'", b'"'} and raw[-1:] == raw[:1] else b""
                pieces += [line[end : one.start()], quote, new, quote]
                end = one.end()
        return end


def _unquoted(word: bytes) -> bytes:
    if len(word) > 1 and word[:1] in {b"'", b'"'} and word[-1:] == word[:1]:
        return word[1:-1]
    return word
