"""The kind syslog beside real receivers: TLS 1.3 with client certificates, octet-counted, receivers that end in between."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinair.codecs.cef import CefCodec
from sentinair.errors import SinkAway, SinkRefused
from sentinair.model.entry import Parcel
from sentinair.sinks.ground import Ground
from sentinair.sinks.syslog.kind import syslog
from sentinair.sinks.syslog.options import SyslogOptions
from sentinair.sinks.syslog.sink import SyslogSink
from tests.harness.agent import wait_for
from tests.harness.certificates import Authority
from tests.harness.hostile import hostile_entries
from tests.harness.receivers import (
    Receiver,
    Rsyslog,
    SyslogNg,
    reads_shipped,
    rsyslog_missing,
    syslog_ng_missing,
)

pytestmark = pytest.mark.slow
CEF = CefCodec()
RECEIVERS = [
    pytest.param(Rsyslog, rsyslog_missing, id="rsyslog"),
    pytest.param(SyslogNg, syslog_ng_missing, id="syslog-ng"),
]
Made = tuple[Receiver, SyslogSink]


@contextlib.contextmanager
def _made(
    kind: type[Receiver], missing: Callable[[], str | None], folder: Path, **options: Any
) -> Iterator[Made]:
    why = missing()
    if why is not None:
        pytest.skip(why)
    authority = Authority(folder)
    agent = authority.issue("agent")
    with kind(folder, authority) as receiver:
        made = {
            "protocol": "tls",
            "server": "127.0.0.1",
            "server_name": "receiver",
            "port": receiver.port,
            "ca_file": str(authority.ca),
            "cert_file": str(agent.cert),
            "key_file": str(agent.key),
        }
        sink = syslog(
            Ground(name="siem", host="h", state=folder), SyslogOptions(**{**made, **options})
        )
        try:
            yield receiver, sink
        finally:
            sink.close()


def _parcels(count: int) -> list[Parcel]:
    small = (one for one in hostile_entries(4 * count) if one.alert is not None)
    found = []
    for entry in small:
        body = CEF.encode(entry)
        if len(body) < 4000:
            found.append(Parcel(entry, body))
        if len(found) == count:
            break
    return found


def _seqs(receiver: Receiver) -> list[str]:
    return [one["sd"] for one in receiver.received()]


@pytest.mark.parametrize(("kind", "missing"), RECEIVERS)
def test_hostile_alerts_arrive_whole_in_order_and_one_message_each(
    kind: type[Receiver], missing: Callable[[], str | None], tmp_path: Path
) -> None:
    with _made(kind, missing, tmp_path) as (receiver, sink):
        parcels = _parcels(400)
        sink.open()
        sink.deliver(parcels)
        sink.close()
        arrived = wait_for(lambda: len(receiver.received()) >= len(parcels), 20)
        assert arrived is not None, len(receiver.received())
        assert [one["msg"].lstrip() for one in receiver.received()] == [
            one.body.decode() for one in parcels
        ]


@pytest.mark.parametrize(("kind", "missing"), RECEIVERS)
def test_what_a_receiver_took_with_it_comes_again(
    kind: type[Receiver], missing: Callable[[], str | None], tmp_path: Path
) -> None:
    with _made(kind, missing, tmp_path) as (receiver, sink):
        parcels = _parcels(600)
        sink.open()
        sink.deliver(parcels[:200])
        assert sink.holding() == {"record": parcels[0].entry.seq}
        receiver.stop()

        def is_noticed() -> bool:
            try:
                sink.deliver(parcels[200:201])
            except SinkAway:
                return True
            return False

        assert wait_for(is_noticed, 10) is not None
        assert sink.holding() == {}
        receiver.start()
        sink.open()
        sink.deliver(parcels)
        sink.close()
        bodies = {one.body.decode() for one in parcels}
        came = wait_for(lambda: bodies <= {one["msg"].lstrip() for one in receiver.received()}, 20)
        assert came is not None


@pytest.mark.parametrize(("kind", "missing"), RECEIVERS)
def test_without_its_certificate_nobody_is_heard(
    kind: type[Receiver], missing: Callable[[], str | None], tmp_path: Path
) -> None:
    with _made(kind, missing, tmp_path, cert_file="", key_file="") as (receiver, sink):

        def is_refused() -> bool:
            try:
                sink.open()
                sink.deliver(_parcels(1))
                sink.idle(0)
            except SinkAway:
                return True
            return False

        assert wait_for(is_refused, 10, pause_secs=0.2) is not None
        assert receiver.received() == []


def test_a_receiver_with_another_name_is_not_spoken_to(tmp_path: Path) -> None:
    with (
        _made(Rsyslog, rsyslog_missing, tmp_path, server_name="somebody-else") as (_, sink),
        pytest.raises(SinkAway, match="certificate"),
    ):
        sink.open()


@pytest.mark.parametrize(
    ("name", "missing"), [("rsyslog", rsyslog_missing), ("syslog-ng", syslog_ng_missing)]
)
def test_the_configurations_that_ship_are_read_without_a_word(
    name: str, missing: Callable[[], str | None], tmp_path: Path
) -> None:
    why = missing()
    if why is not None:
        pytest.skip(why)
    done = reads_shipped(name, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "error" not in (done.stdout + done.stderr).lower()


def test_a_datagram_that_no_socket_takes_is_refused_and_not_tried_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("::1", 0))
        receiver.settimeout(5)
        options: dict[str, Any] = {"server": "[::1]", "port": receiver.getsockname()[1]}
        sink = syslog(
            Ground(name="siem", host="h", state=tmp_path),
            SyslogOptions(max_bytes=70_000, **options),
        )
        small = _parcels(1)[0]
        sink.open()
        with pytest.raises(SinkRefused, match="too long") as told:
            sink.deliver([small, Parcel(small.entry, b"x" * 69_000)])
        assert told.value.index == 1
        assert small.body in receiver.recv(1 << 16)
        sink.close()


def test_the_file_that_cannot_be_read_is_named_with_the_user_who_cannot(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    options = SyslogOptions(
        protocol="tls",
        server="127.0.0.1",
        ca_file=str(authority.ca),
        cert_file=str(authority.issue("agent").cert),
        key_file=f"{tmp_path}/none.key",
    )
    sink = syslog(Ground(name="siem", host="h", state=tmp_path), options)
    with pytest.raises(SinkAway, match="cannot be read: No such file") as told:
        sink.open()
    assert told.value.where == f"{tmp_path}/none.key"
    assert f"user {pwd.getpwuid(os.geteuid()).pw_name}" in told.value.remedy
