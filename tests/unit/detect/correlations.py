"""Correlations written down short, and events for them: what the tests on them share."""

from __future__ import annotations

from sentinair.detect.fields import FieldsView
from sentinair.detect.sigma.correlate import Correlator
from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.files import read_file
from sentinair.detect.sigma.resolve import Resolved, resolve
from sentinair.errors import Fault
from sentinair.model.alert import Detection

SEC = 10**9
IDS = {name: f"00000000-0000-4000-8000-00000000000{place}" for place, name in enumerate("abc", 1)}
OWN = "00000000-0000-4000-8000-0000000000ff"


def base(name: str, category: str = "process_creation") -> str:
    field = "CommandLine" if category == "process_creation" else "TargetFilename"
    return (
        f"title: {name.upper()}\nid: {IDS[name]}\nname: {name}\nlevel: low\n"
        f"logsource: {{product: linux, category: {category}}}\n"
        f"detection:\n  s:\n    {field}|contains: {name}\n  condition: s\n"
    )


def text(body: str, rules: str = "abc", head: str = f"title: T\nid: {OWN}\nlevel: high\n") -> bytes:
    """A file with rules of these names and one correlation."""
    lines = "".join(f"  {line}\n" for line in body.splitlines())
    parts = [base(name) for name in rules]
    return "---\n".join([*parts, f"{head}correlation:\n{lines}"]).encode()


def resolved(content: bytes) -> tuple[Resolved, list[Fault]]:
    read = read_file(content, "c.yml")
    joined = resolve(read.rules, read.drafts)
    return joined, [*read.faults, *joined.faults]


def correlation(body: str, rules: str = "abc") -> Correlation:
    joined, faults = resolved(text(body, rules))
    assert not faults, [str(fault) for fault in faults]
    return joined.correlations[-1]


def correlator(body: str, rules: str = "abc") -> Correlator:
    return Correlator([correlation(body, rules)])


def seen(
    subject: Correlator, at_secs: float, rule: str = "a", event_id: int | None = None, **fields: str
) -> list[Detection]:
    """The rule of that name held at that time; User is u if nothing is said."""
    view = FieldsView({name: (value,) for name, value in ({"User": "u"} | fields).items()})
    return subject.take([IDS[rule]], view, round(at_secs * SEC), event_id)
