"""The processes, one module or package each: the only place where concrete things are joined.

sensor      files, hashes, rescans, process inventory: kernel sources to events; privileged, no network
execs       the process connector's reader, alone
engine      joins, judges, records; the only writer of the database; no privilege, no network
api         TLS API and dashboard on 127.0.0.1 (answers health only, for now)
forwarder   delivers the record to sinks (answers health only, for now)
run         starts all of the above in the foreground, without systemd

stub        what api is for now
arguments, clock                  what several roles share
prepare, separation, ready        parts of run: what must stand before, who runs as whom, what it prints
"""
