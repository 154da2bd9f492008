from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentinair.errors import ConfigFault, PermissionFault
from sentinair.settings.load import SECTIONS, load, load_with_origins
from sentinair.settings.types import Settings

SHIPPED = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir(mode=0o755)
    return folder


def write(folder: Path, **texts: str) -> None:
    for section, text in texts.items():
        path = folder / f"{section}.yaml"
        path.write_text(text)
        path.chmod(0o644)


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(ConfigFault) as caught:
        load(folder)
    assert caught.value.exit_status == 78
    return str(caught.value).replace(f"{folder}/", "").split("\n")


def test_an_empty_folder_means_all_defaults(config: Path) -> None:
    assert load(config) == Settings()


def test_an_empty_file_means_its_defaults(config: Path) -> None:
    write(config, files="# nothing\n", store="store:\n", agent="agent:\n  lanes:\n")
    assert load(config) == Settings()


def test_a_value_is_taken_and_its_place_is_known(config: Path) -> None:
    write(config, files="files:\n  # why\n  source: inotify\n  watch:\n    - /srv\n")
    loaded = load_with_origins(config)
    assert loaded.settings.files.source == "inotify"
    assert loaded.settings.files.watch == ("/srv",)
    assert loaded.settings.files.ignore == Settings().files.ignore
    assert loaded.origins == {
        "files.source": f"{config}/files.yaml:3",
        "files.watch": f"{config}/files.yaml:4",
    }


def test_all_faults_of_all_files_come_at_once(config: Path) -> None:
    write(
        config,
        files="files:\n  sourcee: auto\n  hash_quiet_ms: soon\n  watch: /etc\n  ignore:\n    - etc\n",
        processes="processes:\n  source: psutl\n  poll_secs: 0\n  hash_executables: 1\n",
        store="store:\n  retention: 30\n  zz: 1\n",
        agent="lanes: {}\n",
    )
    assert faults_of(config) == [
        "agent.yaml:1: lanes: unknown setting; only agent: belongs here",
        "files.yaml:2: files.sourcee: unknown setting; did you mean source?",
        "files.yaml:3: files.hash_quiet_ms: expected a whole number from 0 to 60000, got text 'soon'",
        "files.yaml:4: files.watch: expected a list, each an absolute path, got text '/etc'; "
        "put `- ` before each",
        "files.yaml:6: files.ignore[0]: expected an absolute path, got text 'etc'",
        "processes.yaml:2: processes.source: expected one of auto, cnproc, psutil, got text 'psutl'; "
        "did you mean psutil?",
        "processes.yaml:3: processes.poll_secs: expected a whole number from 1 to 3600, got 0",
        "processes.yaml:4: processes.hash_executables: expected true or false, got 1",
        "store.yaml:2: store.retention: expected settings of its own, got 30",
        "store.yaml:3: store.zz: unknown setting; known here: retention, reserve_bytes, "
        "checkpoint_secs, checkpoint_records, epoch_secs, epoch_records",
    ]


@pytest.mark.parametrize(
    ("got", "shown"),
    [
        ("true", "true"),
        ("[1]", "a list of 1"),
        ("{a: 1}", "settings below it"),
        ("", "nothing"),
        ("1.5", "1.5"),
        ("'" + "x" * 99 + "'", "text '" + "x" * 57 + "...'"),
    ],
)
def test_a_fault_shows_what_stood_there(config: Path, got: str, shown: str) -> None:
    write(config, alerts=f"alerts:\n  max_open: {got}\n")
    (fault,) = faults_of(config)
    assert fault.endswith(f"expected a whole number from 100 to 1000000, got {shown}")


def test_a_file_without_its_section_is_a_fault(config: Path) -> None:
    write(config, agent="- a\n")
    assert faults_of(config) == ["agent.yaml:1: expected agent: at the top; see config/"]


def test_a_misspelt_file_is_a_fault_not_silence(config: Path) -> None:
    write(config, file="files: {}\n")
    (config / "process.yml").write_text("x")
    (config / "zzzzzz.yaml").write_text("x")
    (config / "notes.txt").write_text("not ours")
    (config / ".files.yaml.swp").write_text("an editor's")
    known = ", ".join(f"{section}.yaml" for section in SECTIONS)
    assert faults_of(config) == [
        "file.yaml: unknown file; did you mean files.yaml?",
        "process.yml: unknown file; did you mean processes.yaml?",
        f"zzzzzz.yaml: unknown file; known: {known}",
    ]


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault) as caught:
        load(tmp_path / "none")
    assert str(caught.value) == (
        f"{tmp_path}/none: cannot be read: No such file or directory; "
        "give the configuration folder with --config"
    )


def test_a_file_in_place_of_the_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    with pytest.raises(ConfigFault, match="is not a folder"):
        load(tmp_path / "config")


