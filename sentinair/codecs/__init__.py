"""From values to bytes and JSON-able shapes, and nothing else: pure functions, no I/O.

    times       nanoseconds to RFC 3339 text and back
    event_json  a stored event in the shape users rely on
    alert_json  a stored alert in the shape users rely on
    ecs         Elastic Common Schema
    ocsf        Open Cybersecurity Schema Framework
    prometheus  metrics as text; status_metrics: which there are
    plain       any value as JSON can hold it
    facts       process and file of an entry
    summary     what leaves the host, in the few words every SIEM format has a place for
    cut         text made to fit, with length and hash of what it was
    cef, leef   one line an entry, as ArcSight and QRadar read it; siem: what both share; cef_usual: a short cut
    any_json    any value as a line of JSON, with the bytes of what had to be escaped beside it
    ndjson json_file csv_rows xml_file  entries as lines or files (model.ports.Codec)
    syslog      an encoded entry in an envelope, and messages in a stream

Everything that came from the kernel leaves here as safe text (model.text.shown); where that text cannot be
turned back into the bytes, the bytes stand beside it in hexadecimal, as `<name>_hex`.
"""
