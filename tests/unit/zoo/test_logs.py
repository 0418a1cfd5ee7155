import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from zoo import logs

ROOT = Path(logs.__file__).parent.parent

SCRIPT = """
import logging, threading, warnings
import structlog
from zoo import logs
logs.start("worker")
log = structlog.get_logger()
structlog.contextvars.bind_contextvars(job_id="j1")
log.info("shard_done", items=3)
log.debug("never_seen")
thread = threading.Thread(target=lambda: log.info("from_a_thread"))
thread.start()
thread.join()
error_log = logging.getLogger("gunicorn.error")
error_log.propagate = False
error_log.addHandler(logging.StreamHandler())
logs.take_over()
error_log.info("never seen")
error_log.warning("worker %s is late", 7)
warnings.warn("old")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("shard_failed")
"""


def run(script: str, stderr: int, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb", **more}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, stderr=stderr, text=True, timeout=30
    )


def test_away_from_a_terminal_every_event_is_one_line_of_json_with_process_and_context() -> None:
    lines = [json.loads(line) for line in run(SCRIPT, subprocess.PIPE).stderr.splitlines()]

    assert [line["event"] for line in lines[:3]] == [
        "shard_done",
        "from_a_thread",
        "worker 7 is late",
    ]
    assert {line["process"] for line in lines} == {"worker"}
    assert lines[0]["job_id"] == "j1"
    assert lines[0]["items"] == 3
    assert lines[0]["level"] == "info"
    assert lines[2]["logger"] == "gunicorn.error"
    assert "UserWarning: old" in lines[3]["event"]
    assert "ZeroDivisionError" in lines[4]["exception"]


def test_at_a_terminal_events_are_plain_words() -> None:
    reader, writer = pty.openpty()

    run(SCRIPT.split("thread =")[0], writer)
    os.close(writer)
    shown = os.read(reader, 4096).decode()
    os.close(reader)

    assert "shard_done" in shown
    assert "{" not in shown


def test_the_form_can_be_chosen_whatever_reads_it() -> None:
    first = SCRIPT.split("thread =")[0]
    reader, writer = pty.openpty()
    run(first, writer, ZOO_LOG_FORMAT="json")
    os.close(writer)
    assert json.loads(os.read(reader, 4096))["event"] == "shard_done"
    os.close(reader)
    shown = run(first, subprocess.PIPE, ZOO_LOG_FORMAT="plain").stderr
    assert "shard_done" in shown
    assert "{" not in shown
    assert "\x1b" not in shown
