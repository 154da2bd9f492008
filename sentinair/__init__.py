"""Sentinair: an air-gapped, single-host Linux security agent.

One event's life, and where each step lives:

    kernel    raw observations: fanotify, inotify, process connector, /proc, mounts
    monitors  observation to event (model.event)
    ipc       sensor and execs to engine, over unix sockets, with receipts
    detect    event to detection: rules
    alerts    detection to alert: fingerprint, merge, status, explain
    store     events, files, alerts and the tamper-evident ledger in SQLite
    roles     the processes that join the above: sensor, execs, engine, api, forwarder, run
    cli       the human at a terminal

Imports point down only; docs/architecture.md has the drawing, .importlinter in setup.cfg the walls.
"""

__version__ = "0.1.0"
