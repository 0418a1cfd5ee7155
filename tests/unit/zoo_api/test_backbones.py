from dataclasses import replace
from typing import cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.serving import FakePredictor
from zoo.catalog import Catalog, models, plugins
from zoo.errors import NotFoundError, PluginError, UnavailableError
from zoo.predictor import BackboneDetail, BackboneRef, Predictor
from zoo_api.backbones import BackboneShelf, Ready, ready_backbone


class CountingPredictor(FakePredictor):
    """Counts how often a backbone had to be built."""

    built = 0

    def detail(self, backbone: BackboneRef) -> BackboneDetail:
        self.built += 1
        return super().detail(backbone)


@pytest.fixture
def counting(client: FlaskClient) -> CountingPredictor:
    found = CountingPredictor(heads=[])
    extensions = client.application.extensions
    extensions["zoo"] = replace(extensions["zoo"], predictor=cast("Predictor", found))
    return found


@pytest.fixture
def app(client: FlaskClient) -> Flask:
    return client.application


def test_a_backbone_is_built_once_and_its_detail_kept(
    app: Flask, catalog: Catalog, counting: CountingPredictor
) -> None:
    with app.app_context():
        first = ready_backbone("lite.tiny")
        again = ready_backbone("lite.tiny.in1k")

    assert first[0].name == again[0].name == "lite.tiny.in1k"
    assert first[1] == again[1]
    assert counting.built == 1
    with catalog.read() as session:
        kept = models.get_model(session, "lite.tiny.in1k")
    assert kept is not None
    assert kept.detail is not None
    assert kept.detail["dim"] == 4


def test_an_unknown_backbone_is_told_with_the_nearest(app: Flask) -> None:
    with app.app_context(), pytest.raises(NotFoundError) as caught:
        ready_backbone("lite.tiny.in2k")
    assert "lite.tiny.in1k" in caught.value.nearest


def test_a_plugin_that_is_being_described_is_waited_for_and_never_unknown(
    app: Flask, catalog: Catalog
) -> None:
    expect(catalog, state="pending", reason="")
    with app.app_context(), pytest.raises(UnavailableError) as caught:
        ready_backbone("new.net")
    assert caught.value.code == "plugin_pending"
    assert caught.value.detail == "plugin 'new' is being described; try again in a moment"


def test_a_broken_plugins_reason_reaches_who_asks_for_its_backbone(
    app: Flask, catalog: Catalog
) -> None:
    expect(catalog, state="unavailable", reason="needs x; pip install x")
    with app.app_context(), pytest.raises(PluginError) as caught:
        ready_backbone("new.net")
    assert caught.value.detail == "plugin 'new' is unavailable: needs x; pip install x"


def expect(catalog: Catalog, *, state: str, reason: str) -> None:
    with catalog.write() as session:
        plugins.expect_plugin(
            session, "new", distribution="n", version="1", state=state, reason=reason
        )


def test_one_looks_anew_while_others_go_on_with_what_was_found(app: Flask) -> None:
    with app.app_context():
        old = ready_backbone("lite.tiny.in1k")
    new = (old[0], old[1])
    instants = iter([0.0, 1.0, 1.0, 1.1])
    shelf = BackboneShelf(fresh_s=0.5, clock=lambda: next(instants))
    shelf.get("lite.tiny.in1k", lambda: old)
    meanwhile = []

    def find() -> Ready:
        meanwhile.append(shelf.get("lite.tiny.in1k", fail))
        return new

    assert shelf.get("lite.tiny.in1k", find) is new
    assert meanwhile == [old]
    assert shelf.get("lite.tiny.in1k", fail) is new


def test_what_cannot_be_found_any_more_is_not_kept(app: Flask) -> None:
    with app.app_context():
        found = ready_backbone("lite.tiny.in1k")
    instants = iter([0.0, 1.0, 1.0])
    shelf = BackboneShelf(fresh_s=0.5, clock=lambda: next(instants))
    shelf.get("lite.tiny.in1k", lambda: found)

    for _ in range(2):
        with pytest.raises(NotFoundError, match="it has gone"):
            shelf.get("lite.tiny.in1k", fail)


def fail() -> Ready:
    raise NotFoundError("it has gone")
