"""Readers that nobody here wrote: programs of Debian and packages of others, each with what it made of our bytes."""

from __future__ import annotations

import csv
import importlib
import importlib.metadata
import io
import json
import platform
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from sentinair.codecs.xml_file import __file__ as _xml_file
from tests.harness.siem_readers import cef_extension_at

__all__ = [
    "jc_cef", "jq", "lacking", "lognormalizer", "miller_csv", "miller_leef", "promtool_check", "promtool_labels",
    "python_csv", "python_xml", "strict_5424", "version", "xmllint_faults",
]  # fmt: skip

SCHEMA: Final = Path(_xml_file).with_name("alerts.xsd")
_PACKAGES: Final = {
    "jc": "jc",
    "jsonschema": "jsonschema",
    "syslog-rfc5424-parser": "syslog_rfc5424_parser",
}
_SAY: Final = {"lognormalizer": "-V", "mlr": "--version", "jq": "--version", "xmllint": "--version", "promtool": "--version"}  # fmt: skip
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)*")
_CEF_HEADER: Final = ("deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "agentSeverity")  # fmt: skip
_LABEL: Final = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_GO_ESCAPE: Final = re.compile(r"\\(?:U([0-9a-f]{8})|u([0-9a-f]{4})|x([0-9a-f]{2})|(.))")
_GO_LETTERS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def lacking(reader: str) -> str | None:
    """Why it is not there; None: it is."""
    if reader in _PACKAGES:
        try:
            _package(_PACKAGES[reader])
        except ImportError as fault:
            return str(fault)
        return None
    return None if reader.startswith("python ") or shutil.which(reader) else f"no {reader} in PATH"


def version(reader: str) -> str:
    """Name and version."""
    if reader in _PACKAGES:
        return f"{reader} {importlib.metadata.version(reader)}"
    if reader.startswith("python "):
        return f"{reader} {platform.python_version()}"
    done = subprocess.run([reader, _SAY[reader]], capture_output=True, text=True, check=False)
    found = _NUMBER.search(done.stdout + done.stderr)
    return f"{reader} {found[0] if found else 'of unknown version'}"


def _package(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one imports what newer Pythons deprecate
        return importlib.import_module(name)


def _run(command: Sequence[str | Path], raw: bytes) -> str:
    return subprocess.run(command, input=raw, capture_output=True, check=True).stdout.decode()


def lognormalizer(lines: Sequence[str]) -> list[tuple[list[str], dict[str, str]]]:
    """Header from the vendor on, and extension, of each CEF line."""
    # Its reader eats the first letter of the first key unless a space stands before it.
    ends = [cef_extension_at(line) for line in lines]
    spaced = "".join(
        [f"{line[:end]} {line[end:]}\n" for line, end in zip(lines, ends, strict=True)]
    )
    with tempfile.NamedTemporaryFile("w", suffix=".rulebase") as rules:
        rules.write("version=2\nrule=:%f:cef%\n")
        rules.flush()
        read = _run(["lognormalizer", "-r", rules.name, "-e", "json"], spaced.encode())
    found = []
    for text in read.splitlines():
        fields = json.loads(text)["f"]
        extension = fields.pop("Extensions")
        found.append((list(fields.values()), extension))
    return found


def jc_cef(lines: Sequence[str]) -> list[tuple[list[str], dict[str, Any]]]:
    """The same by jc, which is wrong on escapes in the header, on = in a name and on escapes in a value."""
    read = _package("jc.parsers.cef").parse("\n".join(lines), raw=True, quiet=True)
    return [([str(one[name]) for name in _CEF_HEADER], one) for one in read]


def miller_leef(bodies: Sequence[str]) -> list[dict[str, str]]:
    """The attributes of LEEF lines, cut behind their headers."""
    command = ["mlr", "-S", "--idkvp", "--ifs", "tab", "--ips", "=", "--ojsonl", "cat"]
    return _objects(_run(command, "\n".join(bodies).encode() + b"\n"))


def miller_csv(raw: bytes) -> list[dict[str, str]]:
    return _objects(_run(["mlr", "-S", "--icsv", "--ojsonl", "cat"], raw))


def python_csv(raw: bytes) -> list[dict[str, str]]:
    rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def jq(raw: bytes, query: str = ".") -> list[Any]:
    """It has no numbers but doubles, and no infinity."""
    return _objects(_run(["jq", "-c", query], raw))


def _objects(text: str) -> list[Any]:
    return [json.loads(line) for line in text.split("\n")[:-1]]


def xmllint_faults(raw: bytes) -> str:
    """What it says against a file, by our schema; "" if nothing."""
    command = ["xmllint", "--noout", "--nonet", "--schema", str(SCHEMA), "-"]
    done = subprocess.run(command, input=raw, capture_output=True, check=False)
    return "" if done.returncode == 0 else done.stderr.decode(errors="replace")[-2000:]


def python_xml(raw: bytes) -> Iterator[ET.Element]:
    """The alerts of a file; expat reads."""
    return ET.fromstring(raw).iterfind("alerts/alert")


def strict_5424() -> Callable[[str], Any]:
    """The parser of syslog-rfc5424-parser."""
    parse: Callable[[str], Any] = _package("syslog_rfc5424_parser").SyslogMessage.parse
    return parse


def promtool_check(text: bytes) -> str:
    """What it says against metrics; "" if nothing."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)  # fmt: skip
    return (done.stdout + done.stderr).decode(errors="replace")


def promtool_labels(text: bytes) -> list[Mapping[str, str]]:
    """The labels of each sample as Prometheus stored them; one that is empty is none."""
    # Its importer wants a time behind each sample, and an end.
    lines = [one if one.startswith("#") else f"{one} 1700000000" for one in text.decode().split("\n")[:-1]]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        metrics, blocks = Path(folder, "metrics"), Path(folder, "blocks")
        metrics.write_text("\n".join([*lines, "# EOF", ""]))
        _run(["promtool", "tsdb", "create-blocks-from", "openmetrics", metrics, blocks], b"")
        Path(blocks, "wal").mkdir()
        dumped = _run(["promtool", "tsdb", "dump", blocks], b"")
    return [
        {name: _GO_ESCAPE.sub(_unquoted, value) for name, value in _LABEL.findall(line)}
        for line in dumped.split("\n")[:-1]
    ]


def _unquoted(match: re.Match[str]) -> str:
    """Go, strconv.Quote."""
    digits = match[1] or match[2] or match[3]
    return chr(int(digits, 16)) if digits else _GO_LETTERS.get(match[4], match[4])
