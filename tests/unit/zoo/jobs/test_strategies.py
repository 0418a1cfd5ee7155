"""What a strategy trains is told before a job is queued, and what cannot be is refused."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from zoo.errors import InvalidError
from zoo.jobs.specs import FineTuneSpec, read_fine_tune, spec_to_json
from zoo.jobs.strategies import Choice, make_plans, plan_from_json, plan_to_json
from zoo.predictor import BackboneDetail
from zoo.space import Space

BLOCKS = ("stem", "stages.0", "stages.1", "stages.2", "head")
DETAIL = BackboneDetail(
    weights_hash="0" * 64,
    dim=4,
    parameters=9,
    blocks=BLOCKS,
    layers=BLOCKS,
    labels=None,
    space=Space(weights_hash="0" * 64, architecture="a", towers=()),
    towers=("image",),
)


def trained(**asked: Any) -> list[tuple[str, ...]]:
    plans = make_plans(Choice(**asked), model="m", detail=DETAIL)
    assert all((*one.frozen, *one.trained) == BLOCKS for one in plans)
    return [one.trained for one in plans]


@pytest.mark.parametrize(
    ("asked", "blocks"),
    [
        ({}, ()),
        ({"strategy": "last_blocks"}, BLOCKS[4:]),
        ({"strategy": "last_blocks", "blocks": 2}, BLOCKS[3:]),
        ({"strategy": "last_blocks", "until": "stages.1"}, BLOCKS[2:]),
        ({"strategy": "last_blocks", "until": r"stages\.[12]"}, BLOCKS[2:]),
        ({"strategy": "last_blocks", "until": r"st.*"}, BLOCKS),
        ({"strategy": "full"}, BLOCKS),
        ({"strategy": "gradual"}, BLOCKS),
        ({"strategy": "scratch"}, BLOCKS),
    ],
)
def test_each_strategy_trains_the_last_blocks(
    asked: dict[str, Any], blocks: tuple[str, ...]
) -> None:
    assert trained(**asked) == [blocks]


def test_a_comparison_has_each_strategy_once_the_cheapest_first() -> None:
    plans = make_plans(
        Choice(compare=("full", "last_blocks", "full"), blocks=1), model="m", detail=DETAIL
    )
    assert [one.strategy for one in plans] == ["last_blocks", "full"]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (
            {"strategy": "last_blocks", "blocks": 6},
            "invalid",
            "m has 5 blocks, not 6: stem, stages.0, stages.1, stages.2, head",
        ),
        (
            {"strategy": "last_blocks", "until": "stages.9"},
            "unknown_block",
            "m has no block 'stages.9'; did you mean 'stages.2' or 'stages.1' or 'stages.0'?",
        ),
        (
            {"strategy": "last_blocks", "until": "(a+)+"},
            "invalid",
            "until is '(a+)+'; as a regular expression it may have no groups and at most 3 of "
            "* + ? and {",
        ),
        (
            {"strategy": "last_blocks", "until": "stages.["},
            "invalid",
            "until is 'stages.['; it is no block's name and no regular expression: "
            "unterminated character set at position 7",
        ),
        (
            {"strategy": "last_blocks", "until": "a{99999999999}"},
            "invalid",
            "until is 'a{99999999999}'; it is no block's name and no regular expression: "
            "the repetition number is too large",
        ),
        (
            {"strategy": "last_blocks", "until": "stem", "blocks": 2},
            "invalid",
            "blocks and until say the same; give one of them",
        ),
        (
            {"strategy": "full", "blocks": 2},
            "invalid",
            "blocks goes with the strategy last_blocks only",
        ),
        (
            {"strategy": "full", "compare": ("full", "scratch")},
            "invalid",
            "compare takes the place of strategy; give one of them",
        ),
        (
            {"compare": ("full",)},
            "invalid",
            "compare names 1 strategy; it takes two or more of "
            "head_only, last_blocks, full, gradual, scratch",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(asked: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(InvalidError) as caught:
        trained(**asked)
    assert (caught.value.code, caught.value.detail) == (code, said)


@pytest.mark.parametrize(
    ("detail", "why"),
    [
        (replace(DETAIL, blocks=()), "its plugin names no blocks"),
        (
            replace(DETAIL, space=replace(DETAIL.space, precision="bfloat16")),
            "it computes in bfloat16; name it without its precision",
        ),
    ],
)
def test_a_network_that_cannot_be_trained_still_takes_a_head(
    detail: BackboneDetail, why: str
) -> None:
    assert make_plans(Choice(), model="m", detail=detail)[0].trained == ()
    with pytest.raises(InvalidError) as caught:
        make_plans(Choice(strategy="full"), model="m", detail=detail)
    assert caught.value.code == "impossible_strategy"
    assert caught.value.detail == (f"m cannot be trained by 'full': {why}; head_only can be had")


def test_specs_and_plans_are_the_same_after_they_were_stored() -> None:
    spec = FineTuneSpec(dataset="d", model="m", name="n", compare=("head_only", "full"), epochs=3)
    assert read_fine_tune(spec_to_json(spec)) == spec
    [plan] = make_plans(Choice(strategy="full"), model="m", detail=DETAIL)
    assert plan_from_json(plan_to_json(plan)) == plan


def test_asking_for_a_strategy_imports_no_torch() -> None:
    program = "import sys, zoo.jobs.strategies; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
