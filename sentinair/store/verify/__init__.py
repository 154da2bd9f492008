"""Proves a ledger with public keys only: every part of it is judged by what another part says.

report      verify(): begins, shares out and sums up
plan        what is known before: where chains begin, the head, what was lawfully forgotten
tasks       the parts that need nothing of each other
helper      a second process that does some of them
span        records in a row: links, columns, signatures
batches     the events and processes that a span's batches name
seals       whether epochs and checkpoints follow each other
whole       what no span can say alone
tables      the other tables against what the ledger makes of them
search      the search index against one made again
"""
