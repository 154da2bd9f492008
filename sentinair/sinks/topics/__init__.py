"""Topics: alerts, events and metrics as messages to local programs that subscribe on a unix socket.

options     what sinks.yaml may say of it
messages    an entry as a message, and what a subscriber asks for; pure
subscriber  one of them: its request, its bounded queue
hub         the socket and all subscribers, in a thread of its own
sink        entries to the hub, metrics from time to time; kind makes one
client      for subscribers: the standard library only, one file that works alone

On the wire, one JSON object a line:

    client  {"subscribe": ["alerts", "metrics"]}            at most 4 KiB, within 5 s, and nothing after it
    server  {"timestamp": …, "subscribed": ["alerts", "metrics"]}, or {"timestamp": …, "error": …} and the end
    server  {"timestamp": …, "topic": "alerts", "seq": 7, "data": {…}}, again and again
    server  {"timestamp": …, "dropped": 12}                 so many are missing here: its queue was full

It brings what happens now: a message is done with once it is in the queues of those who are there.
"""
