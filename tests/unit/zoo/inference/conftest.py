from collections.abc import Callable
from pathlib import Path

import pytest
import sklearn.datasets
import torch
from torch import nn

from tests.exported import LITE0, export_lite0
from zoo.backbone import Backbone, NativeHead, Preprocessing, Tower
from zoo.inference import loading
from zoo.predictor import BackboneDetail, BackboneRef


class Channels(nn.Module):
    """Gives the mean of each channel, times a factor, through one named layer."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.scale = nn.Conv2d(3, 3, 1, bias=False)
        self.scale.weight.data = torch.eye(3).reshape(3, 3, 1, 1) * factor

    def forward(self, pixels):
        return self.scale(pixels).mean((2, 3))


def build_tiny(*, factor: float = 1.0, head: bool = False, **changes: object) -> Backbone:
    """A backbone of nine parameters; `changes` replace fields of its tower."""
    fields: dict = {
        "module": Channels(factor),
        "preprocessing": Preprocessing(
            input_size=(8, 8), resize=8, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1)
        ),
        "blocks": ("scale",),
        "layers": ("scale",),
    }
    native_head = NativeHead(
        matrix=torch.tensor([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0]]),
        bias=torch.zeros(2),
        labels=("red", "green"),
    )
    return Backbone(
        towers={"image": Tower(**{**fields, **changes})},
        dim=3,
        native_head=native_head if head else None,
    )


@pytest.fixture
def tiny() -> Callable[..., Backbone]:
    return build_tiny


@pytest.fixture
def tiny_ref() -> BackboneRef:
    return BackboneRef(plugin="fake", architecture="tiny", weights="w")


@pytest.fixture
def lite0() -> BackboneRef:
    return LITE0


@pytest.fixture(scope="session")
def _exported(tmp_path_factory) -> tuple[Path, BackboneDetail]:
    home = tmp_path_factory.mktemp("exported")
    return home, export_lite0(home)


@pytest.fixture
def exported_home(_exported) -> Path:
    """A home in which Lite0 is exported already; tests change nothing in it."""
    return _exported[0]


@pytest.fixture
def known(_exported) -> BackboneDetail:
    """What Lite0 is."""
    return _exported[1]


@pytest.fixture
def give(monkeypatch) -> Callable[[object], None]:
    """Has every plugin load what is given: a value, or what a function gives for the request."""

    def give(built: object) -> None:
        class Plugin:
            def describe(self):
                return ()

            def load(self, request):
                return built(request) if callable(built) else built

        monkeypatch.setattr(loading, "load_plugin", lambda _: Plugin())

    return give


@pytest.fixture
def photograph() -> Callable[[str], bytes]:
    """Reads a photograph that ships in scikit-image's or scikit-learn's wheel."""
    site = Path(sklearn.datasets.__file__).parents[2]

    def read(name: str) -> bytes:
        (path,) = [
            *site.glob(f"skimage/data/{name}"),
            *site.glob(f"sklearn/datasets/images/{name}"),
        ]
        return path.read_bytes()

    return read
