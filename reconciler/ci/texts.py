"""The texts of comments: what was planned, what merging does, which secrets the apply needs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from reconciler.ci.runner import Job

LIMIT = 64_000
"""Characters of a comment; GitHub takes 65,536."""
_SHARE = 60_000
_PREFIX = "RECONCILER_SECRET_"


def mark(job: Job) -> str:
    """Return the first line of the comment with the plan of an environment."""
    return f"<!-- reconciler plan {job.name} -->"


def applied_mark(job: Job) -> str:
    """Return the first line of the comment about what was not applied."""
    return f"<!-- reconciler apply {job.name} -->"


def secrets_of(changes: Path) -> tuple[str, ...]:
    """Return the names of the secrets that a plan, as `show --format json` prints it, sends."""
    found: set[str] = set()
    for change in json.loads(changes.read_text(encoding="utf-8"))["changes"]:
        for call in change.get("calls", ()):
            for text in call.get("secrets", {}).values():
                found.update(re.findall(r"<([A-Za-z0-9_.-]+)>", text))
    return tuple(sorted(found))


def variable(secret: str) -> str:
    """Return the variable that the provider `env` reads a secret from."""
    return _PREFIX + secret.upper().replace("-", "_")


def with_facts(job: Job, text: str, needed: Sequence[str], *, snapshot: bool, failed: bool) -> str:
    """Return the text of a plan with its commit, its links, what merging does, and the secrets that the apply needs."""
    facts = [f"Commit `{job.commit[:12]}`"]
    if job.run:
        facts.append(f"[run]({job.run})")
    if job.report:
        facts.append(f"[HTML report and saved plan]({job.report})")
    lines = [" · ".join(facts), ""]
    place = f"`{job.name}`"
    if failed:
        lines.append("Merging applies nothing before this is repaired.")
    elif snapshot:
        lines.append(
            f"Made from a snapshot, without credentials. After the merge the main branch plans again and applies to "
            f"{place} only if the changes are these; otherwise the new plan waits for an approval."
        )
    else:
        lines.append(
            f"Merging applies exactly these changes to {place}. If the plan is stale by then, it is made again and "
            "applied only if the changes are the same; otherwise the new plan waits for an approval."
        )
    if needed:
        lines += ["", "Secrets that the apply needs (this job does not have to hold them):"]
        lines += [
            f"- `{name}`: `{variable(name)}` is {'set' if job.environ.get(variable(name)) else 'not set'} in this job"
            for name in needed
        ]
    title = re.search(r"^### .*$", text, re.MULTILINE)
    if title is None:
        return text
    return f"{text[: title.end()]}\n\n" + "\n".join(lines) + text[title.end() :]


def joined(job: Job, parts: Sequence[str]) -> str:
    """Return one comment for the plans of several environments.

    A part that is too long loses its details: they begin with the first line `<details>`.
    """
    share = _SHARE // len(parts)
    out = [mark(job)]
    for text in parts:
        body = re.sub(r"^<!-- reconciler plan .* -->\n", "", text)
        if len(body) > share and len(parts) > 1:
            body = body.partition("\n<details>")[0][:share] + "\n\n_The details are in the report of the run._\n"
        out.append(body)
    return "\n".join(out)[:LIMIT]
