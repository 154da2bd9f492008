"""What sinks.yaml may say of a syslog sink."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from sentinair.codecs.syslog import (
    DATAGRAM_BYTES,
    DOCUMENTATION_PEN,
    STREAM_BYTES,
    Rfc3164,
    Rfc5424,
)
from sentinair.errors import UsageFault
from sentinair.model.ports import SinkKind

__all__ = ["KIND", "SyslogOptions"]


class SyslogOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """docs/sinks.md says what each means.  Raises UsageFault for what makes no sense together."""

    server: str = "localhost"  # address, or with protocol local the socket's path
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    protocol: Literal["udp", "tcp", "tls", "local"] = "udp"
    form: Literal["rfc5424", "rfc3164"] = "rfc5424"
    framing: Literal["octets", "lf"] = "octets"  # of tcp and tls
    facility: str = "local0"
    tag: str = "Sentinair"
    pen: Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)] = DOCUMENTATION_PEN
    bom: bool = False
    max_bytes: Annotated[int, msgspec.Meta(ge=0, le=1 << 20)] = 0
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    again: bool = True  # what may have been lost with a broken connection is sent again

    def __post_init__(self) -> None:
        self.envelope("1")
        if self.protocol == "tls" and not self.ca_file:
            raise UsageFault(
                "syslog over tls needs ca_file",
                remedy="name the PEM file of the receiver's authority",
            )
        if self.protocol != "local" and self.server.startswith("/"):
            raise UsageFault(
                f"server: {self.server!r} is a path, and {self.protocol} goes to an address",
                remedy="give an address, or protocol: local",
            )
        if bool(self.cert_file) != bool(self.key_file):
            raise UsageFault("cert_file and key_file belong together", remedy="give both or none")

    @property
    def in_datagrams(self) -> bool:
        return self.protocol in ("udp", "local")

    def envelope(self, procid: str) -> Rfc5424 | Rfc3164:
        """What stands around each message, before framing.  Raises UsageFault."""
        size = self.max_bytes or (DATAGRAM_BYTES if self.in_datagrams else STREAM_BYTES)
        if self.form == "rfc5424":
            return Rfc5424(
                facility=self.facility,
                app=self.tag,
                procid=procid,
                pen=self.pen,
                bom=self.bom,
                max_bytes=size,
            )
        # a local daemon writes its own host name
        own = self.protocol != "local"
        return Rfc3164(
            facility=self.facility,
            tag=self.tag,
            procid=procid,
            zone=None,  # receivers take it for their own: section 4.1.2
            host=own,
            max_bytes=size,
        )


KIND: Final = SinkKind(options=SyslogOptions, make="sentinair.sinks.syslog.kind:syslog")
