"""Celery as a doorbell: a message wakes a worker with a shard's id, and nothing else."""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError

from zoo.errors import UnavailableError
from zoo.settings import Settings

RUN_SHARD = "zoo.run_shard"
SOCKET_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 5


def make_celery(settings: Settings, *, is_eager: bool = False) -> Celery:
    """The Celery application of this home; connects on first use.

    Messages are acknowledged early and carry no result: the catalog alone knows what is done.
    """
    app = Celery("featurezoo", broker=settings.resolved_broker_url, set_as_current=False)
    app.conf.update(
        task_always_eager=is_eager,
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_default_queue="cpu",
        worker_disable_prefetch=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_max_memory_per_child=settings.worker_memory_mb * 1024,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=CONNECT_TIMEOUT_S,
        broker_transport_options={
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "health_check_interval": 25,
            "max_retries": 0,
        },
    )
    return app


class Doorbell:
    """Rings for shards. Not thread-safe: it has one owner."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        self._asking = celery.connection_for_read()  # connects on first use, and stays so

    def ring(self, shard_id: int, queue: str) -> None:
        """Wake a worker of a queue for a shard; `UnavailableError` if the broker is down."""
        try:
            self._celery.signature(RUN_SHARD, args=[shard_id]).apply_async(
                queue=queue, retry=False
            )
        except (OSError, OperationalError) as error:
            raise _silent(error) from error

    def waiting(self, queue: str) -> int:
        """Messages of a queue that no worker has taken; `UnavailableError` if nobody answers."""
        errors: tuple[type[BaseException], ...] = (
            OSError,
            OperationalError,
            *self._asking.connection_errors,
        )
        try:
            channel: Any = self._asking.default_channel  # the stubs know half of it
            return int(channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:
            return 0  # Redis keeps no empty queues
        except errors as error:
            self._asking.close()  # the next question connects anew
            raise _silent(error) from error


def _silent(error: BaseException) -> UnavailableError:
    return UnavailableError(f"the broker does not answer: {error}", code="broker_unavailable")
