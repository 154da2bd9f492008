"""One file per kernel ability, each with a probe that says what works here and, if not, why.

    procfs    what /proc says of a process
    cnproc    the process connector: fork, exec, uid change and exit as they happen
    hasher    content hashes, computed in a child process that can be killed
    fanotify  file changes with who made them
    inotify   the fallback for file changes
    mounts    what is mounted where, and when that changes
"""
