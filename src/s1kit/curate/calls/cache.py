"""Every reply that was ever paid for, in one SQLite file, by the content of its call.

Knows keys and JSON. Refuses to know who answers. A reply is committed and synced before anybody sees it, so whatever
was seen is not paid for again, whatever kills the process. Several processes may share a file: the first answer to a
call stays, and all of them read that one.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from s1kit.curate.calls.call import Call, Reply
from s1kit.errors import UserError
from s1kit.types import canonical_json

APPLICATION_ID = 0x73316B63
"""Marks the file as this cache ("s1kc")."""
SCHEMA = 1
WAIT_SECONDS = 60.0
"""How long a write waits for another process to finish its own."""
_TABLE = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL, reply TEXT NOT NULL, failed INTEGER NOT NULL,
    created TEXT NOT NULL
) WITHOUT ROWID
"""
_PUT = """
INSERT INTO replies (key, model, request, reply, failed, created) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET reply = excluded.reply, failed = excluded.failed, created = excluded.created
WHERE replies.failed = 1
"""


class CacheError(UserError):
    """A cache file that cannot be used: another program's, a newer version's, damaged, or not writable."""


class Cache:
    """The cache at ``path``, made where there is none. Use it on the thread that opened it; a context manager."""

    def __init__(self, path: str | Path) -> None:
        """Raises CacheError."""
        self.path = Path(path)
        with self._guarded():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            with self._guarded():
                self._open()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """How many replies it holds, errors included."""
        with self._guarded():
            return int(self._db.execute("SELECT count(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        """Close the file; doing it twice is fine."""
        self._db.close()

    def get(self, call: Call) -> Reply | None:
        """What this call was answered, an error included; None if it never was. Raises CacheError."""
        with self._guarded():
            row = self._db.execute("SELECT reply FROM replies WHERE key = ?", (call.key,)).fetchone()
        if row is None:
            return None
        try:
            return Reply.model_validate_json(row[0])
        except ValidationError as error:
            raise CacheError(
                f"the cache {self.path} holds a reply that cannot be read (key {call.key})\n"
                "hint: it was written by another version, or damaged; use another file, or delete this one"
            ) from error

    def put(self, call: Call, reply: Reply) -> Reply:
        """Store a reply, and return the one that counts: an answer that was there before stays, an error does not."""
        row = (
            call.key,
            call.model,
            canonical_json(call.request()),
            reply.model_dump_json(),
            int(reply.error is not None),
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with self._guarded():
            taken = self._db.execute(_PUT, row).rowcount
        return reply if taken else self.get(call) or reply

    def forget_errors(self, model: str | None = None) -> int:
        """Remove the errors (of one model), so that those calls are made again; how many there were."""
        with self._guarded():
            where, values = ("failed = 1", ()) if model is None else ("failed = 1 AND model = ?", (model,))
            return self._db.execute(f"DELETE FROM replies WHERE {where}", values).rowcount

    def forget(self, calls: Iterable[Call]) -> None:
        """Remove the replies to these calls if they are errors."""
        with self._guarded():
            self._db.executemany("DELETE FROM replies WHERE key = ? AND failed = 1", [(c.key,) for c in calls])

    def _open(self) -> None:
        # one transaction: a second process that opens the new file sees either nothing or all of it
        self._db.execute("BEGIN IMMEDIATE")
        try:
            mine = self._db.execute("PRAGMA application_id").fetchone()[0]
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            empty = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
            if not empty and mine != APPLICATION_ID:
                raise CacheError(f"{self.path} is another program's database\nhint: name another file for the cache")
            if not empty and version != SCHEMA:
                raise CacheError(
                    f"the cache {self.path} has schema {version}, this version reads {SCHEMA}\n"
                    "hint: use the version that wrote it, or another file"
                )
            self._db.execute(_TABLE)
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA synchronous = FULL")
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # the change needs the file to itself, and SQLite does not wait for that: whoever opens it next makes it;
            # without it the cache is as safe, only slower
            if "locked" not in str(error):
                raise

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """What SQLite and the system say, as CacheError."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            said = str(error)
            hint = "check that the place is writable and has room"
            if "not a database" in said or "malformed" in said:
                hint = "the file is damaged or no cache: name another one, or delete it and pay again"
            elif "locked" in said:
                hint = "another process has been writing for a long time; wait for it"
            raise CacheError(f"cannot use the cache {self.path}: {said}\nhint: {hint}") from error
        except OSError as error:
            raise CacheError(f"cannot use the cache {self.path}: {error.strerror}") from error
