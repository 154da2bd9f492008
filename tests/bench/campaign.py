"""Runs one campaign: python -m tests.bench.campaign NAME [--size small|full].

Prints one line of JSON.  Full size also writes docs/measured/NAME.json: name, figures, command, commit, date and
machine.  Exit status 1 when a promise that is a count (nothing lost, nothing twice) was broken; being slow is a
figure, never a failure.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from sentinair.errors import SentinairError
from tests.bench import campaigns
from tests.bench.figures import ROOT, Figures, commit, machine

__all__ = ["main", "names", "run", "told"]


def names() -> list[str]:
    """All campaigns there are."""
    return sorted(module.name for module in pkgutil.iter_modules(campaigns.__path__))


def run(name: str, size: str) -> Figures:
    """Figures of one campaign; "broken" lists the promises that did not hold."""
    module = importlib.import_module(f"tests.bench.campaigns.{name}")
    figures: Figures = module.run(size)
    return figures


def told(name: str, figures: Figures) -> bytes:
    """One line of JSON, with what is needed to get the figures again."""
    return msgspec.json.encode(
        {
            "name": name,
            "figures": figures,
            "command": f"./scripts/test --campaign {name}",
            "commit": commit(),
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": machine(),
        }
    )


def main(words: Sequence[str]) -> int:
    """Exit status: 0 all promises held, 1 one did not, else of the fault that stopped it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.campaign", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--size", choices=("small", "full"), default="small")
    given = parser.parse_args(words)
    try:
        figures = run(given.name, given.size)
    except SentinairError as fault:
        print(f"{given.name}: {fault}", file=sys.stderr)
        return fault.exit_status
    line = told(given.name, figures)
    print(line.decode(), flush=True)
    if given.size == "full":
        folder = ROOT / "docs" / "measured"
        folder.mkdir(parents=True, exist_ok=True)
        text = msgspec.json.format(line, indent=2).decode()
        (folder / f"{given.name}.json").write_text(text + "\n")
    return 1 if figures.get("broken") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
