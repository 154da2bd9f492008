"""Hostile alerts sent by the real sink to a real receiver, and what the receiver says of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.ground import Ground
from sentinair.sinks.syslog.kind import syslog
from sentinair.sinks.syslog.options import SyslogOptions
from tests.harness.agent import wait_for
from tests.harness.certificates import Authority
from tests.harness.receivers import Receiver, Rsyslog, SyslogNg, rsyslog_missing, syslog_ng_missing
from tests.harness.syslog_expected import cut, head_3164, head_5424, host_3164, message_5424
from tests.harness.syslog_readers import params

__all__ = ["READINGS", "Reading", "receipt"]

MAX_BYTES: Final = 8_096
BATCH: Final = 200
PATIENCE_SECS: Final = 120.0
Parts = Mapping[str, object]


class Reading(msgspec.Struct, frozen=True):
    """One envelope and one receiver that reads it."""

    form: Literal["rfc5424", "rfc3164"]
    kind: type[Receiver]
    missing: Callable[[], str | None]


READINGS: Final = (
    Reading("rfc5424", Rsyslog, rsyslog_missing),
    Reading("rfc5424", SyslogNg, syslog_ng_missing),
    Reading("rfc3164", Rsyslog, rsyslog_missing),
)


def receipt(
    reading: Reading, entries: Sequence[Entry], folder: Path
) -> tuple[str, list[tuple[Parts, Parts]]]:
    """The receiver's name and version, and of each message in order what it must say and what it says;
    nothing for the one that is not there.
    """
    authority = Authority(folder)
    leaf = authority.issue("agent")
    codec = NdjsonCodec()
    parcels = [Parcel(entry, codec.encode(entry)) for entry in entries]
    with reading.kind(folder, authority) as receiver:
        options = SyslogOptions(
            protocol="tls", server="127.0.0.1", server_name="receiver", port=receiver.port, form=reading.form,
            max_bytes=MAX_BYTES, ca_file=str(authority.ca), cert_file=str(leaf.cert), key_file=str(leaf.key),
        )  # fmt: skip
        sink = syslog(Ground(name="siem", host="h", state=folder), options)
        sink.open()
        for first in range(0, len(parcels), BATCH):
            sink.deliver(parcels[first : first + BATCH])
        sink.close()
        wait_for(
            lambda: (
                receiver.lines.exists() and receiver.lines.read_bytes().count(b"\n") >= len(parcels)
            ),
            PATIENCE_SECS,
            pause_secs=0.5,
        )
    wanted = [_wanted(reading.form, one.entry, one.body) for one in parcels]
    found = [_found(one) for one in receiver.received()]
    for ours, theirs in zip(wanted, found, strict=False):
        if ours["host"] == "-":  # the sender does not say: syslog-ng puts in whom it sees
            theirs["host"] = "-"
    return receiver.version(), list(zip_longest(wanted, found, fillvalue={}))


def _wanted(form: str, entry: Entry, body: bytes) -> Parts:
    pid = str(os.getpid())
    if form == "rfc5424":
        parts = message_5424(entry, body, MAX_BYTES - head_5424(entry, pid), pid)
        same = {name: parts[name] for name in ("host", "app", "msgid", "msg")}
        sd = {f"sd.{name}": value for name, value in parts["sd"]["sentinair@32473"].items()}
        return same | sd | {"pri": str(parts["pri"])}
    pri = message_5424(entry, b"", MAX_BYTES)["pri"]
    return {
        "host": host_3164(entry.host),
        "app": "Sentinair",
        "msgid": "-",
        "pri": str(pri),
        "msg": cut(body, MAX_BYTES - head_3164(entry, pid)).decode(),
    }


def _found(line: Mapping[str, Any]) -> dict[str, object]:
    same: dict[str, object] = {name: str(line[name]) for name in ("app", "msgid", "pri")}
    told = {f"sd.{name}": value for name, value in params(line["sd"]).items()}
    return same | told | {"host": str(line["host"]), "msg": str(line["msg"]).removeprefix(" ")}
