"""The record: one SQLite file with one writer, many readers and a hash-chained ledger that covers all of it.

    schema      the tables, their version, and what changed between versions
    payload     what the records say that the store itself writes
    writer      Store: the only writer; one commit is one transaction
    opening     from a state directory to a session: create, check, migrate, recover
    session     one connection of the writer and all it keeps in memory of the file
    ledger      appends records to the chain
    rows        many rows put into one table
    events      event rows, the streams that count them, lanes and process facts
    files       what every watched name was when last seen, under a multiset hash
    alerts      alerts as the ledger's alert records leave them, shelves that count them, and their search index
    gaps        what was lost and whether the truth was restored
    seal        when the chain is signed and the key changed
    retention   forgetting by age, size and severity, said in a record
    reserve     the file given up when the disk is full
    recover     a damaged file set aside whole
    copy        an exact copy of the file
    access      who may own and read the file; how it is opened for reading
    read        Reader: pages, counts, records (asked: its words; pages, search: how it finds)
    chain, keys, seals, checkpoint    links and signatures
    verify      the proof of all of it, with public keys only

Writing begins at writer.Store, reading at read.Reader, proving at verify.report.
"""
