"""One file per kernel ability, each with a probe that says what works here and, if not, why.

procfs         what /proc says of a process
cnproc         the process connector: fork, exec, uid change and exit as they happen
psutil_source  the process list, where the connector does not work; loaded only then
hasher         content hashes, computed in a child process that can be killed
hashing        that child; hashwire is what both say to each other
statx          what lies under a name, without asking a FUSE server
directory      directories by descriptor, for walks that cannot be led astray
fanotify       file changes with who made them
inotify        the fallback for file changes
mounts         what is mounted where, and when that changes
"""
