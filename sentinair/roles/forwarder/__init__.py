"""The forwarder: brings the record out of the host, each sink in a thread of its own.

ledger ─► entries ─► choose, mapping ─► codec ─► sink
   └── wake ── engine ◄── positions, dead letters, health ──┘

role      the loop: the engine's words, reports, stopping
worker    one sink's thread: what is next, when it may go, what became of it
delivery  parcels to the sink: tries, refusals, dead letters
supply    records and events after a position, as entries
orders    what a person wants of a sink, and what waits to be reported
exports   one thread more: what `sentinair export` asks for, into data/exports
idle      what is there without all that

Nothing else is loaded while no sink is enabled and no export is wanted: then the role is as small as a stub.
"""
