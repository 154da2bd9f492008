"""The engine: one thread, one loop, the only writer of the database.

sockets ─► senders ─► join ─► judge ─► commits ─► store
             ▲                            │
             └────────── receipts ────────┘

app         the loop: sockets, ticks, signals, shutdown
assemble    joins settings, store, detectors and alerts into a spine
spine       between the sockets and the judge: senders, receipts, ticks; intake holds batches whose writer is not known yet
senders     one connection of sensor or execs: hello, numbering, receipts; form checks what they say
join        who did it: process table, and the short wait for a late answer
judge       mask, detect, alert: what an event means; hashes knows contents by their hash
panel       the detectors, made anew when rules change (folder_watch); memory keeps what they remember
overdue     what detectors find when time has passed
rescans     a listing against the known files: what happened while nobody looked
sinks       how far each sink is, its dead letters and its health; sink_answers what people ask of them
exports     exports that people order of the forwarder; export_answers and drop_answers sign what it made
gaps        losses and their repair
commits     group commit, and what to do when the disk refuses
upkeep      signatures when due, retention, the full check after a start
starts      what the record says of how the engine came up
modes       observe or maintenance: how loud it is; drills marks what a drill raises
own         which processes are ours
requests    what people and roles may ask; answers and alert_answers have the methods
status      what the engine says of itself
"""
