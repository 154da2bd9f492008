"""sinks.yaml: what is refused, with line and remedy, and what the forwarder is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sentinair.errors import ConfigFault
from sentinair.settings.compiled import compile_sinks, read_sinks, write_compiled
from sentinair.settings.load import load
from sentinair.settings.registered import look_up
from sentinair.settings.sinks import FieldChange, SinkSettings
from tests.harness.sink_file import REGISTERED

TOP = Path(__file__).parents[3]
MANUAL = TOP / "docs" / "sinks.md"


def faults(folder: Path, text: str) -> list[str]:
    folder.chmod(0o755)
    (folder / "sinks.yaml").write_text(text)
    with pytest.raises(ConfigFault) as raised:
        load(folder)
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("8.8.8.8", "8.8.8.8 is a public address"),
        ("2001:4860:4860::8888", "is a public address"),
        ("::ffff:8.8.8.8", "is a public address"),
        ("siem.example", "names could lead anywhere"),
        ("192.168.8.1", "is in no network of sinks.allow_networks"),
        ("192.0.2.1", "is a public address"),
        ("0.0.0.0", "is a public address"),
        ("169.254.169.254", "is in no network"),
    ],
)
def test_an_address_beyond_what_root_allows_is_refused(
    tmp_path: Path, server: str, says: str
) -> None:
    text = (
        "sinks:\n  allow_networks: [192.168.7.0/24]\n  to:\n    - name: a\n      enabled: false\n"
        f"      options: {{server: '{server}'}}\n"
    )
    (fault,) = faults(tmp_path, text)
    assert f"{tmp_path}/sinks.yaml:6" in fault
    assert says in fault


@pytest.mark.parametrize(
    "server", ["127.0.0.1", "::1", "localhost", "192.168.7.9", "/dev/log", "127.9.9.9"]
)
def test_this_host_and_what_root_allows_may_be_sent_to(tmp_path: Path, server: str) -> None:
    (tmp_path / "sinks.yaml").write_text(
        "sinks:\n  allow_networks: [192.168.7.0/24]\n  to:\n    - name: a\n      enabled: false\n"
        f"      options: {{server: '{server}'}}\n"
    )
    assert load(tmp_path).sinks.to[0].options == {"server": server}


@pytest.mark.parametrize("options", ["options", "codec_options"])
def test_a_text_with_a_nul_is_refused(tmp_path: Path, options: str) -> None:
    text = f'sinks:\n  to:\n    - name: a\n      {options}: {{b: ["/c", "/\\0"]}}\n'
    found = "\n".join(faults(tmp_path, text))
    assert f"sinks.yaml:4: sinks.to[0].{options}.b: holds a NUL" in found


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_path_is_no_address(tmp_path: Path, protocol: str) -> None:
    options = f"{{server: /dev/log, protocol: {protocol}}}"
    text = f"sinks:\n  to:\n    - {{name: a, kind: syslog, codec: cef, options: {options}}}\n"
    (fault,) = faults(tmp_path, text)
    assert "sinks.yaml:3" in fault
    assert "is a path" in fault


@pytest.mark.parametrize(
    "network", ["0.0.0.0/0", "8.0.0.0/8", "192.168.0.0/15", "::/0", "nonsense"]
)
def test_only_private_networks_can_be_allowed(tmp_path: Path, network: str) -> None:
    (fault,) = faults(tmp_path, f"sinks:\n  allow_networks: ['{network}']\n")
    assert "sinks.allow_networks[0]" in fault


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    text = (
        "sinks:\n  to:\n    - kind: test_fil\n      name: a\n    - name: a\n      enabled: false\n"
        "    - enabled: false\n    - {name: c, enabled: false, fields: [{do: rename, field: x}, {do: drop}]}\n"
    )
    found = "\n".join(faults(tmp_path, text))
    for part in (
        "sinks.to[0].kind: no kind of sink is called test_fil",
        "sinks.to[1].name: a is already the name of sinks.to[0]",
        "sinks.to[2]: has no name",
        "sinks.to[3].fields[0]: do: rename needs to",
        "sinks.to[3].fields[1]: names no field",
    ):
        assert part in found


def test_a_misspelt_setting_is_asked_about(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "sinks:\n  to:\n    - {name: a, enabled: false, codecs: cef}\n")
    assert "did you mean codec?" in fault


def test_a_kind_that_is_close_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(REGISTERED)
    found = faults(tmp_path, "sinks:\n  to: [{name: a, kind: test_fil, codec: none}]\n")
    assert "did you mean test_file?" in found[0]


def test_the_forwarder_is_told_what_is_enabled_and_where_its_code_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(REGISTERED)
    (tmp_path / "sinks.yaml").write_text(
        "sinks:\n  to:\n    - {name: idle, enabled: false}\n"
        "    - {name: lines, kind: test_file, codec: test_lines, options: {file: /x}}\n"
        "    - {name: plain, kind: test_file, codec: none, options: {file: /y}}\n"
    )
    told = compile_sinks(load(tmp_path), tmp_path)
    write_compiled(tmp_path / "f.msgpack", told)
    assert read_sinks(tmp_path / "f.msgpack") == told
    on, plain = told.sinks
    assert on.sink == "tests.harness.sink_file:KIND"
    assert on.codec == "tests.harness.sink_file:LinesCodec"
    assert on.settings.options == {"file": "/x"}
    assert plain.codec is None


def test_what_ships_writes_nothing_until_somebody_wants_it() -> None:
    shipped = load(TOP / "config").sinks
    assert [(sink.kind, sink.enabled) for sink in shipped.to] == [
        ("drop", False),
        ("notice", False),
    ]


def test_the_manual_names_every_setting_of_a_sink() -> None:
    text = MANUAL.read_text()
    for name in SinkSettings.__struct_fields__:
        assert f"| `{name}` |" in text
    (do,) = [f for f in msgspec.structs.fields(FieldChange) if f.name == "do"]
    for word in ("set", "rename", "drop", "lower", "upper", "basename", "sha256"):
        assert f"`{word}`" in text
        assert word in str(do.type)


def test_a_list_of_an_installed_package_is_read_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a-1.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text(
        "[other]\nx = y:z\n\n[my.group]\n# a comment\none = a.b:c [extra]\n two=d\n[last]\nthree = e\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert look_up("my.group") == {"one": "a.b:c", "two": "d"}


def test_files_are_named_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "sinks.yaml").write_text(
        "sinks:\n  to:\n    - {name: a, kind: syslog, codec: cef, options: {protocol: tls, "
        "ca_file: tls/ca.pem, cert_file: /x/agent.pem, key_file: ../agent.key}}\n"
    )
    assert load(tmp_path).sinks.to[0].options == {
        "protocol": "tls",
        "ca_file": f"{tmp_path}/tls/ca.pem",
        "cert_file": "/x/agent.pem",
        "key_file": f"{tmp_path}/../agent.key",
    }
