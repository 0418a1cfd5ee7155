import errno
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.errors import StartError
from zoo.faults import Fault, Kind, Point, parse_fault, reach, times_reached
from zoo.settings import Settings, load_settings

RELIABILITY = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
KINDS = "'kill' or 'raise' or 'hang' or 'enospc' or 'stop'"


def asking(home: Path, fault: str) -> Settings:
    return load_settings({"ZOO_FAULT": fault}, home=home)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("embed.stored", Fault(point=Point.EMBED_STORED)),
        ("embed.stored:3", Fault(point=Point.EMBED_STORED, nth=3)),
        ("embed.stored:hang", Fault(point=Point.EMBED_STORED, kind=Kind.HANG)),
        ("embed.stored:2:raise", Fault(point=Point.EMBED_STORED, nth=2, kind=Kind.RAISE)),
        ("embed.stored:every:kill", Fault(point=Point.EMBED_STORED, nth=None)),
    ],
)
def test_a_fault_is_a_point_a_count_and_a_kind(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("a:b:c:d", "ZOO_FAULT is 'a:b:c:d'; it should be point[:nth][:kind]"),
        (
            "embed.stord:2",
            "ZOO_FAULT is 'embed.stord:2', of the form point[:nth][:kind]; "
            "there is no point 'embed.stord'; "
            "did you mean 'embed.stored' or 'embed.recorded' or 'embed.forwarded'?",
        ),
        (
            "embed.stored:zzz",
            "ZOO_FAULT is 'embed.stored:zzz', of the form point[:nth][:kind]; "
            f"there is no kind 'zzz'; did you mean {KINDS}?",
        ),
    ],
)
def test_a_fault_that_does_not_exist_is_refused_at_the_start(text: str, detail: str) -> None:
    with pytest.raises(StartError) as caught:
        load_settings({"ZOO_FAULT": text})
    assert caught.value.detail == detail


def test_nothing_happens_where_nothing_is_asked_for(tmp_path: Path) -> None:
    for point in Point:
        reach(load_settings({}, home=tmp_path), point)
        if point is not Point.EMBED_STORED:
            reach(asking(tmp_path, "embed.stored:raise"), point)
    assert list(tmp_path.iterdir()) == []


def test_a_fault_happens_once_and_the_count_outlives_the_process(tmp_path: Path) -> None:
    settings = asking(tmp_path, "shard.claimed:2:raise")
    reach(settings, Point.SHARD_CLAIMED)
    with pytest.raises(RuntimeError, match=r"^ZOO_FAULT asked for this at shard\.claimed$"):
        reach(settings, Point.SHARD_CLAIMED)
    reach(settings, Point.SHARD_CLAIMED)
    assert times_reached(tmp_path, Point.SHARD_CLAIMED) == 3


def test_a_fault_may_happen_every_time(tmp_path: Path) -> None:
    settings = asking(tmp_path, "index.stored:every:enospc")
    for _ in range(3):
        with pytest.raises(OSError, match="No space left on device") as caught:
            reach(settings, Point.INDEX_STORED)
        assert caught.value.errno == errno.ENOSPC


def test_a_fault_kills_as_nothing_else_does(tmp_path: Path) -> None:
    ask = (
        "from zoo.faults import Point, reach; from zoo.settings import load_settings; "
        "settings = load_settings(); reach(settings, Point.RELAY_RUNG); print('lives')"
    )
    environ = {
        "ZOO_FAULT": "relay.rung",
        "ZOO_HOME": str(tmp_path),
    }
    ends = [
        subprocess.run(
            [sys.executable, "-c", ask],
            env={**environ, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
        )
        for _ in range(2)
    ]
    assert [end.returncode for end in ends] == [-signal.SIGKILL, 0], ends
    assert ends[1].stdout == "lives\n"


def test_every_point_is_documented_and_no_other() -> None:
    table = RELIABILITY.read_text().partition("<!-- points:")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z.]+)` \|", table, re.MULTILINE) == list(Point)
