"""Load generators: the C programs beside this file, compiled on demand, and what they say they did."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from sentinair.errors import StorageFault, UsageFault

__all__ = ["Burst", "Storm", "compiled", "file_burst", "touch_storm", "true_storm"]

_HERE = Path(__file__).parent


class Burst(msgspec.Struct, frozen=True):
    """What file_burst did."""

    mode: str
    files: int
    operations: int
    secs: float
    per_sec: float
    cpu_secs: float  # of the writers


class Storm(msgspec.Struct, frozen=True):
    """What exec_storm did."""

    processes: int
    workers: int
    secs: float
    per_sec: float


def compiled(name: str) -> Path:
    """The program made from `name`.c, built once per content of that file and kept below the temporary directory.

    Raises UsageFault without a C compiler, StorageFault when it does not compile.
    """
    source = _HERE / f"{name}.c"
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise UsageFault("no C compiler", where=str(source), remedy="apt-get install gcc libc6-dev")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"sentinair-bench-{os.getuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    program = folder / f"{name}-{digest}"
    if program.exists():
        return program
    # The name is unique, so that two runs at once cannot execute a half-written file.
    fresh = folder / f"{name}-{digest}.{os.getpid()}"
    done = subprocess.run(
        [compiler, "-O2", "-Wall", "-o", str(fresh), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StorageFault(f"does not compile: {done.stderr[:500]}", where=str(source))
    fresh.replace(program)
    return program


def _run(command: list[str], folder: Path | None = None) -> bytes:
    done = subprocess.run(command, capture_output=True, cwd=folder, check=False)
    if done.returncode:
        raise StorageFault(
            f"failed: {done.stderr.decode(errors='replace')[:500]}", where=" ".join(command)
        )
    return done.stdout


def file_burst(mode: str, root: Path, files: int, dirs: int, writers: int = 2) -> Burst:
    """Runs file_burst to its end.  mode: prepare, churn, newdirs or distinct; see file_burst.c."""
    command = [str(compiled("file_burst")), mode, str(root), str(files), str(dirs), str(writers)]
    return msgspec.json.decode(_run(command), type=Burst)


def true_storm(count: int, workers: int = 2, prefix: str = "storm") -> Storm:
    """count processes of /bin/true, each with the argument prefix<i>."""
    command = [str(compiled("exec_storm")), str(count), str(workers), "/bin/true", prefix]
    return msgspec.json.decode(_run(command), type=Storm)


def touch_storm(root: Path, count: int, workers: int = 2, prefix: str = "touch") -> Storm:
    """count processes of touch(1), each making the one file root/prefix<i>."""
    touch = shutil.which("touch") or "/usr/bin/touch"
    command = [str(compiled("exec_storm")), str(count), str(workers), touch, prefix]
    return msgspec.json.decode(_run(command, root), type=Storm)
