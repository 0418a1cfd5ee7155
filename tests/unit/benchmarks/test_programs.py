"""The benchmarks themselves, on a few pictures: that they run, not what they find."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import extraction, fine_tuning, online, scale
from benchmarks.contest.labelled import NoTaskError
from tests.pictures import picture

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks"
TIMEOUT_S = 900


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    made = tmp_path / "photographs"
    made.mkdir()
    for seed in range(4):
        (made / f"{seed}.jpg").write_bytes(picture(seed))
    return made


def run(
    program: str, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / program), *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize("program", [extraction, fine_tuning, online])
def test_an_unknown_contestant_is_refused(program: ModuleType, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        program.parse(["photographs", "--only", "nobody"])

    assert "invalid choice: 'nobody'" in capsys.readouterr().err


def test_the_naive_loop_always_runs_as_the_others_are_held_against_it():
    assert [one.name for one in extraction.chosen(["dataloader"])] == ["naive", "dataloader"]


def test_a_strategy_that_the_service_does_not_offer_is_refused():
    asked = fine_tuning.parse(["pictures", "--strategies", "boldest"])

    with pytest.raises(NoTaskError) as error:
        list(fine_tuning.chosen(asked, ("head_only", "full")))

    assert str(error.value) == "no strategy 'boldest'; the service offers head_only, full"


def test_the_service_takes_part_once_a_strategy():
    asked = fine_tuning.parse(["pictures", "--only", "service", "naive"])

    found = [one.name for one in fine_tuning.chosen(asked, ("head_only", "full"))]

    assert found == ["head_only", "full", "naive"]


@pytest.mark.slow
def test_fine_tuning_compares_the_service_with_the_usual_loop(tmp_path: Path):
    for position, label in enumerate(("cat", "dog")):
        (tmp_path / label).mkdir()
        for seed in range(10):
            content = picture(100 * position + seed)
            (tmp_path / label / f"{seed}.jpg").write_bytes(content)
    few = ("--images", "8", "--labels", "2", "--seeds", "1", "--epochs", "1", "--size", "64")
    who = ("--only", "service", "timm", "naive", "--strategies", "head_only")
    ended = run("fine_tuning.py", str(tmp_path), *few, *who)

    assert ended.returncode == 0, ended.stderr
    assert "left out" not in ended.stderr
    rows = [line.split(" | ")[0] for line in ended.stdout.splitlines() if line.startswith("| ")]
    assert rows[2:] == ["| **FeatureZoo**, `head_only`", "| timm", "| naive"]


@pytest.mark.slow
def test_extraction_compares_the_service_with_the_composition(photographs: Path):
    ours = ("service", "service-folder", "composition", "forward")
    ended = run(
        "extraction.py", str(photographs), "--images", "12", "--rounds", "1", "--only", *ours
    )

    assert ended.returncode == 0, ended.stderr
    rows = [line for line in ended.stdout.splitlines() if line.startswith("| ")]
    titles = (
        "**FeatureZoo**, the service end to end",
        "**FeatureZoo**, reading the folder itself",
        "hand-tuned composition",
        "bare forward",
    )
    for title in titles:
        [row] = [row for row in rows if row.startswith(f"| {title} | ")]
        assert "| 100.0% |" in row
    assert "'embedded': 0, 'reused': 12, 'failed': 0" in ended.stdout
    assert ended.stdout.count("The network alone: ") == 2


def test_sizes_are_numbers_with_commas_between_them(capsys: pytest.CaptureFixture[str]):
    assert scale.parse(["--sizes", "1000,10000"]).sizes == (1000, 10000)
    for wrong in ("0,10", "many"):
        with pytest.raises(SystemExit, match="2"):
            scale.parse(["--sizes", wrong])
    assert "invalid numbers value: 'many'" in capsys.readouterr().err


@pytest.mark.slow
def test_scale_takes_tiny_pictures_and_photographs_in(photographs: Path):
    for arguments in ((), (str(photographs), "--model", "tiny.colours")):
        ended = run("scale.py", *arguments, "--sizes", "20")

        assert ended.returncode == 0, ended.stderr
        [head] = [line for line in ended.stdout.splitlines() if line.startswith("| ingest")]
        assert head == "| ingest | 20 |"
        for title in ("items/s", "workers", "first search", "restart, until a search answers"):
            assert f"| {title} | " in ended.stdout


@pytest.mark.slow
def test_submit_accepts_each_job_once_beside_its_floors():
    ended = run("submit.py", "--jobs", "20", "--clients", "4", "--every", "0.1")

    assert ended.returncode == 0, ended.stderr
    for title in ("a durable commit, alone | 1", "a bare POST | 4", "**FeatureZoo**, idle | 1"):
        assert f"| {title} | " in ended.stdout
    assert "20 jobs were accepted and done in " in ended.stdout


@pytest.mark.slow
def test_online_reports_each_number_of_clients(photographs: Path):
    few = ("--requests", "8", "--rounds", "1", "--clients", "1", "2", "--only", "service")
    ended = run("online.py", str(photographs), *few)

    assert ended.returncode == 0, ended.stderr
    assert "| **FeatureZoo** | 1 |" in ended.stdout
    assert "| **FeatureZoo** | 2 |" in ended.stdout


@pytest.mark.slow
def test_gpu_holds_the_pipeline_against_its_limits_on_a_cpu_too(photographs: Path):
    few = ("--device", "cpu", "--eager", "--no-service", "--images", "12", "--batch", "4")
    ended = run("gpu.py", str(photographs), *few, "--models", "torchvision.squeezenet1_1.random")

    assert ended.returncode == 0, ended.stderr
    assert "no GPU" in ended.stdout
    assert "| `torchvision.squeezenet1_1.random` | cpu eager |" in ended.stdout


@pytest.mark.slow
def test_gpu_without_a_gpu_says_how_to_run_it_all_the_same(photographs: Path):
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    ended = run("gpu.py", str(photographs), env=hidden)

    assert ended.returncode == 1
    assert ended.stderr == (
        "gpu.py: torch finds no GPU here; --device cpu shows that the program runs\n"
    )
