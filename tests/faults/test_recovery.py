"""How soon work goes on after a death, and what a process does that wakes too late."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.faults.at_work import at_work
from tests.faults.claims import await_that, claimed_anew, holder, last_held, leader
from tests.faults.nodes import HANG, strike_holder, two_nodes
from tests.faults.topology import Seasoned
from tests.faults.victims import find
from tests.faults.workloads import send_files
from tests.live import kill
from zoo.faults import Point, times_reached
from zoo.jobs.doorbell import Doorbell, make_celery
from zoo.testing import tiny

pytestmark = pytest.mark.slow
Record = Callable[[str, object], None]


@pytest.mark.parametrize(("victim", "limit_s"), [("child", 2.0), ("worker", 10.0)])
def test_what_a_dead_process_did_is_soon_done_by_another(
    seasoned: Seasoned, tmp_path: Path, victim: str, limit_s: float, record_property: Record
) -> None:
    with seasoned.struck(tmp_path, ZOO_FAULT=HANG) as struck:
        struck.service.start()
        with at_work(struck):
            seconds = strike_holder(struck.checker.settings, victim)

        record_property("claimed_anew_s", seconds)
        assert seconds < 5 * limit_s  # of a quiet machine; docs/reliability.md has the figures
        struck.checker.check(struck.asked)
        struck.end()


def test_what_a_lost_node_did_is_done_by_another_within_15_s(
    seasoned: Seasoned, tmp_path: Path, record_property: Record
) -> None:
    with two_nodes(seasoned, tmp_path, HANG) as struck:
        with at_work(struck):
            seconds = strike_holder(struck.checker.settings, "node")

        record_property("claimed_anew_s", seconds)
        assert seconds < 15
        struck.checker.check(struck.asked)


def test_a_worker_that_wakes_after_its_claims_were_given_away_changes_nothing(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with two_nodes(seasoned, tmp_path, "embed.forwarded:1:stop") as struck:
        with at_work(struck):
            held = last_held(struck.checker.settings)
            child = holder(held)
            worker = child.parent()
            kill([worker], signal.SIGSTOP)
            claimed_anew(struck.checker.settings, held)
        kill([child, worker], signal.SIGCONT)
        home = struck.service.home
        await_that(lambda: times_reached(home, Point.EMBED_FORWARDED) > 1)
        with at_work(struck):  # the one that woke takes part again
            pass

        assert (child.is_running(), worker.is_running()) == (True, True)
        struck.checker.check(struck.asked)


def test_a_keeper_that_stands_still_is_replaced_and_publishes_in_vain_when_it_wakes(
    seasoned: Seasoned, tmp_path: Path, record_property: Record
) -> None:
    # What it was about to publish it still holds in its hands when it wakes.
    with two_nodes(seasoned, tmp_path, "relay.taken:1:stop") as struck:
        settings = struck.checker.settings
        began = time.monotonic()
        with at_work(struck):
            await_that(lambda: times_reached(struck.service.home, Point.RELAY_TAKEN) > 0)
            stopped = leader(settings)
            await_that(lambda: leader(settings) != stopped)
            seconds = time.monotonic() - began
        heir = leader(settings)
        kill([psutil.Process(stopped)], signal.SIGCONT)
        with at_work(struck):
            pass

        record_property("led_anew_s", seconds)
        assert seconds < 15
        assert leader(settings) == heir
        struck.checker.check(struck.asked)


def test_fifty_deliveries_of_each_wake_up_do_the_work_once(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with seasoned.struck(tmp_path) as struck:
        struck.service.start()
        bell = Doorbell(make_celery(struck.checker.settings))
        with at_work(struck):
            for shard_id in range(1, 12):
                for _ in range(50):
                    bell.ring(shard_id, "cpu")

        struck.checker.check(struck.asked)
        struck.end()


def test_a_shard_that_kills_every_process_fails_by_name_after_three(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with seasoned.struck(tmp_path, ZOO_FAULT="embed.forwarded:every:kill") as struck:
        struck.service.start()

        send_files(struck.asked)

        [job_id] = struck.asked.stranger.accepted
        job = struck.asked.stranger.get(f"/v1/jobs/{job_id}")
        assert (job["state"], job["attempt"], job["error"]["code"]) == ("failed", 3, "worker_died")
        assert job["error"]["detail"] == (
            "the worker process died: signal 9 (SIGKILL), perhaps for want of memory, "
            f"at work with model {tiny.MODEL!r} of the plugin 'tiny' "
            f"(after 3 attempts); once that is mended, POST /v1/jobs/{job_id}/retry "
            "does what is left"
        )
        await_that(lambda: len(find(struck.service, "child")) == 2)
