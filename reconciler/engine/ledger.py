"""What a run knows as it goes: entries, intents and live objects, each outcome durable before it is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.fingerprint import UNPROVEN
from reconciler.core.interning import Interner
from reconciler.core.plan.model import Change
from reconciler.core.problems import Problem, ReconcilerError
from reconciler.core.resource import Call, Live
from reconciler.core.state.codec import encode
from reconciler.core.state.model import Entry, Pending, Record
from reconciler.core.trees import canonical_json, of_kind, refs, resolve, transform, without_nulls
from reconciler.core.values import Fingerprint, Secret, Tree
from reconciler.engine.ports import Api, Clock, Journal, Secrets


@dataclass(slots=True)
class Ledger:
    """The books of one run."""

    api: Api
    journal: Journal
    secrets: Secrets
    clock: Clock
    lives: dict[str, Live | None]
    interner: Interner = field(default_factory=Interner)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The entries by address, as the journal has made them durable."""
        return self.journal.books.entries

    @property
    def pending(self) -> Mapping[str, Pending]:
        """The intents by address whose outcome is unknown."""
        return self.journal.books.pending

    async def note(self, *records: Record) -> None:
        """Make `records` durable; the books include them afterwards."""
        await self.journal.append(records)

    def known(self, tree: Tree) -> Tree:
        """Return `tree` with references filled in from what exists by now."""
        wanted = refs(tree)
        if not wanted:
            return tree
        values = {}
        for ref in wanted:
            entry = self.entries.get(ref.address)
            value = None if entry is None else entry.id if ref.field == "id" else entry.outputs.get(ref.field)
            if value is None or value == "":
                raise ReconcilerError(Problem("unknown-reference", f"{ref} is not known", f"apply {ref.address} first"))
            values[ref] = value
        return resolve(tree, values)

    def clear(self, call: Call) -> Call:
        """Return `call` with secrets in clear: only for the moment of sending."""
        if not of_kind(call.body, Secret):
            return call
        reveal = self.secrets.reveal
        body = transform(call.body, lambda leaf: reveal(leaf) if isinstance(leaf, Secret) else leaf)
        return replace(call, body=body)

    def remembered(self, body: Tree, unproven: bool = False) -> Tree:
        """Return `body` as the state keeps it: secrets as fingerprints, explicit nulls left out."""

        def leaf(value: Tree) -> Tree:
            if not isinstance(value, Secret):
                return value
            return UNPROVEN if unproven else self.secrets.fingerprint(value)

        kept = without_nulls(body)
        return transform(kept, leaf) if of_kind(kept, Secret) else kept

    def entry_for(self, change: Change, live: Live | None) -> Entry:
        """Return the entry after a no-op: the manifest's words, and the fingerprints already there."""
        before = self.entries[change.address]
        assert live is not None
        return replace(
            before,
            etag=live.etag,
            provenance=change.provenance,
            applied=_keep_prints(without_nulls(self.known(change.desired)), before.applied),
            dependencies=change.dependencies,
            outputs=live.outputs,
        )

    def entry(self, change: Change, live: Live, applied: Tree) -> Entry:
        """Return the entry of an object that now is as `applied` says."""
        before = self.entries.get(change.address)
        return Entry(
            kind=change.kind,
            id=live.id,
            etag=live.etag,
            provenance=change.provenance,
            applied=applied,
            dependencies=change.dependencies,
            outputs=self.interner.outputs(live.outputs),
            deposed=before.deposed if before else (),
        )

    async def intend(
        self,
        change: Change,
        action: str,
        body: Tree,
        ident: str | None = None,
        namesakes: tuple[str, ...] | None = None,
        name: str = "",
    ) -> Pending:
        """Make the intent to do `action` durable and return it; `body` is about to be sent.

        `namesakes` are the ids of the objects that could be taken for the new one, and `name` is its name.
        """
        kept = self.remembered(body) if body is not None else None
        pending = Pending(
            action=action,  # type: ignore[arg-type]
            kind=change.kind,
            at=self.clock.now(),
            namesakes=namesakes,
            client=self.api.client,
            id=ident,
            name=name,
            body=kept,
            fingerprint=_digest(kept),
            provenance=change.provenance,
            dependencies=change.dependencies,
        )
        await self.note(Record("intent", change.address, pending=pending))
        return pending


def _keep_prints(desired: Tree, applied: Tree) -> Tree:
    """Return `desired` with each secret as the fingerprint that stands at its place in `applied`."""
    if isinstance(desired, Secret):
        return applied if isinstance(applied, Fingerprint) else None
    if isinstance(desired, dict):
        before = applied if isinstance(applied, dict) else {}
        kept = {key: _keep_prints(value, before.get(key)) for key, value in desired.items()}
        return {key: value for key, value in kept.items() if value is not None}
    return desired


def _digest(body: Tree) -> str:
    """Return the digest that tells this body from another, for people who read a journal."""
    return hashlib.sha256(canonical_json(encode(body)).encode()).hexdigest() if body is not None else ""
