"""Write what mappings really make into the MappingTest documents (`test --update`). Comments and layout stay."""

from __future__ import annotations

from reconciler.app.mapping_tests import MappingTests, changed_cases
from reconciler.core.mapping_report import MappingReport
from reconciler.core.problems import ManifestError, Problem
from reconciler.yamltext.edit import CannotEditError, Edit, rewritten
from reconciler.yamltext.text import Text


def update(tests: MappingTests, report: MappingReport) -> list[str]:
    """Write the actual results of failed cases, and of cases that expect nothing yet; return the files that changed.

    Raises ManifestError where a file gives no place for the edit, or cannot be written.
    """
    edits: dict[str, tuple[Text, list[Edit]]] = {}
    for one, changes in changed_cases(tests, report):
        text = one.document.text
        if text.source is None or one.document.overlays:
            what = f"the document {one.document.name} is changed by an overlay"
            raise ManifestError(Problem("cannot-update", what, "update the file by hand"))
        for steps, value in changes:
            path = ("spec", "cases", str(one.index), *steps)
            edits.setdefault(text.file, (text, []))[1].append(Edit(one.document.index, path, value))
    for file, (text, wanted) in edits.items():
        assert text.source is not None
        try:
            content = rewritten(text, wanted)
            text.source.write_text(content, encoding="utf-8")
        except CannotEditError as error:
            raise ManifestError(Problem("cannot-update", f"{file}: {error}", "update the file by hand")) from None
        except OSError as error:
            raise ManifestError(Problem("cannot-write", f"{file} cannot be written: {error.strerror}")) from None
    return sorted(edits)
