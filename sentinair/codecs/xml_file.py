"""The XML file of alerts, by alerts.xsd beside this module: the fields of the JSON file, details as JSON text.

Text is escaped as everywhere (model.text.shown), which leaves no character that XML 1.0 forbids but U+FFFE and
U+FFFF, escaped here; where that changed it, its bytes stand in the attribute `hex`.  What is unknown is left out.
Source: XML 1.0, section 2.2; libxml2 takes no text of more than 10,000,000 bytes.
"""

from __future__ import annotations

from typing import Final

from sentinair.codecs.any_json import raw_of, to_json
from sentinair.codecs.cut import fit_bytes
from sentinair.codecs.json_file import SOURCE, VERSION
from sentinair.codecs.times import rfc3339_or_none, time_or_ns
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry
from sentinair.model.text import shown

__all__ = ["XmlCodec"]

_NO_CHARACTERS: Final = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})


class XmlCodec:
    """export_time export_source version alerts alert_count; entries that are no alerts have no place in it.

    text_bytes: longer texts are cut (cut.fit_bytes()); at least 60, at most 4,900,000, which is as much as can stand
    in hexadecimal too.
    """

    name = "xml"
    suffix = ".xml"
    lines = False

    def __init__(self, *, text_bytes: int = 4_900_000) -> None:
        self._text_bytes = text_bytes

    def begin(self, time_ns: int) -> bytes:
        when = self._time("export_time", time_ns)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<sentinair_alerts>\n'
            f"{when}<export_source>{SOURCE}</export_source><version>{VERSION}</version>\n<alerts>\n"
        ).encode()

    def encode(self, entry: Entry) -> bytes:
        if entry.alert is None:
            return b""
        return ("<alert>" + "".join(self._fields(entry.alert)) + "</alert>").encode()

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        tail = f"</alerts>\n<alert_count>{count}</alert_count>\n</sentinair_alerts>\n"
        return (("\n" if count else "") + tail).encode()

    def _fields(self, alert: Alert) -> tuple[str, ...]:
        # A JSON text may write any character of a string as an escape: RFC 8259, section 7.
        details = to_json(alert.details).decode()
        if not details.isascii():
            details = details.translate(_NO_CHARACTERS)
        return (
            self._text("id", alert.id),
            self._time("timestamp", alert.time_ns),
            self._text("severity", alert.severity),
            self._text("category", alert.category),
            self._text("title", alert.title),
            self._text("description", alert.description),
            self._text("source", alert.source),
            self._text("details", details),
            self._text("status", alert.status),
            self._text("acknowledged_by", alert.acknowledged_by),
            self._time("acknowledged_at", alert.acknowledged_at_ns),
        )

    def _text(self, name: str, text: str | None) -> str:
        if text is None:
            return ""
        plain = shown(text).translate(_NO_CHARACTERS) if not text.isascii() else shown(text)
        fitting = (
            plain if len(plain) * 4 <= self._text_bytes else fit_bytes(plain, self._text_bytes)
        )
        attribute = ""
        if plain != text and fitting is plain:  # a cut one says its length and hash instead
            attribute = f' hex="{raw_of(text).hex()}"'
        return f"<{name}{attribute}>{_escaped(fitting)}</{name}>"

    def _time(self, name: str, time_ns: int | None) -> str:
        if time_ns is None:
            return ""
        when = rfc3339_or_none(time_ns)
        if when is None:  # xs:dateTime knows years beyond 9999, few of its readers do
            return f'<{name} ns="{time_or_ns(time_ns).removesuffix(" ns")}"/>'
        return f"<{name}>{when}</{name}>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
