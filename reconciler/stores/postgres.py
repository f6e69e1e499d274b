"""State in PostgreSQL: a row an environment, its journal and earlier states in tables beside it.

Every write is a transaction that first sees whether the lease is still ours, in the row all of them lock: what a holder
who was overtaken writes never gets in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from reconciler.core.problems import Problem, StateError
from reconciler.core.state.model import State
from reconciler.stores.lease import TTL, VERSIONS, Holder, Keeper, by_force, clock, locked, lost, wait_for
from reconciler.stores.text import Blocks, header_of, parts_of, state_text

PATIENCE, FIRST_PATIENCE = 30.0, 5.0
"""Seconds that a lost connection is tried again for, and one that was never there."""
T = TypeVar("T")
_TABLES = """
CREATE SCHEMA IF NOT EXISTS {0};
CREATE TABLE IF NOT EXISTS {0}.state (
    name text PRIMARY KEY, serial bigint, content text, revision bigint NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0, holder jsonb, expires timestamptz);
CREATE TABLE IF NOT EXISTS {0}.journal (
    name text NOT NULL, serial bigint NOT NULL, fence bigint NOT NULL, number bigint NOT NULL, lines text NOT NULL,
    PRIMARY KEY (name, serial, fence, number));
CREATE TABLE IF NOT EXISTS {0}.version (
    name text NOT NULL, serial bigint NOT NULL, content text NOT NULL, at timestamptz NOT NULL DEFAULT now());
