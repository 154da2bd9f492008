"""The systemd units: their walls are pinned here, since the weights of systemd's own score differ by version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sentinair.sinks.notice.motd import FOLDER, LINK, NAME

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = {
    "engine": "sentinair.service",
    "sensor": "sentinair-sensor.service",
    "execs": "sentinair-execs.service",
    "api": "sentinair-api.service",
    "forwarder": "sentinair-forwarder.service",
}
WALLS = [
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "PrivateMounts=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "KeyringMode=private",
    "RemoveIPC=yes",
    "DevicePolicy=closed",
    "LimitCORE=0",
    "Type=notify",
    "NotifyAccess=main",
    "WatchdogSec=20",
    "Restart=always",
    "RestartSec=1",
    "StartLimitIntervalSec=0",
    "IPAddressDeny=any",
    "SocketBindDeny=any",
]
FOUR = "CAP_SYS_ADMIN CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_NET_ADMIN"
SENDERS = [
    "User=sentinair-sensor",
    f"CapabilityBoundingSet={FOUR}",
    f"AmbientCapabilities={FOUR}",
    "RestrictAddressFamilies=AF_UNIX AF_NETLINK",
    "SystemCallFilter=@system-service fanotify_init fanotify_mark open_by_handle_at openat2",
    "SystemCallFilter=~@mount @module @reboot @swap @raw-io @debug @clock @cpu-emulation @keyring @setuid "
    "@resources @obsolete",
    "UMask=0077",
    "OOMScoreAdjust=-900",
    "MemoryMin=64M",
    "MemoryMax=200M",
    "CPUWeight=200",
    "TasksMax=64",
    "LimitNOFILE=8192",
]
DARK = [
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "PrivateNetwork=yes",
    "RestrictAddressFamilies=AF_UNIX",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateIPC=yes",
    "ProtectHome=yes",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
]
OWN = {
    "engine": [*DARK, "User=sentinair", "UMask=0027", "ReadWritePaths=/var/lib/sentinair"],
    "sensor": [*SENDERS, "ProtectHome=read-only"],
    "execs": [
        *SENDERS,
        "CPUSchedulingPolicy=fifo",
        "CPUSchedulingPriority=1",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectHome=yes",
    ],
    "api": [
        *DARK,
        "User=sentinair-api",
        "ProtectProc=invisible",
        "ProcSubset=pid",
        "TasksMax=320",
        "MemoryMax=256M",
        "LimitNOFILE=1024",
        "CPUQuota=50%",
    ],
    "forwarder": [
        *DARK,
        "User=sentinair-fwd",
        "ProtectProc=invisible",
        "ProcSubset=pid",
        "SupplementaryGroups=sentinair-read tty",
        "DeviceAllow=char-tty w",
        "DeviceAllow=char-hvc w",
        "ReadWritePaths=-/var/lib/sentinair/data/exports -/run/sentinair/notice -/run/sentinair/topics",
        "TasksMax=32",
        "MemoryMax=128M",
        "CPUQuota=30%",
    ],
}
BARS = {"engine": 1.0, "sensor": 2.5, "execs": 2.5, "api": 1.0, "forwarder": 1.0}
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian package systemd)"
)


def lines(name: str) -> list[str]:
    return [
        line for line in (UNITS / name).read_text().splitlines() if line and line[0] not in "#["
    ]


@pytest.mark.parametrize("role", SERVICES)
def test_the_walls_of_each_role_are_pinned(role: str) -> None:
    given = lines(SERVICES[role])
    assert [wall for wall in WALLS + OWN[role] if wall not in given] == []


@pytest.mark.parametrize("role", SERVICES)
def test_no_setting_is_given_twice_with_another_value(role: str) -> None:
    may_repeat = {"SystemCallFilter", "DeviceAllow"}
    names = [line.partition("=")[0] for line in lines(SERVICES[role])]
    assert sorted({n for n in names if names.count(n) > 1} - may_repeat) == []


def test_no_role_that_listens_hides_who_connects() -> None:
    for role in ("engine", "api", "forwarder"):
        assert "PrivateUsers=yes" not in lines(SERVICES[role])


def test_a_crash_of_the_engine_neither_stops_nor_restarts_the_other_roles() -> None:
    assert not [x for x in lines("sentinair.service") if x.startswith("PropagatesStopTo=")]
    ties = ("PartOf=", "BindsTo=", "Requires=", "Requisite=", "StopPropagatedFrom=")
    for role in ("sensor", "execs", "api", "forwarder"):
        given = lines(SERVICES[role])
        assert not [x for x in given if x.startswith(ties)]
        assert "After=sentinair.service" in given


def test_stopping_the_engine_by_hand_stops_every_other_unit() -> None:
    given = lines("sentinair.service")
    others = " ".join(sorted(name for name in SERVICES.values() if name != "sentinair.service"))
    for name, words in (("ExecStop", "stop"), ("ExecStartPost", "--no-block start")):
        (line,) = [x for x in given if x.startswith(f"{name}=")]
        command, _, named = line.partition(f"=-+/bin/systemctl {words} ")
        assert command == name
        assert " ".join(sorted(named.split())) == others
    for path in UNITS.glob("sentinair-*.socket"):
        assert "PartOf=sentinair.service" in lines(path.name)


def test_the_process_reader_may_visit_each_cpu() -> None:
    assert "SystemCallFilter=sched_setaffinity" in lines("sentinair-execs.service")


def test_only_the_reader_itself_runs_in_real_time() -> None:
    (line,) = [x for x in lines("sentinair-execs.service") if x.startswith("ExecStartPre=")]
    assert line.startswith("ExecStartPre=+/usr/bin/chrt --other 0 ")


def test_the_control_socket_is_for_administrators_only() -> None:
    given = lines("sentinair-control.socket")
    assert {"SocketUser=root", "SocketGroup=sentinair-admin", "SocketMode=0660"} <= set(given)


def test_every_socket_is_the_engines_and_of_one_group() -> None:
    groups = {
        "control": "sentinair-admin",
        "sensor": "sentinair-sensor",
        "execs": "sentinair-sensor",
        "api": "sentinair-api",
        "forwarder": "sentinair-fwd",
        "signing": "sentinair-fwd",
    }
    for name, group in groups.items():
        given = lines(f"sentinair-{name}.socket")
        assert f"ListenStream=/run/sentinair/{name}.sock" in given
        assert f"SocketGroup={group}" in given
        assert "Service=sentinair.service" in given


def test_every_user_and_group_of_the_units_is_made() -> None:
    made = set(
        re.findall(r"^[ug] (\S+)", (UNITS / "sysusers.d/sentinair.conf").read_text(), re.MULTILINE)
    )
    named = {
        word
        for path in UNITS.glob("sentinair*.*")
        for line in lines(path.name)
        if line.startswith(("User=", "Group=", "SupplementaryGroups=", "SocketGroup="))
        for word in line.partition("=")[2].split()
    }
    assert named - made == {"tty"}  # every host has it
    assert made == {
        "sentinair",
        "sentinair-sensor",
        "sentinair-api",
        "sentinair-fwd",
        "sentinair-read",
        "sentinair-admin",
    }


def test_the_kernel_queue_is_the_size_the_settings_want() -> None:
    from sentinair.settings.types import FilesSettings

    text = (UNITS / "sysctl.d/50-sentinair.conf").read_text()
    assert f"fs.fanotify.max_queued_events = {FilesSettings().max_queued_events}\n" in text


def test_a_link_leads_from_the_message_of_the_day_to_the_one_file_the_forwarder_may_write() -> None:
    text = (UNITS / "tmpfiles.d/sentinair.conf").read_text()
    assert re.search(rf"^d {FOLDER} +0755 +sentinair-fwd ", text, re.MULTILINE)
    assert re.search(rf"^d {LINK.parent} +0755 +root ", text, re.MULTILINE)
    (target,) = re.findall(rf"^L\+ {LINK} .* (\S+)$", text, re.MULTILINE)
    assert os.path.normpath(LINK.parent / target) == str(FOLDER / NAME)


def test_the_state_directory_gives_its_group_to_what_is_made_in_it() -> None:
    text = (UNITS / "tmpfiles.d/sentinair.conf").read_text()
    assert re.search(r"^d /var/lib/sentinair +2750 +sentinair +sentinair-read ", text, re.MULTILINE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with the units, and something executable where they expect the program."""
    root = tmp_path_factory.mktemp("root")
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    for path in UNITS.glob("sentinair*.*"):
        shutil.copy(path, units)
    for name in (
        "opt/sentinair/.venv/bin/python",
        "opt/sentinair/.venv/bin/sentinair",
        "bin/systemctl",
        "usr/bin/chrt",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", root / name)
    if not Path("/usr/lib/systemd/system/sysinit.target").exists():
        pytest.skip("needs systemd's own units")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    return root


@needs_systemd
def test_systemd_understands_every_unit(installed: Path) -> None:
    names = [path.name for path in UNITS.glob("sentinair*.*")]
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            "--recursive-errors=no",
            f"--root={installed}",
            *names,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if "sentinair" in line] == []
    assert done.returncode == 0, done.stderr


@needs_systemd
@pytest.mark.parametrize("role", SERVICES)
def test_the_exposure_score_is_within_its_bar(role: str, installed: Path) -> None:
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=yes",
            "--no-pager",
            f"--root={installed}",
            SERVICES[role],
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+ ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= BARS[role]


@needs_systemd
def test_the_manuals_way_to_give_the_forwarder_a_network_is_understood(
    installed: Path, tmp_path: Path
) -> None:
    manual = (UNITS.parent / "docs" / "sinks.md").read_text()
    (text,) = re.findall(r"```ini\n(.*?)```", manual, re.DOTALL)
    root = tmp_path / "root"
    shutil.copytree(installed, root, symlinks=True)
    folder = root / "etc/systemd/system/sentinair-forwarder.service.d"
    folder.mkdir()
    (folder / "network.conf").write_text(text)
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            "--recursive-errors=no",
            f"--root={root}",
            "sentinair-forwarder.service",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if "sentinair" in line] == []
    assert done.returncode == 0, done.stderr
