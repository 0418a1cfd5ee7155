import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from zoo.errors import ImageError, NotFoundError, PluginError
from zoo.predictor import BackboneRef, Predictor

LITE0 = BackboneRef(plugin="lite", architecture="efficientnet_lite0", weights="in1k")


def start(home: Path) -> subprocess.Popen[bytes]:
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "zoo.inference.serve"],
            env={**os.environ, "ZOO_HOME": str(home), "OMP_NUM_THREADS": "1"},
            stderr=log,
            cwd=home,
        )


def wait_until_alive(process: subprocess.Popen[bytes], predictor: Predictor) -> None:
    deadline = time.monotonic() + 60
    while not predictor.is_alive():
        assert process.poll() is None, "the predictor ended at once"
        assert time.monotonic() < deadline, "the predictor did not start"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Short, because a socket's path may not be longer than 107 bytes.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def predictor(home) -> Iterator[Predictor]:
    process = start(home)
    client = Predictor(f"unix://{home}/run/predictor.sock", timeout_s=60)
    try:
        wait_until_alive(process, client)
        yield client
    finally:
        client.close()
        process.terminate()
        assert process.wait(15) == 0
        assert not (home / "run" / "predictor.sock").exists()


def test_the_socket_is_for_its_owner_alone(predictor, home):
    assert predictor.is_alive()
    assert stat.S_IMODE((home / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "run" / "predictor.sock").stat().st_mode) & 0o077 == 0


def test_pictures_are_embedded_and_classified_over_the_socket(predictor, photograph):
    pictures = [photograph("chelsea.png"), b"no picture"]

    detail = predictor.detail(LITE0)
    vector, error = predictor.embed(LITE0, pictures)
    labels, _ = predictor.classify(LITE0, pictures, head=None, top_k=3)

    assert detail.dim == len(vector) == 1280
    assert isinstance(error, ImageError)
    assert error.code == "not_an_image"
    assert labels[0].label == "tiger cat"


def test_many_callers_at_once_get_their_own_answers(predictor, photograph):
    pictures = [photograph(name) for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    alone = [predictor.embed(LITE0, [picture])[0] for picture in pictures]
    together: dict[int, object] = {}

    def ask(place: int) -> None:
        (together[place],) = predictor.embed(LITE0, [pictures[place % 3]])

    threads = [Thread(target=ask, args=(place,)) for place in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(together) == 24
    assert all((vector == alone[place % 3]).all() for place, vector in together.items())


def test_a_thumbnail_is_a_small_jpeg(predictor, photograph):
    jpeg = predictor.thumbnail(photograph("coffee.png"), size=64)

    assert jpeg.startswith(b"\xff\xd8")
    assert len(jpeg) < 10_000


def test_errors_arrive_as_they_were_raised(predictor):
    with pytest.raises(PluginError, match=r"^no plugin 'nobody' is installed$") as missing:
        predictor.detail(BackboneRef(plugin="nobody", architecture="a", weights="b"))
    with pytest.raises(NotFoundError) as unknown:
        predictor.detail(BackboneRef(plugin="lite", architecture="a", weights="b"))
    with pytest.raises(ImageError):
        predictor.thumbnail(b"text", size=64)

    assert missing.value.code == "plugin_not_installed"
    assert "efficientnet_lite0" in unknown.value.nearest


def test_it_stops_cleanly_while_it_is_still_warming_up():
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        process = start(home)
        client = Predictor(f"unix://{home}/run/predictor.sock", timeout_s=5)
        wait_until_alive(process, client)
        client.close()

        process.send_signal(signal.SIGTERM)

        assert process.wait(15) == 0
        assert "Traceback" not in (home / "log").read_text()


def test_a_gpu_that_is_asked_for_and_not_there_is_said_before_anything_starts(tmp_path):
    asked = {"ZOO_HOME": str(tmp_path), "ZOO_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""}

    ended = subprocess.run(
        [sys.executable, "-m", "zoo.inference.serve"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith("ZOO_DEVICE is 'cuda', and no GPU is to be seen here")
