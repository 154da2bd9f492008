"""Out of the host, whole: the real agent, a real collector over TLS, and a drop that proves itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.harness.agent import separated_agent, wait_for
from tests.harness.certificates import Authority
from tests.harness.receivers import Rsyslog, rsyslog_missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify and the process connector"),
]


def test_a_drop_of_the_separated_agent_verifies_and_tells_of_a_missing_file() -> None:
    to = [{"name": "drop", "kind": "drop", "codec": "ndjson", "options": {"segment_secs": 1}}]
    with separated_agent({"sinks": {"to": to}}) as agent:
        exports = agent.state / "data" / "exports"
        agent.cli("drill", "--keep", "--rule", "reverse-shell")

        def segments() -> list[Path]:
            return sorted(exports.glob("*.ndjson"))

        def has_alert() -> bool:
            return any(b'"alert.raised"' in one.read_bytes() for one in segments())

        assert wait_for(has_alert, 30) is not None, agent.output
        assert wait_for(lambda: len(segments()) > 2, 30) is not None
        key = str(agent.state / "keys" / "enrolment.pub")
        proven = agent.cli("verify", str(exports), "--public-key", key)
        assert proven.returncode == 0, proven.stdout + proven.stderr
        segments()[1].unlink()
        told = agent.cli("verify", str(exports), "--public-key", key)
        assert told.returncode == 1
        assert "missing" in told.stdout


def test_alerts_reach_a_collector_over_tls_as_cef() -> None:
    why = rsyslog_missing()
    if why is not None:
        pytest.skip(why)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="sentinair-collector-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority = Authority(folder)
        leaf = authority.issue("agent")
        leaf.key.chmod(0o644)  # the forwarder's user reads it
        with Rsyslog(folder, authority) as receiver:
            options = {
                "server": "127.0.0.1", "port": receiver.port, "protocol": "tls",
                "server_name": "receiver", "ca_file": str(authority.ca),
                "cert_file": str(leaf.cert), "key_file": str(leaf.key),
            }  # fmt: skip
            to = [{"name": "siem", "kind": "syslog", "codec": "cef", "options": options}]
            with separated_agent({"sinks": {"to": to}}) as agent:
                agent.cli("drill", "--rule", "reverse-shell")

                def has_alert() -> bool:
                    return any("alert.raised" in one["msgid"] for one in receiver.received())

                assert wait_for(has_alert, 30) is not None, agent.cli("sinks", "list").stdout
                assert all(one["msg"].lstrip().startswith("CEF:0|") for one in receiver.received())
