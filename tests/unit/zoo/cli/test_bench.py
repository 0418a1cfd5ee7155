import json
from dataclasses import replace

from typer.testing import CliRunner

from zoo.cli.bench import show, to_json
from zoo.cli.main import build_app
from zoo.inference.costing import Cost

COST = Cost(
    model="lite.efficientnet_lite0.in1k",
    dim=1280,
    cores=2,
    forward_ms={"eager": 29.5, "onnxruntime": 8.0, "openvino": 6.0},
    engine="openvino",
    decode_ms=4.0,
    picture_bytes=104_000,
)


def test_a_cost_is_shown_with_what_many_pictures_take(capsys) -> None:
    show(COST)

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "lite.efficientnet_lite0.in1k 1280 numbers a vector",
        "engine CPU-ms images/CPU-s",
        "eager 29.50 33.9",
        "onnxruntime 8.00 125.0",
        "openvino 6.00 166.7 taken",
        "decoding: 4.00 CPU-ms a picture of 104 kB",
        "limit: 200.0 images/s on 2 cores, if they do no more",
        "pictures least time vectors and index copies of the pictures",
        "1,000 0 min 05 s 10 MB 104 MB",
        "100,000 8 min 20 s 1,024 MB 10,400 MB",
        "1,000,000 1 h 23 min 10,240 MB 104,000 MB",
    ]


def test_what_was_not_measured_is_not_guessed(capsys) -> None:
    show(replace(COST, decode_ms=None, picture_bytes=None))

    shown = capsys.readouterr().out
    assert "decoding: not measured; name a folder of your pictures\n" in shown
    assert "limit: 333.3 images/s" in shown


def test_the_figures_are_plain_json() -> None:
    found = json.loads(json.dumps(to_json(COST)))

    assert found["images_per_s"] == 200.0
    assert found["forecasts"][0] == {
        "pictures": 1000,
        "seconds": 5.0,
        "vectors_bytes": 10_240_000,
        "originals_bytes": 104_000_000,
    }


def test_a_folder_that_is_not_there_is_refused_before_anything_is_loaded() -> None:
    ended = CliRunner().invoke(build_app(), ["bench", "lite.efficientnet_lite0", "/nowhere"])

    assert str(ended.exception) == "there is no folder '/nowhere'; name one that holds pictures"
