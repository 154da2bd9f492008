"""The walls of the house: who may import whom, how long things are, what stays out of the senders."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import os
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import sentinair
from sentinair.model.ports import SinkKind

TOP = Path(__file__).resolve().parents[2]
PACKAGE = TOP / "sentinair"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"sqlite3", "ssl", "yaml", "click", "rich", "cryptography", "logging.config", "asyncio"}
OURS = {f"sentinair.{part}" for part in ("store", "detect", "alerts", "codecs", "sinks", "cli")}
EXECS_MAY = (
    "sentinair.roles.execs",
    "sentinair.roles.arguments",
    "sentinair.roles.clock",
    "sentinair.errors",
    "sentinair.model",
    "sentinair.ipc",
    "sentinair.kernel.cnproc",
    "sentinair.kernel.procfs",
    "sentinair.kernel.statx",
    "sentinair.monitors.process",
    "sentinair.settings.compiled",
    "sentinair.settings.guarded",
    "sentinair.settings.registered",
    "sentinair.settings.sinks",
    "sentinair.settings.types",
    "sentinair.settings.defaults",
)
PARENTS = {
    "sentinair",
    "sentinair.roles",
    "sentinair.kernel",
    "sentinair.monitors",
    "sentinair.settings",
}


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    # Coverage follows child processes by its own modules; here only ours count.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env=environment,
    )
    return set(done.stdout.split())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_point_down_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", "setup.cfg", "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=TOP,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [3-9] kept, 0 broken", done.stdout)


def test_the_sensor_brings_no_database_tls_yaml_rules_or_terminal() -> None:
    loaded = loaded_by("sentinair.roles.sensor")
    assert "sentinair.roles.sensor" in loaded
    assert sorted((HEAVY | OURS | {"psutil", "watchdog"}) & loaded) == []


def test_the_process_reader_has_nothing_beside_its_reader() -> None:
    loaded = loaded_by("sentinair.roles.execs")
    assert "sentinair.roles.execs" in loaded
    ours = {name for name in loaded if name.startswith("sentinair")}
    strangers = {n for n in ours - PARENTS if not n.startswith(EXECS_MAY)}
    assert sorted(strangers) == []
    assert sorted((HEAVY | {"psutil", "watchdog", "subprocess", "multiprocessing"}) & loaded) == []


def test_reading_the_compiled_settings_brings_no_yaml() -> None:
    assert sorted(HEAVY & loaded_by("sentinair.settings.compiled")) == []


def test_the_version_is_told_without_loading_the_agent() -> None:
    loaded = loaded_by("sentinair.cli.main")
    assert sorted({"sqlite3", "ssl", "yaml", "rich", "cryptography"} & loaded) == []


def test_modules_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert {str(p): n for p, n in lengths.items() if n > 350} == {}
    assert statistics.median(lengths.values()) < 200


def test_functions_are_short() -> None:
    lengths = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in functions(path)
    )
    assert lengths[int(len(lengths) * 0.95)] < 40


def test_every_function_says_what_it_returns() -> None:
    silent = [
        f"{path.relative_to(TOP)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in functions(path)
        if node.returns is None
    ]
    assert silent == []


def test_a_broad_except_has_its_reason_beside_it() -> None:
    silent = []
    for path in MODULES:
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            name = getattr(node.type, "id", None)
            if (node.type is None or name in {"Exception", "BaseException"}) and (
                "#" not in lines[node.lineno - 1]
            ):
                silent.append(f"{path.relative_to(TOP)}:{node.lineno}")
    assert silent == []


def test_imports_hide_in_functions_of_the_command_line_only() -> None:
    hidden = [
        f"{path.relative_to(TOP)}:{inner.lineno}"
        for path in MODULES
        if "cli" not in path.parts
        for node in functions(path)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_nothing_is_left_unfinished() -> None:
    words = re.compile(
        r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error")) + r")\b"
    )
    marks = [
        f"{path.relative_to(TOP)}:{number}"
        for folder in ("sentinair", "tests", "scripts", "config", "systemd", "docs")
        for path in sorted((TOP / folder).rglob("*"))
        if path.is_file() and path.suffix not in {".pyc", ".json", ".gz"}
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if words.search(line)
    ]
    assert marks == []


def test_every_test_module_mirrors_a_part_of_the_package() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    mirrored = {path.name for path in (TOP / "tests" / "unit").iterdir() if path.is_dir()}
    assert mirrored - parts - {"bench", "harness", "__pycache__"} == set()


@pytest.mark.parametrize(
    "group",
    ["sentinair.monitors", "sentinair.detectors", "sentinair.codecs", "sentinair.sinks"],
)
def test_what_the_entry_points_name_is_there(group: str) -> None:
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    lines = [line for line in setup["options.entry_points"][group].splitlines() if line]
    assert lines
    for line in lines:
        name, _, value = line.partition(" = ")
        found = importlib.metadata.EntryPoint(name, value, group).load()
        assert found
        if isinstance(found, SinkKind):
            assert importlib.metadata.EntryPoint(name, found.make, group).load()


def test_only_what_tools_force_stands_beside_the_project() -> None:
    done = subprocess.run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files"],
        capture_output=True,
        text=True,
        check=False,
        cwd=TOP,
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    tops = {name.split("/")[0] for name in done.stdout.splitlines()}
    wanted = {
        "sentinair",
        "config",
        "systemd",
        "tests",
        "scripts",
        "docs",
        "setup.cfg",
        "README.md",
    }
    forced = {"pyproject.toml", ".ruff.toml", "CHANGELOG.md", "LICENSE", ".ci", ".gitignore"}
    assert tops - wanted - forced == set()


def test_pyproject_names_the_build_backend_and_nothing_else() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    assert set(project) == {"build-system"}


def test_every_link_of_the_manual_leads_somewhere() -> None:
    pages = [TOP / "README.md", TOP / "CHANGELOG.md", *sorted((TOP / "docs").rglob("*.md"))]
    dead = [
        f"{page.relative_to(TOP)}: {target}"
        for page in pages
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?[^)]*\)", page.read_text())
        if "://" not in target
        and not leads_somewhere(page.parent / target if target else page, anchor)
    ]
    assert dead == []


def leads_somewhere(path: Path, anchor: str) -> bool:
    """anchor: of a heading, as the usual viewers of Markdown make it; "": none is asked for."""
    if not anchor or not path.is_file():
        return path.exists() and not anchor
    headings = re.findall(r"^#+ (.*)", path.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


def test_the_version_has_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", sentinair.__version__)
    assert "version = attr: sentinair.__version__" in (TOP / "setup.cfg").read_text()


def test_every_dependency_is_bounded_and_locked_by_hash() -> None:
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    locks = {
        "install_requires": "constraints.txt",
        "dev": "constraints-dev.txt",
        "oracle": "constraints-oracle.txt",
        "logstash": "constraints-logstash.txt",
    }
    wanted = {
        "install_requires": setup["options"]["install_requires"],
        "dev": setup["options.extras_require"]["dev"],
        "oracle": setup["options.extras_require"]["oracle"],
        "logstash": setup["options.extras_require"]["logstash"],
    }
    for kind, lines in wanted.items():
        lock = (TOP / "scripts" / locks[kind]).read_text()
        for line in filter(None, lines.splitlines()):
            name, _, bounds = line.partition(" ")
            assert re.fullmatch(r">=[\d.]+,<[\d.]+", bounds), line
            assert re.search(rf"^{name.lower()}==\S+ \\\n    --hash=sha256:", lock, re.MULTILINE), (
                line
            )
        assert "://" not in lock


def test_the_project_names_no_machine_of_its_makers() -> None:
    words = re.compile("/" + "work/|/root/" + r"\.pyenv/|files\.python" + "hosted|pypi" + r"\.org")
    done = subprocess.run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files"],
        capture_output=True,
        text=True,
        check=False,
        cwd=TOP,
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    found = [
        name
        for name in done.stdout.splitlines()
        if (TOP / name).is_file() and words.search((TOP / name).read_text(errors="replace"))
    ]
    assert found == []
