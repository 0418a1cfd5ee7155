import os
from pathlib import Path

import pytest

from tests.live import eventually
from zoo.registry import description
from zoo.registry.description import card_from_json, card_to_json, describe_in_process
from zoo_lite import plugin as lite


def test_a_ready_plugin_gives_the_cards_it_gives_in_process():
    described = describe_in_process("lite", timeout_s=30)

    assert described.state == "ready"
    assert described.reason == ""
    assert described.cards == tuple(lite.describe())


def test_a_card_comes_back_as_it_was():
    for card in lite.describe():
        assert card_from_json(card_to_json(card)) == card


def test_what_a_plugin_prints_does_not_disturb(install):
    name = install(
        "chatty",
        """
        import os, sys
        print("hello")
        os.write(1, b"from C")
        os.system("echo from a child")
        sys.stderr.write("warning")
        """,
    )

    described = describe_in_process(name, timeout_s=30)

    assert described.state == "ready"
    assert [card.architecture for card in described.cards] == ["tiny"]


@pytest.mark.parametrize(
    ("module", "package"), [("a_missing_module", "a_missing_module"), ("cv2.x", "opencv-python")]
)
def test_a_missing_module_makes_a_plugin_unavailable_and_says_what_to_install(
    install, module, package
):
    name = install("needy", f"import {module}")

    described = describe_in_process(name, timeout_s=30)

    assert described.state == "unavailable"
    assert described.reason == (
        f"plugin 'needy' needs what is not installed: No module named "
        f"{module.partition('.')[0]!r}; pip install {package}"
    )


def test_a_module_missed_while_describing_makes_it_unavailable_too(install):
    name = install(
        "late",
        """
        def describe(self):
            import a_missing_module
        Working.describe = describe
        """,
    )

    assert describe_in_process(name, timeout_s=30).state == "unavailable"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('boom')", "could not be imported: RuntimeError: boom"),
        ("raise SystemExit(0)", "could not be imported: SystemExit: 0"),
        ("Working.describe = lambda self: 1 / 0", "ZeroDivisionError: division by zero"),
        ("Working.describe = lambda self: None", "'NoneType' object is not iterable"),
        ("Working.describe = lambda self: ['tiny']", "each should be a zoo.backbone.Card"),
        ("import os; os._exit(3)", "ended its process (exit status 3) before it had described"),
        ("import os; os.abort()", "ended its process (signal SIGABRT) before it had described"),
    ],
)
def test_a_broken_plugin_gives_its_reason(install, code, reason):
    described = describe_in_process(install("broken", code), timeout_s=30)

    assert described.state == "broken"
    assert described.cards == ()
    assert described.reason.startswith("plugin 'broken' ")
    assert reason in described.reason


def test_a_plugin_that_hangs_is_ended_with_what_it_started(install, tmp_path):
    pids = tmp_path / "pids"
    name = install(
        "slow",
        f"""
        import os, subprocess, time
        child = subprocess.Popen(["sleep", "100"])
        with open({str(pids)!r}, "w") as file:
            file.write(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(100)
        """,
    )

    described = describe_in_process(name, timeout_s=2)

    assert described.state == "broken"
    assert described.reason == "plugin 'slow' took more than 2 s to describe itself"
    left = [int(pid) for pid in pids.read_text().split()]
    eventually(lambda: not any(map(_runs, left)), what="what was killed is gone")


def test_a_plugin_that_says_too_much_is_broken(install, monkeypatch):
    monkeypatch.setattr(description, "MAX_OUTPUT_BYTES", 1000)
    name = install(
        "long",
        """
        def describe(self):
            return [Card(architecture=f"tiny{n}", weights=(weights(),)) for n in range(100)]
        Working.describe = describe
        """,
    )

    described = describe_in_process(name, timeout_s=30)

    assert described.reason == "plugin 'long' describes itself in more than 1000 bytes"


def test_a_plugin_that_prints_without_end_is_ended(install, monkeypatch):
    monkeypatch.setattr(description, "MAX_OUTPUT_BYTES", 100_000)
    name = install("noisy", "while True: print('x' * 1000)")

    described = describe_in_process(name, timeout_s=30)

    assert described.state == "broken"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Killed, but nobody has collected it yet.
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
