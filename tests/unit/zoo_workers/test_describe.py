from pathlib import Path
from typing import Any

from tests.distributions import installing
from tests.workplace import Workplace
from zoo.catalog import models, plugins
from zoo_workers import shards


def test_a_plugin_gives_a_model_for_each_tag_and_an_untrained_one(place: Workplace) -> None:
    found = described(place, "lite")
    names = [name for name in found if name.startswith("lite.efficientnet_lite0.")]
    assert names == ["lite.efficientnet_lite0.in1k", "lite.efficientnet_lite0.random"]
    trained, untrained = (found[name] for name in names)
    assert (trained.is_default, trained.card["is_random"]) == (True, False)
    assert (untrained.is_default, untrained.card["is_random"]) == (False, True)
    assert trained.card["weights"][0]["tag"] == "in1k"
    assert untrained.card["weights"] == []


def test_a_plugin_that_cannot_be_loaded_is_a_result_with_its_reason(place: Workplace) -> None:
    assert described(place, "nosuch") == {}
    with place.context.catalog.read() as session:
        found = plugins.get_plugin(session, "nosuch")
    assert found is not None
    assert found.state == "broken"
    assert "no plugin 'nosuch' is installed" in found.reason


def test_a_reason_that_no_database_would_take_is_kept_without_what_it_cannot_hold(
    place: Workplace, tmp_path: Path
) -> None:
    with installing(tmp_path) as install:
        install("odd", r"raise ValueError('caf\udce9\0.bin')")
        assert described(place, "odd") == {}
    with place.context.catalog.read() as session:
        found = plugins.get_plugin(session, "odd")
    assert found is not None
    assert found.reason.endswith("ValueError: caf\ufffd\ufffd.bin")


def described(place: Workplace, plugin: str) -> dict[str, Any]:
    with place.context.catalog.write() as session:
        plugins.expect_plugin(
            session, plugin, distribution="x", version="1", state="pending", reason=""
        )
    job = place.submit_describe(plugin)
    shards.run(place.context, place.next_shard().id)
    assert place.job(job).state == "succeeded"
    with place.context.catalog.read() as session:
        listed = models.list_models(session)
        return {model.name: models.get_model(session, model.name) for model in listed}
