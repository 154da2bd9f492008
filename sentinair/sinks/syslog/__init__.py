"""Syslog to a collector on this host or on the isolated network.

transport   datagrams, TCP, TLS
sink        envelopes, and what is sent again after a connection broke
options     what sinks.yaml may say; kind makes a sink from that
"""
