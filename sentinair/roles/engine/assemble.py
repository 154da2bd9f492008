"""Joins the engine's concrete parts: settings, store, detectors, alert manager, and what may be asked of them."""

from __future__ import annotations

import logging
import os
import pwd
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import msgspec

from sentinair import __version__
from sentinair.alerts.circumstances import Circumstances
from sentinair.alerts.ids import uuid7
from sentinair.alerts.manager import AlertManager, Limits
from sentinair.alerts.users import names_from_passwd
from sentinair.detect.ground import Ground
from sentinair.detect.secrets import Masker
from sentinair.kernel.procfs import boot_id, start
from sentinair.model.event import GapEvent
from sentinair.model.ports import Detector
from sentinair.model.record import Stamp
from sentinair.roles.engine.answers import Answers
from sentinair.roles.engine.app import Engine
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.drills import Drills
from sentinair.roles.engine.gaps import Gaps
from sentinair.roles.engine.join import ProcessTable
from sentinair.roles.engine.judge import Completed, Judge
from sentinair.roles.engine.modes import Modes
from sentinair.roles.engine.overdue import Overdue
from sentinair.roles.engine.panel import Panel
from sentinair.roles.engine.requests import Handler
from sentinair.roles.engine.sinks import Sinks
from sentinair.roles.engine.spine import Spine
from sentinair.roles.engine.starts import Starts
from sentinair.roles.engine.status import Counters
from sentinair.roles.engine.upkeep import Upkeep
from sentinair.settings.load import load
from sentinair.settings.overrides import merge, read_overrides
from sentinair.settings.registered import load as load_object
from sentinair.settings.registered import look_up
from sentinair.store.events import LaneKey, StoredEvent
from sentinair.store.read import Reader
from sentinair.store.suppressions import suppressions
from sentinair.store.writer import Store

__all__ = ["Assembly"]

log = logging.getLogger("sentinair.engine")

_NS = 1_000_000_000
_DAY_NS = 86_400 * _NS


