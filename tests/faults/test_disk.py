"""The disk of the files of record is full for a while."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.disks import SMALL, small_disk_at
from tests.faults.claims import await_that, unfinished
from tests.faults.topology import Seasoned
from tests.faults.workloads import N
from tests.live import RefusedError, kill
from zoo.testing.pictures import pictures

pytestmark = pytest.mark.slow


def test_work_waits_for_room_and_goes_on_without_a_restart(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with seasoned.struck(tmp_path, ZOO_UNAVAILABLE_WAIT_S="60") as struck:
        service, asked = struck.service, struck.asked
        stored = service.home / "blobs"
        stored.rename(tmp_path / "stored")
        with small_disk_at(stored) as disk:
            if disk.code != "disk_full":
                pytest.skip("only who may mount a file system can fill one")
            shutil.copytree(tmp_path / "stored", stored, dirs_exist_ok=True)
            service.start()
            before = {one.pid for one in service.family()}
            files = pictures(N, first=1)
            address = asked.new_collection(files)
            workers = service.parts("zoo_workers")
            kill(workers, signal.SIGSTOP)
            job_id = asked.stranger.send(address, files)
            fill(stored / "ballast")
            kill(workers, signal.SIGCONT)
            settings = struck.checker.settings
            await_that(lambda: any(one.waits > 1 for one in unfinished(settings)))
            with pytest.raises(RefusedError) as caught:
                service.post_files(f"{address}/items", [("big.jpeg", bytes(SMALL))])
            (stored / "ballast").unlink()

            assert caught.value.status == 507
            assert caught.value.problem["code"] == "disk_full"
            assert asked.stranger.ended(job_id)["state"] == "succeeded"
            assert before <= {one.pid for one in service.family()}
            struck.checker.check(asked)
            struck.end()


def fill(ballast: Path) -> None:
    """Leave no room."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 12, 1 << 8, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
