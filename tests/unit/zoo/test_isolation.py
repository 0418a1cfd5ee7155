"""Modules that stand for ours: files of the standard library that run with `-m`."""

from zoo.isolation import run_module


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
