"""Typed configuration: from the administrator's YAML to frozen values.

    defaults   the lists that ship
    types      every setting: type, default, range, meaning
    nodes      YAML node tree to plain values and their lines, refusing what is unsafe
    convert    plain values to the settings types, collecting all faults
    load       a configuration folder to Settings, and where each value came from
    compiled   the one file that sensor and execs read (needs no YAML)
    overrides  the listed set that the API may change; it cannot blind the agent
    edit       one scalar changed in a YAML file, comments kept

Sensor and execs import only types and compiled.
"""
