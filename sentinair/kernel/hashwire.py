"""What HashWorker and its child say to each other: one packet each way per file, native byte order.

The child imports nothing but this and the standard library, so that it starts quickly and stays small.
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["HAS_ID", "HAS_SHA256", "IDLE_SECS", "MAX_PACKET", "REPLY", "REQUEST"]

IDLE_SECS: Final = 10.0  # without work the child ends
MAX_PACKET: Final = 8192  # the longest path is 4096 bytes, path_resolution(7)
HAS_ID, HAS_SHA256 = 1, 2

REQUEST: Final = struct.Struct("=iBQQqQQd")
"""pid or 0, flags, device, inode, ctime_ns, most bytes, bytes a second, seconds; then the path."""
REPLY: Final = struct.Struct("=BQQq32s")
"""flags, device, inode, ctime_ns, sha256; then why it is unsure, UTF-8."""
