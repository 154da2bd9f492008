"""Syslog around an encoded entry: RFC 5424, RFC 3164, and the two ways to tell one message from the next in a stream.

Whatever the body holds, a message holds no control character but TAB, so no receiver finds two in one.  A message
of more than max_bytes is cut in its body, which then ends in its length and hash (codecs.cut); the header is whole.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from sentinair.codecs.cut import fit, fit_raw
from sentinair.codecs.summary import severity_of
from sentinair.codecs.times import rfc3339
from sentinair.errors import UsageFault
from sentinair.model.entry import Entry
from sentinair.model.text import shown

__all__ = [
    "DATAGRAM_BYTES",
    "DOCUMENTATION_PEN",
    "FACILITIES",
    "LEAST_BYTES",
    "SEVERITIES",
    "STREAM_BYTES",
    "Rfc3164",
    "Rfc5424",
    "lf_terminated",
    "octet_counted",
    "priority",
]

FACILITIES: Final = {
    name: code
    for code, name in enumerate(
        [
            "kern",
            "user",
            "mail",
            "daemon",
            "auth",
            "syslog",
            "lpr",
            "news",
            "uucp",
            "cron",
            "authpriv",
            "ftp",
            "ntp",
            "audit",
            "alert",
            "clock",
            "local0",
            "local1",
            "local2",
            "local3",
            "local4",
            "local5",
            "local6",
            "local7",
        ]
    )
}
"""RFC 5424, table 1; the names that syslog daemons use."""

SEVERITIES: Final = {"low": 6, "medium": 4, "high": 3, "critical": 2}
"""Ours to info, warning, err and crit of RFC 5424, table 2; what is none of ours is a warning."""

DOCUMENTATION_PEN: Final = 32473
"""The enterprise number of examples, RFC 5612: whoever has one of their own sets it."""

STREAM_BYTES: Final = 8096
"""rsyslog splits longer messages into bogus ones unless its maxMessageSize is raised from 8 KiB."""

DATAGRAM_BYTES: Final = 2048
"""What receivers of UDP should take (RFC 5426, section 3.2); beyond the link's MTU less its headers it is fragmented."""

LEAST_BYTES: Final = 480
"""What receivers must take: RFC 5424, section 6.1."""

_WARNING: Final = 4
_MARK_BYTES: Final = 64  # what the mark of a cut takes, and something before it
_NOT_PRINTUSASCII: Final = re.compile(r"[^!-~]")
_NOT_HOST: Final = re.compile(r"[^A-Za-z0-9._-]")
_NOT_ALPHANUMERIC: Final = re.compile(r"[^A-Za-z0-9]")
_IPV4: Final = re.compile(r"[0-9.]+")
_SPECIAL: Final = re.compile(r'["\\\]]')
_CONTROLS: Final = bytes(code for code in (*range(0x20), 0x7F) if code != 0x09)
_CONTROL: Final = re.compile(b"[" + re.escape(_CONTROLS) + b"]")
_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
_END_NS: Final = (
    4_102_444_800 * 10**9
)  # of 2099: rsyslog 8.2302 reads no later year, and then no header at all
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND: Final = -62_135_596_800  # of year 1
_LAST_SECOND: Final = 253_402_300_799  # of year 9999


class Rfc5424(msgspec.Struct, frozen=True, kw_only=True):
    """`<PRI>1 TIME HOST APP PROCID MSGID [sentinair@PEN …] body`.  Raises UsageFault for a setting that no header takes.

    TIME is "-" before 1970 and after 2099.  MSGID is the record's kind, or `event.` and the event's; the structured data are stream, seq, chain and host.
    """

    facility: str = "local0"  # of FACILITIES
    app: str = "Sentinair"
    procid: str = "-"
    pen: int = DOCUMENTATION_PEN
    bom: bool = (
        False  # U+FEFF before the body: RFC 5424, section 6.4; CEF and LEEF readers trip over it
    )
    max_bytes: int = STREAM_BYTES

    def __post_init__(self) -> None:
        _check(self.facility, self.max_bytes)
        for name, value, most in (("app", self.app, 48), ("procid", self.procid, 128)):
            if not 1 <= len(value) <= most or _NOT_PRINTUSASCII.search(value):
                raise UsageFault(
                    f"syslog {name}: {value!r} is not 1 to {most} printable ASCII characters without space"
                )
        if not 0 <= self.pen <= 2**32 - 1:  # with sentinair@ 20 of the 32 characters of an SD-ID
            raise UsageFault(f"syslog pen: {self.pen} is no enterprise number")

    def wrap(self, entry: Entry, body: bytes) -> bytes:
        """body as the message of one syslog message of at most max_bytes, without framing."""
        time = rfc3339(entry.time_ns) if 0 <= entry.time_ns < _END_NS else "-"
        start = f"<{priority(self.facility, entry)}>1 {time}"
        middle = f"{self.app} {self.procid} {_token(_kind(entry), 32)}"
        host, mark = _host(entry.host), "\ufeff" if self.bom else ""
        head = f"{start} {host} {middle} {self._data(entry)} {mark}".encode()
        if len(head) + _MARK_BYTES > self.max_bytes:
            head = f"{start} {host} {middle} - {mark}".encode()
        if len(head) + _MARK_BYTES > self.max_bytes:
            head = f"{start} - {middle} - {mark}".encode()
        return head + fit_raw(_flat(body), self.max_bytes - len(head))

    def _data(self, entry: Entry) -> str:
        chain, host = _value(entry.chain, 64), _value(entry.host, 255)
        seq = entry.seq if entry.seq.bit_length() <= 64 else fit(hex(entry.seq), 64)
        return f'[sentinair@{self.pen} stream="{entry.stream}" seq="{seq}" chain="{chain}" host="{host}"]'


