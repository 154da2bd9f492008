"""scripts/make-certificates: both ends believe each other, nobody else, and nothing is written over."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from sentinair.sinks.syslog.transport import TlsFiles, tls_context
from tests.harness.agent import ROOT

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
SCRIPT = ROOT / "scripts" / "make-certificates"


def make(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, folder], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates") / "tls"
    done = make(folder)
    assert done.returncode == 0, done.stderr
    return folder


def shaken(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> tuple[str | None, object]:
    """The TLS version, and whom the server saw.  Raises what the client's handshake raises."""
    ours, theirs = socket.socketpair()
    seen: list[object] = []

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as connection:
                seen.append(connection.getpeercert())
                connection.sendall(b"x")
        except OSError as fault:
            seen.append(fault)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as connection:
            connection.recv(1)
            version = connection.version()
    finally:
        ours.close()
        thread.join(5)
        theirs.close()
    return version, seen[0]


def of_the_collector(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(folder / "ca.pem")
    context.load_cert_chain(folder / "collector.pem", folder / "collector.key")
    return context


def test_both_ends_believe_each_other(made: Path) -> None:
    client = tls_context(TlsFiles(made / "ca.pem", made / "agent.pem", made / "agent.key"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    version, seen = shaken(client, of_the_collector(made / "collector"), "collector")
    assert version == "TLSv1.3"
    assert isinstance(seen, dict)
    assert seen["subjectAltName"] == (("DNS", "agent"),)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shaken(client, of_the_collector(made / "collector"), "somebody-else")


def test_another_authority_is_not_believed(made: Path, tmp_path: Path) -> None:
    assert make(tmp_path / "other").returncode == 0
    client = tls_context(TlsFiles(tmp_path / "other" / "ca.pem"))
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(client, of_the_collector(made / "collector"), "collector")


def test_keys_are_for_those_who_need_them_and_nothing_is_written_over(made: Path) -> None:
    modes = {
        name: stat.S_IMODE((made / name).stat().st_mode)
        for name in ("ca.key", "agent.key", "collector", "collector/collector.key", "ca.pem")
    }
    agent = modes.pop("agent.key")
    assert agent in (0o600, 0o640)
    assert agent == 0o600 or os.geteuid() == 0
    assert modes == {
        "ca.key": 0o600,
        "collector": 0o700,
        "collector/collector.key": 0o600,
        "ca.pem": 0o644,
    }
    before = (made / "ca.pem").read_bytes()
    again = make(made)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert (made / "ca.pem").read_bytes() == before
    assert {one.name for one in made.iterdir()} == {
        "ca.key",
        "ca.pem",
        "agent.key",
        "agent.pem",
        "collector",
    }


def test_without_a_folder_it_says_how_it_is_used() -> None:
    for words in ([], ["--help"], ["a", "b"]):
        done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, "usage: scripts/make-certificates FOLDER\n")
