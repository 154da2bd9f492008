"""What is refused in sinks.yaml: strangers' addresses, unknown kinds, and sinks that cannot be told apart."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator
from typing import Final

from sentinair.errors import StorageFault
from sentinair.settings.nodes import Key
from sentinair.settings.registered import look_up
from sentinair.settings.sinks import NO_CODEC, FieldChange, SinkSettings, SinksSettings

__all__ = ["ADDRESS_OPTIONS", "address_fault", "check_sinks", "networks_of"]

Complaint = tuple[Key, str, str]  # at which key, what is wrong, remedy
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ADDRESS_OPTIONS: Final = ("server", "host", "address")
"""Options that name where a sink sends to, whatever its kind."""
# Of private use (RFC 1918, RFC 4193) or bound to the link (RFC 3927, RFC 4291 section 2.5.6); ipaddress's own
# is_private is wider: documentation and benchmark ranges are routed by some.
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
_WITH_TO: Final = ("set", "rename")


def check_sinks(settings: SinksSettings) -> Iterator[Complaint]:
    """All that is wrong with settings as a whole."""
    for at, text in enumerate(settings.allow_networks):
        why = _network_fault(text)
        if why is not None:
            yield (
                ("sinks", "allow_networks", at),
                why,
                "name private ranges only, like 192.168.7.0/24: nothing leaves for the internet",
            )
    allowed = networks_of(settings.allow_networks)
    seen: dict[str, int] = {}
    for at, sink in enumerate(settings.to):
        here: Key = ("sinks", "to", at)
        if sink.name is None:
            yield here, "has no name", "give it one: its cursor goes by it"
        elif sink.name in seen:
            what = f"{sink.name} is already the name of sinks.to[{seen[sink.name]}]"
            yield (*here, "name"), what, "give each its own"
        else:
            seen[sink.name] = at
        yield from _check_addresses(sink, here, allowed)
        for part, options in (("options", sink.options), ("codec_options", sink.codec_options)):
            for option, value in options.items():
                texts = value if isinstance(value, tuple) else (value,)
                if any(isinstance(text, str) and "\0" in text for text in texts):
                    key: Key = (*here, part, option)
                    yield key, "holds a NUL", "leave it away: no path and no name has one"
        for number, change in enumerate(sink.fields):
            yield from _check_change(change, (*here, "fields", number))
    yield from _check_kinds(settings)


def networks_of(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Those that are networks at all."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            continue
    return tuple(found)


def _network_fault(text: str) -> str | None:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return f"expected a network, got {text!r}"
    inside = any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]
        for private in _PRIVATE
    )
    return None if inside else f"{text} is not a private range"


def address_fault(text: str, allowed: tuple[Network, ...]) -> str | None:
    """Why nothing may be sent to text; None: it may.  Paths of local sockets and "localhost" may.

    A name is never looked up: who answers for it could send the record anywhere.
    """
    if text == "localhost" or text.startswith("/"):
        return None
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return f"{text!r} is a name, and names could lead anywhere"
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    if not any(address in private for private in _PRIVATE):
        return f"{text} is a public address"
    if not any(address in network for network in allowed):
        return f"{text} is in no network of sinks.allow_networks"
    return None


def _check_addresses(
    sink: SinkSettings, here: Key, allowed: tuple[Network, ...]
) -> Iterator[Complaint]:
    for option in ADDRESS_OPTIONS:
        value = sink.options.get(option)
        if value is None:
            continue
        for text in (
            (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ("",)
        ):
            why = address_fault(text, allowed)
            if why is not None:
                yield (
                    (*here, "options", option),
                    why,
                    "use a loopback address, or a private one in sinks.allow_networks",
                )


def _check_change(change: FieldChange, here: Key) -> Iterator[Complaint]:
    if change.field is None:
        yield here, "names no field", "give field: NAME"
    if (change.to is None) == (change.do in _WITH_TO):
        wanted = "needs" if change.do in _WITH_TO else "takes no"
        yield here, f"do: {change.do} {wanted} to", "see docs/sinks.md"


def _check_kinds(settings: SinksSettings) -> Iterator[Complaint]:
    """Kinds and codecs of sinks that are to work must be registered."""
    wanted = [(at, sink) for at, sink in enumerate(settings.to) if sink.enabled]
    if not wanted:
        return
    try:
        kinds, codecs = look_up("sentinair.sinks"), look_up("sentinair.codecs")
    except StorageFault as fault:
        yield ("sinks",), str(fault), fault.remedy
        return
    for at, sink in wanted:
        here: Key = ("sinks", "to", at)
        if sink.kind not in kinds:
            yield (
                (*here, "kind"),
                f"no kind of sink is called {sink.kind}",
                _meant(sink.kind, kinds),
            )
        if sink.codec != NO_CODEC and sink.codec not in codecs:
            said = _meant(sink.codec, [*codecs, NO_CODEC])
            yield (*here, "codec"), f"no codec is called {sink.codec}", said


def _meant(given: str, known: dict[str, str] | list[str]) -> str:
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else "there are " + (", ".join(known) or "none")
