"""Events made from the rules' own literals: some that a rule should catch, many that it should just miss.

Made from the YAML values, never from what our parser made of them: a literal it lost would be missed here too.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sentinair.detect.fields import FILE_EVENT, NETWORK_CONNECTION, PROCESS_CREATION

__all__ = ["SAMPLES", "made_events"]

SAMPLES: Mapping[str, tuple[str, ...]] = {
    r"(.){200,}": ("a" * 199, "b" * 200),
    r"(?:\s-[^-\s]{0,20}i|\s--inode\s)": (" -li", " --inode ", " -LI", " --inodes"),
    r"(?:\s-[^-\s]{0,20}d|\s--directory\s)": (" -ld", " --directory ", " -lD"),
    r"""-(W|R)\s?(\s|"|')([0-9a-fA-F]{2}\s?){2,20}(\s|"|')""": ("-W '41 42 43'", "-r '4142'"),
    r"-D": ("-D", "-d"),
    r"\s-O\s": (" -O ", " -o "),
    r"\s-[FTd]\s": (" -F ", " -T ", " -d ", " -f ", " -D "),
}
"""Texts that a regular expression of the rules finds, or just does not."""
_USUAL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    PROCESS_CREATION: {
        "Image": (
            "/usr/bin/ls",
            "/usr/bin/python3.11",
            "/bin/bash",
            "/usr/sbin/cron",
            "/opt/a b/x",
        ),
        "CommandLine": ("ls -l", "python3 -m http.server", "bash -l", "cat /etc/hosts", "x ü%_*?"),
        "ParentImage": ("/usr/bin/bash", "/usr/lib/systemd/systemd", "/usr/sbin/sshd"),
        "ParentCommandLine": ("-bash", "/sbin/init", "sshd: ann"),
        "CurrentDirectory": ("/root", "/", "/home/ann"),
        "User": ("root", "ann", "www-data"),
        "LogonId": ("0", "1000", "4294967295"),
    },
    FILE_EVENT: {
        "TargetFilename": ("/etc/hosts", "/home/ann/notes.txt", "/tmp/x'y\\z", "/var/log/syslog"),
        "Image": ("/usr/bin/touch", "/usr/bin/vim.basic", "/usr/bin/dpkg"),
        "User": ("root", "ann"),
    },
    NETWORK_CONNECTION: {
        "Image": ("/usr/bin/curl", "/usr/bin/ssh", "/bin/bash"),
        "DestinationHostname": ("example.org", "db.local"),
        "DestinationIp": ("10.1.2.3", "93.184.216.34", "2001:db8::1", "::1", "172.32.0.1"),
        "DestinationPort": ("443", "22", "4444"),
        "Initiated": ("true", "false"),
    },
}


_SURE: Final = 4  # events for each selection alone, and half of those for all but filters


def _is_filter(name: str) -> bool:
    return name.startswith("filter")


def made_events(
    rules: list[dict[str, Any]], category: str, each: int, seed: int
) -> Iterator[dict[str, str]]:
    """`each` events for every rule, more where it has many selections; the same for the same seed."""
    chance = random.Random(seed)
    for rule in rules:
        detection = {n: part for n, part in rule["detection"].items() if n != "condition"}
        planned = [[name] for name in detection for _ in range(_SURE)]
        planned += [[name for name in detection if not _is_filter(name)]] * 2 * _SURE
        for number in range(max(each, len(planned))):
            wanted = planned[number] if number < len(planned) else _wanted(list(detection), chance)
            yield _event(detection, wanted, category, chance)


def _event(
    detection: Mapping[str, Any], wanted: list[str], category: str, chance: random.Random
) -> dict[str, str]:
    pieces: dict[str, list[tuple[str, str]]] = {}
    for name in wanted:
        part = detection[name]
        chosen = chance.choice(part) if isinstance(part, list) else part
        for key, values in chosen.items():
            _add(pieces, key, values, chance)
    event: dict[str, str] = {}
    for field, usual in _USUAL[category].items():
        found = pieces.get(field)
        if found and chance.random() > 0.04:
            event[field] = _text(found, usual, chance)
        elif not found and chance.random() > 0.25:
            event[field] = chance.choice(usual)
    return event


def _wanted(names: list[str], chance: random.Random) -> list[str]:
    """The selections an event shall fulfil: all but the filters, all with one filter, one alone, or any."""
    filters = [name for name in names if _is_filter(name)]
    others = [name for name in names if name not in filters]
    way = chance.random()
    if way < 0.3:
        return others
    if way < 0.45 and filters:
        return [*others, chance.choice(filters)]
    if way < 0.6:
        return [chance.choice(names)]
    return [name for name in names if chance.random() < 0.5]


def _add(
    pieces: dict[str, list[tuple[str, str]]], key: str, values: Any, chance: random.Random
) -> None:
    """One line of a selection as (how, text) pieces of its field."""
    field, *names = key.split("|")
    given = values if isinstance(values, list) else [values]
    if "all" not in names:
        given = [chance.choice(given)]
    how = next((n for n in names if n != "all"), "equals")
    for value in given:
        text = _sample(how, str(value), chance)
        if chance.random() < 0.04 and text:  # a near miss
            at = chance.randrange(len(text))
            text = text[:at] + text[at + 1 :]
        pieces.setdefault(field, []).append((how, text))


def _sample(how: str, value: str, chance: random.Random) -> str:
    if how == "re":
        return chance.choice(SAMPLES.get(value, (value,)))
    if how == "cidr":
        return _address(ipaddress.ip_network(value), chance)
    if how != "equals":
        value = value.replace("*", chance.choice(("", "x", "a b"))).replace("?", "q")
        value = value.replace("\\\\", "\\")
    else:
        value = value.replace("*", chance.choice(("", "x", "a b")))
    if chance.random() < 0.2:  # case is not regarded
        value = "".join(chance.choice((c.upper(), c.lower())) for c in value)
    return value


def _address(network: ipaddress.IPv4Network | ipaddress.IPv6Network, chance: random.Random) -> str:
    """Within the network, at one of its ends, or just outside."""
    last = network.num_addresses - 1
    at = chance.choice((0, last, chance.randint(0, last), last + 1, -1))
    return str(type(network.network_address)(max(0, int(network.network_address) + at)))


def _text(pieces: list[tuple[str, str]], usual: tuple[str, ...], chance: random.Random) -> str:
    whole = [text for how, text in pieces if how in ("equals", "cidr")]
    if whole:
        return chance.choice(whole)
    first = [text for how, text in pieces if how == "startswith"][:1]
    last = [text for how, text in pieces if how == "endswith"][:1]
    middle = [text for how, text in pieces if how in ("contains", "re")]
    chance.shuffle(middle)
    noise = chance.choice(("", " ", "x", " --v ", chance.choice(usual)))
    glue = chance.choice(("", " ", " -a "))
    head = first or ([] if last and not middle else [noise])
    tail = last or [chance.choice(("", " end", noise))]
    return glue.join([*head, *middle]) + "".join(tail)
