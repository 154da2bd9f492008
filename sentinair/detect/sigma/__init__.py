"""Sigma: rules that anyone can read, from their files to judgements.

    nodes        one YAML file to nodes that know their line; aliases refused
    files        a folder of files to rules, all faults collected
    rule         what a rule is once read
    apart        the same in a process of its own, which ends
    hints        what a fault says of a name that is not known
    head         what stands above a rule and a correlation alike: title, id, level, author, …
    parse        nodes to a rule; extras: what our rules say beyond Sigma
    selection    one selection to a tree of tests
    modifiers    what stands behind a field's name: contains, windash, base64offset, …
    condition    `selection and not 1 of filter_*` to a tree of tests
    pattern      wildcards and escapes
    regex        expressions that cannot take more than linear time
    match        the tree to closures, and what of it matched
    gate         what cannot match is dismissed before any rule is asked
    correlation  a correlation as written; counting: its condition; resolve: joined with the rules it names
    windows      the memory of one group; correlate: of all; kept: as bytes; judged: what is then said
    detector     all of it for one event
    examples     what rules say of the examples written in them
    reach        which rules cannot speak on this host, for nothing they ask for is watched

Source: Sigma specification 2.1, https://github.com/SigmaHQ/sigma-specification.
"""
