"""What a stranger asks of a service while it fails; each workload passes some of the points."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.stranger import Json, Stranger
from zoo.faults import Point
from zoo.search.collection import FEWEST_CHANGES
from zoo.testing import tiny
from zoo.testing.pictures import labelled, picture, pictures, zipped

N = 21
"""Pictures of a workload: three shards of eight."""
BROKEN = {"broken.jpeg": b"no picture"}


@dataclass(kw_only=True)
class Asked:
    """What was asked for and has to be there when all jobs have ended well."""

    stranger: Stranger
    folder: Path  # below an allowed root
    collections: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)  # name -> versions
    numbers: Iterator[int] = field(default_factory=itertools.count)
    firsts: Iterator[int] = field(default_factory=lambda: itertools.repeat(1))  # pictures' seeds

    def fresh(self, kind: str) -> str:
        """A name that nothing else here has."""
        return f"{kind}-{next(self.numbers)}"

    def new_collection(self, files: Mapping[str, bytes]) -> str:
        """The address of a collection that these files will be in."""
        name = self.fresh("c")
        self.stranger.put(f"/v1/collections/{name}", {"model": tiny.MODEL})
        self.collections[name] = list(files.items())
        return f"/v1/collections/{name}"


def send_files(asked: Asked) -> None:
    """Pictures, two of them twice, and something that is none.

    Two, as the last shard may come to forward them: torch rounds otherwise for a picture alone.
    """
    files = pictures(N, first=next(asked.firsts))
    first, second, *_ = files.values()
    files.update({"again.jpeg": first, "again too.jpeg": second})
    url = asked.new_collection(files)
    asked.stranger.ended(asked.stranger.send(url, {**files, **BROKEN}))


def send_archive(asked: Asked) -> None:
    """The same pictures in a zip."""
    files = pictures(N, first=next(asked.firsts))
    url = asked.new_collection(files)
    asked.stranger.ended(asked.stranger.send_zip(url, zipped({**files, **BROKEN})))


def read_source(asked: Asked) -> None:
    """The same pictures in a folder."""
    files = pictures(N, first=next(asked.firsts))
    folder = asked.folder / asked.fresh("source")
    folder.mkdir(parents=True)
    for name, content in {**files, **BROKEN}.items():
        (folder / name).write_bytes(content)
    url = asked.new_collection(files)
    source = {"source": {"path": str(folder)}}
    asked.stranger.ended(asked.stranger.submit(f"{url}/items", json=source))


def send_many(asked: Asked) -> None:
    """So many items that a snapshot of the index is written; all the same picture.

    Some more than it takes: of two shards that end at once neither counts the other's items.
    """
    content = picture(9000)  # which nothing else forwards, beside others
    files = {f"{number}.jpeg": content for number in range(FEWEST_CHANGES * 11 // 10)}
    url = asked.new_collection(files)
    asked.stranger.ended(asked.stranger.send(url, files))


def extract_features(asked: Asked) -> None:
    """Features of a collection, written to files."""
    files = pictures(N, first=next(asked.firsts))
    url = asked.new_collection(files)
    asked.stranger.ended(asked.stranger.send(url, files))
    spec = {"collection": url.rpartition("/")[2], "layers": ["body"], "format": "npz"}
    _submit(asked, {"type": "extract", "spec": spec})


def fine_tune(asked: Asked) -> None:
    """A classifier on a labelled dataset."""
    dataset, name = asked.fresh("d"), asked.fresh("m")
    asked.stranger.put(f"/v1/datasets/{dataset}", {})
    archive = zipped(labelled())
    asked.stranger.ended(asked.stranger.send_zip(f"/v1/datasets/{dataset}", archive))
    asked.models[name] = 1
    spec = {"dataset": dataset, "model": tiny.MODEL, "name": name}
    _submit(asked, {"type": "fine_tune", "spec": spec})


def tune(asked: Asked) -> None:
    """A network trained on a labelled dataset, two epochs of three steps."""
    dataset, name = asked.fresh("d"), asked.fresh("m")
    asked.stranger.put(f"/v1/datasets/{dataset}", {})
    archive = zipped(labelled(each=20))
    asked.stranger.ended(asked.stranger.send_zip(f"/v1/datasets/{dataset}", archive))
    asked.models[name] = 1
    spec = {"dataset": dataset, "model": tiny.MODEL, "name": name, "strategy": "full", "epochs": 2}
    _submit(asked, {"type": "fine_tune", "spec": spec})


def _submit(asked: Asked, job: Json) -> None:
    asked.stranger.ended(asked.stranger.submit("/v1/jobs", json=job))


Workload = Callable[[Asked], None]
PASSING: Mapping[Point, Workload] = {
    Point.UPLOAD_STORED: send_files,
    Point.SUBMIT_WRITTEN: send_files,
    Point.SUBMIT_COMMITTED: send_files,
    Point.RELAY_TAKEN: send_files,
    Point.RELAY_RUNG: send_files,
    Point.SHARD_CLAIMED: send_files,
    Point.SCAN_DELIVERED: read_source,
    Point.EXPAND_STORED: send_archive,
    Point.EXPAND_DELIVERED: send_archive,
    Point.EXPAND_FINISHED: send_archive,
    Point.EMBED_READING: send_files,
    Point.EMBED_FORWARDED: send_files,
    Point.EMBED_STORED: send_files,
    Point.EMBED_RECORDED: send_files,
    Point.EXTRACT_STORED: extract_features,
    Point.INDEX_STORED: send_many,
    Point.INDEX_RECORDED: send_many,
    Point.TRAIN_STEPPED: tune,
    Point.TRAIN_KEPT: tune,
    Point.TRAIN_TUNED: tune,
    Point.TRAIN_STORED: fine_tune,
    Point.TRAIN_REGISTERED: fine_tune,
    Point.SHARD_DONE: send_files,
}
"""For each point what passes it."""
WORKLOADS: tuple[Workload, ...] = (
    send_files,
    send_archive,
    read_source,
    send_many,
    extract_features,
    fine_tune,
    tune,
)
