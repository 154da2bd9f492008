"""An export on demand: one file, whole or not there, and a manifest that says who wanted it and who vouches for it.

manifest   what is said of a file, signed or not
file       entries to a file under a name that was free

In the folder of an export lie:

    sentinair_alerts_<epoch seconds>.<ending>                the file; a second one of that second is called …-2
    sentinair_alerts_<epoch seconds>.<ending>.manifest.json  {"signed": {…}, "seal": {…}}, or {"unsigned": why, "said": {…}}
    sentinair_exports-<chain>.keys                           the certificates from the enrolment key to the key that signed
"""
