"""Command lines that show what each command is for; `--help` and the reference print them, a test parses them."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": (
        "reconciler init --connector customer-io",
        "reconciler init dataflows --pipeline gitlab",
        "reconciler init --from-sample orders.jsonl --tenant _acme",
    ),
    "validate": (
        "reconciler validate",
        "reconciler validate --env all",
        "reconciler validate --format sarif > it.sarif",
        "reconciler validate --format gitlab > code-quality.json",
    ),
    "test": (
        "reconciler test",
        "reconciler test --coverage --format junit > tests.xml",
        "reconciler test crm/ --update",
        "reconciler test --live --env dev",
    ),
    "preview": (
        "reconciler preview customer-io --input events.jsonl",
        "reconciler preview orders --input orders.csv > records.jsonl",
    ),
    "eval": (
        "reconciler eval 'lower(\"ABC\")'",
        "reconciler eval 'date(day, \"dd.MM.yyyy\")' --input orders.csv",
    ),
    "fmt": ("reconciler fmt", "reconciler fmt --check --diff", "reconciler fmt - < draft.yaml"),
    "plan": (
        "reconciler plan",
        "reconciler plan crm/ --env prod --out prod.plan --detailed-exitcode",
        "reconciler plan --target customer-io/flow --format markdown",
        "reconciler plan --select team=crm --exclude kinesis-summer",
        "reconciler plan --policy rules.yaml --format html > plan.html",
        "reconciler plan --env dev,stage --shard 2/5",
        "reconciler plan --snapshot prod.snapshot --env prod",
    ),
    "snapshot": ("reconciler snapshot --env prod --out prod.snapshot",),
    "apply": (
        "reconciler apply",
        "reconciler apply prod.plan --auto-approve",
        "reconciler apply --env dev --staged --time-limit 600",
        "reconciler apply --env dev,stage --auto-approve --lock-timeout 600",
        "reconciler apply --auto-approve --format jsonl > events.jsonl",
    ),
    "destroy": ("reconciler destroy --env dev", "reconciler destroy --target customer-io --auto-approve"),
    "drift": (
        "reconciler drift",
        "reconciler drift --unmanaged --format markdown",
        "reconciler drift --metrics /var/lib/node_exporter/aep.prom",
        "reconciler drift --patch | git apply",
        "reconciler drift --env all --format json",
    ),
    "promote": ("reconciler promote stage prod",),
    "show": ("reconciler show prod.plan", "reconciler show prod.plan --format html > plan.html", "reconciler show"),
    "graph": ("reconciler graph --format svg > graph.svg", "reconciler graph --plan --documents --format mermaid"),
    "status": ("reconciler status", "reconciler status --fail-on error --fail-on stale=2h"),
    "convert": (
        "reconciler convert setup.sh --out dataflows",
        "reconciler convert flows.postman_collection.json --env-file dev.postman_environment.json --out dataflows",
        "reconciler convert recording.har > dataflows.yaml",
    ),
    "outputs": (
        "reconciler outputs",
        "reconciler outputs --format json",
        "reconciler outputs clicks.inletUrl",
        "reconciler outputs customer-io.ids.customer-io/flow --env prod",
    ),
    "open": ("reconciler open customer-io", "reconciler open customer-io/target/dataset --print"),
    "export": ("reconciler export --out dataflows --adopt",),
    "adopt": ("reconciler adopt",),
    "import": ("reconciler import customer-io/flow 7d6e4f5a-1b2c-4d3e-8f90-a1b2c3d4e5f6",),
    "state": ("reconciler state list", "reconciler state show customer-io/flow --format json"),
    "state list": ("reconciler state list", "reconciler state list --env prod --format json"),
    "state show": ("reconciler state show customer-io/flow",),
    "state mv": ("reconciler state mv customer-io crm-events",),
    "state rm": ("reconciler state rm customer-io/mapping",),
    "state pull": ("reconciler state pull > prod.json",),
    "state push": ("reconciler state push prod.json",),
    "state unlock": ("reconciler state unlock", "reconciler state unlock --env prod --id 6c1f0d2e"),
    "state migrate": (
        "reconciler state migrate",
        "reconciler state migrate --env all --from '{backend: s3, bucket: acme-states}'",
    ),
    "state rebuild": ("reconciler state rebuild",),
    "doctor": ("reconciler doctor --env prod",),
    "connectors": ("reconciler connectors list", "reconciler connectors show customer-io"),
    "connectors list": ("reconciler connectors list --category cloud-storage",),
    "connectors show": ("reconciler connectors show destination/amazon-s3 --manifest > exports.yaml",),
    "connectors refresh": ("reconciler connectors refresh --env dev",),
    "schema": ("reconciler schema > .reconciler/manifest.schema.json", "reconciler schema plan"),
    "emulator": ("reconciler emulator --port 8080", "reconciler emulator --data sandbox.db"),
    "emulator seed": (
        "reconciler emulator seed sandbox.yaml",
        "reconciler emulator seed sandbox.yaml --url http://127.0.0.1:8080",
    ),
    "emulator dump": ("reconciler emulator dump --data state/emulator.db > sandbox.json",),
}


def epilog(name: str) -> str:
    """Return the examples of one command as the end of its help; `\\b` keeps click from joining the lines."""
    lines = "\n".join(f"  {line}" for line in EXAMPLES.get(name, ()))
    return f"\b\nExamples:\n{lines}" if lines else ""
