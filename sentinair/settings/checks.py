"""What one setting alone cannot say: combinations that would blind or expose the agent."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from sentinair.settings.check_sinks import check_sinks
from sentinair.settings.nodes import Key
from sentinair.settings.types import ApiSettings, Settings

__all__ = ["check"]

Complaint = tuple[Key, str, str]  # at which key, what is wrong, remedy


def check(settings: Settings) -> Iterator[Complaint]:
    """All combinations in settings that are refused."""
    if not settings.files.watch:
        yield ("files", "watch"), "is empty, so no file is watched", "name at least one path"
    retention = settings.store.retention
    if retention.critical_days < retention.alerts_days:
        yield (
            ("store", "retention", "critical_days"),
            f"is {retention.critical_days}, less than alerts_days {retention.alerts_days}",
            "critical alerts are kept longest",
        )
    yield from check_sinks(settings.sinks)
    yield from _check_api(settings.api)


def _check_api(api: ApiSettings) -> Iterator[Complaint]:
    if not _loopback(api.host):
        yield (
            ("api", "host"),
            f"expected a loopback address, got {api.host!r}",
            "use 127.0.0.1 or ::1; the API serves this host only",
        )
    if not api.ssl and not api.allow_plain_http:
        yield (
            ("api", "ssl"),
            "false would send keys in the clear",
            "leave it true, or set api.allow_plain_http: true too",
        )
    if not api.authentication.require_auth and not api.allow_no_authentication:
        yield (
            ("api", "authentication", "require_auth"),
            "false would let every local user in",
            "leave it true, or set api.allow_no_authentication: true too",
        )
    seen: dict[str, str] = {}
    for name in api.endpoints.__struct_fields__:
        route: str = getattr(api.endpoints, name)
        if route in seen:
            yield (
                ("api", "endpoints", name),
                f"{route} is already the path of {seen[route]}",
                "give each its own",
            )
        seen[route] = name


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
