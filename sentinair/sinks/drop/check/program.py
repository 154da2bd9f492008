"""The command line of the stand-alone verifier."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence

from sentinair.sinks.drop.check.exports import UNSIGNED
from sentinair.sinks.drop.check.found import Drop, Known, Unjudged
from sentinair.sinks.drop.check.lines import judge

__all__ = ["main"]


def main(words: Sequence[str]) -> int:
    """Exit status 0: all is as it was written; 1: it is not; 2: it could not be judged."""
    parser = argparse.ArgumentParser(description="Judge a drop with the enrolment public key only.")
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--public-key", metavar="FILE", required=True, help="enrolment.pub")
    parser.add_argument(
        "--known", metavar="FILE", help="where the last look ended; kept there by each good look"
    )
    parser.add_argument("--max-age", metavar="SECS", type=int, help="the newest file is not older")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(words)
    try:
        known = read_known(given.known)
        drop = judge(
            given.directory,
            given.public_key,
            known,
            now_ns=time.time_ns(),
            max_age_secs=given.max_age,
        )
        if given.known is not None and drop.ok:
            write_known(given.known, {**known, **drop.ends})
    except Unjudged as fault:
        print(f"verify-drop: {fault}", file=sys.stderr)  # noqa: T201
        return 2
    if given.json:
        print(json.dumps(drop.as_json()))  # noqa: T201
    else:
        print("\n".join(told(drop)))  # noqa: T201
    return 0 if drop.ok else 1


def told(drop: Drop) -> list[str]:
    """The verdict in lines for people, safe for a terminal."""
    lines = [f"{one.kind}: {one.where}: {one.what}" for one in drop.findings]
    lines += [f"note: {note}" for note in drop.notes]
    for line in drop.lines:
        lost = f", {line.lost} declared lost" if line.lost else ""
        lines.append(
            f"{line.host} {line.chain} {line.stream} ({line.sink}): {line.first} to {line.last},"
            f" {line.entries} entries in {line.segments} segments{lost}"
        )
    for one in drop.exports:
        if one.unsigned is None:
            word = (
                "" if one.writer == "forwarder" else f", whose word for it was signed: {one.writer}"
            )
            lines.append(f"{one.host} {one.file}: {one.count} entries for {one.by}{word}")
    bad = "" if drop.first_bad is None else f", the first entry in doubt is {drop.first_bad}"
    lines.append("verified" if drop.ok else f"NOT VERIFIED: {len(drop.findings)} findings{bad}")
    if drop.findings and all(one.kind == UNSIGNED for one in drop.findings):
        lines[-1] = f"NOT PROVEN: {len(drop.findings)} unsigned; nothing else was found"
    return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]


def read_known(path: str | None) -> dict[str, Known]:
    """Where the looks before ended; empty at the first.  Raises Unjudged."""
    if path is None or not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
        return {name: Known(int(one[0]), str(one[1])) for name, one in held.items()}
    except (OSError, ValueError, TypeError, IndexError, AttributeError) as fault:
        raise Unjudged(f"{path}: cannot be read: {fault}") from fault


def write_known(path: str, known: Mapping[str, Known]) -> None:
    """Raises Unjudged."""
    try:
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(known, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)
    except OSError as fault:
        raise Unjudged(f"{path}: cannot be written: {fault.strerror}") from fault
