"""The database, read for one command; works whether or not the engine runs."""

from __future__ import annotations

import re
from typing import Final

from sentinair.cli.places import Places
from sentinair.errors import UsageFault
from sentinair.model.alert import Alert
from sentinair.model.text import shown
from sentinair.store.access import open_as_reader
from sentinair.store.read import Reader

__all__ = ["find_alert", "reading"]

_ALERT_ID: Final = re.compile(r"[0-9a-f-]{1,36}")


def reading(places: Places) -> Reader:
    """A reader of this state's database, to be used in a `with`.  Raises StorageFault, PermissionFault."""
    return Reader(places.database, open_as_reader(places.database))


def find_alert(reader: Reader, prefix: str) -> Alert:
    """The alert with this id, or the only one whose id begins so.  Raises UsageFault if there is none or several."""
    wanted = prefix.strip().lower()
    alert = reader.alert(wanted) if _ALERT_ID.fullmatch(wanted) else None
    if alert is None:
        raise UsageFault(
            f"there is no alert {shown(prefix)!r}", remedy="`sentinair alerts list` shows their ids"
        )
    return alert
