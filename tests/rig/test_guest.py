"""What the units promise, on a booted machine.  Each test goes on where the one before it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.rig.bundle import STICK, make_bundle
from tests.rig.guest import PROGRAM, UNITS, Guest
from tests.rig.machine import Machine, why_not

FIGURES: Final = os.environ.get("SENTINAIR_GUEST_FIGURES")  # set by the campaign; a file
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        FIGURES is None, reason="boots a machine for minutes: ./scripts/test --campaign guest"
    ),
]
NONE: Final = f"{0:016x}"
# CAP_DAC_READ_SEARCH 2, CAP_NET_ADMIN 12, CAP_SYS_PTRACE 19, CAP_SYS_ADMIN 21 (linux/capability.h)
FOUR: Final = f"{1 << 2 | 1 << 12 | 1 << 19 | 1 << 21:016x}"
USERS: Final = {
    "engine": ("sentinair", NONE, "TS"),
    "sensor": ("sentinair-sensor", FOUR, "TS"),
    "execs": ("sentinair-sensor", FOUR, "FF"),
    "api": ("sentinair-api", NONE, "TS"),
    "forwarder": ("sentinair-fwd", NONE, "TS"),
}
BARS: Final = {"engine": 1.0, "sensor": 2.5, "execs": 2.5, "api": 1.0, "forwarder": 1.0}
# Somebody's terminal, and what is on it so far.
SCREEN: Final = """
import os, sys
master, slave = os.openpty()
os.fchown(slave, 65534, 5)
os.fchmod(slave, 0o620)
with open(sys.argv[1], "ab", 0) as heard:
    while True:
        heard.write(os.read(master, 4096))