"""


class Database:
    """A row of a database as a `Medium`."""

    def __init__(
        self,
        url: str,
        environment: str,
        *,
        schema: str = "reconciler",
        name: str = "",
        ttl: float = TTL,
        versions: int = VERSIONS,
    ) -> None:
        self._url, self._schema = url, sql.Identifier(schema)
        self._table = sql.Identifier(schema, "state").as_string(None)
        self._name = f"{name}/{environment}" if name else environment
        self.where = f"PostgreSQL, {schema}.state, {self._name}"
        self._ttl, self._keep = ttl, versions
        self._open: psycopg.Connection[Any] | None = None
        self._fence = 0
        self._keeper: Keeper | None = None
        self._revision = self._serial = self._number = 0
        self._header = ""

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._fence > 0

    @property
    def taken_over(self) -> bool:
        """Nobody has to be outdated: every write of a former holder is refused by its fence."""
        return False

    def prepared(self) -> bool:
        """Tell whether the tables are there."""
        return self._row("1") is not _NOTHING

    # -- reading ---------------------------------------------------------------------------------------------
    def exists(self) -> bool:
        """Tell whether there is a state."""
        found = self._row("content IS NOT NULL")
        return isinstance(found, tuple) and bool(found[0])

    def current(self) -> bool:
        """Tell whether the state is still the one whose text was given last."""
        found = self._row("revision")
        return (int(found[0]) if isinstance(found, tuple) else 0) == self._revision

    def text(self) -> Blocks | None:
        """Return the text of the state, or None where there is none yet."""
        found = self._row("content, revision")
        if not isinstance(found, tuple):
            self._revision = 0
            return None
        content, self._revision = found
        if content is None:
            return None
        return parts_of(content.encode())

    def _row(self, columns: str) -> Any:
        """Return columns of our row, None without a row, `_NOTHING` without the table."""

        def ask(connection: psycopg.Connection[Any]) -> Any:
            query = self._sql("SELECT " + columns + " FROM {}.state WHERE name = %s")
            try:
                return connection.execute(query, (self._name,)).fetchone()
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                return _NOTHING

        return self._steadily(ask)

    def journals(self, state: State) -> Iterator[tuple[str, list[bytes]]]:
        """Yield the entries of the journal that follow `state`."""
        query = self._sql(
            "SELECT serial, fence, number, lines FROM {}.journal WHERE name = %s AND serial >= %s "
            "ORDER BY serial, fence, number"
        )
        rows = self._steadily(lambda connection: connection.execute(query, (self._name, state.serial)).fetchall())
        for serial, fence, number, lines in rows:
            yield f"{self.where}, journal {serial}-{fence}-{number}", lines.encode().splitlines()

    # -- locking ---------------------------------------------------------------------------------------------
    def lock(self, command: str, timeout: float) -> None:
        """Take the lease, and renew it until `unlock`; the tables are made where they are not there yet."""
        holder = Holder.here(command)
        began = wait_for(lambda: self._take(holder), timeout)
        self._keeper = Keeper(self.where, self._ttl, self._renew)
        self._keeper.start(began)

    def _take(self, holder: Holder) -> float:
        """Take the lease if it is free, or over by the server's clock; return when by our clock."""
        began = clock()

        def take(connection: psycopg.Connection[Any]) -> int:
            with connection.transaction():  # two at once would both find no tables
                connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", ("reconciler",))
                # even IF NOT EXISTS wants the right to create: who was given tables need not have it
                if connection.execute("SELECT to_regclass(%s)", (self._table,)).fetchone() == (None,):
                    connection.execute(self._sql(_TABLES))
            with connection.transaction():
                return self._took(connection, holder)

        self._fence = self._steadily(take)
        return began

    def _took(self, connection: psycopg.Connection[Any], holder: Holder) -> int:
        mine = self._sql("INSERT INTO {}.state (name) VALUES (%s) ON CONFLICT DO NOTHING")
        connection.execute(mine, (self._name,))
        there = connection.execute(
            self._sql(
                "SELECT fence, holder, extract(epoch FROM expires - clock_timestamp()) "
                "FROM {}.state WHERE name = %s FOR UPDATE"
            ),
            (self._name,),
        ).fetchone()
        assert there is not None
        fence, old, left = there
        if old is not None and old["id"] == holder.id:
            return int(fence)  # taken before the answer was lost
        if old is not None and left > 0:
            raise locked(f"{Holder.of(old)}, for {left:.0f} s more unless it renews that", by_force(old["id"]))
        connection.execute(
            self._sql(
                "UPDATE {}.state SET fence = fence + 1, holder = %s, "
                "expires = clock_timestamp() + make_interval(secs => %s) WHERE name = %s"
            ),
            (json.dumps(asdict(holder)), self._ttl, self._name),
        )
        return int(fence) + 1

    def _renew(self) -> None:
        """Renew the lease, over a connection of its own: the other may be busy."""
        query = self._sql(
            "UPDATE {}.state SET expires = clock_timestamp() + make_interval(secs => %s) "
            "WHERE name = %s AND fence = %s AND holder IS NOT NULL"
        )
        with self._connect() as connection:
            done = connection.execute(query, (self._ttl, self._name, self._fence))
        if not done.rowcount:
            raise lost(self.where, "another took it over, or it was released by force")

    def unlock(self) -> None:
        """Give the lease back; harmless when it is not held."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
        if self._fence:
            fence, self._fence = self._fence, 0
            query = self._sql("UPDATE {}.state SET holder = NULL, expires = NULL WHERE name = %s AND fence = %s")
            with suppress(StateError):  # it ends by itself
                self._steadily(lambda connection: connection.execute(query, (self._name, fence)), patience=5)
        if self._open is not None:
            self._open.close()
            self._open = None

    def release(self, ident: str) -> str:
        """Take the lease `ident` from its holder; without an id, say who that is."""
        found = self._row("holder")
        if not isinstance(found, tuple) or found[0] is None:
            return "The state is not locked."
        holder = Holder.of(found[0])
        if not ident:
            raise locked(holder, by_force(holder.id))
        query = self._sql(
            "UPDATE {}.state SET holder = NULL, expires = NULL, fence = fence + 1 "
            "WHERE name = %s AND holder ->> 'id' = %s"
        )
        done = self._steadily(lambda connection: connection.execute(query, (self._name, ident)))
        if not done.rowcount:
            what = f"the lock is {holder.id}, not {ident}: {holder}"
            raise StateError(Problem("other-lock", what, "look again who holds it"))
        return f"Released the lock of {holder}. It can write no more."

    # -- writing ---------------------------------------------------------------------------------------------
    def start(self, state: State) -> None:
        """Begin a journal that follows `state`; what is folded into it goes."""
        self._serial, self._number = state.serial, 0
        self._header = header_of(state, fence=self._fence).decode()
        query = self._sql("DELETE FROM {}.journal WHERE name = %s AND serial < %s")

        def clear(connection: psycopg.Connection[Any]) -> None:
            with self._ours(connection):
                connection.execute(query, (self._name, state.serial))

        self._steadily(clear)

    def add(self, lines: bytes, after: Callable[[], State]) -> None:
        """Write the next entry of the journal."""
        del after
        query = self._sql(
            "INSERT INTO {}.journal (name, serial, fence, number, lines) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING"  # the same once more, after its answer was lost
        )
        values = (self._name, self._serial, self._fence, self._number + 1, self._header + lines.decode())

        def write(connection: psycopg.Connection[Any]) -> None:
            with self._ours(connection):
                connection.execute(query, values)

        self._steadily(write)
        self._number += 1

    def save(self, state: State) -> State:
        """Replace the state if it is still the one that was read; the one before goes to the versions."""
        content = b"".join(state_text(state)).decode()

        def write(connection: psycopg.Connection[Any]) -> None:
            with self._ours(connection) as revision:
                if revision != self._revision:
                    same = self._sql("SELECT content = %s FROM {}.state WHERE name = %s")
                    if connection.execute(same, (content, self._name)).fetchone() == (True,):
                        return  # written before the answer was lost
                    raise lost(self.where, "the state was written by another")
                self._remember(connection)
                connection.execute(
                    self._sql("UPDATE {}.state SET content = %s, serial = %s, revision = revision + 1 WHERE name = %s"),
                    (content, state.serial, self._name),
                )

        self._steadily(write)
        self._revision += 1
        return state

    def _remember(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(
            self._sql(
                "INSERT INTO {0}.version (name, serial, content) "
                "SELECT name, serial, content FROM {0}.state WHERE name = %s AND content IS NOT NULL"
            ),
            (self._name,),
        )
        connection.execute(
            self._sql(
                "DELETE FROM {0}.version WHERE ctid IN (SELECT ctid FROM {0}.version WHERE name = %s "
                "ORDER BY at DESC, serial DESC OFFSET %s)"
            ),
            (self._name, self._keep),
        )

    def retire(self) -> str:
        """Keep the state among the versions alone."""

        def write(connection: psycopg.Connection[Any]) -> None:
            with self._ours(connection):
                self._remember(connection)
                query = "UPDATE {}.state SET content = NULL, serial = NULL, revision = revision + 1 WHERE name = %s"
                connection.execute(self._sql(query), (self._name,))

        self._steadily(write)
        return f"{self.where}, among its versions"

    @contextmanager
    def _ours(self, connection: psycopg.Connection[Any]) -> Iterator[int]:
        """A transaction in which the lease is ours until its end; gives the revision of the state that is there."""
        with connection.transaction():
            found = connection.execute(
                self._sql("SELECT fence, holder IS NOT NULL, revision FROM {}.state WHERE name = %s FOR UPDATE"),
                (self._name,),
            ).fetchone()
            if found is None or found[0] != self._fence or not found[1]:
                raise lost(self.where, "another took it over, or it was released by force")
            yield int(found[2])

    # -- the connection --------------------------------------------------------------------------------------
    def _sql(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(self._schema)

    def _connect(self) -> psycopg.Connection[Any]:
        """Open a connection that does not wait for ever, neither for a network that is gone nor for who sleeps."""
        connection = psycopg.connect(
            self._url, autocommit=True, connect_timeout=10, application_name="reconciler",
            keepalives_idle=10, keepalives_interval=5, keepalives_count=3, tcp_user_timeout=20_000,
        )  # fmt: skip
        # a machine that is paused within a transaction must not keep the row from the others
        connection.execute("SET idle_in_transaction_session_timeout = '20s'; SET lock_timeout = '25s'")
        return connection

    def _steadily(self, do: Callable[[psycopg.Connection[Any]], T], patience: float | None = None) -> T:
        """Do something with the connection; where it is lost, once more with another, for a while.

        What is done must come out the same when it is done twice: of the first time nothing may be known.
        """
        if patience is None:
            patience = PATIENCE if self._open is not None else min(PATIENCE, FIRST_PATIENCE)
        give_up, pause = time.monotonic() + patience, 0.2
        while True:
            try:
                if self._open is None or self._open.closed:
                    self._open = self._connect()
                return do(self._open)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if self._open is not None:
                    self._open.close()
                if _refused(error) or time.monotonic() >= give_up:
                    raise _unreachable(self.where, error) from None
            except psycopg.Error as error:
                raise _unreachable(self.where, error) from None
            time.sleep(pause)
            pause = min(2 * pause, 5.0)


_NOTHING = object()
_REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied", "not permitted")


def _refused(error: psycopg.Error) -> bool:
    """Tell whether a server said that it will not have us, ever; one that restarts says that it ends, or begins."""
    return any(words in str(error) for words in _REFUSALS)


def _unreachable(where: str, error: psycopg.Error) -> StateError:
    first = str(error).strip().splitlines()
    what = f"{where}: {first[0] if first else type(error).__name__}"
    advice = "check address, credentials and rights; what was done so far is kept"
    return StateError(Problem("store-unreachable", what, advice))
