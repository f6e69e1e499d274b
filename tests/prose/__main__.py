"""`./run prose`: findings that are new, or all of some files; and the baseline made smaller."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.prose.check import ROOT, check, check_all, compare, paths, read_baseline, write_baseline


def main(arguments: list[str]) -> int:
    """Run the linter; return 1 when there are new findings or the baseline lists findings that are gone."""
    parser = argparse.ArgumentParser(
        prog="./run prose", description="Check the language of documents, messages and comments."
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="show all findings of these files, also those of the baseline"
    )
    parser.add_argument("--all", action="store_true", help="show all findings, and how many there are of each rule")
    parser.add_argument("--update", action="store_true", help="remove findings from the baseline that are gone")
    parser.add_argument("--force", action="store_true", help="with --update: also add new findings to the baseline")
    options = parser.parse_args(arguments)
    for path in map(Path, options.files):
        if not path.is_file() or not path.resolve().is_relative_to(ROOT):
            parser.error(f"{path}: expected a file of the repository")
    if options.force and not options.update:
        parser.error("--force needs --update")
    files = [Path(file).resolve().relative_to(ROOT).as_posix() for file in options.files]

    findings = check_all()
    for file in sorted(set(files) - set(paths())):
        findings += check(file, (ROOT / file).read_text(encoding="utf-8"))
    baseline = read_baseline()
    new, gone = compare(findings, baseline)
    if options.update:
        added = new if options.force else []
        write_baseline((baseline - gone + Counter(finding.key for finding in added)).elements())
        print(f"baseline: {gone.total()} removed, {len(added)} added", file=sys.stderr)
        new, gone = [finding for finding in new if finding not in added], Counter()

    shown = findings if options.all else [finding for finding in findings if finding.path in files] if files else new
    for finding in shown:
        print(finding, "" if finding in new or not baseline else "[in the baseline]")
    if options.all:
        for rule, count in Counter(finding.rule.name for finding in findings).most_common():
            print(f"{count:5} {rule}")
    for rule, context in sorted(gone):
        print(f"tests/prose/baseline.txt: gone: {rule}: {context}")
    if gone:
        print("Remove what is gone: ./run prose --update", file=sys.stderr)
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
