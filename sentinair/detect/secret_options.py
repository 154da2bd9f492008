"""Secrets that show by the option before them: names any program may use, and letters only some programs mean so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sentinair.detect.secret_text import MASK, NAME

__all__ = ["PROGRAMS", "SQL_PROGRAMS", "OptionNames", "mask_options"]

_NEGATED: Final = re.compile(rb"(?i)-{1,2}(?:no|ask|prompt|use|with|without|get|show|read)-")
_OPTION: Final = re.compile(rb"(?i)-{1,2}" + NAME)
_MIN_OPTION: Final = len(b"-psk")
_MAX_PROGRAMS: Final = 8  # in one command: `sudo env sshpass -p … docker login -p …` has two
_SQL_LOGIN: Final = re.compile(rb"\A([^/@\s=-][^/@\s]*)/([^@\s]+)(@.*)?\Z")


class Letters(msgspec.Struct, frozen=True):
    """How one program takes secrets."""

    joined: tuple[bytes, ...] = ()  # -pX: what follows in the same argument
    apart: tuple[bytes, ...] = ()  # -p X: the next argument
    behind: bytes = b""  # only what stands behind the first of these (user:secret); "" is all of it
    after: bytes = b""  # only once this word has been seen ("login")
    position: Callable[[list[bytes]], int | None] | None = None  # a secret without any option


def _net_user(rest: list[bytes]) -> int | None:
    return 2 if len(rest) > 2 and rest[0] == b"user" else None


def _last_of(words: frozenset[bytes], count: int) -> Callable[[list[bytes]], int | None]:
    def position(rest: list[bytes]) -> int | None:
        return count if len(rest) > count and rest[0] in words else None

    return position


def _batch(rest: list[bytes]) -> int | None:
    # htpasswd -b file user password
    flags = [word for word in rest if word.startswith(b"-")]
    wanted = any(b"b" in flag for flag in flags)
    return len(rest) - 1 if wanted and len(rest) - len(flags) >= 2 else None


def _hashed(rest: list[bytes]) -> int | None:
    # openssl passwd [-6] password
    if len(rest) > 1 and rest[0] == b"passwd" and not rest[-1].startswith(b"-"):
        return len(rest) - 1
    return None


def _configured(rest: list[bytes]) -> int | None:
    # aws configure set aws_secret_access_key value
    return 3 if len(rest) > 3 and rest[:2] == [b"configure", b"set"] else None


_MYSQL: Final = Letters(joined=(b"-p",))
_LDAP: Final = Letters(joined=(b"-w",), apart=(b"-w",))
_SAMBA: Final = Letters(joined=(b"-U",), apart=(b"-U", b"--user"), behind=b"%")
_LOGIN: Final = Letters(joined=(b"-p",), apart=(b"-p",), after=b"login")
_UPPER: Final = Letters(joined=(b"-P",), apart=(b"-P",))
_LOWER: Final = Letters(joined=(b"-p",), apart=(b"-p",))
_ARCHIVE: Final = Letters(joined=(b"-p", b"-hp"))

PROGRAMS: Final[Mapping[bytes, Letters]] = {
    **dict.fromkeys(
        b"mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlslap mariadb mariadb-dump "
        b"mariadb-admin mariadb-import mariadb-check".split(),
        _MYSQL,
    ),
    **dict.fromkeys(b"7z 7za 7zr 7zz rar unrar".split(), _ARCHIVE),
    **dict.fromkeys(
        b"ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami ldapcompare".split(), _LDAP
    ),
    **dict.fromkeys(b"smbclient rpcclient smbget smbmap smbcacls".split(), _SAMBA),
    **dict.fromkeys(b"docker podman buildah skopeo nerdctl helm az".split(), _LOGIN),
    **dict.fromkeys(
        b"zip unzip zipcloak sqlcmd bcp tsql ipmitool mosquitto_pub mosquitto_sub".split(), _UPPER
    ),
    **dict.fromkeys(
        b"sshpass mongo mongosh mongodump mongorestore useradd usermod rdesktop".split(), _LOWER
    ),
    b"redis-cli": Letters(joined=(b"-a",), apart=(b"-a",)),
    b"curl": Letters(
        joined=(b"-u", b"-U", b"-b"),
        apart=(b"-u", b"--user", b"-U", b"--proxy-user", b"-b", b"--cookie", b"--oauth2-bearer"),
        behind=b":=",  # user:secret, cookie=secret; a cookie file has neither
    ),
    b"lftp": Letters(joined=(b"-u",), apart=(b"-u", b"--user"), behind=b","),
    b"snmpwalk": Letters(apart=(b"-c", b"-A", b"-X")),
    b"snmpget": Letters(apart=(b"-c", b"-A", b"-X")),
    b"xfreerdp": Letters(joined=(b"/p:", b"/gp:")),
    b"openssl": Letters(apart=(b"-k", b"-K"), position=_hashed),
    b"net": Letters(joined=(b"-U",), apart=(b"-U",), behind=b"%", position=_net_user),
    b"htpasswd": Letters(position=_batch),
    b"rabbitmqctl": Letters(position=_last_of(frozenset({b"add_user", b"change_password"}), 2)),
    b"aws": Letters(position=_configured),
}
SQL_PROGRAMS: Final = frozenset({b"sqlplus", b"expdp", b"impdp", b"sqlldr", b"rman"})


class OptionNames:
    """Long options that carry a secret: those named like one, and the ones a host's settings add."""

    __slots__ = ("_extra",)

    def __init__(self, extra: frozenset[bytes] = frozenset()) -> None:
        """extra: with their dashes, as typed: b"--unlock-code"."""
        self._extra = extra

    def takes(self, word: bytes) -> bool:
        """Is word an option whose next argument is a secret?"""
        if word in self._extra:
            return True
        if len(word) < _MIN_OPTION:
            return False
        return _OPTION.fullmatch(word) is not None and _NEGATED.match(word) is None

    def joined(self, word: bytes) -> bytes | None:
        """word with the secret behind its `=` replaced; None if it has none of the extra names."""
        name, sign, value = word.partition(b"=")
        return name + sign + MASK if value and name in self._extra else None


