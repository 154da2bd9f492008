"""Typed configuration: from the administrator's YAML to frozen values.

    defaults   the lists that ship
    types      every setting: type, default, range, meaning
    sinks      where the record goes: one sink's settings, compiled for the forwarder
    guarded    who owns a file, reading what only root or we could have written, writing in one piece
    nodes      YAML text to plain values and their lines, refusing what is unsafe
    convert    plain values to the settings types, collecting all faults
    checks     what one setting alone cannot say; check_sinks the same of sinks.yaml, check_options what its sinks are told
    registered which monitors, detectors, codecs and sinks the installed packages bring
    load       a configuration folder to Settings, and where each value came from
    compiled   the files that sensor and execs, or the forwarder, read (need no YAML)
    overrides  the listed set that the API may change; it cannot blind the agent
    set        one scalar changed in a YAML file, comments kept
    describe   the settings as a table, for the manual and the command line

Sensor and execs import only types (with defaults), guarded and compiled.
"""
