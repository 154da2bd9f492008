"""Judges a drop, and exports, with a public key only; scripts/verify-drop.py is made of these modules (scripts/build-verifier).

Only the standard library and `cryptography` are imported, and nothing of the package but what lies here.

found      what judging says
folder     the directory, its certificates, and whose seals are good
exports    files made on demand, each against its manifest
segments   each segment against its manifest
lines      segments one after the other, heartbeats, and what was known before
program    the command line of the stand-alone file
"""
