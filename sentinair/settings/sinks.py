"""sinks.yaml: where the record goes.  Part of settings.types; compiled for the forwarder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

__all__ = [
    "NO_CODEC",
    "FieldChange",
    "Option",
    "SinkSettings",
    "SinksSettings",
    "with_files_from",
]

Option = str | int | bool | tuple[str, ...]
"""What a kind of sink or a codec may be told by name."""
NO_CODEC: Final = "none"
_FILE: Final = "_file"

_Word = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9_.-]{0,63}$", extra={"words": "a word of small letters, like cef"}
    ),
]
_Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$",
        extra={"words": "a name of at most 40 small letters, digits and -"},
    ),
]
_Kind = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z_.*?-]{1,64}$",
        extra={"words": "a kind, in which * stands for any characters"},
    ),
]
_Field = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,127}$",
        extra={"words": "the name of a field, like details.site"},
    ),
]
_Network = Annotated[
    str,
    msgspec.Meta(max_length=64, extra={"words": "a private network, like 192.168.7.0/24"}),
]


class FieldChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change to what leaves; the record itself is never changed."""

    do: Annotated[
        Literal["set", "rename", "drop", "lower", "upper", "basename", "sha256"],
        msgspec.Meta(description="What is done with the field."),
    ] = "set"
    field: Annotated[
        _Field | None,
        msgspec.Meta(
            description="Of an alert one of its text fields or details.NAME; of others a name in data.",
            extra={"words": "the name of a field"},
        ),
    ] = None
    to: Annotated[
        Annotated[str, msgspec.Meta(max_length=1024)] | None,
        msgspec.Meta(
            description="With set the value, with rename the new name.",
            extra={"words": "text of at most 1024 characters"},
        ),
    ] = None


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place the record goes to."""

    name: Annotated[
        _Name | None,
        msgspec.Meta(
            description="How it is called; its cursor goes by it.",
            extra={"words": "a name of at most 40 small letters, digits and -"},
        ),
    ] = None
    kind: Annotated[_Word, msgspec.Meta(description="What delivers: a registered kind.")] = "drop"
    codec: Annotated[
        _Word,
        msgspec.Meta(description="In which form; none: for kinds that take entries as they are."),
    ] = "ndjson"
    enabled: Annotated[bool, msgspec.Meta(description="Whether it works at all.")] = True
    begin: Annotated[
        Literal["first", "now"],
        msgspec.Meta(description="Where a new one begins: at the first record, or with the next."),
    ] = "first"
    records: Annotated[
        tuple[_Kind, ...], msgspec.Meta(description="Kinds of records that go there.")
    ] = ("*",)
    events: Annotated[
        tuple[_Kind, ...], msgspec.Meta(description="Kinds of events that go there.")
    ] = ()
    severities: Annotated[
        tuple[Literal["low", "medium", "high", "critical"], ...],
        msgspec.Meta(description="Of alerts only these; empty: all."),
    ] = ()
    categories: Annotated[
        tuple[_Word, ...], msgspec.Meta(description="Of alerts only these; empty: all.")
    ] = ()
    fields: Annotated[
        tuple[FieldChange, ...],
        msgspec.Meta(description="Changes to fields, in this order."),
    ] = ()
    per_minute: Annotated[
        int,
        msgspec.Meta(description="At most so many a minute; 0: no limit.", ge=0, le=10_000_000),
    ] = 0
    burst: Annotated[
        int,
        msgspec.Meta(description="So many at once before the limit counts.", ge=1, le=1_000_000),
    ] = 1000
    batch: Annotated[
        int, msgspec.Meta(description="At most so many handed over at once.", ge=1, le=1000)
    ] = 200
    options: Annotated[
        dict[str, Option],
        msgspec.Meta(
            description="What the kind itself wants to know.",
            extra={"words": "names with a text, number, true, false or list of texts each"},
        ),
    ] = {}
    codec_options: Annotated[
        dict[str, Option],
        msgspec.Meta(
            description="What the codec itself wants to know.",
            extra={"words": "names with a text, number, true, false or list of texts each"},
        ),
    ] = {}


_SHIPPED = (
    SinkSettings(name="drop", kind="drop", codec="ndjson", enabled=False),
    SinkSettings(
        name="notice",
        kind="notice",
        codec=NO_CODEC,
        enabled=False,
        begin="now",
        records=("alert.*", "gap", "gap.*", "heartbeat"),
    ),
)


class SinksSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """sinks.yaml: where the record goes, and in which form."""

    allow_networks: Annotated[
        tuple[_Network, ...],
        msgspec.Meta(
            description="Private networks that sinks may send to; loopback is always allowed."
        ),
    ] = ()
    alert_after_secs: Annotated[
        int,
        msgspec.Meta(
            description="A sink that has not worked for so long raises an alert.", ge=10, le=604_800
        ),
    ] = 900
    to: Annotated[
        tuple[SinkSettings, ...],
        msgspec.Meta(description="The sinks; docs/sinks.md has the settings of each."),
    ] = _SHIPPED


def with_files_from(folder: Path, settings: SinksSettings) -> SinksSettings:
    """Options that name a file (ca_file, key_file) are paths from folder, that of the configuration, or absolute."""
    to = tuple(
        msgspec.structs.replace(
            sink, options={name: _from(folder, name, told) for name, told in sink.options.items()}
        )
        for sink in settings.to
    )
    return msgspec.structs.replace(settings, to=to)


def _from(folder: Path, name: str, told: Option) -> Option:
    if name.endswith(_FILE) and isinstance(told, str) and told:
        return str(folder / told)
    return told
