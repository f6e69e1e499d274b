"""A hook of mkdocs: takes the pages at the root of the repository into the site, and puts their links right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root."""
    for source, target in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=_linked(text)))
    return files


def _linked(text: str) -> str:
    """Return a page whose links lead to pages of the site; what is in the repository alone is named, not linked."""

    def lead(match: re.Match[str]) -> str:
        words, target = match[1], match[2]
        if target in PAGES:
            return f"[{words}]({PAGES[target]})"
        if target.startswith("docs/"):
            return f"[{words}]({target.removeprefix('docs/')})"
        return match[0] if target.startswith(("#", "http")) else words

    return re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", lead, text)
