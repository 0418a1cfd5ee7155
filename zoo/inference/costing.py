"""What a model costs on this machine, measured by the workers' own code without a service."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from zoo.backbone import IMAGE
from zoo.errors import ImageError, InvalidError, PluginError
from zoo.images.sandbox import Sandbox
from zoo.inference.agreement import synthetic
from zoo.inference.choosing import measure
from zoo.inference.engines import PixelArray
from zoo.inference.exports import GRAPH, Exports
from zoo.inference.models import LoadedModel, ModelCache
from zoo.inference.pipeline import larger_batch
from zoo.inference.placement import Placement
from zoo.inference.runtimes import GRAPH_BATCH, open_graph
from zoo.inference.sandboxes import decode_limits
from zoo.names import unknown
from zoo.predictor import BackboneRef
from zoo.registry.describing import describe
from zoo.settings import Settings

MOST_PICTURES = 64
_N_SAMPLES = 8
_DECODE_S, _MOST_DECODED = 0.5, 5000
_BYTES_A_DIMENSION = 8  # a number in a segment, and the same in the index


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What so many pictures take at the machine's limit."""

    pictures: int
    seconds: float
    vectors_bytes: int  # with their index
    originals_bytes: int | None  # where they are copied; None: no pictures were given


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one picture costs; times are CPU time on one thread, in milliseconds."""

    model: str
    dim: int
    cores: int
    forward_ms: Mapping[str, float]  # by engine
    engine: str  # that a service would take
    decode_ms: float | None = None  # None, as the next: no pictures were given
    picture_bytes: int | None = None  # of a file, the mean

    @property
    def images_per_s(self) -> float:
        """What all cores could do if they did nothing but decode and forward."""
        return self.cores * 1000 / (self.forward_ms[self.engine] + (self.decode_ms or 0.0))

    def forecast(self, pictures: int) -> Forecast:
        """The least that so many take."""
        size = self.picture_bytes
        return Forecast(
            pictures=pictures,
            seconds=pictures / self.images_per_s,
            vectors_bytes=pictures * self.dim * _BYTES_A_DIMENSION,
            originals_bytes=None if size is None else pictures * size,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """Some of the user's pictures, prepared."""

    pixels: PixelArray  # (n, height, width, 3)
    decode_ms: float | None = None
    mean_bytes: int | None = None


def measure_cost(name: str, folder: Path | None, settings: Settings) -> Cost:
    """Load a backbone, export it into a folder of its own that goes again, and measure it.

    Without a folder of pictures only forwarding is measured. Raises `NotFoundError` for an unknown
    model, `InvalidError` for one that takes no pictures and for a folder without any, and what
    loading raises.
    """
    ref = find_backbone(name)
    with TemporaryDirectory(prefix="zoo-bench-") as home:
        own = replace(settings, home=Path(home))
        models = ModelCache(own, Placement(batch=own.forward_batch))
        built = models.get(ref)
        if IMAGE not in built.detail.towers:
            raise InvalidError(f"model {built.ref.name!r} takes no pictures; name one that does")
        pictures = _read(folder, built, own)
        samples = pictures.pixels[:_N_SAMPLES]
        models.export(built.ref, built.detail, samples=lambda: samples)
        taken = models.get(built.ref)
        return Cost(
            model=built.ref.name,
            dim=built.detail.dim,
            cores=own.cores,
            forward_ms=_forward_ms(built, taken, own, pictures.pixels),
            engine=taken.engine_name,
            decode_ms=pictures.decode_ms,
            picture_bytes=pictures.mean_bytes,
        )


def find_backbone(name: str) -> BackboneRef:
    """The installed backbone of a name; without a weights tag the one that its plugin lists first.

    Raises `NotFoundError` with the nearest names, `PluginError` if its plugin does not work.
    """
    plugin, _, wanted = name.partition(".")
    found = describe(plugin)
    if found.state != "ready":
        raise PluginError(found.reason, plugin=plugin)
    architecture, _, tag = wanted.partition(".")
    for card in found.cards:
        tags = [*(weights.tag for weights in card.weights), "random"]
        if card.architecture == architecture and (tag or tags[0]) in tags:
            return BackboneRef(plugin=plugin, architecture=architecture, weights=tag or tags[0])
    raise unknown("model", name, (f"{plugin}.{card.architecture}" for card in found.cards))


def _read(folder: Path | None, model: LoadedModel, settings: Settings) -> Pictures:
    """The folder's first pictures, decoded in a sandbox for as long as its clock needs."""
    if folder is None:
        return Pictures(pixels=synthetic(model.image_preprocessing.input_size))
    found: list[PixelArray] = []
    contents: list[bytes] = []
    with Sandbox(decode_limits(settings)) as sandbox:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if len(found) == MOST_PICTURES:
                break
            try:
                content = path.read_bytes()
                found.append(sandbox.decode(content, model.image_preprocessing).pixels)
            except ImageError:
                continue
            contents.append(content)
        if not found:
            raise InvalidError(f"no picture can be read in {folder}; name a folder with some")
        decode_ms = _decode_ms(sandbox, contents, model)
    mean_bytes = round(sum(map(len, contents)) / len(contents))
    return Pictures(pixels=np.stack(found), decode_ms=decode_ms, mean_bytes=mean_bytes)


def _decode_ms(sandbox: Sandbox, contents: list[bytes], model: LoadedModel) -> float:
    """By the clock of the sandbox, which ticks a hundred times a second."""
    began, spent_s, n = sandbox.cpu_s(), 0.0, 0
    while spent_s < _DECODE_S and n < _MOST_DECODED:
        for content in contents:
            sandbox.decode(content, model.image_preprocessing)
        n += len(contents)
        spent_s = sandbox.cpu_s() - began
    return round(1000 * spent_s / n, 2)


def _forward_ms(
    built: LoadedModel, taken: LoadedModel, settings: Settings, pixels: PixelArray
) -> dict[str, float]:
    """By engine, each in the batches in which workers forward with it."""
    batch = settings.forward_batch
    engine = built.image_engine
    rates = measure({engine.name: engine}, pixels[: larger_batch(batch)], clock=time.process_time)
    export = Exports(settings.home, timeout_s=0).find(built.detail.space.space_id)
    if export is not None and not taken.is_built:
        names, graph = list(export.rates) or [taken.engine_name], export.folder / GRAPH
        graphs = {one: open_graph(one, graph, batch=min(batch, GRAPH_BATCH)) for one in names}
        rates |= measure(graphs, pixels[:batch], clock=time.process_time)
    return {one: round(1000 / rate, 2) for one, rate in rates.items()}
