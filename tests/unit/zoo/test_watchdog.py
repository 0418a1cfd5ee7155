import signal
import subprocess
import sys

import pytest

FED = "import time; from zoo.watchdog import Watchdog; dog = Watchdog({limit}); dog.feed(); {then}"


def ends(limit: float, then: str) -> int:
    command = FED.format(limit=limit, then=then)
    return subprocess.run([sys.executable, "-c", command], timeout=30).returncode


@pytest.mark.parametrize("then", ["time.sleep(20)", "[].sort() or sum(range(10**11))"])
def test_it_bites_whatever_the_process_hangs_in(then: str) -> None:
    assert ends(0.05, then) == -signal.SIGALRM


@pytest.mark.parametrize(
    "then",
    [
        "time.sleep(0.2); dog.feed(); time.sleep(0.2); dog.feed()",
        "dog.rest(); time.sleep(0.4)",
    ],
)
def test_it_lies_still_while_it_is_fed_or_rests(then: str) -> None:
    assert ends(0.3, then) == 0


def test_without_a_limit_it_never_bites() -> None:
    assert ends(0, "time.sleep(0.1)") == 0
