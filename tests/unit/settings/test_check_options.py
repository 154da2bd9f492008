"""Options of sinks and codecs: what does not fit is refused when the configuration is read, with its line."""

from __future__ import annotations

import configparser
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import ConfigFault
from sentinair.model.ports import SinkKind
from sentinair.settings.load import load
from sentinair.settings.registered import load as load_object

TOP = Path(__file__).parents[3]


def _kinds() -> dict[str, SinkKind]:
    """The kinds that setup.cfg registers."""
    written = configparser.ConfigParser()
    written.read(TOP / "setup.cfg")
    lines = written["options.entry_points"]["sentinair.sinks"].strip().splitlines()
    found = {}
    for line in lines:
        name, _, place = line.partition("=")
        kind = load_object(place.strip())
        assert isinstance(kind, SinkKind)
        found[name.strip()] = kind
    return found


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This checkout's entry points, whatever an installed package says."""
    written = configparser.ConfigParser()
    written.read(TOP / "setup.cfg")
    folder = tmp_path / "site" / "sentinair-0.dist-info"
    folder.mkdir(parents=True)
    groups = written["options.entry_points"]
    text = "".join(f"[{name}]\n{lines.strip()}\n" for name, lines in groups.items())
    (folder / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(str(folder.parent))


def _faults(tmp_path: Path, sink: str) -> list[str]:
    folder = tmp_path / "config"
    folder.mkdir(mode=0o755)
    (folder / "sinks.yaml").write_text(f"sinks:\n  to:\n    - name: a\n{sink}")
    try:
        load(folder)
    except ConfigFault as raised:
        return [str(fault).removeprefix(f"{folder}/") for fault in raised.faults]
    return []


@pytest.mark.parametrize(
    ("sink", "says"),
    [
        ("kind: syslog\n      options: {sever: '127.0.0.1'}", "did you mean server?"),
        ("kind: syslog\n      options: {port: 99999}", "a whole number from 0 to 65535, got 99999"),
        ("kind: syslog\n      options: {port: many}", "expected a whole number"),
        ("kind: syslog\n      options: {protocol: relp}", "expected one of udp, tcp, tls, local"),
        ("kind: syslog\n      options: {protocol: tls}", "needs ca_file"),
        ("kind: syslog\n      options: {cert_file: /a.pem}", "belong together"),
        ("kind: syslog\n      options: {facility: attic}", "attic"),
        ("kind: syslog\n      options: {tag: 'a b'}", "without space"),
        ("kind: syslog\n      options: {server: [localhost]}", "expected text, got a list of 1"),
        ("kind: drop\n      options: {directory: exports}", "is not absolute"),
        ("kind: drop\n      options: {segment_bytes: 0}", "a whole number from 4096"),
        ("kind: drop\n      options: {complete: 'yes'}", "expected true or false"),
        ("kind: drop\n      per_minute: 60", "in their order only"),
        ("kind: drop\n      codec: none", "needs one"),
        ("codec: cef\n      codec_options: {version: 7}", "CEF has no version 7"),
        ("codec: cef\n      codec_options: {versions: 1}", "did you mean version?"),
        ("codec: leef\n      codec_options: {version: 2}", "expected text, got 2"),
        ("codec: leef\n      codec_options: {delimiter: '='}", "cannot be delimited"),
        ("codec: ndjson\n      codec_options: {longest: long}", "expected a whole number"),
        ("codec: ecs\n      codec_options: {any: thing}", "unknown setting"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_with_its_line(
    tmp_path: Path, sink: str, says: str
) -> None:
    (fault,) = _faults(tmp_path, f"      {sink}\n")
    assert fault.startswith(("sinks.yaml:4:", "sinks.yaml:5:"))
    assert says in fault


def test_all_faults_of_a_sink_are_told_at_once(tmp_path: Path) -> None:
    sink = (
        "      kind: syslog\n      options:\n        port: x\n        bom: 3\n      codec: leef\n"
    )
    told = _faults(tmp_path, f"{sink}      codec_options: {{version: '3'}}\n")
    assert [fault.split(": ")[0] for fault in told] == [f"sinks.yaml:{at}" for at in (6, 7, 9)]


def test_a_sink_that_is_off_may_be_half_written(tmp_path: Path) -> None:
    assert not _faults(
        tmp_path, "      kind: syslog\n      enabled: false\n      options: {port: x}\n"
    )


def test_a_kind_whose_package_is_broken_is_told(tmp_path: Path) -> None:
    listed = tmp_path / "site" / "sentinair-0.dist-info" / "entry_points.txt"
    listed.write_text("[sentinair.sinks]\nodd = no_such_module:KIND\nwrong = json:loads\n")
    told = _faults(
        tmp_path,
        "      kind: odd\n      codec: none\n    - {name: b, kind: wrong, codec: none}\n",
    )
    assert len(told) == 2
    assert "no_such_module:KIND cannot be loaded" in told[0]
    assert "json:loads is no SinkKind" in told[1]


@pytest.mark.parametrize("name", sorted(_kinds()))
def test_the_manual_has_every_option_of_a_kind_and_its_default(name: str) -> None:
    manual = (TOP / "docs" / "sinks.md").read_text().partition(f"\n## Kind: {name}\n")[2]
    rows = [line.split("|") for line in manual.partition("\n## ")[0].splitlines()]
    told = {row[1].strip(" `"): row[2].strip() for row in rows if len(row) == 5 and "`" in row[1]}
    options = {one.name: one.default for one in msgspec.structs.fields(_kinds()[name].options)}
    assert told.keys() == options.keys()
    for option, default in options.items():
        if isinstance(default, bool | int):
            assert told[option] == str(default).lower()
        elif isinstance(default, str) and default:
            assert told[option] == default
