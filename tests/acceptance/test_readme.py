"""The README's ten steps, as a reader runs them: bash, curl, a real service, real photographs."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveService, live_service

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## Ten things to ask it"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
STEP = re.compile(r"^\*\*\d+\. ", re.MULTILINE)
DEFAULT_URL = "http://127.0.0.1:8700"
NEXT = "\x1e"  # between the answers of two steps
# A reader on a slow machine asks again, as the README says, until nothing is under way.
REST = """
for state in queued running; do
  until curl -s "$ZOO/v1/jobs?state=$state" | grep -q '"data":\\[\\]'; do sleep 0.5; done
done"""
Json = Any  # what a test reads from an answer


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory, seasoned: Path) -> Iterator[LiveService]:
    """A service on a home without a photograph."""
    home = tmp_path_factory.mktemp("reading") / "home"
    with live_service(home, seasoned=seasoned) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def answers(reading: LiveService, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each of the ten steps printed, run one after the other in one shell."""
    assert shutil.which("curl"), "curl is missing; on Debian and Ubuntu: apt install curl"
    prepare, *steps = blocks()
    place = tmp_path_factory.mktemp("reader")
    (place / ".curlrc").write_text("fail-with-body\n")  # a refusal ends the script
    text = f"{REST}\nprintf '{NEXT}'\n".join([prepare, *steps])
    assert DEFAULT_URL in text
    assert ".venv/bin/python" in text
    text = text.replace(DEFAULT_URL, f"http://127.0.0.1:{reading.port}").replace(
        ".venv/bin/python", sys.executable
    )
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT,
        env={**os.environ, "CURL_HOME": str(place), "TMPDIR": str(place), "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout.split(NEXT)[1:]


def test_the_readme_has_ten_steps_and_each_is_one_block() -> None:
    section = ten_steps()
    assert len(STEP.findall(section)) == 10
    assert len(blocks()) == 11  # what it needs is made before the first


def test_the_models_say_their_licence(answers: list[str]) -> None:
    lite0 = json.loads(answers[0])
    assert lite0["id"] == "lite.efficientnet_lite0.in1k"
    assert "Apache-2.0" in lite0["weights"][0]["licence"]


def test_a_collection_is_made(answers: list[str]) -> None:
    made = json.loads(answers[1])
    assert (made["name"], made["model"]) == ("photos", "lite.efficientnet_lite0.in1k")


def test_three_photographs_are_embedded_and_the_text_file_fails_alone(
    reading: LiveService, answers: list[str]
) -> None:
    job = reading.finished(json.loads(answers[2]))
    assert job["state"] == "succeeded"
    assert job["result"] == {"embedded": 3, "reused": 0, "failed": 1}


def test_the_job_can_be_asked_for_again(answers: list[str]) -> None:
    [listed] = json.loads(answers[3])["data"]
    assert listed["id"] == json.loads(answers[2])["id"]


def test_the_crop_finds_its_photograph_first(answers: list[str]) -> None:
    hits = json.loads(answers[4])["hits"]
    assert hits[0]["name"] == "chelsea.png"
    assert len(hits) == 3


def test_the_vector_is_in_the_shape_of_openai(answers: list[str]) -> None:
    assert answers[5].startswith('{"object":"list","data":[{"object":"embedding","index":0,')


def test_the_native_head_sees_the_cup_of_coffee(answers: list[str]) -> None:
    [found] = json.loads(answers[6])["data"]
    assert found["labels"][0]["label"] == "espresso"


def test_the_zip_becomes_a_sealed_version(reading: LiveService, answers: list[str]) -> None:
    dataset, sent = documents(answers[7])
    job = reading.finished(sent)
    assert dataset["name"] == "handwriting"
    assert (job["state"], job["result"]["failed"]) == ("succeeded", 0)
    assert job["result"]["dataset_version"] == 1


def test_the_head_is_judged_on_images_held_out(reading: LiveService, answers: list[str]) -> None:
    job = reading.finished(json.loads(answers[8]))
    assert job["state"] == "succeeded"
    assert job["result"]["version"] == "reader:1"
    assert job["result"]["metrics"]["accuracy"] > 0.8
    assert job["result"]["metrics"]["n_test"] == 100


def test_the_alias_names_the_version_that_classifies(answers: list[str]) -> None:
    alias, classified = documents(answers[9])
    assert alias["name"] == "reader@champion"
    assert classified["model"] == "reader:1"
    assert len(classified["data"][0]["labels"]) == 3


def ten_steps() -> str:
    text = (ROOT / "README.md").read_text()
    return text.partition(SECTION)[2].partition("\n## ")[0]


def blocks() -> list[str]:
    return BLOCK.findall(ten_steps())


def documents(text: str) -> list[Json]:
    """The JSON documents that stand one after the other in a text."""
    found, rest = [], text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found
