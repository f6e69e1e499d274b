"""A plan with one of everything, for golden files and browsers: built by hand, the same every time."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.plan.model import Action, Change, Drift, DriftField, Plan
from reconciler.core.plan.with_rules import with_rules
from reconciler.core.problems import Problem
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Call
from reconciler.core.rules import FieldChange
from reconciler.core.values import MISSING, Ref, Secret
from reconciler.kinds import kinds

FLOWS = "/data/foundation/flowservice"
SELECTORS = ("transformations", "GeneralTransform", "params", "segmentSelectors", "selectors")
AUDIENCE = {"type": "PLATFORM_SEGMENT", "value": {"id": "72ddd79b", "name": "Men over 50 <b>& more</b>"}}


def _create() -> Change:
    body = {
        "name": "Account `one`",
        "connectionSpec": {"id": "86043421", "version": "1.0"},
        "auth": {"specName": "Keys", "params": {"accessKeyId": "(sensitive)", "secretKey": "(sensitive)"}},
    }
    sent = {**body, "auth": {"specName": "Keys", "params": {"secretKey": Secret("${secret.key}")}}}
    return Change(
        "kinesis/target/connection", "Connection", Action.CREATE, "new", after=body, desired=sent,
        calls=(Call("POST", f"{FLOWS}/connections", sent),), provenance=Provenance(labels={"owner": "crm"}),
    )  # fmt: skip


def _update() -> Change:
    patch = [
        {"op": "remove", "path": "/transformations/0/params/segmentSelectors/selectors/3"},
        {"op": "add", "path": "/transformations/0/params/segmentSelectors/selectors/-", "value": AUDIENCE},
    ]
    fields = (
        FieldChange(("description",), "old\nlines", "a new description " * 12),
        FieldChange((*SELECTORS, "72ddd79b"), MISSING, AUDIENCE),
        FieldChange((*SELECTORS, "1a2b"), {"type": "PLATFORM_SEGMENT", "value": {"id": "1a2b"}}, MISSING, "outside"),
        FieldChange(("auth", "params", "secretKey"), "(sensitive)", "(sensitive)", sensitive=True),
        FieldChange(("tags",), ["a", "b"], ["b", "c"]),
    )
    return Change(
        "kinesis/flow", "Flow", Action.UPDATE, "changed in the manifest", "f1", '"etag-1"', fields=fields,
        patch=tuple(patch), calls=(Call("PATCH", f"{FLOWS}/flows/f1", patch, guarded=True),),
        dependencies=("kinesis/target/connection",),
    )  # fmt: skip


def _replace() -> Change:
    body = {"name": "Source", "baseConnectionId": Ref("kinesis/target/connection")}
    create = Call("POST", f"{FLOWS}/sourceConnections", body)
    return Change(
        "s3/source", "SourceConnection", Action.REPLACE, "/params/path cannot change in place", "s1", '"e"',
        fields=(FieldChange(("params", "path"), "/old", "/new"),), replace_paths=("/params/path",),
        desired=body, after=body, calls=(create,), dependencies=("kinesis/target/connection",),
        requests=(create, Call("DELETE", f"{FLOWS}/sourceConnections/s1")),
    )  # fmt: skip


def everything() -> Plan:
    """Return a plan with each action, drift, a warning and something left out."""
    gone = Change(
        "old/flow", "Flow", Action.DELETE, "no longer in the manifests", "f9", before={"name": "Old"},
        calls=(Call("DELETE", f"{FLOWS}/flows/f9"),),
    )  # fmt: skip
    forgotten = Change("old/mapping", "MappingSet", Action.FORGET, "no longer in the manifests; kept there", "m9")
    same = Change("kinesis/source", "SourceConnection", Action.NOOP, "unchanged", "s0")
    drift = Drift(
        "kinesis/flow", "Flow", "f1", "changed",
        (DriftField(("description",), "as applied", "clicked | here", "a new description", cause="conflict"),),
        updated_by="someone@example.com", updated_at=1764000000000,
    )  # fmt: skip
    lost = Drift("s3/target", "TargetConnection", "t1", "missing")
    plan = Plan(
        "prod", "https://platform.adobe.io", "ORG@AdobeOrg", "prod-1", "line", 7,
        changes=(_create(), _update(), _replace(), gone, forgotten, same), drift=(drift, lost),
        warnings=("s3/source: it gets a new inletUrl",), scope=("kinesis/flow", "s3/target"), left_out=("web/flow",),
    )  # fmt: skip
    return with_rules(plan, kinds())


def refused() -> Plan:
    """Return the same plan with an objection."""
    return replace(everything(), objections=(Problem("policy", "no deletes on Fridays", "wait", address="old/flow"),))


def nothing() -> Plan:
    """Return a plan without a change."""
    return replace(everything(), changes=(), drift=(), warnings=(), left_out=())


def many(count: int) -> Plan:
    """Return a plan with a great many updates."""
    one = next(change for change in everything().changes if change.action is Action.UPDATE)
    return replace(
        everything(),
        changes=tuple(replace(one, address=f"flow-{index:05}/flow", dependencies=()) for index in range(count)),
    )
