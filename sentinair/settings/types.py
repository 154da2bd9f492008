"""Every setting: its type, its default (which is what ships in config/), its range and its meaning.

One struct per file of the configuration folder; `Settings` holds one of each.  The meaning of a field is its
`description`; docs/reference.md and config/*.yaml are checked against both.  Units stand in the names.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sentinair.settings.defaults import CRITICAL, HASH, IGNORE, READ_WATCH, WATCH
from sentinair.settings.sinks import SinksSettings

__all__ = [
    "AgentSettings",
    "AlertsSettings",
    "ApiSettings",
    "Authentication",
    "Cors",
    "Endpoints",
    "EscalateAfter",
    "FilesSettings",
    "Lanes",
    "ProcessesSettings",
    "RateLimiting",
    "Retention",
    "Settings",
    "SinksSettings",
    "StoreSettings",
]

KIB = 1024
MIB = 1024 * KIB


def _text(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


def _range(description: str, low: int, high: int) -> msgspec.Meta:
    """low and high are both allowed."""
    return msgspec.Meta(description=description, ge=low, le=high)


# A list item: an absolute path, in which * and ? stay within one step and ** spans any number of steps.
Glob = Annotated[
    str, msgspec.Meta(pattern=r"^/[^\x00]*$", max_length=4096, extra={"words": "an absolute path"})
]
Globs = tuple[Glob, ...]


class Lanes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much each sender may hold while the engine is busy or away."""

    vital_bytes: Annotated[
        int,
        _range(
            "Queue for gaps, program starts and critical paths; when full its reader waits.",
            64 * KIB,
            1024 * MIB,
        ),
    ] = 8 * MIB
    bulk_bytes: Annotated[
        int,
        _range(
            "Queue for everything else; when full the oldest go and a gap says so.",
            64 * KIB,
            1024 * MIB,
        ),
    ] = 32 * MIB


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """agent.yaml: what all processes of the agent share."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _text(
            "The least important line the engine still writes to its log; the senders write losses only."
        ),
    ] = "info"
    lanes: Annotated[Lanes, _text("Queues from the senders to the engine.")] = Lanes()


class FilesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """files.yaml: which paths are watched, and how."""

    source: Annotated[
        Literal["auto", "fanotify", "inotify"],
        _text("Kernel source; auto takes fanotify where it works."),
    ] = "auto"
    watch: Annotated[Globs, _text("Paths and everything below them.")] = WATCH
    ignore: Annotated[Globs, _text("Within watch: paths and all below them to leave out.")] = IGNORE
    critical: Annotated[
        Globs, _text("Within watch: paths whose events go first and are never dropped.")
    ] = CRITICAL
    hash: Annotated[Globs, _text("Within watch: files whose new content is hashed.")] = HASH
    read_watch: Annotated[Globs, _text("Files whose opening is an event too (fanotify only).")] = (
        READ_WATCH
    )
    hash_quiet_ms: Annotated[
        int, _range("Milliseconds without a change before a file is hashed.", 0, 60_000)
    ] = 500
    hash_max_bytes: Annotated[
        int, _range("Larger files are not hashed; the event says so.", 0, 1 << 50)
    ] = 1024 * MIB
    hash_bytes_per_sec: Annotated[
        int, _range("Reading budget of all hashing together.", 64 * KIB, 1 << 40)
    ] = 64 * MIB
    hash_deadline_secs: Annotated[
        int, _range("A hash that takes longer is given up and says so.", 1, 86_400)
    ] = 60
    max_queued_events: Annotated[
        int,
        _range("fs.fanotify.max_queued_events wanted; about 106 bytes each.", 64, 16_777_216),
    ] = 262_144


class ProcessesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """processes.yaml: how processes are seen."""

    source: Annotated[
        Literal["auto", "cnproc", "psutil"],
        _text("auto takes the kernel's process connector where it works, else polls by psutil."),
    ] = "auto"
    poll_secs: Annotated[int, _range("Pause between two looks when polling.", 1, 3600)] = 1
    receive_buffer_bytes: Annotated[
        int, _range("Kernel buffer of the process connector.", 4 * KIB, 1024 * MIB)
    ] = 32 * MIB
    hash_executables: Annotated[
        bool, _text("Hash each executable once per inode and change time.")
    ] = True
    mask_options: Annotated[
        tuple[
            Annotated[
                str,
                msgspec.Meta(
                    pattern=r"^-?-?[A-Za-z0-9][\w.-]*$",
                    max_length=100,
                    extra={"words": "an option name"},
                ),
            ],
            ...,
        ],
        _text("Further option names whose values are masked in command lines."),
    ] = ()


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept for how long; each deletion leaves a record in the ledger."""

    events_days: Annotated[int, _range("Days events are kept.", 1, 36_500)] = 30
    events_bytes: Annotated[
        int,
        _range("Above this size of all events the oldest go, whatever their age.", MIB, 1 << 50),
    ] = 2 * 1024 * MIB
    alerts_days: Annotated[int, _range("Days closed alerts are kept.", 1, 36_500)] = 365
    critical_days: Annotated[
        int,
        _range("Days closed critical alerts are kept; not less than alerts_days.", 1, 36_500),
    ] = 1095


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """store.yaml: the record."""

    retention: Annotated[Retention, _text("What is kept for how long.")] = Retention()
    reserve_bytes: Annotated[
        int, _range("File given up first when the disk is full.", MIB, 1024 * MIB)
    ] = 8 * MIB
    checkpoint_secs: Annotated[int, _range("Signed checkpoint at least this often.", 1, 3600)] = 60
    checkpoint_records: Annotated[
        int, _range("Signed checkpoint after so many records.", 1, 1_000_000)
    ] = 1000
    epoch_secs: Annotated[int, _range("New signing key at least this often.", 10, 86_400)] = 900
    epoch_records: Annotated[
        int, _range("New signing key after so many records.", 10, 10_000_000)
    ] = 10_000


