"""Bytes to somewhere: one file for each kind of sink, and the small parts that every delivery needs.

    ground    what every sink is made from
    choose    which entries go to a sink
    mapping   changes to fields before a codec sees them
    backoff   how long to wait after a failure
    breaker   when to stop trying, and to try once
    bucket    a rate with a burst
    health    from what happened to one word
    drop      files in a directory for an offline SIEM, signed, each naming its predecessor
    export    one file on demand, and its manifest: no sink, but made with a drop's tools
    notice    terminals of people logged in, and the message of the day
    shared    an SQLite file for other programs of this host, and closed copies of it for a share
    syslog    messages to a collector on this host or on the isolated network
    topics    messages to local programs that subscribe on a socket

The small parts are pure: time and randomness are handed in.  A kind is registered in the entry point group
`sentinair.sinks`, as a model.ports.SinkKind: the type of its options, and what makes a sink from them and a Ground.
"""
