"""A voice in the room: critical alerts, and that the agent does not see, on terminals and in the message of the day.

text       what is said: one line of ASCII each, bounded; pure
blind      whether the agent sees, from records and the time since the last; pure
pace       so many lines a minute, then how many more there were; pure
terminals  the terminals of people logged in, each proven to be one, none waited for
motd       the file that lists what is open now
sink       joins them
options    what sinks.yaml may say of it; kind makes it from that

    record ─► blind, pace ─► text ─► terminals
                 └── standing (what the database says is open) ─► text ─► motd

Nothing is lost when nobody hears it: a notice only points at the record.
"""
