import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.exported import some_pixels
from zoo.errors import DamagedError, PluginError
from zoo.inference import exports as exports_module
from zoo.inference.choosing import fastest
from zoo.inference.exports import Export, Exports, write_export
from zoo.inference.opening import open_engine
from zoo.inference.runtimes import ONNXRUNTIME, OPENVINO, version_of
from zoo.predictor import BackboneRef


@pytest.fixture
def exports(exported_home) -> Exports:
    return Exports(exported_home, timeout_s=120)


@pytest.fixture
def made(exports, known) -> Export:
    found = exports.find(known.space.space_id)
    assert found is not None
    return found


def test_an_export_holds_all_that_forwarding_needs(made, exports, known):
    assert made.is_ready
    assert made.detail == known
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "export.json",
        "graph.onnx",
        "head.safetensors",
    ]
    assert exports.find(known.space.space_id) == made
    assert not exports.is_empty
    assert open_engine(made, batch=2).embed(some_pixels()).shape == (2, 1280)


def test_two_who_need_the_same_export_make_it_once(exported_home, made):
    """See `exported_home`, which two made at the same time."""
    names = sorted(path.name for path in (exported_home / "engines").iterdir())

    assert names == [made.folder.name, f"{made.folder.name}.lock"]
    assert list((exported_home / "tmp").iterdir()) == []


@pytest.fixture
def installed(monkeypatch):
    """Has these versions be installed; those that are not named stay as they are."""

    def install(**versions: str) -> None:
        found = {name: version_of(name) for name in (ONNXRUNTIME, OPENVINO)}
        monkeypatch.setattr(exports_module, "version_of", {**found, **versions}.__getitem__)

    return install


def test_the_record_says_which_engine_is_the_faster_and_by_how_much(made):
    assert set(made.rates) == {ONNXRUNTIME, OPENVINO}
    assert min(made.rates.values()) > 0
    assert made.refused == ""
    assert made.engine == fastest(made.rates)


@pytest.mark.parametrize("runtime", [ONNXRUNTIME, OPENVINO])
def test_another_version_of_a_runtime_exports_anew(made, exports, installed, runtime):
    installed(**{runtime: "99"})

    assert exports.find(made.folder.name) is None


def test_who_lacks_openvino_takes_the_export_of_those_who_have_it(made, exports, installed):
    installed(openvino="")

    assert exports.find(made.folder.name) == made


def test_an_export_that_was_made_without_openvino_is_made_anew_where_it_is(
    made, tmp_path, installed
):
    own = copy_of(made, tmp_path / "engines" / made.folder.name)
    of_own = Exports(tmp_path, timeout_s=1)
    installed(openvino="")
    write_export(own)
    assert of_own.find(own.folder.name) == own

    installed()

    assert of_own.find(own.folder.name) is None


def copy_of(export: Export, folder: Path) -> Export:
    folder.mkdir(parents=True)
    for path in export.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return replace(export, folder=folder)


@pytest.mark.parametrize("name", ["graph.onnx", "head.safetensors"])
def test_a_file_that_changed_or_went_is_noticed(made, tmp_path, name):
    own = copy_of(made, tmp_path / "engines" / "own")
    own.check()
    content = bytearray((own.folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (own.folder / name).write_bytes(content)
    with pytest.raises(DamagedError, match=f"{name} is missing or damaged"):
        own.check()
    (own.folder / name).unlink()
    with pytest.raises(DamagedError, match=f"{name} is missing or damaged"):
        own.check()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"runtime": 3}'])
def test_a_record_that_cannot_be_read_is_as_good_as_none(made, tmp_path, text):
    own = copy_of(made, tmp_path / "engines" / "own")
    (own.folder / "export.json").write_text(text)
    of_own = Exports(tmp_path, timeout_s=1)

    assert of_own.find("own") is None


def test_an_export_that_is_forgotten_is_made_again(made, tmp_path):
    own = copy_of(made, tmp_path / "engines" / "own")
    of_own = Exports(tmp_path, timeout_s=1)

    of_own.discard(own)

    assert of_own.find("own") is None
    assert of_own.is_empty


def test_what_is_cut_off_for_the_third_time_is_a_refusal_that_is_kept(lite0, known, tmp_path):
    hurried = Exports(tmp_path, timeout_s=0.05, pause_s=0)

    *early, third = [hurried.make(lite0, known, samples=some_pixels) for _ in range(3)]

    assert [(one.is_ready, one.is_final) for one in early] == [(False, False)] * 2
    assert (third.is_ready, third.is_final, third.detail) == (False, True, known)
    assert third.reason.startswith("the exporting process ended (it took too long)")
    assert early[0].reason == third.reason
    assert hurried.find(known.space.space_id) == third
    assert sorted(path.suffix for path in (tmp_path / "engines").iterdir()) == ["", ".lock"]


def test_what_was_cut_off_is_left_alone_for_a_while(lite0, known, tmp_path):
    hurried, patient = (Exports(tmp_path, timeout_s=0.05, pause_s=pause_s) for pause_s in (0, 60))

    for _ in range(2):
        hurried.make(lite0, known, samples=some_pixels)
    again = patient.make(lite0, known, samples=some_pixels)

    assert (again.is_final, again.reason) == (False, "it was cut off a moment ago")
    assert patient.find(known.space.space_id) is None


def test_what_the_plugin_fails_with_comes_through(known, tmp_path):
    of_nobody = Exports(tmp_path, timeout_s=60)
    ref = BackboneRef(
        plugin="nobody", architecture="a", weights="w", space_id=known.space.space_id
    )

    with pytest.raises(PluginError, match="nobody"):
        of_nobody.make(ref, known, samples=some_pixels)

    assert of_nobody.find(known.space.space_id) is None


def test_a_graph_that_cannot_be_loaded_is_damaged(made, tmp_path):
    own = copy_of(made, tmp_path / "engines" / "own")
    (own.folder / "graph.onnx").write_bytes(b"no graph")

    with pytest.raises(DamagedError, match="cannot be loaded"):
        open_engine(own, batch=2)


def test_the_record_is_plain_json(made):
    fields = json.loads((made.folder / "export.json").read_text())

    assert (fields["runtime"], fields["rival"]) == (version_of(ONNXRUNTIME), version_of(OPENVINO))
    assert fields["reason"] == ""
