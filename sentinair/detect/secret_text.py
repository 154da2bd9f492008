r"""Secrets that show by the text around them, anywhere in an argument: headers, URLs, assignments, key shapes.

Every pattern starts at a fixed literal or behind a boundary, so that a hostile argument of any length costs time in
proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["MASK", "NAME", "is_run", "mask_text"]

MASK: Final = b"***"

# Names of secrets: long words may stand behind anything (PGPASSWORD), short ones only behind a separator.
_LONG: Final = (
    rb"password|passwd|passphrase|passcode|secret|token|api[-_]?key|access[-_]?key(?:[-_]?id)?|secret[-_]?key"
    rb"|private[-_]?key|auth[-_]?key|encryption[-_]?key|account[-_]?key|shared[-_]?key|credentials?|storepass|keypass"
)
NAME: Final = rb"(?:[A-Za-z0-9_.-]*(?:" + _LONG + rb")|(?:[A-Za-z0-9_.-]*[_.-])?(?:pass|pwd|psk))"
_VALUE: Final = rb"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\\"[^\"]*\\\"|[^\s'\"&;|,{}\[\]()<>]+)"
# What a shell runs to get a value is no secret, and hidden it would be a way past the rules.
_RUN: Final = re.compile(rb"`|[$<>]\(")
# Several words with a sign of the shell's between them: a command kept for `eval`, not a passphrase.
_COMMAND: Final = re.compile(rb"(?s)(?=.*\s)(?:.*?[|;&<>$\n/]|.*?\s-)")
_COMMANDS: Final = re.compile(rb"(?s)(?=.*\s)(?:.*?[|;\n]|.*?&&)")
# The lines of a key (RFC 7468, RFC 1421 section 4.6): 64 or 70 characters, the last one fewer.
_KEY_LINES: Final = (
    rb"(?:(?:\s|\\[nr])*(?:Proc-Type: 4,ENCRYPTED|DEK-Info: [A-Z0-9-]{1,20},[0-9A-Fa-f]{1,64}|[A-Za-z0-9+/=]{40,}))*"
    rb"(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{1,39}(?=(?:\s|\\[nr])*(?:-----END|\Z)))?(?:\s|\\[nr])*"
)
# The working directory of a shell is no secret.
_DIRECTORY: Final = re.compile(rb"(?:OLD)?PWD", re.ASCII)

_ASSIGNED: Final = re.compile(
    rb"(?i)(?<![A-Za-z0-9_.-])("
    + NAME
    + rb")((?:\\?[\"'])?\s{0,8}[=:]\s{0,8})(?!//)("
    + _VALUE
    + rb")"
)
_WHOLE: Final = re.compile(rb"(?is)\A(-{0,2}" + NAME + rb")=(.*)\Z")
_HEADER_NAME: Final = (
    rb"((?:proxy-)?authorization|(?:set-)?cookie|private-token|job-token"
    rb"|x-(?:api-key|auth-token|access-token|vault-token|amz-security-token|csrf-token|auth-key))"
    rb"(\s{0,8}:\s{0,8}(?:(?:bearer|basic|digest|token|negotiate|apikey)\s{1,8})?)"
)
_HEADER: Final = re.compile(
    rb"(?i)(?:(?<![A-Za-z0-9-])|(?<=\A-H))" + _HEADER_NAME + rb"([^'\"\r\n]+)"
)
# In a script only what a quote holds together is a header: else `: Cookie:; …` would hide the rest of it.
_QUOTED_HEADER: Final = re.compile(rb"(?i)(?<=['\"])" + _HEADER_NAME + rb"([^'\"\r\n]+)(?=['\"])")
_BEARER: Final = re.compile(rb"(?i)(?<![a-z])(bearer|basic)(\s{1,8})([A-Za-z0-9+/=_.~-]{8,})")
_SHAPES: Final = (
    # user:password@ and a long user part alone (a token), RFC 3986 section 3.2.1
    (re.compile(rb"(?<=://)([^\s/:@'\"]*:)[^\s/'\"]*(@)"), rb"\g<1>***\g<2>"),
    (re.compile(rb"(?<=://)()[^\s/:@'\"]{20,}(@)"), rb"\g<1>***\g<2>"),
    (
        re.compile(
            rb"(-----BEGIN[A-Z0-9 ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----)(?:\*\*\*)?" + _KEY_LINES
        ),
        rb"\g<1>***",
    ),
    (re.compile(rb"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Za-z])"), MASK),
    (re.compile(rb"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|glpat-|npm_|hvs\.)[\w-]{16,}"), MASK),
    (re.compile(rb"(?<![A-Za-z0-9])xox[abeoprs]-[\w-]{8,}"), MASK),
    (re.compile(rb"(?<![A-Za-z0-9])(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj-)?[\w]{20,}"), MASK),
    (re.compile(rb"(?<![A-Za-z0-9])AIza[\w-]{30,}"), MASK),
    (re.compile(rb"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"), MASK),  # JWT, RFC 7519
    (
        re.compile(rb"(?<![A-Za-z0-9])(pass:)[^\s'\"]+"),
        rb"\g<1>***",
    ),  # openssl-passphrase-options(1)
)
_READERS: Final = (
    rb"(?:\S{0,99}/)?(?:sudo\s[^|;&]{0,99}-[A-Za-z]{0,9}S|chpasswd|passwd|smbpasswd|su\s|cryptsetup|kinit|openssl"
    rb"|gpg|[^|;&]{0,99}--?password-stdin|[^|;&]{0,99}--?passphrase-fd)"
)
_PIPED: Final = re.compile(
    rb"(?<![\w])((?:echo|printf)\s{1,8}(?:-[neE]{1,3}\s{1,8}){0,3})([^|;&]{1,4096}?)(\s{0,8}\|\s{0,8}"
    + _READERS
    + rb")"
)
_HERE_STRING: Final = re.compile(
    rb"(" + _READERS + rb"[^;&|<]{0,999}<<<\s{0,8})(\"[^\"]*\"|'[^']*'|\S+)"
)


def is_run(value: bytes) -> bool:
    """Whether a shell would run something in value, and take what that prints."""
    return _RUN.search(value) is not None


def _unless_run(secret: int) -> Callable[[re.Match[bytes]], bytes]:
    """For sub(): *** in the place of group secret, what stands around it kept; the whole as it is if is_run()."""

    def masked(match: re.Match[bytes]) -> bytes:
        if is_run(match[secret]):
            return match.group()
        whole, begin = match.group(), match.start()
        return whole[: match.start(secret) - begin] + MASK + whole[match.end(secret) - begin :]

    return masked


def _assigned_in_script(match: re.Match[bytes]) -> bytes:
    value = match[3]
    if is_run(value) or (value[:1] in {b'"', b"'"} and _COMMAND.match(value)):
        return match.group()
    return _assigned(match)


def _assigned(match: re.Match[bytes]) -> bytes:
    name, sign, value = match.groups()
    if _DIRECTORY.fullmatch(name) or (b":" in sign and value.startswith(b"//")):
        return match.group()
    if value.startswith(b'\\"') and value.endswith(b'\\"'):
        return name + sign + b'\\"***\\"'
    quote = value[:1] if value[:1] in {b'"', b"'"} else b""
    return bytes(name + sign + quote + MASK + quote)


def mask_text(text: bytes, *, is_script: bool = False) -> bytes:
    """One argument with every recognisable secret in it replaced by ***.

    is_script: an interpreter reads it, so a value ends where its word or quote ends; else it is all that follows.
    Whoever writes a script must not be able to hide it from the rules behind a word that looks like a secret's name.
    """
    whole = None if is_script else _WHOLE.match(text)
    if whole is not None and whole[2] and not _DIRECTORY.fullmatch(whole[1]):
        if not _COMMANDS.match(whole[2]):
            return bytes(whole[1] + b"=" + MASK)
        is_script = True  # ssh, watch and their like hand it to a shell
    header, secret = (_QUOTED_HEADER, _unless_run(3)) if is_script else (_HEADER, rb"\1\2***")
    text = header.sub(secret, text)
    text = _BEARER.sub(rb"\1\2***", text)
    for pattern, masked in _SHAPES:
        text = pattern.sub(masked, text)
    if b"|" in text:
        text = _PIPED.sub(_unless_run(2), text)
    if b"<<<" in text:
        text = _HERE_STRING.sub(_unless_run(2), text)
    return _ASSIGNED.sub(_assigned_in_script if is_script else _assigned, text)
