"""The engine: one thread, one loop, the only writer of the database.

sockets ─► senders ─► join ─► judge ─► commits ─► store
             ▲                            │
             └────────── receipts ────────┘

app       the loop: sockets, ticks, signals, shutdown
senders   one connection of sensor or execs: hello, numbering, holes, receipts
join      who did it: process table, and the short wait for a late answer
judge     mask, detect, alert: what an event means
rescans   a listing against the known files: what happened while nobody looked
gaps      losses and their repair
commits   group commit, and what to do when the disk refuses
requests  what people and roles may ask
status    what the engine says of itself
"""
