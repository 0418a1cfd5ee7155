"""Modules that stand for ours: files of the standard library that run with `-m`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import eventually
from zoo.isolation import run_module
from zoo.jobs.presence import is_running


def test_what_a_module_writes_comes_back_with_how_it_ended():
    ended = run_module("platform", timeout_s=20)

    assert ended.status == 0
    assert ended.ending == "exit status 0"
    assert b"Linux" in ended.output or b"macOS" in ended.output
    assert ended.last_words == ""


def test_the_last_line_of_a_failure_is_kept():
    ended = run_module("no_such_module", timeout_s=20)

    assert ended.ending == "exit status 1"
    assert ended.last_words.endswith("No module named no_such_module")


def test_a_module_that_takes_too_long_is_ended():
    ended = run_module("http.server", "--bind", "127.0.0.1", "0", timeout_s=0.5)

    assert ended.status is None
    assert ended.ending == "it took too long"


def test_no_more_output_is_read_than_was_allowed():
    ended = run_module("this", timeout_s=20, max_output_bytes=10)

    assert len(ended.output) == 11


def test_a_module_that_still_imports_ends_with_who_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "pid"
    (tmp_path / "slow_to_import.py").write_text(
        f"import os, pathlib, time\npathlib.Path({str(told)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    program = "from zoo.isolation import run_module; run_module('slow_to_import', timeout_s=60)"
    waiting = subprocess.Popen([sys.executable, "-c", program])
    eventually(lambda: told.exists() and told.read_text() != "", what="it was never started")
    pid = int(told.read_text())

    waiting.kill()
    waiting.wait()

    eventually(lambda: not is_running(pid), what="it lives on")
