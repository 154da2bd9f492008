"""Whether kinds of sinks and codecs take the options that sinks.yaml gives them, before anything starts."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from sentinair.errors import Fault, SentinairError, StorageFault, UsageFault
from sentinair.model.ports import SinkKind
from sentinair.settings.convert import convert, dotted
from sentinair.settings.nodes import Document, Key, Plain
from sentinair.settings.registered import load, look_up
from sentinair.settings.sinks import NO_CODEC, Option, SinkSettings, SinksSettings

__all__ = ["check_options"]


def check_options(settings: SinksSettings, document: Document, faults: list[Fault]) -> None:
    """Add to faults what is wrong with options of sinks that are to work; unregistered kinds are not judged here.

    document: sinks.yaml, for the lines.
    """
    wanted = [(at, sink) for at, sink in enumerate(settings.to) if sink.enabled]
    if not wanted:
        return
    try:
        kinds, codecs = look_up("sentinair.sinks"), look_up("sentinair.codecs")
    except StorageFault:  # check_sinks tells it
        return
    for at, sink in wanted:
        here: Key = ("sinks", "to", at)
        told = _Told(document, faults)
        if sink.kind in kinds:
            _check_kind(sink, kinds[sink.kind], here, told)
        if sink.codec in codecs:
            _check_codec(sink, codecs[sink.codec], here, told)


class _Told(msgspec.Struct, frozen=True):
    """Where faults are told."""

    document: Document
    faults: list[Fault]

    def tell(self, key: Key, what: str, remedy: str) -> None:
        self.faults.append(
            Fault(f"{dotted(key)}: {what}", where=self.document.where(key), remedy=remedy)
        )

    def convert(
        self, form: type[msgspec.Struct], options: Mapping[str, Option], key: Key
    ) -> msgspec.Struct | None:
        """None: faults were told."""
        before = len(self.faults)
        try:
            made = convert(form, _plain(options), key, self.document, self.faults)
        except UsageFault as fault:
            if len(self.faults) == before:  # else what is missing may just have been refused
                self.tell(key, fault.what, fault.remedy)
            return None
        return made if len(self.faults) == before else None


def _check_kind(sink: SinkSettings, place: str, here: Key, told: _Told) -> None:
    kind = _loaded(place, (*here, "kind"), told)
    if kind is None:
        return
    if not isinstance(kind, SinkKind):
        told.tell((*here, "kind"), f"{place} is no SinkKind", "install the package again")
        return
    told.convert(kind.options, sink.options, (*here, "options"))
    if kind.in_order and sink.per_minute:
        told.tell(
            (*here, "per_minute"),
            f"a {sink.kind} takes entries in their order only, and a limit sends critical ones before theirs",
            "leave it away",
        )
    if kind.needs_codec and sink.codec == NO_CODEC:
        told.tell((*here, "codec"), f"a {sink.kind} needs one", "codec: ndjson")


def _check_codec(sink: SinkSettings, place: str, here: Key, told: _Told) -> None:
    """A codec is pure: making it tells whether it can be made."""
    make = _loaded(place, (*here, "codec"), told)
    if make is None:
        return
    key: Key = (*here, "codec_options")
    if told.convert(_form(cast(type, make)), sink.codec_options, key) is None:
        return
    try:
        cast(Any, make)(**sink.codec_options)
    except UsageFault as fault:
        told.tell(key, fault.what, fault.remedy)


def _form(codec: type) -> type[msgspec.Struct]:
    """The options of a codec as a type, from its constructor's keyword arguments."""
    hints = typing.get_type_hints(codec.__init__, include_extras=True)  # type: ignore[misc]
    options = [
        (name, hints[name], parameter.default)
        for name, parameter in inspect.signature(codec).parameters.items()
    ]
    return msgspec.defstruct(codec.__name__, options, frozen=True, kw_only=True)


def _loaded(place: str, key: Key, told: _Told) -> object | None:
    try:
        return load(place)
    except (ImportError, AttributeError, SentinairError) as fault:
        told.tell(key, f"{place} cannot be loaded: {fault}", "install its package again")
        return None


def _plain(options: Mapping[str, Option]) -> Plain:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in options.items()
    }
