from dataclasses import replace

import pytest
from PIL import Image

from tests.distributions import installing
from zoo.errors import InvalidError, NotFoundError, PluginError
from zoo.inference.costing import Cost, Forecast, find_backbone, measure_cost
from zoo.predictor import BackboneRef
from zoo.settings import Settings
from zoo.testing import tiny

COST = Cost(
    model="tiny.colours.v1",
    dim=96,
    cores=2,
    forward_ms={"eager": 30.0, "openvino": 6.0},
    engine="openvino",
    decode_ms=4.0,
    picture_bytes=100_000,
)


@pytest.fixture
def plugins(tmp_path):
    with installing(tmp_path / "site") as install:
        yield install


def test_the_limit_is_that_of_cores_that_do_nothing_else():
    assert COST.images_per_s == pytest.approx(200)
    assert replace(COST, decode_ms=None).images_per_s == pytest.approx(2000 / 6)


def test_what_many_pictures_take_follows_from_one():
    assert COST.forecast(1000) == Forecast(
        pictures=1000, seconds=5.0, vectors_bytes=768_000, originals_bytes=100_000_000
    )
    assert replace(COST, picture_bytes=None).forecast(1000).originals_bytes is None


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("lite.efficientnet_lite0", "in1k"),
        ("lite.efficientnet_lite0.in1k", "in1k"),
        ("lite.efficientnet_lite0.random", "random"),
    ],
)
def test_a_backbone_is_found_without_a_service(name, tag):
    assert find_backbone(name) == BackboneRef(
        plugin="lite", architecture="efficientnet_lite0", weights=tag
    )


@pytest.mark.parametrize("name", ["lite.efficientnet_lite0.in2k", "lite.efficientnet", "lite"])
def test_an_unknown_model_is_told_with_the_nearest(name):
    with pytest.raises(NotFoundError, match=f"^no model '{name}'"):
        find_backbone(name)


def test_an_unknown_plugin_is_told():
    with pytest.raises(PluginError, match="no plugin 'nobody' is installed"):
        find_backbone("nobody.x")


@pytest.mark.slow
def test_a_model_is_measured_as_the_workers_would_run_it(plugins, tmp_path):
    plugins(tiny.NAME)
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"no picture")
    settings = Settings(home=tmp_path / "home", worker_processes=3)

    with pytest.raises(InvalidError, match="no picture can be read in "):
        measure_cost(tiny.MODEL, folder, settings)
    for number in range(3):
        Image.new("RGB", (80, 60), (80 * number, 0, 0)).save(folder / f"{number}.png")
    found = measure_cost(tiny.MODEL, folder, settings)

    assert (found.model, found.dim, found.cores) == (tiny.MODEL, tiny.DIM, 3)
    assert set(found.forward_ms) == {"eager", "onnxruntime", "openvino"}
    assert found.engine in ("onnxruntime", "openvino")
    assert found.decode_ms is not None
    assert found.decode_ms > 0
    assert found.picture_bytes == round(
        sum((folder / f"{number}.png").stat().st_size for number in range(3)) / 3
    )
    assert not settings.home.exists()
