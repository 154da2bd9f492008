"""One module per claim.  run(size) -> figures, size "small" or "full"; "broken" names promises that did not hold.

burst        a burst of file operations: what was stored of it, who did it, and what it cost
overflow     a full kernel queue: the gap, the rescan, the truth restored
exec_storm   many short processes, and a buffer too small for them
latency      from close() to a readable row, and to a readable alert
idle         what the agent costs while nothing happens
kills        roles killed at random under load
secrets      command lines with secrets: none may be found afterwards
shutdown     a stop with events waiting
bad_start    what a start refuses, and how it says so
guest        the systemd units on a booted machine
full_disk    no bytes or no inodes left, before the start and while running
store        rows written beside the bare sqlite3 limit, and pages
sigma        the community's rules beside another judge of them
flood        a rule that fires 100,000 times, and critical alerts in the middle of it
verify       how long proving a whole ledger takes
bitflips     single flipped bits, all of which must be found
benign       ordinary work: which alerts it raises
codecs       what each format costs beside the bare JSON encoder
drops        damaged drops get their verdict, clean ones none
peers        what the usual libraries see of the same loads
"""
