"""The role `sensor`: files, hashes, rescans and the inventory of processes; privileged, without network.

python -m sentinair.roles.sensor --settings FILE --socket PATH

role      the loop: kernel, engine, workers, clock
source    the face of every file source; fanotify_files and inotify_files are those that are
choice    which file source works here
walks     rescans, and which gaps they still have to restore
outbox    the lanes, and what becomes of events and gaps on their way into them
hashes    files and executables to the hashing worker and back
processes inventory, and polling where there is no process connector
"""