"""
GAPS: Final = "SELECT source, reason FROM gaps"


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, object]]:
    """What was measured; the campaign reads it from the file."""
    found: dict[str, object] = {}
    yield found
    Path(str(FIGURES)).write_bytes(msgspec.json.encode(found))


@pytest.fixture(scope="module")
def guest(figures: dict[str, object]) -> Iterator[Guest]:
    if reason := why_not():
        pytest.fail(reason)
    disk = make_bundle()
    began = time.monotonic()
    with Machine("units", disk) as machine:
        figures["boot_secs"] = round(time.monotonic() - began, 1)
        made = Guest(machine)
        made.install()
        figures["guest"] = machine.must("uname -r; systemctl --version | head -1").split("\n")[:2]
        yield made


def test_start_brings_every_role_up(guest: Guest, figures: dict[str, object]) -> None:
    guest.machine.must("systemctl start sentinair")
    figures["start_secs"] = round(guest.await_ready(), 1)
    status = guest.status()
    assert status["roles_separated"]
    assert {probe["name"] for probe in status["probes"]} == {"fanotify", "cnproc"}
    assert set(guest.states().values()) == {"active"}
    assert [guest.restarts(role) for role in UNITS] == [0] * len(UNITS)


def test_each_role_has_its_user_and_no_right_beyond_its_own(guest: Guest) -> None:
    for role, pid in guest.pids().items():
        user, caps, policy = USERS[role]
        found = guest.task(pid)
        assert found == (user, caps, caps, "1", "2", policy), role


def test_the_exposure_of_each_unit_is_within_its_bar(
    guest: Guest, figures: dict[str, object]
) -> None:
    scores = {role: guest.score(role) for role in UNITS}
    figures["exposure"] = scores
    assert [role for role, score in scores.items() if score > BARS[role]] == []


def test_a_changed_passwd_raises_an_alert_and_is_hashed(
    guest: Guest, figures: dict[str, object]
) -> None:
    guest.machine.must("echo 'eve:x:0:0::/root:/bin/sh' >> /etc/passwd")
    took = guest.until(
        lambda: any("/etc/passwd" in str(one) for one in guest.alerts()), "alert on /etc/passwd"
    )
    figures["alert_secs"] = round(took, 1)
    wanted = "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream WHERE s.kind = 'hash'"
    guest.until(lambda: guest.rows(wanted)[0][0] > 0, "hash of a changed file")


def test_people_at_the_machine_are_told_on_terminals_and_at_login(
    guest: Guest, figures: dict[str, object]
) -> None:
    guest.machine.must(
        "sed -i '/name: notice/,$ s/enabled: false/enabled: true/' /etc/sentinair/sinks.yaml"
    )
    guest.machine.must("systemctl restart sentinair")
    guest.await_ready()
    guest.machine.must(f"echo '{SCREEN}' > /root/screen.py")
    guest.machine.must("python3 /root/screen.py /root/heard > /dev/null 2>&1 < /dev/null &")
    guest.machine.must("chown nobody:tty /dev/tty1 && chmod 620 /dev/tty1")  # as login(1) does
    guest.machine.must(f"{PROGRAM} sinks test notice")
    for screen in ("/root/heard", "/dev/vcs1"):  # what a console shows: vcs(4)
        guest.until(
            lambda screen=screen: "this is a test" in guest.machine.must(f"tr -d '\\0' < {screen}"),  # type: ignore[misc]
            f"line on {screen}",
        )
    guest.machine.must("touch /etc/ld.so.preload")  # empty, so it changes nothing but the record
    figures["notice_secs"] = round(
        guest.until(
            lambda: "critical alert: " in guest.machine.must("cat /root/heard"), "critical notice"
        ),
        1,
    )
    motd = "cat /run/motd.d/sentinair"
    guest.until(lambda: "/etc/ld.so.preload" in guest.machine.run(motd).out, "message of the day")
    seen = guest.machine.must("timeout 60 script -qec 'login -f root' /dev/null < /dev/null; true")
    assert "/etc/ld.so.preload" in seen, seen
    doctor = [msgspec.json.decode(x) for x in guest.machine.run(f"{PROGRAM} doctor --json").out.splitlines()]  # fmt: skip
    assert {one["check"]: one["level"] for one in doctor}.items() >= {("notice", "ok"), ("motd", "ok")}  # fmt: skip
    guest.machine.must("rm /etc/ld.so.preload; chown root:tty /dev/tty1; chmod 600 /dev/tty1")


def test_a_killed_engine_comes_back_alone_and_gets_what_it_missed(
    guest: Guest, figures: dict[str, object]
) -> None:
    before, gaps, changes = guest.pids(), guest.rows(GAPS), guest.changes("/etc/passwd")
    guest.kill("engine")
    guest.machine.must("echo '# while nobody listens' >> /etc/passwd")
    guest.until(lambda: guest.pids()["engine"] not in (0, before["engine"]), "new engine")
    figures["engine_back_secs"] = round(guest.await_ready(), 1)
    after = guest.pids()
    assert [role for role in before if before[role] != after[role]] == ["engine"]
    guest.until(lambda: guest.changes("/etc/passwd") > changes, "change made meanwhile")
    assert guest.rows(GAPS) == gaps
    assert guest.kinds()["unclean.stop"] == 1


def test_a_killed_sensor_comes_back_alone_and_leaves_exactly_one_gap(
    guest: Guest, figures: dict[str, object]
) -> None:
    before, gaps = guest.pids(), guest.rows(GAPS)
    guest.kill("sensor")
    guest.until(lambda: guest.pids()["sensor"] not in (0, before["sensor"]), "new sensor")
    figures["sensor_back_secs"] = round(guest.await_ready(), 1)
    after = guest.pids()
    assert [role for role in before if before[role] != after[role]] == ["sensor"]
    guest.until(lambda: len(guest.rows(GAPS)) > len(gaps), "gap")
    assert len(guest.rows(GAPS)) == len(gaps) + 1
    guest.until(lambda: not guest.status()["coverage"]["gaps_open"], "restored gap")
    figures["gaps"] = guest.rows(GAPS)


def test_a_restart_by_hand_renews_every_role_and_delivers_all(guest: Guest) -> None:
    before, undelivered = guest.pids(), guest.undelivered()
    guest.machine.must("systemctl restart sentinair")
    guest.await_ready()
    after = guest.pids()
    assert [role for role in before if before[role] == after[role]] == []
    assert guest.undelivered() == undelivered


def test_a_stop_ends_everything_and_a_question_starts_nothing(guest: Guest) -> None:
    guest.machine.must("systemctl stop sentinair")
    assert set(guest.states().values()) <= {"inactive"}
    assert guest.machine.run("/opt/sentinair/.venv/bin/sentinair status").status == 69
    assert set(guest.pids().values()) == {0}
    assert guest.machine.run("pgrep -f sentinair.roles").status == 1
    assert guest.verified()["ok"]


def test_a_sensor_that_is_root_under_its_unit_refuses(guest: Guest) -> None:
    drop = "/run/systemd/system/sentinair-sensor.service.d"
    guest.machine.must(f"mkdir -p {drop}; printf '[Service]\\nUser=root\\n' > {drop}/root.conf")
    guest.machine.must("systemctl daemon-reload; systemctl start --no-block sentinair-sensor")
    said = "journalctl -b --no-pager -o cat -u sentinair-sensor"
    wanted = "must not run as root under its unit"
    guest.until(lambda: wanted in guest.machine.must(said), "refusal")
    assert guest.states()["sentinair-sensor.service"] != "active"
    guest.machine.must(f"rm -r {drop}; systemctl daemon-reload; systemctl stop sentinair-sensor")


def test_after_a_power_cut_the_record_verifies_and_tells_of_it(
    guest: Guest, figures: dict[str, object]
) -> None:
    guest.machine.must("systemctl start sentinair")
    guest.await_ready()
    stops = guest.kinds()["unclean.stop"]
    guest.machine.must("for n in $(seq 200); do echo $n > /etc/rig-$n; done")
    guest.machine.cut_power()
    guest.machine.start()
    figures["ready_after_power_cut_secs"] = round(guest.await_ready(), 1)
    assert guest.kinds()["unclean.stop"] == stops + 1
    report = guest.verified()
    assert report["ok"], report
    figures["records_verified"] = report["head"]["seq"]


def test_an_exfat_stick_is_watched_and_its_writers_are_named(
    guest: Guest, figures: dict[str, object]
) -> None:
    if guest.machine.run(f"test -e /{STICK} && modprobe exfat").status:
        pytest.skip("no exFAT: mkfs.exfat here, the module in the guest")
    point = "/usr/local/stick"  # below what is watched
    gaps = guest.rows(GAPS)
    guest.machine.must(f"mkdir {point} && mount -o loop /{STICK} {point}")
    guest.until(
        lambda: point in str(guest.status()["roles"]["sensor"]["note"]), "note on the stick"
    )
    figures["exfat"] = guest.status()["roles"]["sensor"]["note"]
    guest.machine.must(f"echo x > {point}/written && mv {point}/written {point}/moved")
    guest.until(lambda: guest.changes(f"{point}/moved") > 0, "name on the stick")
    told = guest.machine.must(f"{PROGRAM} events list --kind file --limit 0 --json").splitlines()
    written = [msgspec.json.decode(line)["data"] for line in told if f'"{point}/written"' in line]
    by = {event["process"]["exe"] for event in written if "write" in event["actions"]}
    assert any("sh" in str(exe) for exe in by), by
    guest.machine.must(f"umount {point}")
    assert guest.rows(GAPS) == gaps
