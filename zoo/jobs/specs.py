"""What each type of job is asked with; the API validates it, the workers read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len, Lt, MinLen

from zoo.catalog.records import Json
from zoo.jobs.strategies import HEAD_ONLY, Choice, Strategy
from zoo.taps import Layout, Pool

Location = Annotated[str, Len(1, 1000)]
# Bounded, as a number that is no float any more is read as infinite.
Positive = Annotated[float, Gt(0), Le(1e6)]


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """A folder, manifest or archive that the service reads itself: a path of it, or a URL.

    For a dataset it may also be a collection that is there.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    path: Location | None = None
    url: Location | None = None
    copy: bool = False  # of a path: keep the originals, instead of reading them where they are
    collection: str | None = None  # for a dataset: the items of a collection that have a label
    label: Location | None = None  # the metadata field that is it; without one the items' own

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
class Shares:
    """How much of what is given for no split goes to each side; they sum to 1."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    train: Annotated[float, Gt(0), Lt(1)] = 0.64
    validation: Annotated[float, Ge(0), Lt(1)] = 0.16
    test: Annotated[float, Gt(0), Lt(1)] = 0.2

    @property
    def by_side(self) -> Mapping[Literal["train", "validation", "test"], float]:
        """Each side's share, by its name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True, kw_only=True)
class FineTuneSpec:
    """Train a classifier on a dataset version, on top of a backbone."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    dataset: str
    model: str  # the backbone
    name: str  # the user's model that gets the version
    dataset_version: Annotated[int, Ge(1), Le(999_999_999)] | None = None  # default: the newest
    strategy: Strategy = HEAD_ONLY
    compare: tuple[Strategy, ...] | None = None  # instead of a strategy: the best is registered
    blocks: Annotated[int, Ge(1)] | None = None  # of last_blocks: so many; default: 1
    until: Annotated[str, Len(1, 100)] | None = None  # of last_blocks: back to this block
    l2: Positive | None = None  # default: chosen on the validation split
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = 0
    splits: Shares = Shares()
    # Likeness from which on two contents stay on one side; with 1 only those of the same bytes.
    near_duplicates: Annotated[float, Gt(0), Le(1)] = 0.9
    # What follows is for strategies that train the network itself.
    epochs: Annotated[int, Ge(1), Le(1000)] | None = None  # default: the strategy's
    rate: Annotated[float, Gt(0), Le(10)] | None = None  # of the last block; default: likewise
    batch_size: Annotated[int, Ge(1), Le(1024)] = 16
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: Annotated[float, Ge(0), Le(10)] = 0.05
    layer_decay: Annotated[float, Gt(0), Le(1)] = 0.8  # of the rate, from a block to the one below
    warm_up: Annotated[float, Ge(0), Lt(1)] = 0.1  # share of the steps in which the rate rises
    clip: Positive = 1.0  # longest gradient
    patience: Annotated[int, Ge(1)] = 3  # epochs without a better one before training stops
    augmentation: Literal["none", "light", "strong"] = "light"
    flips: bool | None = None  # left to right; default: if they do not confuse the head
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.1
    mixup: Annotated[float, Ge(0), Le(10)] = 0.0  # alpha; 0: none
    class_weights: Literal["none", "balanced"] = "none"
    bn: Literal["frozen", "train", "recalibrate"] = "frozen"  # statistics of trained blocks
    l2_sp: Annotated[float, Ge(0), Le(1000)] = 0.0  # pull back to where the weights began

    @property
    def choice(self) -> Choice:
        """What of it says which strategies are meant."""
        return Choice(
            strategy=self.strategy, compare=self.compare, blocks=self.blocks, until=self.until
        )


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
    source = fields.pop("source", None)
    if source is not None:
        said = {name: value for name, value in source.items() if value is not None}
        fields["source"] = {"path": None, "url": None, **said}
    return fields


def read_ingest(spec: Json) -> IngestSpec:
    """The stored spec of an ingest job."""
    source = spec.get("source")
    return IngestSpec(**{**spec, "source": SourceSpec(**source) if source else None})


def read_fine_tune(spec: Json) -> FineTuneSpec:
    """The stored spec of a fine-tune job; one of before knows of no shares."""
    compare = spec.get("compare")
    read = {
        "compare": None if compare is None else tuple(compare),
        "splits": Shares(**spec.get("splits", {})),
    }
    return FineTuneSpec(**{**spec, **read})


def read_extract(spec: Json) -> ExtractSpec:
    """The stored spec of an extract job."""
    return ExtractSpec(**{**spec, "layers": tuple(spec["layers"])})
