"""Objects of the emulator in SQLite: one table, apart by organization and sandbox, in order of their making."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    number  INTEGER PRIMARY KEY,
    tenant  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    name    TEXT,
    body    TEXT NOT NULL,
    secret  TEXT,
    UNIQUE (tenant, kind, id)
);
CREATE INDEX IF NOT EXISTS by_kind ON objects (tenant, kind, number);
CREATE INDEX IF NOT EXISTS by_name ON objects (tenant, kind, name, number);
CREATE TABLE IF NOT EXISTS uses (tenant TEXT, user TEXT, used TEXT, PRIMARY KEY (tenant, user, used));
CREATE INDEX IF NOT EXISTS by_used ON uses (tenant, used);
CREATE TABLE IF NOT EXISTS versions (
    tenant TEXT, id TEXT, version INTEGER, body TEXT, PRIMARY KEY (tenant, id, version)
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
"""


class Storage:
    """A file, or memory for `:memory:`. One connection and one lock: a request is one transaction."""

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self.identity = self._identity()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold one transaction: all of it is kept, or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _identity(self) -> str:
        with self.transaction():
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('identity', ?)", (str(uuid.uuid4()),))
            return str(self._db.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()[0])

    def tick(self) -> int:
        """Return a number that was never returned before: the counter in etags."""
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('tick', '0')")
        self._db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'tick'")
        return int(self._db.execute("SELECT value FROM meta WHERE key = 'tick'").fetchone()[0])

    def get(self, tenant: str, kind: str, ident: str) -> Json | None:
        """Return one object, or None."""
        row = self._db.execute(
            "SELECT body FROM objects WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, ident)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def secret(self, tenant: str, kind: str, ident: str) -> Json:
        """Return what was put away beside an object."""
        row = self._db.execute(
            "SELECT secret FROM objects WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, ident)
        ).fetchone()
        return json.loads(row[0]) if row and row[0] else {}

    def put(
        self, tenant: str, kind: str, body: Json, *, uses: list[str] | None = None, secret: Json | None = None
    ) -> None:
        """Add or replace an object; `uses` are the ids it refers to."""
        self._db.execute(
            "INSERT INTO objects (tenant, kind, id, name, body, secret) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, kind, id) DO UPDATE SET name = excluded.name, body = excluded.body, "
            "secret = COALESCE(excluded.secret, secret)",
            (tenant, kind, body["id"], body.get("name"), json.dumps(body), json.dumps(secret) if secret else None),
        )
        if uses is not None:
            self._db.execute("DELETE FROM uses WHERE tenant = ? AND user = ?", (tenant, body["id"]))
            self._db.executemany(
                "INSERT OR IGNORE INTO uses VALUES (?, ?, ?)", [(tenant, body["id"], used) for used in uses]
            )

    def delete(self, tenant: str, kind: str, ident: str) -> None:
        """Remove an object and what it refers to."""
        self._db.execute("DELETE FROM objects WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, ident))
        self._db.execute("DELETE FROM uses WHERE tenant = ? AND user = ?", (tenant, ident))

    def users(self, tenant: str, ident: str) -> list[str]:
        """Return the ids of the objects that refer to `ident`."""
        return [
            row[0] for row in self._db.execute("SELECT user FROM uses WHERE tenant = ? AND used = ?", (tenant, ident))
        ]

    def page(
        self, tenant: str, kind: str, after: int | None, limit: int, *, name: str | None = None
    ) -> Iterator[tuple[int, Json]]:
        """Yield objects newest first with their numbers, below the number `after`; read `limit` at a time."""
        conditions, values = ["tenant = ?", "kind = ?"], [tenant, kind]
        if name is not None:
            conditions.append("name = ?")
            values.append(name)
        where = " AND ".join(conditions)
        below = after if after is not None else 2**62
        while True:
            rows = self._db.execute(
                f"SELECT number, body FROM objects WHERE {where} AND number < ? ORDER BY number DESC LIMIT ?",
                (*values, below, limit),
            ).fetchall()
            for number, body in rows:
                yield number, json.loads(body)
            if len(rows) < limit:
                return
            below = rows[-1][0]

    def count(self, tenant: str, kind: str) -> int:
        """Return how many objects of one kind there are."""
        return int(
            self._db.execute("SELECT COUNT(*) FROM objects WHERE tenant = ? AND kind = ?", (tenant, kind)).fetchone()[0]
        )

    def put_version(self, tenant: str, ident: str, version: int, body: Json) -> None:
        """Keep one version of an object for ever."""
        self._db.execute(
            "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?)", (tenant, ident, version, json.dumps(body))
        )

    def get_version(self, tenant: str, ident: str, version: int) -> Json | None:
        """Return one version of an object, or None."""
        row = self._db.execute(
            "SELECT body FROM versions WHERE tenant = ? AND id = ? AND version = ?", (tenant, ident, version)
        ).fetchone()
        return json.loads(row[0]) if row else None
