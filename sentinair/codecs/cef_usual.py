"""The alert that comes all day, as CEF:0 in one go: texts short, plain ASCII, with nothing to replace or escape.

What the alerts of one rule have in common is looked at and written once, and kept while they come.  cef.py says the
same, field by field, for any entry; this is only its short cut, three to four times as fast, and tests compare the two on
everything.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sentinair.codecs.siem import PRODUCT, SEVERITIES, VENDOR
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry

__all__ = ["RULES", "UsualAlerts"]

RULES: Final = 512
"""Whose common part is kept, at most; then it begins anew."""

# For bytes.translate(), half as dear as with characters to delete: what is not plain becomes 0.
_PLAIN: Final = bytes(
    byte if 0x20 <= byte < 0x7F and byte not in b"\\=|" else 0 for byte in range(256)
)
_END_NS: Final = 253_402_300_800_000_000_000  # of the year 9999
_MANY: Final = 1 << 31
_LONG: Final = 1 << 63

_Told = tuple[str | tuple[str, ...] | None, ...]


class _Common(msgspec.Struct, frozen=True):
    """What the alerts of one rule on this host share, as it stands in the line."""

    told: _Told  # what it was made of
    header: str  # up to the severity
    origin: str  # dvchost to the name of cn2
    category: str
    judged: str  # confidence and techniques
    why: tuple[str, ...]  # of the first alert, if usual; the others' is mostly the same
    reasons: str  # that, as it stands in the line
    rights: str  # author to link
    message: str


class UsualAlerts:
    """Lines of usual alerts.  Keeps the common part of at most RULES rules, 5 KiB each; not thread-safe."""

    def __init__(self) -> None:
        self.rules: dict[tuple[str, float], _Common] = {}

    def line(self, entry: Entry, alert: Alert) -> bytes | None:
        """entry's line; None if anything about it is unusual.  alert: the entry's."""
        told = (
            entry.version, entry.host, entry.chain, alert.title, alert.description, alert.category,
            alert.techniques, alert.rule_author, alert.rule_license, alert.rule_link,
        )  # fmt: skip
        key = alert.rule_id, alert.confidence  # by which a rule that knows several cases tells them
        common = self.rules.get(key)
        if common is None or common.told != told:
            common = _common(entry, alert, told)
            if common is None:
                return None
            if len(self.rules) >= RULES:
                self.rules.clear()
            self.rules[key] = common
        in_range = (
            entry.stream == "record"
            and 0 <= entry.seq < _LONG
            and 0 <= entry.time_ns < _END_NS
            and 0 <= alert.first_seen_ns <= alert.last_seen_ns < _END_NS
            and 0 <= alert.count < _MANY
            and (alert.pid is None or 0 <= alert.pid < _MANY)
        )
        return _line(entry, alert, common) if in_range else None


def _common(entry: Entry, alert: Alert, told: _Told) -> _Common | None:
    needed = (
        entry.version, alert.rule_id, alert.title, entry.host, entry.chain, alert.category,
        alert.description,
    )  # fmt: skip
    techniques = " ".join(alert.techniques)
    author, licence, link = alert.rule_author or "", alert.rule_license or "", alert.rule_link or ""
    fit = (
        len(entry.version) <= 31
        and len(alert.title) <= 512
        and len(entry.host) <= 100
        and len(entry.chain) <= 255
        and 0 <= alert.confidence <= 1
    )
    texts = (*needed, techniques, author, licence, link)
    if not (fit and all(needed) and _is_plain("".join(texts)) and _are_bare(texts)):
        return None
    why = " ".join(alert.why)
    known = _is_plain(why) and _are_bare((why,))
    judged = f" cn1Label=Confidence cn1={round(alert.confidence * 100)}"
    judged += f" cs1Label=ATT&CK techniques cs1={techniques}" if techniques else ""
    rights = f" cs3Label=Rule author cs3={author}" if author else ""
    rights += f" cs4Label=Rule licence cs4={licence}" if licence else ""
    rights += f" cs5Label=Rule link cs5={link}" if link else ""
    return _Common(
        told,
        header=f"CEF:0|{VENDOR}|{PRODUCT}|{entry.version}|{alert.rule_id}|{alert.title}|",
        origin=f" dvchost={entry.host} deviceExternalId={entry.chain} cn2Label=Sequence cn2=",
        category=f" cat={alert.category} act=",
        judged=judged,
        why=alert.why if known else (),
        reasons=_reasons(why) if known else "",
        rights=rights,
        message=f" msg={alert.description}",
    )


def _is_plain(text: str) -> bool:
    """Whether it is short enough for most limits and has no character of meaning."""
    return len(text) <= 1023 and text.isascii() and 0 not in text.encode().translate(_PLAIN)


def _are_bare(texts: tuple[str, ...]) -> bool:
    """Whether none has a space at an end."""
    return texts == tuple(map(str.strip, texts))


def _reasons(why: str) -> str:
    return f" cs2Label=Why cs2={why}" if why else ""


def _usual_hash(alert: Alert) -> str | None:
    """The SHA-256 in the alert's event, "" without one; None if that event is an unusual one."""
    event = alert.details.get("event")
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict) or "src" in data or "dst" in data:
        return None
    sha256 = data.get("sha256")
    if sha256 is None:
        return ""
    return sha256 if isinstance(sha256, str) and len(sha256) <= 255 else None


def _line(entry: Entry, alert: Alert, common: _Common) -> bytes | None:
    severity, sha256 = SEVERITIES.get(alert.severity), _usual_hash(alert)
    external, link, status = alert.id, entry.link, alert.status
    action = entry.kind.removeprefix("alert.")
    if not (severity and external and action and status and link) or sha256 is None:
        return None
    user, process, path = alert.user or "", alert.process or "", alert.filename or ""
    answered, comment = alert.acknowledged_by or "", alert.comment or ""
    texts = external, action, status, link, sha256, user, process, path, answered, comment
    body = "".join(texts)
    if " " in body and not _are_bare(texts):
        return None
    reasons = common.reasons
    if alert.why != common.why:
        why = " ".join(alert.why)
        if not _are_bare((why,)):
            return None
        reasons = _reasons(why)
        body += why
    fit = len(external) <= 40 and len(action) <= 63 and len(link) <= 64
    if not fit or not _is_plain(body):
        return None
    name = path.rpartition("/")[2]
    who = f" {'suid' if user.isdecimal() else 'suser'}={user}" if user else ""
    by = f" sproc={process}" if process else ""
    pid = "" if alert.pid is None else f" spid={alert.pid}"
    at = f" fname={name} filePath={path}" if name else f" filePath={path}" if path else ""
    digest = f" fileHash={sha256}" if sha256 else ""
    answer = f" ZehraSecSentinairAnsweredBy={answered}" if answered else ""
    remark = f" reason={comment}" if comment else ""
    return (
        f"{common.header}{severity}|rt={entry.time_ns // 1_000_000} externalId={external}"
        f"{common.origin}{entry.seq} ZehraSecSentinairStream=record ZehraSecSentinairLink={link}"
        f"{common.category}{action} outcome=success{who}{by}{pid}{at}{digest}"
        f" start={alert.first_seen_ns // 1_000_000} end={alert.last_seen_ns // 1_000_000} cnt={alert.count}"
        f"{common.judged}{reasons}{common.rights} cs6Label=Status cs6={status}{answer}{remark}{common.message}"
    ).encode()