class Assembly:
    """Raises ConfigFault at once; what the disk refuses shows in open()."""

    def __init__(self, config: Path, state: Path, shared: str | None) -> None:
        """shared: why the roles share one user; None: each has its own."""
        self._shared = shared
        self.settings = merge(load(config), read_overrides(state))
        self.state = state
        self._config = config
        self._boot = boot_id()
        self._counters = Counters()
        self._counters.started_ns = time.time_ns()
        self._counters.started_mono_ns = time.monotonic_ns()
        self._users = names_from_passwd(Path("/etc/passwd").read_bytes())
        ground = Ground(rules_dir=config / "rules", state_dir=state, users=self._users)
        self._panel = Panel(_makers(), ground)

    def stamp(self) -> Stamp:
        return Stamp(time.time_ns(), time.monotonic_ns(), self._boot)

    def new_id(self) -> str:
        return uuid7(time.time_ns(), os.urandom(10))

    def handlers(self, engine: Engine) -> Mapping[str, Handler]:
        return Answers(engine, self._counters, self.stamp, self._shared).handlers()

    def open(self) -> Spine:
        """The store and everything that works on it.  Raises StorageFault, PermissionFault."""
        store = Store.open(self.state, self.settings.store, self.stamp())
        done = False
        try:
            spine = self._joined(store)
            done = True
        finally:
            if not done:
                store.abandon()  # else its lock would keep the next try out
        return spine

    def _joined(self, store: Store) -> Spine:
        mask = Masker(self.settings.processes.mask_options).argv
        commits = Commits(
            store,
            self.stamp,
            lambda lanes: spine.committed(lanes),  # noqa: PLW0108 - made below
            self._counters.totals,
        )
        gaps = Gaps()
        begun = {"version": __version__, "host": socket.gethostname(), "pid": os.getpid()}
        with Reader.open(self.state) as reader:
            starts = Starts(commits, begun, reader)
            self._panel.begin(commits, reader, self.stamp())
        for row in store.open_gaps():
            gaps.restore(
                GapEvent(
                    seen_ns=row.noticed,
                    mono_ns=0,
                    gap_id=row.id,
                    source=row.source,
                    reason=row.reason,
                    lost=row.lost,
                    since_ns=row.since,
                    until_ns=row.until,
                )
            )
        circumstances = Circumstances(commits.before)
        manager = self._manager(store, commits, circumstances)
        judge = Judge(
            commits,
            ProcessTable(mask),
            gaps,
            self._panel.detectors,
            manager,
            own=LaneKey("engine", os.urandom(8), "own"),
            settled=self._settled(),
            stamp=self.stamp,
            ask=lambda ask: spine.ask(ask),  # noqa: PLW0108 - made below
            new_id=self.new_id,
            state=os.path.realpath(os.fsencode(self.state)),
        )
        spine = Spine(
            commits,
            judge,
            gaps,
            self._counters,
            stamp=self.stamp,
            random=os.urandom,
            upkeep=Upkeep(self._config, self.state, self.settings, commits, judge.tampered),
            alerts=manager,
            own=(os.getpid(), start(os.getpid()) or 0),
            after_stop=not store.unclean,
            starts=starts,
            modes=self._modes(commits, circumstances),
            drills=Drills(commits, circumstances, self.stamp),
            panel=self._panel,
            overdue=Overdue(commits, manager, self._recall, self.new_id),
            sinks=Sinks(
                commits,
                self.settings.sinks,
                self.state,
                stamp=self.stamp,
                notice=judge.notice,
                say=lambda word: spine.say("forwarder", word),
            ),
        )
        starts.tick(self.stamp())
        if store.opened.damaged is not None:
            judge.tampered("start", f"it was damaged, and is kept as {store.opened.damaged.file}")
        return spine

    def _manager(
        self, store: Store, commits: Commits, circumstances: Circumstances
    ) -> AlertManager:
        """With the alerts and suppressions of earlier lives."""
        given = self.settings.alerts
        reopen_ns = given.reopen_days * _DAY_NS
        manager = AlertManager(
            host=socket.gethostname(),
            limits=Limits(
                window_ns=given.merge_window_secs * _NS,
                max_open=given.max_open,
                reopen_ns=reopen_ns,
                escalate_ns={
                    name: secs * _NS
                    for name, secs in msgspec.structs.asdict(given.escalate_after_secs).items()
                },
            ),
            users=self._users,
            circumstances=circumstances,
            recall=commits.alert_of,
        )
        closed = store.closed_alerts(self.stamp().time_ns - reopen_ns, given.max_open)
        manager.restore(store.unfinished_alerts(given.max_open), closed)
        with Reader.open(self.state) as reader:
            manager.suppressions.restore(suppressions(reader))
        return manager

    def _modes(self, commits: Commits, circumstances: Circumstances) -> Modes:
        return Modes(
            commits,
            circumstances,
            self.stamp,
            lambda: Reader.open(self.state),
            self.new_id,
            host=socket.gethostname(),
            never=_uids("sentinair-api", "sentinair-fwd"),
        )

    def _recall(self, event_id: int) -> StoredEvent | None:
        with Reader.open(self.state) as reader:
            return reader.event(event_id)

    def _settled(self) -> set[bytes]:
        """Roots that some earlier rescan listed whole."""
        roots: set[bytes] = set()
        since = 1
        with Reader.open(self.state) as reader:
            while records := reader.records("rescan.completed", since):
                for record in records:
                    done = msgspec.convert(record.data, Completed)
                    if done.scope == "files":
                        roots.update(bytes.fromhex(root) for root in done.roots)
                since = records[-1].seq + 1
        return roots


def _uids(*names: str) -> frozenset[int]:
    """Of those users that there are."""
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return frozenset(known[name] for name in names if name in known)


def _makers() -> dict[str, Callable[[Ground], Detector]]:
    """The factory of every registered detector, by name."""
    found = look_up("sentinair.detectors")
    if not found:
        log.error("no detector is registered: the package is not installed; nothing will be judged")
    return {
        name: cast(Callable[[Ground], Detector], load_object(place))
        for name, place in found.items()
    }
