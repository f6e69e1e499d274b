"""Objects of the emulator in SQLite: one table, apart by organization and sandbox, in order of their making."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Json = dict[str, Any]
Condition = tuple[str, Sequence[Any]]
"""A piece of SQL over the table `objects`, and its values."""

_VERSION = 2
_INDEXED = (
    "createdAt",
    "connectionSpec.id",
    "flowSpec.id",
    "baseConnectionId",
    "flowId",
    "state",
    "schemaRef.id",
    "audienceId",
)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS objects (
    number  INTEGER PRIMARY KEY,
    tenant  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    name    TEXT,
    body    TEXT NOT NULL,
    secret  TEXT,
    made    INTEGER NOT NULL DEFAULT 0,
    ripens  INTEGER,
    UNIQUE (tenant, kind, id)
);
CREATE INDEX IF NOT EXISTS by_kind ON objects (tenant, kind, number);
CREATE INDEX IF NOT EXISTS by_name ON objects (tenant, kind, name, number);
CREATE INDEX IF NOT EXISTS by_ripeness ON objects (ripens) WHERE ripens IS NOT NULL;
{
    "".join(
        f"CREATE INDEX IF NOT EXISTS by_{path.replace('.', '_')} "
        f"ON objects (tenant, kind, json_extract(body, '$.{path}'), number);"
        for path in _INDEXED
    )
}
CREATE TABLE IF NOT EXISTS uses (tenant TEXT, user TEXT, used TEXT, PRIMARY KEY (tenant, user, used));
DROP INDEX IF EXISTS by_used;
CREATE INDEX IF NOT EXISTS by_what ON uses (used, tenant);
CREATE TABLE IF NOT EXISTS versions (
    tenant TEXT, id TEXT, version INTEGER, body TEXT, PRIMARY KEY (tenant, id, version)
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
"""


class StorageError(Exception):
    """The file cannot be used; the text says why."""


def _create_private(path: str) -> None:
    """Create the file, if it is missing, readable by its owner only; SQLite gives its journals the same mode."""
    if path != ":memory:":
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StorageError(f"{path} cannot be used: {error.strerror}") from None


