"""Raw observations turned into events.  No sockets and no ctypes here: monitors take a source.

watch      which paths matter, and how: one verdict per directory
marks      fanotify: which file systems to mark, as mounts come and go
tree       inotify: one watch for each directory that matters
file       kernel observations of files to file events
hashing    files to be hashed once they are quiet
rescan     lists what is watched, for the engine to compare; names cuts directories into parts
process    process connector observations to process events
inventory  all processes at one moment, and polling where there is no connector
clock      whether the wall clock was set
"""
