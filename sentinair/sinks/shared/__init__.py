"""The shared database: alerts and events as tables of an SQLite file, for other programs of this host.

options   what sinks.yaml may say of it
rows      an entry as a row, pure
place     the file, its directory, and what may not lie there
database  rows into it, a cap on it
handover  a closed copy of it to a share, where locks do not work
sink      all of it as a sink; kind makes one

Who reads holds a lock only for moments, or the sink waits: nothing is lost, the ledger is the queue.  Who may write is
trusted with this file and nothing else, which is why

- the directory is closed to all others: SQLite believes a journal that lies beside its file, and deletes the file that
  is named in it (pager_delsuper() in its pager.c);
- the journal is one file that stays and that nobody else may write, for the same reason;
- the connection is exclusive and lives for one delivery: should somebody turn the file into one with a write-ahead log,
  no memory is shared with them, which cut short would end this process (SIGBUS, mmap(2));
- its schema is compared with ours, word by word, before each write: a trigger would run with it.
"""