def test_bytes_that_are_no_utf8_are_a_fault_with_a_line(config: Path) -> None:
    write(config, files="files: {}\n")
    (config / "files.yaml").write_bytes(b"# a\n# \xff\n")
    assert faults_of(config) == ["files.yaml:2: is not UTF-8; save it as UTF-8 text"]


def test_a_byte_order_mark_does_no_harm(config: Path) -> None:
    write(config, alerts="")
    (config / "alerts.yaml").write_bytes(b"\xef\xbb\xbfalerts:\r\n  max_open: 500\r\n")
    assert load(config).alerts.max_open == 500


def test_a_file_that_is_too_large_is_a_fault(config: Path) -> None:
    write(config, files="# " + "x" * (1 << 20))
    assert faults_of(config) == ["files.yaml: has 1048578 bytes, limit 1048576"]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_is_refused(config: Path, mode: int) -> None:
    write(config, files="files: {}\n")
    (config / "files.yaml").chmod(mode)
    with pytest.raises(PermissionFault) as caught:
        load(config)
    assert str(caught.value) == (
        f"{config}/files.yaml: has mode {mode:04o}, others may write it; chmod go-w it"
    )
    assert caught.value.exit_status == 77


def test_an_unsafe_file_is_named_beside_other_faults(config: Path) -> None:
    write(config, files="files: {}\n", agent="agent: [\n")
    (config / "files.yaml").chmod(0o666)
    assert len(faults_of(config)) == 2


def test_a_folder_that_others_may_write_is_refused(config: Path) -> None:
    config.chmod(0o777)
    with pytest.raises(PermissionFault, match="has mode 0777, others may write it"):
        load(config)


def test_a_link_is_refused(config: Path) -> None:
    write(config, agent="agent: {}\n")
    (config / "files.yaml").symlink_to(config / "agent.yaml")
    with pytest.raises(PermissionFault, match="is a symbolic link"):
        load(config)
    link = config.with_name("link")
    link.symlink_to(config)
    with pytest.raises(PermissionFault, match="is a symbolic link"):
        load(link)


def test_a_fifo_does_not_hang_the_start(config: Path) -> None:
    os.mkfifo(config / "files.yaml", 0o600)
    with pytest.raises(PermissionFault, match="is not a regular file"):
        load(config)


def test_a_folder_in_place_of_a_file_is_refused(config: Path) -> None:
    (config / "files.yaml").mkdir()
    with pytest.raises(PermissionFault, match="is not a regular file"):
        load(config)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_refused(config: Path) -> None:
    write(config, files="files: {}\n")
    os.chown(config / "files.yaml", 4711, 4711)
    with pytest.raises(
        PermissionFault, match="belongs to uid 4711, must belong to root; chown 0 it"
    ):
        load(config)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "host: 0.0.0.0",
            "api.host: expected a loopback address, got '0.0.0.0'; "
            "use 127.0.0.1 or ::1; the API serves this host only",
        ),
        (
            "host: localhost",
            "api.host: expected a loopback address, got 'localhost'; use 127.0.0.1 or ::1; the API serves this host only",
        ),
        (
            "ssl: false",
            "api.ssl: false would send keys in the clear; "
            "leave it true, or set api.allow_plain_http: true too",
        ),
        (
            "authentication: {require_auth: false}",
            "api.authentication.require_auth: false would let every local user in; "
            "leave it true, or set api.allow_no_authentication: true too",
        ),
        (
            "endpoints: {events: /api/v1/alerts}",
            "api.endpoints.events: /api/v1/alerts is already the path of alerts; give each its own",
        ),
    ],
)
def test_an_api_that_would_expose_the_host_is_refused(config: Path, text: str, wanted: str) -> None:
    write(config, api=f"api:\n  {text}\n")
    assert faults_of(config) == [f"api.yaml:2: {wanted}"]


def test_a_second_plainly_named_switch_allows_it(config: Path) -> None:
    write(
        config,
        api="api:\n  host: ::1\n  ssl: false\n  allow_plain_http: true\n"
        "  allow_no_authentication: true\n  authentication:\n    require_auth: false\n",
    )
    assert not load(config).api.ssl


def test_what_would_blind_the_agent_is_refused(config: Path) -> None:
    write(
        config, files="files:\n  watch: []\n", store="store:\n  retention:\n    alerts_days: 2000\n"
    )
    assert faults_of(config) == [
        "files.yaml:2: files.watch: is empty, so no file is watched; name at least one path",
        "store.yaml:2: store.retention.critical_days: is 1095, less than alerts_days 2000; "
        "critical alerts are kept longest",
    ]


def test_a_fault_of_combination_without_a_file_still_has_a_place(config: Path) -> None:
    write(config, store="store: {retention: {critical_days: 1}}\n")
    assert faults_of(config)[0].startswith("store.yaml:1: store.retention.critical_days: is 1,")


def test_the_files_that_ship_give_every_setting_its_default() -> None:
    loaded = load_with_origins(SHIPPED)
    assert loaded.settings == Settings()
