"""How processes speak: length-framed msgpack on unix stream sockets.

frames    bytes on the wire, size-capped
messages  what senders (sensor, execs) and the engine say to each other
lane      a bounded queue of numbered batches, kept until the engine has committed them
link      a sender's side of the connection: resend, receipts, asks
sockets   listening sockets made or handed over, and who is at the other end
control   requests by people and roles to the engine, and their answers
"""
