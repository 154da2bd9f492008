"""The continuous drop: immutable files an offline SIEM picks up, and proof that none is missing or changed.

segment       entries in a row, gathered in a file nobody reads yet
manifest      what is said of a finished segment, and signed
place         the directory, which others may write: every step by its descriptor, nothing followed, nothing replaced
memory        what was put away last, kept on this host: the place is never asked for it
keys          the certificates that lead from the enrolment key to the key that signed
upkeep        the cap on the directory
signer        asks the engine for signatures
sink          joins them
options       what sinks.yaml may say of a drop; kind makes it from that
check         the other side: judges a drop with a public key only

In a drop lie:

    <host>-<chain>-<first>-<last>.ndjson           a segment, never changed (events: <chain>-events-<first>-…)
    <host>-<chain>-<first>-<last>.ndjson.manifest  {"signed": {…}, "seal": {…}}, written after it
    <host>-<chain>.keys                            a certificate a line, only ever appended to
    <host>.<sink>.heartbeat                        {"signed": {…}, "seal": {…}}, replaced
"""
