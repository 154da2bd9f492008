"""Syslog to a collector on this host or on the isolated network.

transport   datagrams, TCP, TLS
sink        envelopes, and what is sent again after a connection broke
made        from the options of sinks.yaml to a sink
"""
