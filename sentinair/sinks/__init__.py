"""Bytes to somewhere: each sink takes parcels and brings them to one place outside.

drop   files in a directory for an offline SIEM, signed, each naming its predecessor
"""
