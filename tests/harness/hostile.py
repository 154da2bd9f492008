"""Entries made to break what writes them out: the same ones each time, for every codec's tests.

Nothing in them was escaped on the way in, unlike what the store holds, so a codec cannot lean on that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from sentinair.model.alert import SEVERITIES, STATUSES, Alert, Note
from sentinair.model.entry import Entry

__all__ = ["COUNT", "PIECES", "TURN", "hostile_entries", "random_events"]

TURN: Final = 12
"""Of so many entries in a row the last but one is a record, the last an event, the others alerts."""

COUNT: Final = 12_000
"""As many entries as it takes to have 10,000 alerts."""

_MIB: Final = 1 << 20
_LONG_EVERY: Final = 499  # alerts; prime, so that the long field is another one each time

PIECES: Final = (
    "plain words", "a=b c=d", "a\\=b", "C:\\temp\\new", "trailing \\", "|", "\\|", "\\\\|", "=", '"quoted"', "'", "]", '[x@1 y="z"]',
    "\r\n", "\n", "\r", "\t", "\v\f", "\x00", "\x07\x08", "\x1b[2J\x1b]0;title\x07", "\x7f", "\x85\x9b31m", "\u2028\u2029",
    "\u202egpj.exe", "\u2066\u2069\u061c\u200b\u200f\ufeff", "e\u0301\u0301", "\u00fc\u00df\u4e2d\u6587", "\U0001f4a5", "\ufffe\uffff", "\U0010ffff",
    "\udcff\udc80", "\\xff\\x0a\\u202e", "\ud800", "\udfff\ud800", b"\xc3\x28\xf0\x9f\xff".decode("utf-8", "surrogateescape"),
    "<13>", "<13>1 2026-01-01T00:00:00Z evil app - - - forged", "<34>Oct 11 22:14:15 evil su: forged", "CEF:0|", "\nCEF:0|Evil|Agent|1|1|forged|0|",
    "LEEF:2.0|", "\nLEEF:2.0|Evil|Agent|1|1|^|sev=1", "\tsev=1\tusrName=nobody", " cn1=0 act=allowed externalId=1 cs1Label=x", "^sev=1^", "x09", ",;", '","x","', '\n{"id":"forged"}',
    "=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)", " =1+1", "\t=1", "\r=1", "\u00a0=1", "\u3000=1", "=cmd|' /C calc'!A1", "'=1",
    "</alert><alert>", "<![CDATA[x]]>", "]]>", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;', "&lt;&#0;", "-->", "${jndi:x}", "%s%n", "{{7*7}}",
    "", " ", "   leading and trailing   ", "null", "NaN", "Infinity", "1e999", "true", "0", "5 MSG", "123 <13>1 - - - - - -",
)  # fmt: skip
"""What the texts are made of."""

_BIG: Final = (
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**30,
    -(10**400),
    10**400,
)
_REAL: Final = (0.0, 1.0, 0.5, 0.999999, -0.0, float("nan"), float("inf"), float("-inf"), -3.5, 1e308, 5e-324)  # fmt: skip
_TIMES: Final = (
    1_795_167_841_003_000_123, 0, 1, -1, 999_999, -62_135_596_800 * 10**9, -62_135_596_801 * 10**9, 253_402_300_799 * 10**9,
    253_402_300_800 * 10**9, 2**63 - 1, -(2**63), 10**30, -(10**30),
)  # fmt: skip
_ADDRESSES: Final = ("192.0.2.7", "::1", "fe80::1%eth0", "2001:db8::5", "::ffff:192.0.2.1", "999.1.1.1", "1.2.3.4 x=y", "0x7f.1", "", None, 7)  # fmt: skip


def hostile_entries(count: int, seed: int = 1) -> Iterator[Entry]:
    """count entries, the same for the same seed; seq runs from 1 without a hole, so each can be known again.

    Of each TURN in a row the last two are a record and an event, the others alerts.  The first len(PIECES) alerts
    carry one piece in all their texts, the later ones mixtures; every 499th has a text of 1 MiB.
    Severities are of SEVERITIES but for one alert in 50; kinds, chain and link are mostly real.
    """
    rng = random.Random(seed)
    alerts = 0
    for number in range(count):
        place = number % TURN
        if place == TURN - 2:
            yield _entry(rng, number, "record")
        elif place == TURN - 1:
            yield _entry(rng, number, "event")
        else:
            yield _raised(rng, number, alerts)
            alerts += 1


def random_events(count: int, seed: int = 1) -> Iterator[Entry]:
    """count events, the same for the same seed; seq runs from 1.

    Their texts are pieces or any code points at all, surrogates too, some of them thousands; every 499th event has
    one of 1 MiB.
    """
    rng = random.Random(seed)
    for number in range(count):
        yield _entry(rng, number, "event", _Random(rng, number))


class _Texts:
    """Gives one text after another; one of them may be long."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self._rng = rng
        self._fixed = PIECES[number] if number < len(PIECES) else None
        self._long = number // _LONG_EVERY % 12 if number % _LONG_EVERY == 17 else -1
        self._given = 0

    def next(self) -> str:
        self._given += 1
        if self._given - 1 == self._long:
            return _long(self._rng)
        if self._fixed is not None:
            return self._fixed
        return "".join(self._rng.choices(PIECES, k=self._rng.choice((1, 1, 2, 3, 6))))

    def maybe(self) -> str | None:
        return None if self._rng.random() < 0.2 else self.next()


