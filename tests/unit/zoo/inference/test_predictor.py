import os
import subprocess
import sys
from dataclasses import asdict

import pytest
import torch

from zoo import wire
from zoo.devices import GPU_LOST
from zoo.errors import InvalidError, NotFoundError, UnavailableError, ZooError
from zoo.inference import models
from zoo.inference.predictor import MAX_WAITING, PredictorApp
from zoo.predictor import ALIVE, ROUTE
from zoo.settings import Settings


@pytest.fixture
def app(tmp_path):
    made = PredictorApp(Settings(home=tmp_path))
    yield made
    made.close()


def ask(app: PredictorApp, route: str) -> bytes:
    return app.answer(wire.encode({ROUTE: route}))


def error(body: bytes) -> ZooError:
    return wire.error_from_json(wire.decode(body)[0]["error"])


def test_liveness_is_answered_before_torch_is_there(app):
    assert ask(app, ALIVE) == wire.encode({})


def test_an_unknown_route_is_named(app):
    body = ask(app, "/nowhere")

    assert isinstance(error(body), NotFoundError)
    assert str(error(body)) == "no route '/nowhere'"


def test_a_question_that_is_no_frame_is_refused(app):
    body = app.answer(b"hello")

    assert isinstance(error(body), InvalidError)


def test_a_request_without_its_fields_gets_a_sentence(app):
    body = ask(app, "/embed")

    assert str(error(body)) == "the predictor failed: KeyError: 'backbone'"


def test_a_predictor_whose_gpu_failed_ends(app, monkeypatch):
    ends = []
    monkeypatch.setattr(os, "_exit", ends.append)

    def fail(*_):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setitem(app._routes, "/embed", fail)
    ask(app, "/embed")

    assert ends == [GPU_LOST]


def test_one_request_too_many_is_told_to_come_again(app):
    for _ in range(MAX_WAITING):
        app._room.acquire()

    body = ask(app, "/detail")

    assert isinstance(error(body), UnavailableError)
    assert error(body).code == "predictor_busy"
    assert error(body).retry_after_s == 1
    assert ask(app, ALIVE) == wire.encode({})


def test_a_predictor_without_torch_says_what_to_install(tmp_path, monkeypatch, lite0):
    def fail(_):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr(models.importlib, "import_module", fail)
    app = PredictorApp(Settings(home=tmp_path))

    body = app.answer(wire.encode({ROUTE: "/detail", "backbone": asdict(lite0)}))

    app.close()
    assert error(body).code == "predictor_incomplete"
    assert str(error(body)) == (
        "this process cannot build models: No module named 'torch'; "
        "pip install 'featurezoo[worker]'"
    )


def test_importing_the_application_imports_no_torch():
    code = "import sys, zoo.inference.serve; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
