"""From detections to alerts that a person can read and answer: pure, ids and time are passed in.

    advice         what to do where a rule does not say
    fingerprint    what makes two detections the same alert
    build          detection and event to an alert with safe text
    circumstances  the moment it is raised in: a maintenance, a drill, what a file was before
    manager        suppresses, merges, raises, opens again; coalesces updates; joins all below
    suppress       detections that people do not want to see for a time; glob matches their paths
    flood          what becomes of a rule that finds thousands of different things a minute
    live           the alerts that may still merge, with room of their own for critical ones, and when counts leave
    closed         the closed ones that still answer for their like
    answer         answers, notes, who is to look: alert in, change out
    escalate       what nobody has answered in time
    held           what a maintenance held back, shown together
    explain        an alert as a colleague would tell it, and the same as JSON; timeline tells what else happened
    ids            UUIDv7 from a time and random bytes
    users          uid to name, from the text of passwd(5)

A detection comes in; the manager counts it on a suppression, on the live alert of its fingerprint, or on the closed
one that answers for it, or raises a new alert.  Each change leaves as an AlertChange, which the store makes one record
of the ledger.  An alert changes its status by a person's answer, only along model.alert.TRANSITIONS; the agent itself
does no more than open a resolved one again.
"""
