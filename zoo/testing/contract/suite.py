"""The contract as a class of tests: an author's subclass is found and run by pytest."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import ClassVar

from zoo.backbone import Plugin
from zoo.errors import InvalidError
from zoo.testing.contract.report import Budget, Report


class HeavyDescriptionWarning(UserWarning):
    """Describing a plugin imports torch, which may be avoidable."""


class PluginContract:
    """Subclass it as `Test...` and say which plugin: the name of an installed one, or an object.

        class TestContract(PluginContract):
            plugin = "mine"

    `models` are full names of those to examine, by itself a choice of all; an object needs a
    `name` too. Each test holds one promise against every model.
    """

    plugin: ClassVar[str | Plugin]
    name: ClassVar[str] = ""
    models: ClassVar[Sequence[str]] = ()
    budget: ClassVar[Budget] = Budget()
    report: ClassVar[Report]

    @classmethod
    def setup_class(cls) -> None:
        """Examine the plugin once for all tests."""
        # By name: it brings torch, which whoever only collects tests should not pay for.
        examination = importlib.import_module("zoo.testing.contract.examination")
        if isinstance(cls.plugin, str):
            cls.report = examination.examine(cls.plugin, models=cls.models, budget=cls.budget)
            return
        if not cls.name:
            raise InvalidError(f"{cls.__name__} examines an object; give it a `name` too")
        cls.report = examination.examine_object(
            cls.plugin, name=cls.name, models=cls.models, budget=cls.budget
        )

    def _hold(self, promise: str) -> None:
        broken = self.report.broken(promise)
        if broken:
            raise AssertionError("\n".join(broken))

    def test_it_describes_itself_soundly_and_the_same_each_time(self) -> None:
        """`described`."""
        self._hold("described")

    def test_its_cards_are_complete(self) -> None:
        """`complete`."""
        self._hold("complete")

    def test_describing_needs_no_torch(self) -> None:
        """`light`: a warning only, as it cannot always be avoided."""
        for sentence in self.report.warnings("light"):
            warnings.warn(sentence, HeavyDescriptionWarning, stacklevel=1)

    def test_describing_is_quick(self) -> None:
        """`quick`."""
        self._hold("quick")

    def test_every_variant_can_be_built(self) -> None:
        """`loaded`."""
        self._hold("loaded")

    def test_pictures_are_prepared_as_the_card_says(self) -> None:
        """`preprocessing`."""
        self._hold("preprocessing")

    def test_texts_become_tokens_no_more_than_the_card_says(self) -> None:
        """`tokenised`."""
        self._hold("tokenised")

    def test_n_pictures_give_float32_n_by_dim(self) -> None:
        """`shaped`."""
        self._hold("shaped")

    def test_every_number_is_finite(self) -> None:
        """`finite`."""
        self._hold("finite")

    def test_the_same_picture_gives_the_same_numbers(self) -> None:
        """`repeatable`."""
        self._hold("repeatable")

    def test_different_pictures_give_different_vectors(self) -> None:
        """`apart`."""
        self._hold("apart")

    def test_a_vector_does_not_depend_on_its_batch(self) -> None:
        """`alone`."""
        self._hold("alone")

    def test_forwarding_changes_nothing(self) -> None:
        """`still`."""
        self._hold("still")

    def test_blocks_are_in_the_order_in_which_they_run(self) -> None:
        """`ordered`."""
        self._hold("ordered")

    def test_frozen_blocks_stay_as_they_are(self) -> None:
        """`freezable`."""
        self._hold("freezable")

    def test_every_layer_can_be_tapped(self) -> None:
        """`tapped`."""
        self._hold("tapped")

    def test_parameters_survive_safetensors(self) -> None:
        """`stored`."""
        self._hold("stored")

    def test_a_native_head_can_be_asked(self) -> None:
        """`headed`."""
        self._hold("headed")

    def test_the_random_variant_is_usable(self) -> None:
        """`untrained`."""
        self._hold("untrained")

    def test_it_keeps_within_time_and_memory(self) -> None:
        """`affordable`."""
        self._hold("affordable")
