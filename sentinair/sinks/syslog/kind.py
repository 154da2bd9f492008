"""A syslog sink made from its options in sinks.yaml."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sentinair.codecs.syslog import lf_terminated, octet_counted
from sentinair.sinks.ground import Ground
from sentinair.sinks.syslog.options import SyslogOptions
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


def syslog(ground: Ground, options: SyslogOptions) -> SyslogSink:
    """Connects to nothing yet.  The server's port 0 is the usual one of the protocol."""
    return SyslogSink(
        ground.name,
        _transport(options),
        _framed(options),
        time.monotonic_ns,
        again=options.again,
    )


def _framed(options: SyslogOptions) -> Envelope:
    frame = _FRAMINGS["datagram" if options.in_datagrams else options.framing]
    wrap = options.envelope(str(os.getpid())).wrap
    return lambda entry, body: frame(wrap(entry, body))


def _transport(options: SyslogOptions) -> Transport:
    server = options.server
    if options.protocol == "local":
        return Datagrams(server if server.startswith("/") else _DEV_LOG)
    server = server.removeprefix("[").removesuffix("]")  # as an IPv6 address may be written
    port = options.port or _PORTS[options.protocol]
    if options.protocol == "udp":
        return Datagrams((server, port))
    if options.protocol == "tcp":
        return Stream(server, port)
    ca, cert, key = (
        Path(name) if name else None
        for name in (options.ca_file, options.cert_file, options.key_file)
    )
    assert ca is not None  # SyslogOptions refuses tls without it
    return Tls(server, port, TlsFiles(ca, cert, key), options.server_name or None)
