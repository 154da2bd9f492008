"""Figures: what the agent does beside what this machine can do at all, measured in the same run.

    *.c              load generators, compiled on demand
    generators       runs them, and says what they did
    limit_files      limit probe: the least Python must do to take file events with their process from the kernel
    limit_execs      limit probe: the same for process events
    peers            what watchdog and psutil polling see of the same loads
    probes           runs limit probes and peers beside a load
    proctree         what a process and its children cost: CPU, PSS, wake-ups
    figures          percentiles, machine, commit
    bed, bad_starts  what campaigns share; the starts that must be refused
    campaign         python -m tests.bench.campaign NAME [--size small|full]
    campaigns/       one module per claim: run(size) returns its figures

Nothing here is red because it was slow: tests assert counts, campaigns print figures.
"""
