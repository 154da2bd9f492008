"""Real syslog receivers on loopback, which write each message as one line of JSON, and can be stopped and started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from tests.harness.agent import ROOT
from tests.harness.certificates import Authority, Leaf

__all__ = [
    "Receiver", "Rsyslog", "Started", "SyslogNg", "free_port", "reads_shipped", "rsyslog_missing", "start_rsyslog",
    "syslog_ng_missing",
]  # fmt: skip

START_SECS: Final = 10.0
_UNPACKED: Final = ROOT / ".venv" / "unpacked"
_ROOTS: Final = (Path("/"), _UNPACKED)
_SBIN: Final = (_UNPACKED / "usr/sbin",)
_LIBRARIES: Final = "usr/lib/x86_64-linux-gnu"
_RSYSLOG: Final = f"{_LIBRARIES}/rsyslog"
_SYSLOG_NG: Final = "usr/lib/syslog-ng/3.38"


def free_port() -> int:
    """Of TCP on loopback, free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _lacking(program: str, modules: str) -> str | None:
    if _program(program) is None:
        return f"{program} is not there"
    return None if _below(modules) is not None else f"{program} lacks {modules}"


def rsyslog_missing() -> str | None:
    """Why there is no rsyslog with TLS here; None: there is."""
    return _lacking("rsyslogd", f"{_RSYSLOG}/lmnsd_gtls.so")


def syslog_ng_missing() -> str | None:
    """Why there is no syslog-ng here; None: there is."""
    return _lacking("syslog-ng", f"{_SYSLOG_NG}/libafsocket.so")


def _program(name: str) -> str | None:
    """Installed, or as scripts/test unpacked it."""
    found = [shutil.which(name), *(shutil.which(name, path=str(folder)) for folder in _SBIN)]
    return next((one for one in found if one), None)


def _below(path: str) -> Path | None:
    return next((root / path for root in _ROOTS if (root / path).exists()), None)


def _environment() -> dict[str, str]:
    """With the libraries that were unpacked, and no others where there are none."""
    folders = [_UNPACKED / one for one in (_LIBRARIES, "usr/lib/syslog-ng")]
    folders.append(_UNPACKED / "lib/x86_64-linux-gnu")
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}


class Started:
    """A receiver that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def stop(self, number: int = signal.SIGTERM) -> None:
        """In order, as an administrator would, or by another signal."""
        self._process.send_signal(number)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _started(command: list[str], port: int, folder: Path) -> Started:
    """Returns when it listens."""
    with open(folder / "receiver.log", "ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=_environment())
    end = time.monotonic() + START_SECS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return Started(process)
    Started(process).stop()
    raise TimeoutError((folder / "receiver.log").read_text(errors="replace"))


def start_rsyslog(config: Path, port: int, folder: Path) -> Started:
    """rsyslogd with a configuration of the caller's, which listens on port; folder: for its own files."""
    return _started(_rsyslog_command(config, folder), port, folder)


def _rsyslog_command(config: Path, folder: Path) -> list[str]:
    command = [f"{_program('rsyslogd')}", "-n", "-M", f"{_below(_RSYSLOG)}"]
    return [*command, "-f", str(config), "-i", str(folder / "rsyslog.pid")]


