"""What each type of job is asked with; the API validates it, the workers read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len, MinLen

from zoo.catalog.records import Json
from zoo.taps import Layout, Pool

Location = Annotated[str, Len(1, 1000)]
Positive = Annotated[float, Gt(0)]


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """A folder, manifest or archive that the service reads itself: a path of it, or a URL."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    path: Location | None = None
    url: Location | None = None
    copy: bool = False  # of a path: keep the originals, instead of reading them where they are

    @property
    def location(self) -> str:
        """The path or URL as sources are known by it."""
        return str(PurePosixPath(self.path)) if self.path else (self.url or "").rstrip("/")


@dataclass(frozen=True, kw_only=True)
class IngestSpec:
    """Take files into a collection (and embed them) or into a dataset (and check them)."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    collection: str | None = None
    dataset: str | None = None
    source: SourceSpec | None = None  # absent where the files were sent


@dataclass(frozen=True, kw_only=True)
class FineTuneSpec:
    """Train a classifier on a dataset version, on top of a backbone."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    dataset: str
    model: str  # the backbone
    name: str  # the user's model that gets the version
    dataset_version: Annotated[int, Ge(1), Le(999_999_999)] | None = None  # default: the newest
    strategy: Literal["head_only"] = "head_only"
    l2: Positive | None = None  # default: chosen on the validation split
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = 0


@dataclass(frozen=True, kw_only=True)
class ExtractSpec:
    """Write what layers of a backbone make of all pictures of a collection or dataset to files."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    layers: Annotated[tuple[str, ...], MinLen(1)]  # by name, or early, middle, deep
    collection: str | None = None  # this or a dataset
    dataset: str | None = None  # its newest version
    model: str | None = None  # default: the collection's; a dataset has none
    layout: Layout = "nchw"
    pool: Pool = "none"
    format: Literal["npz", "parquet"] = "npz"


@dataclass(frozen=True, kw_only=True)
class DescribeSpec:
    """Ask a plugin what it has; the zoo's own job."""

    plugin: str


@dataclass(frozen=True, kw_only=True)
class RefreshSpec:
    """Notice newly installed plugins; those named are described anew whatever their state."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    plugins: tuple[str, ...] = ()


SUBMITTABLE: Mapping[str, type[ExtractSpec | FineTuneSpec]] = {
    "extract": ExtractSpec,
    "fine_tune": FineTuneSpec,
}
"""Types that `POST /v1/jobs` takes; ingest jobs are made by sending items."""

DESCRIBED: Mapping[str, type[ExtractSpec | FineTuneSpec | IngestSpec]] = {
    **SUBMITTABLE,
    "ingest": IngestSpec,
}
"""Types that a user can make, one way or the other."""


def spec_to_json(
    spec: IngestSpec | ExtractSpec | FineTuneSpec | DescribeSpec | RefreshSpec,
) -> dict[str, Any]:
    """A spec as it is stored; an ingest names its source only if it has one."""
    fields = asdict(spec)
    if fields.get("source", ...) is None:
        del fields["source"]
    return fields


def read_ingest(spec: Json) -> IngestSpec:
    """The stored spec of an ingest job."""
    source = spec.get("source")
    return IngestSpec(**{**spec, "source": SourceSpec(**source) if source else None})


def read_fine_tune(spec: Json) -> FineTuneSpec:
    """The stored spec of a fine-tune job."""
    return FineTuneSpec(**spec)


def read_extract(spec: Json) -> ExtractSpec:
    """The stored spec of an extract job."""
    return ExtractSpec(**{**spec, "layers": tuple(spec["layers"])})