class EscalateAfter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an alert may stay open before it is said louder, by severity."""

    critical: Annotated[int, _range("Seconds for critical alerts; 0: never.", 0, 2_592_000)] = 900
    high: Annotated[int, _range("Seconds for high alerts; 0: never.", 0, 2_592_000)] = 14_400
    medium: Annotated[int, _range("Seconds for medium alerts; 0: never.", 0, 2_592_000)] = 0
    low: Annotated[int, _range("Seconds for low alerts; 0: never.", 0, 2_592_000)] = 0


class AlertsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """alerts.yaml: how detections become alerts."""

    merge_window_secs: Annotated[
        int, _range("A like detection within this time raises the count only.", 0, 604_800)
    ] = 3600
    max_open: Annotated[int, _range("Fingerprints kept ready for merging.", 100, 1_000_000)] = (
        10_000
    )
    reopen_days: Annotated[
        int,
        _range(
            "Days after its end in which a like detection opens a resolved alert again, and is only counted on a "
            "false positive; 0: it is a new alert.",
            0,
            365,
        ),
    ] = 7
    escalate_after_secs: Annotated[
        EscalateAfter, _text("How long an alert may stay unanswered before it is escalated.")
    ] = EscalateAfter()


class Authentication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may ask the API."""

    method: Annotated[Literal["api_key"], _text("Bearer keys are the only method.")] = "api_key"
    require_auth: Annotated[
        bool, _text("false is refused unless api.allow_no_authentication is true.")
    ] = True


Route = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(/[A-Za-z0-9_.~-]+)+$",
        max_length=200,
        extra={"words": "a path such as /api/v1/alerts"},
    ),
]


class Endpoints(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paths of the API's collections."""

    alerts: Annotated[Route, _text("Alerts.")] = "/api/v1/alerts"
    events: Annotated[Route, _text("Events.")] = "/api/v1/events"
    status: Annotated[Route, _text("Status.")] = "/api/v1/status"
    config: Annotated[Route, _text("Configuration.")] = "/api/v1/config"
    reports: Annotated[Route, _text("Reports.")] = "/api/v1/reports"


class RateLimiting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one key may ask."""

    enabled: Annotated[bool, _text("Limit requests per key.")] = True
    requests_per_minute: Annotated[int, _range("Requests a minute and key.", 1, 100_000)] = 100


class Cors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests from other web pages."""

    enabled: Annotated[bool, _text("Allow cross-origin requests.")] = False


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """api.yaml: the local API."""

    enabled: Annotated[bool, _text("Serve the API.")] = True
    host: Annotated[str, _text("Loopback address to listen on; any other is refused.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, _range("TCP port.", 1, 65_535)] = 8888
    ssl: Annotated[bool, _text("false is refused unless api.allow_plain_http is true.")] = True
    allow_plain_http: Annotated[
        bool, _text("Second switch for ssl: false: keys then travel in the clear on this host.")
    ] = False
    allow_no_authentication: Annotated[
        bool, _text("Second switch for require_auth: false: every local user may then read.")
    ] = False
    authentication: Annotated[Authentication, _text("Who may ask.")] = Authentication()
    endpoints: Annotated[Endpoints, _text("Paths of the collections.")] = Endpoints()
    rate_limiting: Annotated[RateLimiting, _text("How often one key may ask.")] = RateLimiting()
    cors: Annotated[Cors, _text("Requests from other web pages.")] = Cors()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration: one field per file, in the order of the manual."""

    agent: AgentSettings = AgentSettings()
    files: FilesSettings = FilesSettings()
    processes: ProcessesSettings = ProcessesSettings()
    store: StoreSettings = StoreSettings()
    alerts: AlertsSettings = AlertsSettings()
    sinks: SinksSettings = SinksSettings()
    api: ApiSettings = ApiSettings()