class Receiver(ABC):
    """One receiver with mutual TLS, 1.3 and no other.  Use as a context manager; folder keeps its files."""

    name: str
    _version: tuple[str, str]

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.port = free_port()
        self.lines = folder / "received.json"
        self._authority = authority
        self._leaf: Leaf = authority.issue("receiver")
        self._started: Started | None = None

    @abstractmethod
    def _command(self) -> list[str]:
        """Writes its configuration and says how it is started."""

    def start(self) -> None:
        """Returns when it listens."""
        self._started = _started(self._command(), self.port, self.folder)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """In order, as an administrator would, or by another signal."""
        if self._started is not None:
            self._started.stop(number)
            self._started = None

    def version(self) -> str:
        """What it calls itself."""
        program, option = self._version
        said = subprocess.run(
            [f"{_program(program)}", option],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return " ".join(said.stdout.split("\n")[0].partition("(aka")[0].split()[:3])

    def received(self) -> list[dict[str, Any]]:
        """What it wrote so far, of whole lines."""
        if not self.lines.exists():
            return []
        whole = self.lines.read_bytes().rpartition(b"\n")[0]
        return [msgspec.json.decode(line) for line in whole.splitlines()]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Rsyslog(Receiver):
    """rsyslog 8 with imtcp over GnuTLS; the client's certificate must name "agent"."""

    name = "rsyslog"
    _version = ("rsyslogd", "-v")

    def _command(self) -> list[str]:
        config = self.folder / "rsyslog.conf"
        config.write_text(f"""
global(workDirectory="{self.folder}" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="{self._authority.ca}"
  defaultNetstreamDriverCertFile="{self._leaf.cert}" defaultNetstreamDriverKeyFile="{self._leaf.key}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
  PermittedPeer="agent" gnutlsPriorityString="NORMAL:-VERS-ALL:+VERS-TLS1.3")
template(name="line" type="list" option.jsonf="on") {{
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="pri" name="pri" format="jsonf")
  property(outname="sd" name="structured-data" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
ruleset(name="all") {{ action(type="omfile" file="{self.lines}" template="line") }}
input(type="imtcp" port="{self.port}" address="127.0.0.1" ruleset="all")
""")
        return _rsyslog_command(config, self.folder)


class SyslogNg(Receiver):
    """syslog-ng 3 with its syslog() source over TLS; any client certificate of the authority."""

    name = "syslog-ng"
    _version = ("syslog-ng", "--version")

    def _command(self) -> list[str]:
        config = self.folder / "syslog-ng.conf"
        config.write_text(f"""@version: 3.38
options {{ keep-hostname(yes); log-msg-size(65536); }};
source s {{ syslog(ip(127.0.0.1) port({self.port}) transport("tls") flags(syslog-protocol)
  tls(key-file("{self._leaf.key}") cert-file("{self._leaf.cert}") ca-file("{self._authority.ca}")
  peer-verify(required-trusted) ssl-options(no-sslv2, no-sslv3, no-tlsv1, no-tlsv11, no-tlsv12))); }};
destination d {{ file("{self.lines}" template(
  "$(format-json host=$HOST app=$PROGRAM msgid=$MSGID pri=$PRI sd=$SDATA msg=$MESSAGE)\\n")); }};
log {{ source(s); destination(d); }};
""")
        return [
            f"{_program('syslog-ng')}", "--no-caps", "--module-path", f"{_below(_SYSLOG_NG)}", "-F", "-f", str(config), "-R", str(self.folder / "persist"),
            "-p", str(self.folder / "pid"), "-c", str(self.folder / "ctl"),
        ]  # fmt: skip


def reads_shipped(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What rsyslog or syslog-ng says of the configuration for it below config/siem, with certificates in folder."""
    authority = Authority(folder)
    leaf = authority.issue("collector")
    text = (ROOT / "config" / "siem" / name / "sentinair.conf").read_text()
    for home in ("/etc/rsyslog.d/sentinair", "/etc/syslog-ng/sentinair"):
        for file, made in (("ca.pem", authority.ca), ("collector.pem", leaf.cert)):
            text = text.replace(f"{home}/{file}", str(made))
        text = text.replace(f"{home}/collector.key", str(leaf.key))
    path = folder / f"{name}.conf"
    path.write_text(text)
    if name == "rsyslog":
        command = [f"{_program('rsyslogd')}", "-N1", "-M", f"{_below(_RSYSLOG)}", "-f", str(path)]
    else:
        command = [
            f"{_program('syslog-ng')}",
            "--syntax-only",
            "--module-path",
            f"{_below(_SYSLOG_NG)}",
        ]
        command += ["-f", str(path), "-R", str(folder / "persist")]
    return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
