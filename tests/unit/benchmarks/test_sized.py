import pytest

from benchmarks.contest.sized import SIZES, model_of, plugin
from benchmarks.contest.standing import strategies_of
from zoo.backbone import LoadRequest, Tower
from zoo.errors import NotFoundError


def test_each_size_is_an_architecture_of_the_same_weights():
    cards = {one.architecture: one for one in plugin.describe()}

    assert len(cards) == len(SIZES)
    [weights] = cards["efficientnet_lite0_96"].weights
    assert (weights.preprocessing.input_size, weights.preprocessing.resize) == ((96, 96), 109)
    assert model_of(96) == "sized.efficientnet_lite0_96.in1k"
    assert model_of(224) == "lite.efficientnet_lite0.in1k"


def test_a_size_can_be_had_untrained_as_training_from_scratch_begins_with_it():
    request = LoadRequest(
        architecture="efficientnet_lite0_96", weights="random", read_checkpoint=lambda _: {}
    )

    [tower] = plugin.load(request).towers.values()

    assert isinstance(tower, Tower)
    assert tower.preprocessing.input_size == (96, 96)


def test_a_size_that_is_not_there_is_refused():
    request = LoadRequest(
        architecture="efficientnet_lite0_97", weights="in1k", read_checkpoint=lambda _: {}
    )

    with pytest.raises(NotFoundError, match="no 'efficientnet_lite0_97' with weights 'in1k'"):
        plugin.load(request)


def test_strategies_are_those_of_the_schema():
    def described(strategy: dict[str, object]) -> dict[str, object]:
        return {"schema": {"properties": {"strategy": strategy}}}

    assert strategies_of(described({"const": "head_only"})) == ("head_only",)
    assert strategies_of(described({"enum": ["head_only", "full"]})) == ("head_only", "full")
