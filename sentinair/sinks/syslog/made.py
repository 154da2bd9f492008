"""The factory of the kind `syslog`: options as they stand in sinks.yaml to a sink."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sentinair.codecs.syslog import (
    DATAGRAM_BYTES,
    DOCUMENTATION_PEN,
    STREAM_BYTES,
    Rfc3164,
    Rfc5424,
    lf_terminated,
    octet_counted,
)
from sentinair.errors import UsageFault
from sentinair.sinks.ground import Ground
from sentinair.sinks.syslog.sink import Envelope, SyslogSink
from sentinair.sinks.syslog.transport import Datagrams, Stream, Tls, TlsFiles, Transport

__all__ = ["syslog"]

_PORTS: Final = {"udp": 514, "tcp": 514, "tls": 6514, "local": 0}
_DEV_LOG: Final = "/dev/log"
_FRAMINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "octets": octet_counted,
    "lf": lf_terminated,
    "datagram": bytes,
}


def syslog(
    ground: Ground,
    *,
    server: str = "localhost",
    port: int = 0,
    protocol: str = "udp",
    form: str = "rfc5424",
    framing: str = "octets",
    facility: str = "local0",
    tag: str = "Sentinair",
    pen: int = DOCUMENTATION_PEN,
    bom: bool = False,
    max_bytes: int = 0,
    ca_file: str = "",
    cert_file: str = "",
    key_file: str = "",
    server_name: str = "",
    again: bool = True,
) -> SyslogSink:
    """A sink that sends syslog.  Raises UsageFault for an option that makes no sense.

    port, max_bytes: 0 takes the usual one.  protocol: udp, tcp, tls, or local (server is then the socket's path,
    /dev/log unless it begins with a slash).  framing: octets or lf, for tcp and tls.  again: what may have been lost
    with a broken connection is sent again.
    """
    if protocol not in _PORTS:
        raise UsageFault(f"syslog protocol: {protocol!r} is none of {' '.join(_PORTS)}")
    if protocol in ("udp", "local"):
        framing = "datagram"
    elif framing not in ("octets", "lf"):
        raise UsageFault(f"syslog framing: {framing!r} is neither octets nor lf")
    transport = _transport(
        protocol, server, port or _PORTS[protocol], (ca_file, cert_file, key_file), server_name
    )
    size = max_bytes or (DATAGRAM_BYTES if framing == "datagram" else STREAM_BYTES)
    own = protocol != "local"  # a local daemon writes its own host name
    envelope = _envelope(form, _FRAMINGS[framing], facility, tag, pen, bom=bom, size=size, host=own)
    return SyslogSink(ground.name, transport, envelope, time.monotonic_ns, again=again)


def _transport(
    protocol: str, server: str, port: int, files: tuple[str, str, str], server_name: str
) -> Transport:
    if protocol == "local":
        return Datagrams(server if server.startswith("/") else _DEV_LOG)
    server = server.removeprefix("[").removesuffix("]")  # as an IPv6 address may be written
    if protocol == "udp":
        return Datagrams((server, port))
    if protocol == "tcp":
        return Stream(server, port)
    ca, cert, key = (Path(name) if name else None for name in files)
    if ca is None:
        raise UsageFault(
            "syslog over tls needs ca_file", remedy="name the PEM file of the receiver's authority"
        )
    if (cert is None) != (key is None):
        raise UsageFault("syslog over tls: cert_file and key_file belong together")
    return Tls(server, port, TlsFiles(ca, cert, key), server_name or None)


def _envelope(
    form: str,
    frame: Callable[[bytes], bytes],
    facility: str,
    tag: str,
    pen: int,
    *,
    bom: bool,
    size: int,
    host: bool,
) -> Envelope:
    procid = str(os.getpid())
    if form == "rfc5424":
        new = Rfc5424(
            facility=facility, app=tag, procid=procid, pen=pen, bom=bom, max_bytes=size
        ).wrap
        return lambda entry, body: frame(new(entry, body))
    if form == "rfc3164":
        old = Rfc3164(facility=facility, tag=tag, procid=procid, host=host, max_bytes=size).wrap
        return lambda entry, body: frame(old(entry, body))
    raise UsageFault(f"syslog form: {form!r} is neither rfc5424 nor rfc3164")
