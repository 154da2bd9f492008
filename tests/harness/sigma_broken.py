"""Rule files that cannot be used, made from good ones: one thing wrong in each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

__all__ = ["BY_HAND", "LINES", "broken_files"]

LINES: Final = (  # of a selection; each is wrong by itself
    "Imag: x",
    "Image|contans: x",
    "Image|contains|re: x",
    "Image|i: x",
    "Image|re|cased: x",
    "Image|re: '('",
    "Image|re: '(?<=a)b'",
    "Image|re: '(a)\\1'",
    "Image|re: 'a(?=b)'",
    "Image|re: 'a{2000}'",
    "Image|re: '[z-a]'",
    "Image|cidr: 10.0.0.0/33",
    "Image|gt: many",
    "Image|exists: maybe",
    "Image|expand: '%nobody%'",
    "Image|expand: '5%'",
    "Image|base64: 'a*'",
    "Image|windash|windash: a",
    "Image|fieldref: Nothing",
    "Image|contains: null",
    "Image|contains|all: [a, null]",
    "Image: []",
    "Image: [[a]]",
    "Image: {a: b}",
    "ProcessId: 0755",
    "ProcessId: 0x1F",
    "ProcessId: 1_000",
    "ProcessId: 3:25:45",
    "Image: *nothing",
    "Image: !!python/name:os.system x",
    "Image: 'x",
    "Image: @x",
    "Image|: x",
    "Image|hour: 5",
)
_Spoil = Callable[[str], str]


def _without(key: str) -> _Spoil:
    """Without a key of the file and all that is indented below it."""
    block = re.compile(rf"^{key}:.*\n(?:[ \t-].*\n)*", re.MULTILINE)
    return lambda text: block.sub("", text, count=1)


def _changed(old: str, new: str) -> _Spoil:
    found = re.compile(old, re.MULTILINE)
    return lambda text: found.sub(lambda _: new, text, count=1)


_CONDITION: Final = r"^  condition: .*$"
_SPOILS: Final[Mapping[str, _Spoil]] = {
    "no-title": _without("title"),
    "no-id": _without("id"),
    "no-level": _without("level"),
    "no-logsource": _without("logsource"),
    "no-detection": _without("detection"),
    "no-condition": _changed(_CONDITION + "\n", ""),
    "blank-title": _changed("^title: .*$", "title: ' '"),
    "title-list": _changed("^title: .*$", "title: [a]"),
    "two-titles": _changed("^title: ", "title: x\ntitle: "),
    "bad-id": _changed("^id: .*$", "id: 1234"),
    "bad-level": _changed("^level: .*$", "level: hihg"),
    "level-list": _changed("^level: .*$", "level: [high]"),
    "misspelt-level": _changed("^level: ", "levle: "),
    "misspelt-detection": _changed("^detection:", "detektion:"),
    "other-product": _changed("product: linux", "product: windows"),
    "other-category": _changed("category: \\w+", "category: dns_query"),
    "with-service": _changed("product: linux", "service: auditd\n  product: linux"),
    "logsource-text": _changed("^logsource:\n(?:  .*\n)+", "logsource: linux\n"),
    "detection-text": _changed("^detection:\n", "detection: x\n"),
    "detection-list": lambda text: _without("detection")(text) + "detection: [a]\n",
    "condition-cut": _changed(_CONDITION, "  condition: not"),
    "condition-unknown": _changed(_CONDITION, "  condition: nothing_there"),
    "condition-open": _changed(_CONDITION, "  condition: ("),
    "condition-closed": _changed(_CONDITION, "  condition: )"),
    "condition-none-of": _changed(_CONDITION, "  condition: 1 of nothing_*"),
    "condition-two-of": _changed(_CONDITION, "  condition: 2 of them"),
    "condition-count": _changed(_CONDITION, "  condition: them | count() > 5"),
    "condition-map": _changed(_CONDITION, "  condition: {a: b}"),
    "condition-null": _changed(_CONDITION, "  condition:"),
    "timeframe": _changed(_CONDITION, "  timeframe: 5m\n  condition: 1 of them"),
    "tab": _changed("^detection:\n", "detection:\n\t"),
    "quote": _changed("^title: .*$", 'title: "x'),
    "bracket": _changed("^title: .*$", "title: [x"),
    "zero-byte": _changed("^title: ", "title: \0"),
    "deep": lambda text: text + "x: " + "[" * 99 + "]" * 99 + "\n",
    "confidence": _changed("^  confidence: .*$", "  confidence: 7"),
    "sentinair-text": lambda text: _without("sentinair")(text) + "sentinair: x\n",
    "sentinair-key": _changed("^sentinair:\n", "sentinair:\n  confidnce: 0.5\n"),
    "group-by": _changed("^sentinair:\n", "sentinair:\n  group_by: [Nothing]\n"),
    "tags-map": _changed("^level: ", "falsepositives: [{a: b}]\nlevel: "),
}
BY_HAND: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "comment": b"# nothing\n",
    "null": b"null\n",
    "text": b"hello\n",
    "list": b"- a\n",
    "number": b"5\n",
    "not-utf-8": b"title: \xff\n",
    "utf-16": "title: x\n".encode("utf-16"),
    "binary": bytes(range(256)),
    "json-cut": b'{"title": "x"',
    "only-dashes": b"---\n",
    "directive": b"%YAML 9.9\n---\na: b\n",
    "key-list": b"? [a]\n: b\n",
    "alias": b"a: &x 1\nb: *x\n",
    "merge": b"a: &x {b: c}\nd:\n  <<: *x\n",
    "large": b"title: " + b"x" * 300_000,
    "bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
}


def broken_files(good: Mapping[str, str]) -> Iterator[tuple[str, bytes, int | None]]:
    """(name, content, line of the fault if one is known for sure); good: content of rules by name."""
    for stem, content in BY_HAND.items():
        yield f"hand-{stem}.yml", content, None
    for name, text in good.items():
        for stem, spoil in _SPOILS.items():
            spoiled = spoil(text)
            if spoiled != text:
                yield f"{name}-{stem}.yml", spoiled.encode(), None
        before = text[: text.index("\ndetection:\n")].count("\n")
        for number, line in enumerate(LINES):
            added = text.replace("\ndetection:\n", f"\ndetection:\n  spoiled:\n    {line}\n", 1)
            # An unclosed quote is found where it would have had to end.
            yield (
                f"{name}-line{number}.yml",
                added.encode(),
                None if line.endswith("'x") else before + 4,
            )
