"""Every kind of object on the platform: one pure file each, found by the package itself; nothing is sent from here.

How to add a kind
-----------------
1. Read the published API description. Note the calls to create, read, list, change and delete; the etag; the fields
   that cannot change, are never returned, or are accepted only as a whole.
2. Write `kinds/NAME.py` that ends in `KIND = Name()`. The class states `name`, the `Rules` of its fields, and the calls
   of `core.kind.Kind`. Each method receives the object as a `Live`: the id is always there, body and etag as far as
   they are known. Nothing else registers it.
3. Inherit the abilities the object has (`core.abilities`): `Listable` or `Searchable` to be found again after a lost
   answer or a lost state, `Singleton` if it exists once for another object and no answer carries its id, `DataHolding`
   if a replace loses data, `Part` if it has no use without another object, `Checked` if the platform can be asked
   beforehand, and so on. A missing method of an ability is an error of mypy, and of Python at the import.
4. Give `reference` a sample body for each variant. The reference page, the published schemas and
   `tests/unit/test_every_kind.py` use it; `tests/contract/test_kinds.py` holds its calls against the description.
5. To let users declare objects in documents of their own, inherit `kinds.shape.Documented`: a model of the `spec`, an
   `example`, and `body`, which turns a spec into the request body. An object that is a block of another document has a
   field in that document's model (`documents/dataset.py`: `labels`).
6. Add the endpoints to the emulator, one file again, and a life over HTTP to `tests/cli`: create, update, lost answer,
   conflict, drift, import, delete. Run `./run docs`.

`kinds/dataset_labels.py` is an example with most of this.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from reconciler.core.kind import Kinds
from reconciler.core.observations import DataflowKind


@cache
def kinds() -> Kinds:
    """Return every kind by name: each module here that ends in `KIND = …`."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return {module.KIND.name: module.KIND for module in modules if hasattr(module, "KIND")}


def dataflow_kind() -> DataflowKind:
    """Return the kind of dataflows."""
    return next(kind for kind in kinds().values() if isinstance(kind, DataflowKind))
