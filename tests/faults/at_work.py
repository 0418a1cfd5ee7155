"""A stranger at work while something happens to the service."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.topology import Struck
from tests.faults.workloads import Workload, send_archive


@contextmanager
def at_work(struck: Struck, work: Workload = send_archive) -> Iterator[None]:
    """Something is asked for, and has been done when the block ends.

    By itself no picture is sent twice: a shard that waits for another's makes new shards.
    """
    failed: list[Exception] = []

    def send() -> None:
        try:
            work(struck.asked)
        except Exception as error:  # noqa: BLE001  # raised again where it is awaited
            failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        sender.join()
    if failed:
        raise failed[0]
