"""The one exception of the store.

Knows how a failure is told: what and where in ``message``, what to do in ``hint``. Refuses to know exit codes.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from s1kit.errors import UserError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Disk full, quota used up, file size limit reached: to the person who reads the message these are one thing."""


class StoreError(UserError):
    """Something about a run on disk is not as it has to be.

    ``message`` says what and where, ``hint`` what to do about it ("" where there is nothing to advise).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


def cannot_write(path: Path, problem: OSError) -> StoreError:
    """The StoreError for a write that the system refused, naming the file and, for a full disk, the free space."""
    reason = os.strerror(problem.errno) if problem.errno else str(problem)
    if problem.errno in _NO_SPACE:
        return StoreError(
            f"cannot write `{path}`: {reason} ({_free(path)} free)",
            "make room and run the same command again, with --resume if it generates; every row acknowledged is safe",
        )
    return StoreError(f"cannot write `{path}`: {reason}", "check that the directory exists and is writable")


def _free(path: Path) -> str:
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return "unknown space"
    return f"{free / 2**20:.1f} MiB"
