"""A rename that never replaces: renameat2(2) with RENAME_NOREPLACE, else a second name and the first one away.

rename(2) itself replaces whatever has the name, so that on a shared directory it could destroy what others put there.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

__all__ = ["rename_new"]

_libc = ctypes.CDLL(None, use_errno=True)
_NOREPLACE: Final = 1  # RENAME_NOREPLACE of linux/fs.h
_UNABLE: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def rename_new(at: int, old: str, new: str) -> None:
    """Give old, a file of the directory at, the name new in it.

    Raises FileExistsError if anything has that name, links and directories included; OSError for all else, also where
    the file system knows neither way (then nothing has changed).
    """
    if _libc.renameat2(at, os.fsencode(old), at, os.fsencode(new), _NOREPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _UNABLE:
        raise OSError(code, os.strerror(code), new)
    # NFS knows no flags, and makes links; between the two steps both names are there, which hurts nobody.
    os.link(old, new, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
    os.unlink(old, dir_fd=at)