def mask_options(words: list[bytes], names: OptionNames) -> None:
    """Replaces, in place, what options say is a secret. words: one command with its arguments, unquoted.

    All that follows the name of a program is looked at for its letters, so that a wrapper hides nothing; a name that
    comes again adds nothing, and behind _MAX_PROGRAMS names the words are a list of something, not a command.
    """
    _long_options(words, names)
    seen: set[bytes] = set()
    for index, word in enumerate(words):
        program = word.rsplit(b"/", 1)[-1]
        letters = PROGRAMS.get(program)
        if (letters is None and program not in SQL_PROGRAMS) or program in seen:
            continue
        if len(seen) >= _MAX_PROGRAMS:
            return
        seen.add(program)
        if letters is not None:
            _letters(words, index + 1, letters)
        else:
            for at in range(index + 1, len(words)):
                words[at] = _SQL_LOGIN.sub(rb"\1/***\3", words[at])


def _long_options(words: list[bytes], names: OptionNames) -> None:
    for index, word in enumerate(words):
        if not word.startswith(b"-"):
            continue
        joined = names.joined(word)
        if joined is not None:
            words[index] = joined
        elif index + 1 < len(words) and names.takes(word):
            following = words[index + 1]
            source = following.partition(b":")[0]
            # openssl's file:, env:, fd: and stdin say where the secret is, not what it is
            if source not in {b"file", b"env", b"fd", b"stdin"} and not following.startswith(b"--"):
                words[index + 1] = MASK


def _letters(words: list[bytes], first: int, letters: Letters) -> None:
    seen = not letters.after
    for at in range(first, len(words)):
        word = words[at]
        seen = seen or word == letters.after
        if not seen:
            continue
        if word in letters.apart:
            if at + 1 < len(words):
                words[at + 1] = _behind(words[at + 1], letters.behind)
            continue
        for option in letters.joined:
            if word.startswith(option) and len(word) > len(option):
                words[at] = option + _behind(word[len(option) :], letters.behind)
                break
    if letters.position is not None:
        index = letters.position(words[first:])
        if index is not None:
            words[first + index] = MASK


def _behind(value: bytes, signs: bytes) -> bytes:
    if not signs:
        return MASK
    at = min((found for sign in signs if (found := value.find(sign)) >= 0), default=-1)
    return value if at < 0 else value[: at + 1] + MASK
