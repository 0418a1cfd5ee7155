"""Each promise of the contract, broken on purpose, is told in one sentence."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from zoo.backbone import RANDOM_WEIGHTS, Backbone, Card, LoadRequest
from zoo.errors import WeightsUnavailableError
from zoo.testing.contract import PROMISES, Budget, PluginContract, Report
from zoo.testing.contract.examination import EXAMINATIONS, examine, examine_object
from zoo.testing.tiny import TinyPlugin

V1 = "odd.colours.v1"


class Last(nn.Module):
    """Does something to the output of a network."""

    def __init__(self, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.change = change

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.change(vectors)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return vectors


class NeverAtRest(nn.Identity):
    def train(self, _: bool = True) -> nn.Module:
        return super().train(True)


class Odd(TinyPlugin):
    """The tiny backbone with a change to what it builds."""

    def __init__(self, change: Callable[[Backbone], Backbone]) -> None:
        self._change = change

    def load(self, request: LoadRequest) -> Backbone:
        built = super().load(request)
        return built if request.weights == RANDOM_WEIGHTS else self._change(built)


def ending_with(module: nn.Module) -> Callable[[Backbone], Backbone]:
    def change(built: Backbone) -> Backbone:
        built.towers["image"].module.add_module("last", module)
        return built

    return change


def turned(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Backbone], Backbone]:
    return ending_with(Last(change))


def told(**fields: object) -> Callable[[Backbone], Backbone]:
    def change(built: Backbone) -> Backbone:
        return replace(built, towers={"image": replace(built.towers["image"], **fields)})

    return change


def reseeded(built: Backbone) -> Backbone:
    nn.init.normal_(built.towers["image"].module.get_submodule("stem")[0].weight)
    return built


def without_gradients(built: Backbone) -> Backbone:
    module = built.towers["image"].module
    module.forward = torch.no_grad()(module.forward)
    return built


def doubly_labelled(built: Backbone) -> Backbone:
    return replace(built, native_head=replace(built.native_head, labels=("a", "a", "b")))


def prepared_otherwise(built: Backbone) -> Backbone:
    preprocessing = replace(built.towers["image"].preprocessing, mean=(0.0, 0.0, 0.0))
    return told(preprocessing=preprocessing)(built)


@pytest.mark.parametrize(
    ("promise", "change", "sentence"),
    [
        (
            "loaded",
            turned(lambda v: v[:, :5]),
            "gives (1, 5) from tower 'image' for one picture, not (1, 96)",
        ),
        ("shaped", turned(lambda v: v[:1]), "gives (1, 96) for 3 pictures, not (3, 96)"),
        ("shaped", turned(lambda v: v.double()), "gives float64; embeddings are float32"),
        (
            "finite",
            turned(lambda v: v / (v[:, :48].amax() < 0.9)),
            "gives numbers that are not finite for a white picture",
        ),
        (
            "repeatable",
            turned(lambda v: v + torch.rand_like(v)),
            "gives other numbers for the same pictures the second time",
        ),
        (
            "repeatable",
            reseeded,
            "has other parameters each time it is built; draw them from a fixed seed",
        ),
        ("apart", turned(torch.ones_like), "gives two different pictures the same vector"),
        (
            "alone",
            turned(lambda v: v - v.mean(0) / 2),
            "gives a picture another vector in a batch than by itself",
        ),
        ("still", ending_with(Counting()), "changes its tensor 'last.seen' while it forwards"),
        (
            "still",
            ending_with(NeverAtRest()),
            "leaves its submodule 'last' in training mode after eval()",
        ),
        ("ordered", told(blocks=()), "lists no blocks, so that nothing of it can be frozen"),
        (
            "ordered",
            told(blocks=("body", "stem")),
            "lists block 'body' out of order; they run as stem, body",
        ),
        (
            "ordered",
            told(blocks=("stem", "stem.0")),
            "has parameters that are in block 'stem' and in 'stem.0'",
        ),
        (
            "freezable",
            without_gradients,
            "cannot be fine-tuned: its forward() runs without gradients",
        ),
        ("headed", doubly_labelled, "has a label twice"),
        (
            "preprocessing",
            prepared_otherwise,
            "is prepared for with mean [0.0, 0.0, 0.0], but its card says [0.5, 0.5, 0.5]",
        ),
    ],
)
def test_a_broken_promise_is_one_sentence(
    promise: str, change: Callable[[Backbone], Backbone], sentence: str
) -> None:
    report = examine_object(Odd(change), name="odd", budget=Budget())
    assert any(told.endswith(f" {sentence}") and V1 in told for told in report.broken(promise))


def test_a_frozen_statistic_that_moves_is_told() -> None:
    def unfreezable(built: Backbone) -> Backbone:
        built.towers["image"].module.get_submodule("stem").add_module("rest", Counting())
        return built

    report = examine_object(Odd(unfreezable), name="odd", budget=Budget())
    assert report.broken("freezable") == (
        f"{V1} changes its frozen tensor 'stem.rest.seen' in training",
    )


def test_a_good_plugin_breaks_nothing_and_every_model_was_examined() -> None:
    report = examine_object(TinyPlugin(), name="odd", budget=Budget())
    assert report.broken() == report.warnings() == ()
    assert report.models == (V1, "odd.colours.random")


def test_a_budget_that_is_exceeded_is_told() -> None:
    budget = Budget(load_s=0.0, forward_s=0.0, memory_mb=-1.0)
    sentences = examine_object(TinyPlugin(), name="odd", budget=budget).broken("affordable")
    assert [sentence.split()[-4:] for sentence in sentences if V1 in sentence] == [
        ["build;", "at", "most", "0"],
        ["machine;", "at", "most", "0"],
        ["is", "recycled", "above", "-1"],
    ]


def test_an_incomplete_card_is_told() -> None:
    class Silent(TinyPlugin):
        def describe(self) -> list[Card]:
            [card] = super().describe()
            weights = replace(card.weights[0], licence=" ", source="")
            return [replace(card, weights=(weights,))]

    report = examine_object(Silent(), name="odd", budget=Budget())
    assert report.broken() == (f"the card of {V1} leaves out licence and source",)


def test_a_description_that_changes_is_told() -> None:
    class Fickle(TinyPlugin):
        n = 0

        def describe(self) -> list[Card]:
            Fickle.n += 1
            [card] = super().describe()
            return [replace(card, weights=(replace(card.weights[0], source=f"{self.n}"),))]

    report = examine_object(Fickle(), name="odd", budget=Budget())
    assert report.broken("described") == (
        "plugin 'odd' describes itself differently the second time",
    )


def test_weights_that_are_elsewhere_are_a_warning_but_the_random_variant_has_to_be_there() -> None:
    class Absent(TinyPlugin):
        def load(self, _: LoadRequest) -> Backbone:
            raise WeightsUnavailableError("pip install them", plugin="odd")

    report = examine_object(Absent(), name="odd", budget=Budget())
    assert report.warnings() == (f"{V1} could not be examined: pip install them",)
    assert report.broken() == ("odd.colours.random could not be examined: pip install them",)


def test_a_random_variant_that_is_trained_is_told() -> None:
    class Same(TinyPlugin):
        def load(self, request: LoadRequest) -> Backbone:
            return replace(super().load(replace(request, weights="v1")), native_head=None)

    report = examine_object(Same(), name="odd", budget=Budget())
    assert report.broken() == ("the random variant of odd.colours is the trained one",)


def test_a_plugin_that_is_not_there_and_a_model_that_is_not_are_told() -> None:
    assert examine("nowhere", budget=Budget()).broken() == ("no plugin 'nowhere' is installed",)
    report = examine_object(TinyPlugin(), name="odd", models=["odd.colours.v2"], budget=Budget())
    assert report.broken() == ("plugin 'odd' describes no model 'odd.colours.v2'",)


def test_every_promise_is_a_test_of_the_suite() -> None:
    tests = [getattr(PluginContract, name) for name in vars(PluginContract) if "test" in name]
    held = {test.__doc__.split("`")[1] for test in tests}
    assert held == set(PROMISES)
    assert set(EXAMINATIONS) <= held


def test_a_broken_promise_fails_its_test_with_the_sentences() -> None:
    class Suite(PluginContract):
        plugin = Odd(told(blocks=()))
        name = "odd"

    Suite.setup_class()
    assert isinstance(Suite.report, Report)
    Suite().test_a_native_head_can_be_asked()
    with pytest.raises(AssertionError, match=f"^{V1} lists no blocks"):
        Suite().test_blocks_are_in_the_order_in_which_they_run()