class _Random(_Texts):
    """Half of its texts are made of any code points."""

    def next(self) -> str:
        rng = self._rng
        if self._given == self._long or rng.random() < 0.5:
            return super().next()
        self._given += 1
        length = rng.choice((0, 1, 2, 5, 12, 40, 300)) if rng.random() < 0.99 else 9_000
        top = rng.choice((0x80, 0x800, 0x3000, 0x10FFFF))
        return "".join([chr(rng.randint(0, top)) for _ in range(length)])


def _long(rng: random.Random) -> str:
    """A text of exactly 1 MiB of UTF-8, if its lone surrogates are counted as three bytes."""
    piece = rng.choice([p for p in PIECES if p]) + rng.choice(("x", "é", "中", "\\", "\n"))
    raw = len(piece.encode("utf-8", "surrogatepass"))
    return piece * (_MIB // raw) + "x" * (_MIB % raw)


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _data(rng: random.Random, texts: _Texts, depth: int = 3) -> dict[str, object]:
    data: dict[str, object] = {
        "path": texts.next(),
        "action": texts.next(),
        "size": rng.choice(_BIG),
        "rate": rng.choice(_REAL),
        "src": rng.choice(_ADDRESSES),
        "dst": rng.choice(_ADDRESSES),
        "sha256": rng.choice(("ab" * 32, texts.next(), None)),
        "process": {
            "pid": rng.choice(_BIG),
            "uid": rng.choice((0, 1000, "x", None)),
            "exe": texts.next(),
            "argv": [texts.next(), texts.next()],
        },
        texts.next(): [True, None, texts.next()],  # a key is text as well
    }
    if depth:
        data["inner"] = _data(rng, _Texts(rng, len(PIECES)), rng.choice((0, 0, depth - 1)))
    return data


def _entry(rng: random.Random, number: int, stream: str, texts: _Texts | None = None) -> Entry:
    texts = texts or _Texts(rng, number)
    kinds = ("start", "gap", "heartbeat", "tamper", "config.changed", "new.kind") if stream == "record" else ("file", "process", "gap", "hash", "later")  # fmt: skip
    data = _data(rng, texts)
    if rng.random() < 0.3:
        data["actions"] = rng.choice(([texts.next(), 7, None], "create", [], {"x": 1}))
    if rng.random() < 0.1:
        data["process"] = rng.choice((None, texts.next(), [1], 4))
    return Entry(
        host=texts.next() if rng.random() < 0.3 else "ws-17.lan",
        chain="5a" * 16,
        stream="record" if stream == "record" else "event",
        seq=number + 1,
        kind=texts.next() if rng.random() < 0.05 else rng.choice(kinds),
        time_ns=rng.choice(_TIMES),
        version="1.4.0",
        data=data,
        link="c3" * 32 if stream == "record" else None,
    )


def _raised(rng: random.Random, number: int, nth: int) -> Entry:
    texts = _Texts(rng, nth)
    kind = rng.choice(("alert.raised", "alert.updated", "alert.acknowledged", "alert.resolved"))
    return Entry(
        host=texts.next(),
        chain="5a" * 16 if rng.random() < 0.98 else texts.next(),
        stream="record",
        seq=number + 1,
        kind=kind if rng.random() < 0.98 else f"alert.{texts.next()}",
        time_ns=rng.choice(_TIMES),
        version=texts.next() if rng.random() < 0.1 else "1.4.0",
        alert=_alert(rng, texts),
        link="c3" * 32,
    )


def _alert(rng: random.Random, texts: _Texts) -> Alert:
    return Alert(
        title=texts.next(),
        description=texts.next(),
        rule_id=texts.next(),
        category=texts.next(),
        filename=texts.maybe(),
        user=texts.maybe(),
        process=texts.maybe(),
        comment=texts.maybe(),
        acknowledged_by=texts.maybe(),
        source=texts.next(),
        id=_uuid(rng) if rng.random() < 0.9 else texts.next(),
        severity=rng.choice(SEVERITIES) if rng.random() < 0.98 else texts.next(),
        status=rng.choice(STATUSES) if rng.random() < 0.98 else texts.next(),
        fingerprint=f"{rng.getrandbits(128):032x}",
        details=_details(rng, texts),
        time_ns=rng.choice(_TIMES),
        first_seen_ns=rng.choice(_TIMES),
        last_seen_ns=rng.choice(_TIMES),
        acknowledged_at_ns=rng.choice((None, *_TIMES)),
        closed_at_ns=rng.choice((None, *_TIMES)),
        confidence=rng.choice(_REAL),
        count=rng.choice(_BIG),
        pid=rng.choice((None, 4242, *_BIG)),
        host=texts.next(),
        why=(texts.next(), texts.next()),
        next_steps=(texts.next(),),
        techniques=rng.choice(((), ("T1548.001",), ("T1059", "T1105"), (texts.next(),))),
        tactics=rng.choice(((), ("execution",), (texts.next(),))),
        rule_author=texts.maybe(),
        rule_license=texts.maybe(),
        rule_link=texts.maybe(),
        event_ids=rng.choice(((), (1, 2), (2**63, 10**30))),
        seq=rng.choice((None, 5, 2**63 - 1)),
        assignee=texts.maybe(),
        notes=(Note(rng.choice(_TIMES), texts.next(), texts.next()),) * rng.choice((0, 1)),
    )


def _details(rng: random.Random, texts: _Texts) -> dict[str, object]:
    match = {"field": texts.next(), "value": texts.next(), "wanted": texts.next()}
    event: object = {"id": 5, "event_type": "file", "data": _data(rng, texts)}
    if rng.random() < 0.1:
        event = rng.choice((None, [], texts.next(), {"data": [1]}))
    return {"matches": [match], "event": event, texts.next(): rng.choice(_REAL)}
