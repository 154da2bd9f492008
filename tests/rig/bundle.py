"""The program as it is installed: a tree to be copied onto the root of a host that has no network.

The virtual environment holds the locked dependencies and a wheel of this checkout; it is made for /opt/sentinair with the
host's /usr/bin/python3, which must be the guest's version (Debian 12: 3.11).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.bench.figures import ROOT
from tests.rig.machine import NICE, pack, rig_folder

__all__ = ["STICK", "make_bundle"]

HOME: Final = "opt/sentinair"
STICK: Final = "opt/stick.img"
PYTHON: Final = "/usr/bin/python3"
PLACES: Final = {  # in systemd/ of the checkout: where it goes
    "sentinair*.service": "etc/systemd/system",
    "sentinair*.socket": "etc/systemd/system",
    "sysusers.d/*": "etc/sysusers.d",
    "tmpfiles.d/*": "etc/tmpfiles.d",
    "sysctl.d/*": "etc/sysctl.d",
}


def make_bundle() -> Path:
    """Packs the last commit onto a disk for the guest; returns its image.  Raises CalledProcessError if pip cannot."""
    source, tree = _source(), rig_folder() / "bundle"
    _environment(source, tree)
    shutil.rmtree(tree / "etc", ignore_errors=True)
    shutil.copytree(source / "config", tree / "etc/sentinair")
    for pattern, place in PLACES.items():
        (tree / place).mkdir(parents=True, exist_ok=True)
        for path in (source / "systemd").glob(pattern):
            shutil.copy(path, tree / place)
    _stick(tree / STICK)
    for path in (tree / "etc").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    image = rig_folder() / "bundle.ext4"
    pack(tree, image)
    return image


def _stick(image: Path) -> None:
    """A small exFAT file system, if this machine can make one."""
    image.unlink(missing_ok=True)
    if shutil.which("mkfs.exfat") is None:
        return
    with image.open("wb") as file:
        file.truncate(16 << 20)
    _run("mkfs.exfat", str(image))


def _source() -> Path:
    """What is committed, not what is being edited: the figures name a commit."""
    source = rig_folder() / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    archive = rig_folder() / "source.tar"
    _run("git", "-C", str(ROOT), "archive", "-o", str(archive), "HEAD")
    _run("tar", "-xf", str(archive), "-C", str(source))
    return source


def _environment(source: Path, tree: Path) -> None:
    """The virtual environment; its dependencies are fetched once a lock file, the wheel is built anew."""
    home, lock = tree / HOME, source / "scripts/constraints.txt"
    venv, stamp = home / ".venv", home / "lock"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        shutil.rmtree(home, ignore_errors=True)
        _run(PYTHON, "-m", "venv", "--without-pip", str(venv))
        _pip_into(venv, "--require-hashes", "-r", str(lock))
        shutil.copy(lock, stamp)
    _pip_into(venv, "--no-deps", "--no-index", "--force-reinstall", str(_wheel(source)))
    for script in (venv / "bin").iterdir():
        if script.is_symlink() or script.read_bytes()[:2] != b"#!":
            continue
        script.write_text(script.read_text().replace(f"#!{tree}/", "#!/", 1))


def _wheel(source: Path) -> Path:
    made = rig_folder() / "wheel"
    shutil.rmtree(made, ignore_errors=True)
    words = ["wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    _run(sys.executable, "-m", "pip", *words, "-w", str(made), str(source))
    return next(made.glob("*.whl"))


def _pip_into(venv: Path, *words: str) -> None:
    python = str(venv / "bin/python")
    _run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile", *words)


def _run(*words: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*NICE, *words], check=True, env=environment, stdout=subprocess.DEVNULL)
