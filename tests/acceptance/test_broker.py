"""Whoever can write to the broker can ring the bell, and do nothing else."""

import base64
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.live import LITE0, LiveService, eventually
from tests.pictures import picture
from zoo.jobs.doorbell import RUN_SHARD
from zoo.settings import load_settings
from zoo.supervisor.broker import SOCKET

pytestmark = pytest.mark.slow
QUEUE = "cpu"
JSON = "application/json"
YAML = "application/x-yaml"


class Intruder:
    """What a pickle may do to whoever reads it."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return open, (str(self._mark), "w")


def message(body: bytes, *, task: str, content_type: str) -> str:
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": content_type,
            "headers": {"lang": "py", "task": task, "id": "1", "root_id": "1", "argsrepr": "()"},
            "properties": {
                "correlation_id": "1",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": "1",
            },
        }
    )


def test_what_strangers_put_into_the_queue_is_discarded(
    service: LiveService, tmp_path: Path
) -> None:
    service.start()
    socket = str(load_settings({}, home=service.home).runtime_dir / SOCKET)
    mark = tmp_path / "mark"
    pickled = pickle.dumps(((Intruder(mark),), {}, {}))
    calls = json.dumps([[1], {}, {}]).encode()
    odd = json.dumps([["../../etc", {"a": 1}], {"b": []}, {}]).encode()
    huge = json.dumps([[10**30], {}, {}]).encode()
    given = [
        message(pickled, task=RUN_SHARD, content_type="application/x-python-serialize"),
        message(pickled, task=RUN_SHARD, content_type=JSON),
        message(b"!!python/object/apply:os.system [x]", task=RUN_SHARD, content_type=YAML),
        message(calls, task="os.system", content_type=JSON),
        message(calls, task="celery.backend_cleanup", content_type=JSON),
        message(odd, task=RUN_SHARD, content_type=JSON),
        message(huge, task=RUN_SHARD, content_type=JSON),
    ]
    with redis.Redis(unix_socket_path=socket) as broker:
        broker.lpush(QUEUE, *given)
        eventually(lambda: broker.llen(QUEUE) == 0, what="the messages are taken")
    service.put("/v1/collections/c", {"model": LITE0})
    job = service.post_files("/v1/collections/c/items", [("a.jpg", picture(1))])
    assert service.finished(job)["result"] == {"embedded": 1, "reused": 0, "failed": 0}
    assert not mark.exists()
    assert len(service.parts("zoo_workers")) >= 2, "the worker that met them is still there"
