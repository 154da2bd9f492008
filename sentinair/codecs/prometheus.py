"""Prometheus text exposition, format 0.0.4: families of samples as lines.

Source: github.com/prometheus/docs, content/docs/instrumenting/exposition_formats.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from sentinair.codecs.cut import fit
from sentinair.model.text import shown

__all__ = ["CONTENT_TYPE", "Family", "Sample", "exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LABEL: Final = 256  # characters of one label value
_EXACT: Final = 1 << 53  # a sample is a double: beyond that it would only look exact


class Sample(msgspec.Struct, frozen=True):
    """One line.  suffix: of a histogram's name, "_bucket", "_sum" or "_count"."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(msgspec.Struct, frozen=True):
    """One metric with all its samples.  name and label names are ours and well-formed; values may be anything."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[Sample]


def exposition(families: Iterable[Family]) -> bytes:
    """HELP, TYPE and samples of each family that has any; ends with a line end, empty if there is none.

    Of samples with the same labels the first counts: a second one would make a reader refuse all.
    """
    lines: list[str] = []
    for one in families:
        samples = {
            f"{one.name}{sample.suffix}{_labels(sample.labels)}": sample.value
            for sample in reversed(one.samples)
        }
        if samples:
            lines += [f"# HELP {one.name} {_help(one.help)}", f"# TYPE {one.name} {one.kind}"]
            lines += [f"{name} {_number(value)}" for name, value in reversed(samples.items())]
    return "".join(f"{line}\n" for line in lines).encode()


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_value(value)}"' for name, value in labels.items()) + "}"


def _value(text: str) -> str:
    safe = fit(
        shown(text), _LABEL
    )  # no line end is left, yet the standard's own escapes still have to be told apart
    return safe.replace("\\", r"\\").replace('"', r"\"")


def _number(value: float) -> str:
    if isinstance(value, int) and abs(value) < _EXACT:
        return str(int(value))  # int(): True is 1
    if isinstance(value, int) and abs(value) >= 10**308:
        return "+Inf" if value > 0 else "-Inf"
    number = float(value)
    if math.isfinite(number):
        return repr(number)
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"
