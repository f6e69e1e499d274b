"""Names under which package indexes know this project and its optional libraries."""

from __future__ import annotations

DISTRIBUTION = "aep-reconciler"
"""The command and the import package are called `reconciler`; on the package index that name is another project."""

EXTRAS = {
    "keyring": "keyring>=25",
    "s3": "obstore>=0.10",
    "gcs": "obstore>=0.10",
    "azure": "obstore>=0.10",
    "postgres": "psycopg[binary]>=3.2",
    "parquet": "pyarrow>=20",
    "useragent": "ua-parser>=1.0.1",
}
"""The library behind each extra of the distribution."""


def install_command(extra: str) -> str:
    """Return the command that adds the library of an extra.

    It names the library and not this distribution, so that it works for every way of installation and takes nothing
    from the index under a name that a stranger could register.
    """
    return f"pip install '{EXTRAS[extra]}'"
