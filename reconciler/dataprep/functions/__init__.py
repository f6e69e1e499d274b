"""The functions of the language, one module for each group of the mapping functions guide."""

from reconciler.dataprep.functions import (
    agents,
    analytics,
    arrays,
    conversions,
    dates,
    exports,
    hashing,
    logic,
    maps,
    objects,
    regexes,
    special,
    strings,
    urls,
)

__all__ = [
    "agents", "analytics", "arrays", "conversions", "dates", "exports", "hashing", "logic", "maps", "objects",
    "regexes", "special", "strings", "urls",
]  # fmt: skip
