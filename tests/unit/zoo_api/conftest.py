"""The API with a real catalog and real blobs; only the models are stood in for."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from flask.testing import FlaskClient

import zoo_migrations
from tests.keyed import MakeKey
from tests.promised import promised
from tests.serving import FakePredictor, register_tiny
from tests.stock import Stock
from zoo.catalog import Catalog, open_catalog
from zoo.catalog import keys as catalog_keys
from zoo.keys import make_key
from zoo.predictor import Predictor
from zoo.search.collection import Searches
from zoo.settings import Settings, load_settings
from zoo.storage.blobs import open_blobs
from zoo_api.app import create_app
from zoo_api.services import Services


@pytest.fixture
def max_image_bytes() -> int:
    return 5000


@pytest.fixture
def settings(tmp_path: Path, max_image_bytes: int) -> Settings:
    return load_settings({}, home=tmp_path, max_image_bytes=max_image_bytes, plugin_wait_s=0.0)


@pytest.fixture
def catalog(settings: Settings, database_url: str) -> Iterator[Catalog]:
    url = database_url or settings.resolved_database_url
    if not database_url:
        zoo_migrations.upgrade(url)
    opened = open_catalog(url)
    register_tiny(opened)
    yield opened
    opened.close()


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    return Stock(catalog=catalog, blobs=open_blobs(settings))


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor(heads=[])


@pytest.fixture
def client(settings: Settings, stock: Stock, predictor: FakePredictor) -> FlaskClient:
    services = Services(
        settings=settings,
        catalog=stock.catalog,
        blobs=stock.blobs,
        predictor=cast("Predictor", predictor),
        searches=Searches(stock.catalog, stock.blobs),
        after_commit=lambda: None,
    )
    return promised(create_app(settings, services=services))


@pytest.fixture
def make(catalog: Catalog, client: FlaskClient) -> MakeKey:
    def make(scope: str = "read", *, is_revoked: bool = False) -> str:
        made = make_key()
        with catalog.write() as session:
            catalog_keys.add_key(session, made, name=f"a {scope} key", scope=scope)
            if is_revoked:
                catalog_keys.revoke_key(session, made.id)
        client.application.extensions["zoo_keys"].forget()
        return made.text

    return make
