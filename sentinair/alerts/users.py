"""Login names for uids, from the text of /etc/passwd."""

from __future__ import annotations

__all__ = ["names_from_passwd"]


def names_from_passwd(text: bytes) -> dict[int, str]:
    """uid to the first name that has it; lines that are not passwd(5) are passed over."""
    names: dict[int, str] = {}
    for line in text.splitlines():
        fields = line.split(b":")
        if len(fields) == 7 and fields[2].isdigit():
            names.setdefault(int(fields[2]), fields[0].decode("utf-8", "replace"))
    return names
