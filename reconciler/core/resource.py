"""What we want (`Resource`), what is there (`Live`), and the words on the wire (`Call`, `Reply`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.answers import Answer
from reconciler.core.provenance import UNKNOWN, HasProvenance, Provenance
from reconciler.core.trees import of_kind
from reconciler.core.values import Lookup, Ref, Tree, Wire


@dataclass(frozen=True, slots=True)
class Resource(HasProvenance):
    """One object a manifest asks for, in the API's own words.

    `body` holds declared fields only; an explicit `None` means "must be absent". `sensitive` are pointers into
    `body` whose live side is never shown, `ignore` pointers that are left alone after creation, `shared`
    pointers to keyed sets that others may add to. `replace_group` names resources that are replaced as one.
    `where` is the pointer of the block in its document that this resource was made from. `owner` is the address
    of an object that this one completes (a schema's descriptor). `staging` is how it can be made without being live
    yet: as a draft, or disabled.
    """

    address: str
    kind: str
    body: Tree
    provenance: Provenance = UNKNOWN
    document: str = ""
    where: str = ""
    ignore: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    replace_group: tuple[str, ...] = ()
    owner: str = ""
    staging: str | None = None
    dependencies: tuple[str, ...] = field(init=False, compare=False)
    """The addresses that must exist first, sorted."""
    lookups: tuple[Lookup, ...] = field(init=False, compare=False)
    """What has to be looked up by name."""

    def __post_init__(self) -> None:
        # asked for again and again, so found once
        late = of_kind(self.body, Ref, Lookup)
        needs = {leaf.address for leaf in late if isinstance(leaf, Ref)} if late else ()
        object.__setattr__(self, "dependencies", tuple(sorted(needs)))
        object.__setattr__(self, "lookups", tuple(leaf for leaf in late if isinstance(leaf, Lookup)))


@dataclass(frozen=True, slots=True)
class Live:
    """One object as the platform shows it; `etag` is None where the API has none, `body` is the whole answer.

    `outputs` are values other resources may refer to besides the id (a mapping set's `version`). An object that is
    about to be read may be known by its id alone.
    """

    id: str
    body: Wire = None
    etag: str | None = None
    outputs: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `path` below the platform URL. `guarded` wants If-Match; a `read_only` POST changes nothing.

    `answer` is its documented answer, None where nothing of the answer is used.
    """

    method: str
    path: str
    body: Wire = None
    query: tuple[tuple[str, str], ...] = ()
    guarded: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    read_only: bool = False
    answer: Answer | None = field(default=None, compare=False, repr=False)

    @property
    def safe(self) -> bool:
        """Whether sending it twice does no harm: reads, questions and deletes."""
        return self.read_only or self.method in ("GET", "HEAD", "DELETE")

    def brief(self) -> str:
        """Return the call as a reviewer reads it: the path below its service, with the query."""
        query = "?" + "&".join(f"{key}={value}" for key, value in self.query) if self.query else ""
        return f"{self.method} /{self.path.split('/', 4)[-1]}{query}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: `body` is decoded JSON, or None when there was none."""

    status: int
    body: Wire = None
    headers: Mapping[str, str] = field(default_factory=dict)
