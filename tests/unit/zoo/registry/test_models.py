from pathlib import Path

import pytest

import zoo_migrations
from tests.serving import network_columns, register_pets, register_tiny
from zoo.catalog import Catalog, models, open_catalog, plugins
from zoo.errors import NotFoundError, PluginError, UnavailableError
from zoo.predictor import to_ref
from zoo.registry.models import require_model, resolve_backbone, resolve_version
from zoo.registry.retiring import delete_version, hold_backbone


@pytest.fixture
def known(tmp_path: Path) -> Catalog:
    """The backbone `lite.tiny` and two versions of `pets`, whose champion is the first."""
    url = f"sqlite:///{tmp_path / 'c.sqlite3'}"
    zoo_migrations.upgrade(url)
    catalog = open_catalog(url)
    register_tiny(catalog)
    for job_id in ("a", "b"):
        register_pets(catalog, job_id=job_id)
    with catalog.write() as session:
        pets = models.get_model(session, "pets")
        assert pets is not None
        models.move_alias(session, pets.id, "champion", version=1)
    return catalog


def version(catalog: Catalog, name: str) -> int:
    with catalog.read() as session:
        return resolve_version(session, name).version


def backbone(catalog: Catalog, name: str) -> str:
    with catalog.read() as session:
        return resolve_backbone(session, name).name


def expect(catalog: Catalog, name: str, *, state: str, reason: str = "") -> None:
    with catalog.write() as session:
        plugins.expect_plugin(
            session, name, distribution="x", version="1", state=state, reason=reason
        )


def test_a_name_without_a_tag_means_the_default_weights(known: Catalog) -> None:
    assert backbone(known, "lite.tiny") == "lite.tiny.in1k"
    assert backbone(known, "lite.tiny.random") == "lite.tiny.random"


def test_a_precision_is_another_model_without_a_row_of_its_own(known: Catalog) -> None:
    with known.write() as session:
        models.set_detail(session, "lite.tiny.in1k", {"dim": 2, "space": {"precision": "float32"}})
    with known.read() as session:
        plain, rounded = (resolve_backbone(session, f"lite.tiny{end}") for end in ("", ":bf16"))

    assert rounded.name == "lite.tiny.in1k:bf16"
    assert (plain.is_default, rounded.is_default) == (True, False)
    assert plain.detail == {"dim": 2, "space": {"precision": "float32"}}
    assert rounded.detail == {"dim": 2, "space": {"precision": "bfloat16"}}
    assert to_ref(rounded, space_id=None).precision == "bfloat16"
    assert to_ref(plain, space_id=None).precision == "float32"


def test_a_version_is_named_by_number_by_alias_or_as_the_newest(known: Catalog) -> None:
    named = ("pets", "pets:1", "pets@champion")
    assert [version(known, name) for name in named] == [2, 1, 1]


