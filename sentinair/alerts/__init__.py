"""From detections to alerts that a person can read and answer: pure, ids and time are passed in.

    fingerprint  what makes two detections the same alert
    build        detection and event to an alert with safe text
    flood        what becomes of a rule that finds thousands of different things a minute
    manager      raises, merges, coalesces updates, takes answers; knows the alerts that may still merge
    explain      an alert as a colleague would tell it, and the same as JSON
    ids          UUIDv7 from a time and random bytes
    users        uid to name, from the text of passwd(5)

A detection comes in; the manager finds the live alert of its fingerprint (open or acknowledged, seen within the
window) and counts it there, or raises a new one.  Each change leaves as an AlertChange, which the store makes one
record of the ledger.  An alert changes its status only by a person's answer, and only along model.alert.TRANSITIONS.
"""
