from dataclasses import replace
from pathlib import Path

import pytest
import structlog.testing

from zoo.errors import StartError
from zoo.inference import placement
from zoo.inference.placement import Placement, place_predictor, place_worker
from zoo.settings import DeviceChoice, EngineChoice, Settings


@pytest.fixture
def gpus(monkeypatch):
    """Has the machine have these GPUs."""

    def have(*names: str) -> None:
        monkeypatch.setattr(placement, "cuda_devices", lambda _: names)

    return have


SETTINGS = Settings(home=Path("/srv/zoo"), worker_processes=6)


def test_a_worker_for_gpus_alone_has_one(gpus):
    gpus("0", "1")

    assert place_worker(SETTINGS, "gpu") == Placement(
        device="cuda", batch=256, decoders=6, is_compiled=True
    )


@pytest.mark.parametrize("queue", ["cpu", "cpu,gpu"])
def test_a_worker_for_cores_leaves_the_gpus_alone(gpus, queue):
    gpus("0")

    assert place_worker(SETTINGS, queue) == Placement(batch=2, decoders=1)


def test_a_worker_for_gpus_where_there_is_none_says_so_and_works(gpus):
    gpus()

    with structlog.testing.capture_logs() as logs:
        found = place_worker(SETTINGS, "gpu")

    assert found == Placement(batch=2, decoders=1)
    assert [line["event"] for line in logs] == ["no_gpu"]


def test_one_that_asks_for_a_gpu_outright_does_not_start_without():
    asked = Settings(home=Path("/srv/zoo"), device=DeviceChoice.CUDA)

    with pytest.raises(StartError, match="no GPU is to be seen here"):
        place_worker(asked, "gpu")
    assert place_worker(asked, "cpu") == Placement()


@pytest.mark.parametrize(("forward_batch", "graph_batch"), [(1, 1), (2, 2), (8, 2)])
def test_graphs_are_compiled_for_pairs_in_a_worker_and_for_one_in_the_predictor(
    gpus, forward_batch, graph_batch
):
    gpus()
    settings = replace(SETTINGS, forward_batch=forward_batch)

    assert place_worker(settings, "cpu").graph_batch == graph_batch
    assert place_predictor(settings).graph_batch == 1


def test_nothing_is_compiled_where_torch_is_wanted_as_it_is(gpus):
    gpus("0")
    eager = Settings(home=Path("/srv/zoo"), engine=EngineChoice.EAGER)

    assert not place_worker(eager, "gpu").is_compiled


def test_the_predictor_answers_at_once_and_joins_what_comes_together(gpus):
    gpus("0")
    assert place_predictor(SETTINGS) == Placement(
        device="cuda", batch=256, decoders=6, is_shared=True
    )
    gpus()
    assert place_predictor(SETTINGS) == Placement(batch=2, decoders=2, is_online=True)
