"""One writer per run, held by the kernel.

Knows ``flock`` on a file in the run directory. Refuses time-outs and stale-lock heuristics: the kernel drops the lock
when the process dies, ``kill -9`` included, so a lock that is held has a living owner.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import weakref
from pathlib import Path

from s1kit.store.errors import StoreError, cannot_write

LOCK_FILE = ".lock"
_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


class RunLock:
    """The exclusive right to write into one run directory, from construction to ``release``.

    Raises StoreError when another process (or another RunDir of this one) holds it for longer than ``wait`` seconds.
    """

    def __init__(self, run: Path, wait: float = 0.5) -> None:
        path = run / LOCK_FILE
        try:
            self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as problem:
            raise cannot_write(path, problem) from problem
        try:
            self._take(path, time.monotonic() + wait)
        except BaseException:
            self.release()
            raise
        _held.add(self)

    def _take(self, path: Path, until: float) -> None:
        assert self._fd is not None
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as problem:
                if problem.errno not in _BUSY:
                    raise StoreError(
                        f"cannot lock `{path}`: {problem.strerror}", "keep runs on a file system that supports flock"
                    ) from problem
                if time.monotonic() >= until:  # the short wait is for `s1 runs ls`, which looks at the lock in passing
                    raise _busy(path, self._fd) from problem
                time.sleep(0.01)
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as problem:
            raise cannot_write(path, problem) from problem

    def release(self) -> None:
        """Give the lock back; doing it twice is fine."""
        fd, self._fd = self._fd, None
        _held.discard(self)
        if fd is not None:
            os.close(fd)


def is_locked(run: Path) -> bool:
    """Whether some process is writing into this run right now. Never blocks, changes nothing."""
    try:
        fd = os.open(run / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno in _BUSY
    finally:
        os.close(fd)
    return False


def _busy(path: Path, fd: int) -> StoreError:
    owner = os.pread(fd, 32, 0).decode(errors="replace").strip()
    who = f"process {owner}" if owner.isdigit() else "another process"
    return StoreError(
        f"`{path.parent}` is being written by {who}",
        "wait for it to end, or stop it and run the same command with --resume",
    )


_held: weakref.WeakSet[RunLock] = weakref.WeakSet()


def _forget_in_child() -> None:
    # A forked worker shares the open file, and with it the lock: if it outlived a killed parent, nobody could resume.
    for lock in list(_held):
        fd, lock._fd = lock._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)


os.register_at_fork(after_in_child=_forget_in_child)
