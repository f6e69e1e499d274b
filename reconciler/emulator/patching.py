"""RFC 6902 in one place: every service patches alike and words its own refusal."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import jsonpointer

from reconciler.emulator.storage import Json


class PatchError(Exception):
    """A patch that cannot be applied; the text says why."""


def patched(document: Json, operations: Any) -> Json:
    """Return `document` after all of `operations`; it stays as it was itself. Raises PatchError."""
    try:
        # the result may share values with the operations: a copy, so that nothing kept changes later
        made = copy.deepcopy(jsonpatch.apply_patch(document, operations))
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, KeyError, TypeError, IndexError) as error:
        raise PatchError(f"the patch cannot be applied: {error}") from None
    if not isinstance(made, dict):
        raise PatchError("the patch leaves no object")
    return made