def test_an_unknown_backbone_comes_with_the_nearest(known: Catalog) -> None:
    with pytest.raises(NotFoundError) as caught:
        backbone(known, "lite.tinny.in1k")
    assert caught.value.nearest[0] == "lite.tiny.in1k"
    assert caught.value.detail.startswith("no model 'lite.tinny.in1k'; did you mean 'lite.tiny.")
    assert caught.value.code == "unknown_model"


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("pets:3", "no version 3 of model 'pets'; its newest version is 2"),
        ("pets@best", "no alias 'pets@best'"),
        ("pest", "no model 'pest'; did you mean 'pets'?"),
        ("pets:", "no model 'pets:'; did you mean 'pets'?"),
        ("", "no model ''"),
    ],
)
def test_an_unknown_version_says_what_there_is(known: Catalog, name: str, detail: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        version(known, name)
    assert caught.value.detail.startswith(detail)


def test_a_head_alone_stands_for_the_backbone_under_it(known: Catalog) -> None:
    named = ("pets", "pets:1", "pets@champion", "pets:1:bf16")
    assert [backbone(known, name) for name in named] == [
        *["lite.tiny.bare"] * 3,
        "lite.tiny.bare:bf16",
    ]


def test_a_tuned_network_is_a_backbone_that_its_parents_plugin_builds(known: Catalog) -> None:
    register_pets(known, job_id="c", **network_columns("versions/c"))
    register_pets(known, job_id="d", **{**network_columns("versions/d"), "backbone": "pets:3"})
    register_pets(known, job_id="e", backbone="pets:4")
    with known.read() as session:
        third, newest, rounded = (
            resolve_backbone(session, name) for name in ("pets:3", "pets", "pets:4:bf16")
        )
    refs = [to_ref(one, space_id=None) for one in (third, newest, rounded)]

    assert [one.name for one in (third, newest)] == ["pets:3", "pets:4"]
    assert [one.name for one in refs] == ["pets:3", "pets:4", "pets:4:bf16"]
    assert {(one.plugin, one.architecture, one.weights) for one in refs} == {
        ("lite", "tiny", "bare")
    }
    assert [one.network and one.network.blob_key for one in refs] == [
        "versions/c",
        "versions/d",
        "versions/d",
    ]
    assert [one.detail and one.detail["space"]["architecture"] for one in (third, newest)] == [
        "versions/c",
        "versions/d",
    ]


def test_training_goes_on_from_training_for_any_number_of_generations(known: Catalog) -> None:
    first = register_pets(known, job_id="c", **network_columns("versions/c"))
    given = {**vars(first)}
    for name in ("model", "version", "created_at"):
        del given[name]
    with known.write() as session:
        for number in range(first.version, 500):
            below = {"backbone": f"pets:{number}", "job_id": f"job {number}"}
            models.add_version(session, "pets", card={}, values={**given, **below})
    with known.read() as session:
        newest = to_ref(resolve_backbone(session, "pets:500"), space_id=None)
    assert (newest.name, newest.plugin, newest.weights) == ("pets:500", "lite", "bare")


def test_a_version_that_was_just_deleted_is_held_by_nobody(known: Catalog) -> None:
    register_pets(known, job_id="c", **network_columns("versions/c"))
    with known.read() as session:
        found = resolve_backbone(session, "pets:3")
        pets = models.get_model(session, "pets")
    with known.write() as session:
        hold_backbone(session, found)
        delete_version(session, pets, 3)
    with known.write() as session, pytest.raises(NotFoundError) as caught:
        hold_backbone(session, found)
    assert caught.value.detail == "no version 3 of model 'pets'; its newest version is 2"


def test_a_version_is_no_model_with_versions_of_its_own(known: Catalog) -> None:
    with known.read() as session, pytest.raises(NotFoundError) as caught:
        require_model(session, "pets:1")
    assert caught.value.detail == "no model 'pets:1'; did you mean 'pets'?"


def test_a_plugin_that_is_being_described_is_waited_for(known: Catalog) -> None:
    expect(known, "slow", state="pending")
    with pytest.raises(UnavailableError) as caught:
        backbone(known, "slow.net")
    assert caught.value.code == "plugin_pending"
    assert caught.value.detail == "plugin 'slow' is being described; try again in a moment"


def test_an_installed_plugin_that_nobody_has_seen_yet_is_waited_for(known: Catalog) -> None:
    with known.write() as session:
        plugins.forget_plugins(session, ["lite"])
    with pytest.raises(UnavailableError) as caught:
        backbone(known, "lite.efficientnet_lite0")
    assert caught.value.code == "plugin_pending"


def test_a_plugin_that_does_not_work_says_why(known: Catalog) -> None:
    expect(known, "odd", state="unavailable", reason="pip install torch")
    with pytest.raises(PluginError) as caught:
        backbone(known, "odd.net")
    assert caught.value.detail == "plugin 'odd' is unavailable: pip install torch"


def test_a_model_of_either_kind_is_found_by_its_name(known: Catalog) -> None:
    with known.read() as session:
        kinds = [require_model(session, name).kind for name in ("pets", "lite.tiny")]
    assert kinds == ["tuned", "backbone"]
