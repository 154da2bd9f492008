from __future__ import annotations

import re
from pathlib import Path

from sentinair.detect.sigma.files import read_rules
from tests.harness.sigma_broken import broken_files

RULES_DIR = Path(__file__).parents[3] / "config" / "rules"
SPOILED = (  # enough for 500 files
    "account-files",
    "setuid-file",
    "reverse-shell",
    "ld-so-preload",
    "ssh-authorized-keys",
    "hidden-program",
    "kernel-module-load",
)


def test_five_hundred_broken_files_are_refused_by_file_line_and_remedy_and_the_good_ones_run(
    tmp_path: Path,
) -> None:
    good = {name: (RULES_DIR / f"{name}.yml").read_text() for name in SPOILED}
    for name, rule in good.items():
        (tmp_path / f"{name}.yml").write_text(rule)
    broken = {name: (text, line) for name, text, line in broken_files(good)}
    assert len(broken) >= 500
    for name, (text, _) in broken.items():
        (tmp_path / name).write_bytes(text)
    read = read_rules(tmp_path)
    assert sorted(Path(one.file).stem for one in read.rules) == sorted(good)
    told: dict[str, list[int]] = {name: [] for name in broken}
    for fault in read.faults:
        found = re.fullmatch(rf"{re.escape(str(tmp_path))}/(.+?\.yml)(:\d+)?", fault.where)
        assert found is not None, fault
        assert fault.what, fault
        assert fault.remedy, fault
        # Of a file that is too large no line is ever read.
        assert found[2] or "limit" in fault.what, fault
        told[found[1]].append(int((found[2] or ":1")[1:]))
    for name, (text, line) in broken.items():
        assert told[name], f"{name} is not refused"
        assert all(1 <= at <= text.count(b"\n") + 1 for at in told[name]), (name, told[name])
        assert line is None or line in told[name], (name, line, told[name])
