"""What must stand before the roles start without systemd: state directory, sockets, compiled settings, queue size.

The units have systemd do all this (tmpfiles.d, socket units, ExecStartPre, sysctl.d).
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
from pathlib import Path
from typing import Final

from sentinair.errors import StorageFault
from sentinair.ipc.sockets import listen
from sentinair.settings.guarded import check_owned

__all__ = ["QUEUE_LIMIT", "SOCKETS", "make_sockets", "make_state", "set_queue_size"]

SOCKETS: Final = {  # name: owner and group of the socket while roles are separated
    "sensor": ("sentinair-sensor", "sentinair-sensor"),
    "execs": ("sentinair-sensor", "sentinair-sensor"),
    "api": ("sentinair-api", "sentinair-api"),
    "forwarder": ("sentinair-fwd", "sentinair-fwd"),
    "signing": ("sentinair-fwd", "sentinair-fwd"),
    "control": ("root", "sentinair-admin"),
}
STATE_MODE: Final = 0o2750
QUEUE_LIMIT: Final = Path("/proc/sys/fs/fanotify/max_queued_events")


def make_state(state: Path, *, separated: bool) -> None:
    """The state directory, its run/ (notice/, topics/) and its data/exports/, with owner and mode as the roles need them.

    Raises PermissionFault if what is there belongs to somebody else or is open to others, StorageFault if it
    cannot be made.
    """
    owner = pwd.getpwnam("sentinair").pw_uid if separated else os.geteuid()
    sender = pwd.getpwnam("sentinair-fwd").pw_uid if separated else os.geteuid()
    group = grp.getgrnam("sentinair-read").gr_gid if separated else os.getegid()
    try:
        for path, mode, user in (
            (state, STATE_MODE, owner),
            (state / "run", 0o755, owner),
            (state / "run" / "topics", STATE_MODE, sender),
            (state / "run" / "notice", 0o755, sender),
            (state / "data", STATE_MODE, owner),
            (state / "data" / "exports", STATE_MODE, sender),
        ):
            if not os.path.lexists(path):
                path.mkdir(mode=0o700, parents=True)
                os.chown(path, user, group)
                path.chmod(mode)  # after chown, which clears the set-gid bit
            check_owned(path, directory=True, owner=user)
    except OSError as fault:
        raise StorageFault(
            f"cannot be made: {fault.strerror}",
            where=str(fault.filename or state),
            remedy="free space, or give another --state directory",
        ) from fault


def make_sockets(run: Path, *, separated: bool) -> dict[str, socket.socket]:
    """The engine's listening sockets by name.  Raises what ipc.sockets.listen raises."""
    made = {}
    for name, (user, group) in SOCKETS.items():
        path = run / f"{name}.sock"
        made[name] = listen(path, mode=0o660 if separated else 0o600)
        if separated:
            os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
    return made


def set_queue_size(wanted: int) -> str | None:
    """As root, raise fs.fanotify.max_queued_events to wanted and read it back; returns why not, or None."""
    with contextlib.suppress(OSError):
        if int(QUEUE_LIMIT.read_text(encoding="ascii")) >= wanted:
            return None
        QUEUE_LIMIT.write_text(f"{wanted}\n", encoding="ascii")
        if int(QUEUE_LIMIT.read_text(encoding="ascii")) >= wanted:
            return None
    return (
        f"fs.fanotify.max_queued_events could not be raised to {wanted}: a burst overflows sooner"
    )
