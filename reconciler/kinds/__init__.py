"""What the platform has: one pure file per kind, found by the package itself; nothing is sent from here."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from reconciler.core.kind import Kinds


@cache
def kinds() -> Kinds:
    """Return every kind by name: each module here that ends in `KIND = …`."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return {module.KIND.name: module.KIND for module in modules if hasattr(module, "KIND")}