class Rfc3164(msgspec.Struct, frozen=True, kw_only=True):
    """`<PRI>Mmm dd hh:mm:ss HOST TAG[procid]: body`.  Raises UsageFault for a setting that no header takes.

    HOST is the name without its domain (section 4.1.2).  A time outside years 1 to 9999 is the nearest within.
    """

    facility: str = "local0"  # of FACILITIES
    tag: str = (
        "Sentinair"  # alphanumeric; "": none, for readers that want the body right behind the host
    )
    procid: str = "-"  # "-": none
    zone: tzinfo | None = UTC  # the format has local time and does not say which; None: this host's
    host: bool = True  # False: without, as programs write to /dev/log
    max_bytes: int = 1024  # section 4.1

    def __post_init__(self) -> None:
        _check(self.facility, self.max_bytes)
        if len(self.tag) > 32 or _NOT_ALPHANUMERIC.search(self.tag):
            raise UsageFault(f"syslog tag: {self.tag!r} is not up to 32 letters and digits")
        if not re.fullmatch(r"[A-Za-z0-9-]{1,32}", self.procid):
            raise UsageFault(f"syslog procid: {self.procid!r} is not up to 32 letters and digits")

    def wrap(self, entry: Entry, body: bytes) -> bytes:
        """body as the message of one syslog message of at most max_bytes, without framing."""
        host = f"{_short(entry.host)} " if self.host else ""
        procid = f"[{self.procid}]" if self.procid != "-" else ""
        tag = f"{self.tag}{procid}: " if self.tag else ""
        time = _local(entry.time_ns, self.zone)
        head = f"<{priority(self.facility, entry)}>{time} {host}{tag}".encode()
        return head + fit_raw(_flat(body), self.max_bytes - len(head))


def priority(facility: str, entry: Entry) -> int:
    """PRI, 0 to 191: facility times eight plus severity (RFC 5424, section 6.2.1).  Raises KeyError."""
    return FACILITIES[facility] * 8 + SEVERITIES.get(severity_of(entry), _WARNING)


def octet_counted(message: bytes) -> bytes:
    """message behind its length in bytes: RFC 5425, section 4.3; RFC 6587, section 3.4.1."""
    return b"%d %b" % (len(message), message)


def lf_terminated(message: bytes) -> bytes:
    """message and LF, its own control characters shown: RFC 6587, section 3.4.2."""
    return _flat(message) + b"\n"


def _check(facility: str, max_bytes: int) -> None:
    if facility not in FACILITIES:
        raise UsageFault(f"syslog facility: {facility!r} is none of {' '.join(FACILITIES)}")
    if max_bytes < LEAST_BYTES:
        raise UsageFault(f"syslog max_bytes: {max_bytes} is less than {LEAST_BYTES}")


def _flat(body: bytes) -> bytes:
    """body with its control characters, but for TAB which LEEF needs, as \\xNN."""
    if len(body.translate(None, _CONTROLS)) == len(body):
        return body
    return _CONTROL.sub(lambda found: b"\\x%02x" % found[0][0], body)


def _kind(entry: Entry) -> str:
    return entry.kind if entry.stream == "record" else f"event.{entry.kind}"


def _token(text: str, most: int) -> str:
    """text as PRINTUSASCII, other characters as underscores; "-" for none."""
    return _NOT_PRINTUSASCII.sub("_", text)[:most] or "-"


def _host(host: str) -> str:
    """host with what no name of a host holds as underscores: syslog-ng 3.38 takes no header with such a HOST."""
    return _NOT_HOST.sub("_", host)[:255] or "-"


def _short(host: str) -> str:
    """_host() without its domain, ending in a letter or digit: rsyslog 8.2302 takes any other for the tag."""
    token = _host(host)
    name = token if _IPV4.fullmatch(token) else token.partition(".")[0][:64]
    return name.rstrip("._-") or "unknown"


def _value(text: str, most: int) -> str:
    """text as PARAM-VALUE: RFC 5424, section 6.3.3."""
    plain = fit(shown(text), most)
    return _SPECIAL.sub(r"\\\g<0>", plain) if _SPECIAL.search(plain) else plain


def _local(time_ns: int, zone: tzinfo | None) -> str:
    seconds = min(max(time_ns // 1_000_000_000, _FIRST_SECOND), _LAST_SECOND)
    utc = _EPOCH + timedelta(0, seconds)
    try:
        when = utc.astimezone(zone)
    except (OverflowError, ValueError):  # the first and the last day, elsewhere
        when = utc
    return f"{_MONTHS[when.month - 1]} {when.day:2d} {when.hour:02d}:{when.minute:02d}:{when.second:02d}"
