"""The words everybody speaks: values only, no I/O.

    process   who: facts about one process, joined by pid and start time
    event     one thing that happened; a gap says others were lost; a listing tells what a directory holds
    alert     a detector's judgement (detection) and what becomes of it (alert)
    record    one entry of the ledger
    attack    ATT&CK techniques and tactics by name
    ports     what a kernel ability says of itself; the protocols of clocks and detectors

Kernel paths and arguments are bytes as the kernel gave them; what is unknown is None.
Wire form is msgpack with structs as arrays, so a field may only ever be added at the end, with a default.
"""