class Storage:
    """A file, or memory for `:memory:`. One connection and one lock: a request is one transaction.

    Raises StorageError for a file that is no emulator's, or a newer one's.
    """

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        try:
            _create_private(path)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            self._db.create_function("regexp", 2, _matches, deterministic=True)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._migrate()
        except sqlite3.Error as error:
            raise StorageError(f"{path} cannot be used: {error}") from None
        self.identity = self._identity()

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise StorageError("the file was written by a newer version of the emulator")
        columns = {row[1] for row in self._db.execute("PRAGMA table_info(objects)")}
        if columns and "made" not in columns:
            self._db.execute("ALTER TABLE objects ADD COLUMN made INTEGER NOT NULL DEFAULT 0")
            self._db.execute("ALTER TABLE objects ADD COLUMN ripens INTEGER")
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold one transaction: all of it is kept, or nothing. One inside another is part of it."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
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
            return str(self._one("SELECT value FROM meta WHERE key = 'identity'")[0])

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self._db.execute(sql, values).fetchone()

    def tick(self) -> int:
        """Return a number that was never returned before: the counter in etags."""
        row = self._one(
            "INSERT INTO meta VALUES ('tick', '1') ON CONFLICT (key) "
            "DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING value"
        )
        return int(row[0])

    # -- one object ------------------------------------------------------------------------------------------
    def get(self, tenant: str, kind: str, ident: str) -> Json | None:
        """Return one object, or None."""
        row = self._one("SELECT body FROM objects WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, ident))
        return json.loads(row[0]) if row else None

    def secret(self, tenant: str, kind: str, ident: str) -> Json:
        """Return what was put away beside an object."""
        row = self._one("SELECT secret FROM objects WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, ident))
        return json.loads(row[0]) if row and row[0] else {}

    def put(
        self,
        tenant: str,
        kind: str,
        body: Json,
        *,
        uses: Iterable[str] | None = None,
        secret: Json | None = None,
        made: int | None = None,
        ripens: int | None = None,
    ) -> None:
        """Add or replace an object; `uses` are the ids it refers to, `ripens` is when a transition of it is over."""
        self._db.execute(
            "INSERT INTO objects (tenant, kind, id, name, body, secret, made, ripens) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, kind, id) DO UPDATE SET name = excluded.name, body = excluded.body, "
            "ripens = excluded.ripens, secret = COALESCE(excluded.secret, secret)",
            (
                tenant, kind, body["id"], body.get("name"), json.dumps(body),
                None if secret is None else json.dumps(secret), made or 0, ripens,
            ),
        )  # fmt: skip
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
        rows = self._db.execute("SELECT user FROM uses WHERE tenant = ? AND used = ? ORDER BY user", (tenant, ident))
        return [row[0] for row in rows]

    def uses(self, tenant: str, ident: str) -> list[str]:
        """Return the ids an object refers to."""
        rows = self._db.execute("SELECT used FROM uses WHERE tenant = ? AND user = ? ORDER BY used", (tenant, ident))
        return [row[0] for row in rows]

    def who_uses(self, ident: str) -> list[tuple[str, str]]:
        """Return tenant and id of the objects that refer to `ident`, wherever they are."""
        return [
            (tenant, user)
            for tenant, user in self._db.execute("SELECT tenant, user FROM uses WHERE used = ?", (ident,))
        ]

    # -- many objects ----------------------------------------------------------------------------------------
    def select(
        self,
        tenant: str,
        kind: str,
        where: Sequence[Condition] = (),
        *,
        order: str = "number DESC",
        limit: int = -1,
        offset: int = 0,
    ) -> list[tuple[int, Json]]:
        """Return objects with their numbers, newest first unless `order` (SQL over `objects`) says otherwise."""
        condition, values = _joined(tenant, kind, where)
        rows = self._db.execute(
            f"SELECT number, body FROM objects WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return [(number, json.loads(body)) for number, body in rows]

    def count(self, tenant: str, kind: str, where: Sequence[Condition] = ()) -> int:
        """Return how many objects there are."""
        condition, values = _joined(tenant, kind, where)
        return int(self._one(f"SELECT COUNT(*) FROM objects WHERE {condition}", values)[0])

    def ripe(self, now: int) -> list[tuple[str, str, Json]]:
        """Return tenant, kind and body of the objects whose transition is over at `now`, in ms."""
        rows = self._db.execute("SELECT tenant, kind, body FROM objects WHERE ripens <= ? ORDER BY ripens", (now,))
        return [(tenant, kind, json.loads(body)) for tenant, kind, body in rows]

    def tenants(self, organization: str) -> list[str]:
        """Return the sandboxes of an organization that hold something."""
        first = f"{organization}\x1f"
        rows = self._db.execute(
            "SELECT DISTINCT tenant FROM objects WHERE tenant >= ? AND tenant < ?", (first, f"{organization}\x20")
        )
        return sorted(row[0].removeprefix(first) for row in rows)

    # -- versions --------------------------------------------------------------------------------------------
    def put_version(self, tenant: str, ident: str, version: int, body: Json) -> None:
        """Keep one version of an object for ever."""
        self._db.execute(
            "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?)", (tenant, ident, version, json.dumps(body))
        )

    def get_version(self, tenant: str, ident: str, version: int) -> Json | None:
        """Return one version of an object, or None."""
        row = self._one(
            "SELECT body FROM versions WHERE tenant = ? AND id = ? AND version = ?", (tenant, ident, version)
        )
        return json.loads(row[0]) if row else None

    def delete_versions(self, tenant: str, ident: str) -> None:
        """Forget every version of an object."""
        self._db.execute("DELETE FROM versions WHERE tenant = ? AND id = ?", (tenant, ident))

    # -- all of it -------------------------------------------------------------------------------------------
    def everything(self) -> Iterator[tuple[str, str, Json]]:
        """Yield tenant, kind and body of every object, oldest first."""
        for tenant, kind, body in self._db.execute("SELECT tenant, kind, body FROM objects ORDER BY tenant, number"):
            yield tenant, kind, json.loads(body)

    def all_versions(self, tenant: str, ident: str) -> list[Json]:
        """Return every version of an object, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM versions WHERE tenant = ? AND id = ? ORDER BY version", (tenant, ident)
        )
        return [json.loads(row[0]) for row in rows]

    def clear(self) -> None:
        """Forget every object; the identity stays."""
        for table in ("objects", "uses", "versions"):
            self._db.execute(f"DELETE FROM {table}")


def _matches(pattern: str, text: Any) -> bool:
    return text is not None and re.search(pattern, str(text)) is not None


def _joined(tenant: str, kind: str, where: Sequence[Condition]) -> tuple[str, list[Any]]:
    conditions: list[Condition] = [("tenant = ?", (tenant,)), ("kind = ?", (kind,)), *where]
    return " AND ".join(sql for sql, _ in conditions), [value for _, values in conditions for value in values]
