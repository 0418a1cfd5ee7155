"""What the plugin finds on a machine, what it says of it, and what it leaves out and why."""

import io
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny_models import save_image_model, save_pair, save_text_model, write_json
from zoo.errors import NotFoundError, PluginError, WeightsUnavailableError
from zoo.registry.cards import check_cards
from zoo_transformers import plugin
from zoo_transformers.__main__ import main
from zoo_transformers.folders import PACKAGED, find_models


def cards() -> dict:
    found = check_cards("transformers", plugin.describe())
    return {card.architecture: card for card in found if card.architecture != PACKAGED}


def reasons() -> dict[str, str]:
    return {one.folder.name: one.reason for one in find_models().left_out}


def test_folders_of_each_family_get_a_card(models):
    save_text_model(models / "my.encoder")
    save_image_model(models / "vit")
    save_pair(models / "clip")

    found = cards()

    assert {name: card.towers for name, card in found.items()} == {
        "clip": ("image", "text"),
        "my_encoder": ("text",),
        "vit": ("image",),
    }
    (weights,) = found["my_encoder"].weights
    assert (weights.tag, weights.domain) == ("pretrained", "text")
    assert weights.licence == "not stated in the model's folder"
    assert found["my_encoder"].facts == {"model_type": "bert", "pooling": "mean"}
    assert found["clip"].weights[0].preprocessing.crop_mode == "center"
    assert found["clip"].weights[0].text_preprocessing.max_tokens == 12
    assert found["vit"].input_sizes.is_fixed


def test_the_folder_that_is_named_may_be_a_model_itself(models, monkeypatch):
    folder = save_text_model(models / "only")
    monkeypatch.setenv("ZOO_TRANSFORMERS_MODELS", str(folder))

    assert list(cards()) == ["only"]


@pytest.mark.usefixtures("models")
def test_models_in_the_hubs_cache_are_those_of_their_main_branch(tmp_path, load):
    cached = tmp_path / "hub" / "models--some-one--tiny-bert"
    save_text_model(cached / "snapshots" / "abc123")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc123")
    (tmp_path / "hub" / "models--some-one--half-loaded").mkdir()

    found = cards()

    assert list(found) == ["some-one--tiny-bert"]
    assert found["some-one--tiny-bert"].weights[0].source == (
        "https://huggingface.co/some-one/tiny-bert"
    )
    assert load("some-one--tiny-bert").dim == 32


def test_a_model_card_tells_its_licence_and_what_it_was_trained_on(models):
    folder = save_text_model(models / "told")
    front = "license: mit\ndatasets:\n- snli\n- 'wiki'\n"
    (folder / "README.md").write_text(f"---\nlanguage: en\n{front}---\n# Told\nlicense: no\n")

    (weights,) = cards()["told"].weights

    assert (weights.licence, weights.source_data) == ("mit", "snli, wiki")


def test_without_parameters_there_is_the_untrained_variant_only(models, load):
    folder = save_text_model(models / "bare")
    (folder / "model.safetensors").unlink()

    assert cards()["bare"].weights == ()
    assert load("bare", "random").dim == 32
    with pytest.raises(WeightsUnavailableError, match=r"has no model\.safetensors"):
        load("bare")


def test_what_cannot_be_served_is_left_out_with_its_reason(models):
    save_text_model(models / "good")
    (save_text_model(models / "mute") / "tokenizer.json").unlink()
    (save_image_model(models / "blind") / "preprocessor_config.json").unlink()
    write_json(save_text_model(models / "odd") / "modules.json", [{"type": "x.Dense", "path": ""}])
    (save_text_model(models / "torn") / "config.json").write_text("{")
    save_text_model(models / "go.od")
    save_text_model(models / "go_od")
    write_json(models / "other" / "config.json", {"model_type": "llama"})
    (models / "empty").mkdir()

    assert sorted(cards()) == ["go_od", "good"]
    found = reasons()
    assert sorted(found) == ["blind", "go_od", "mute", "odd", "torn"]
    assert found["go_od"] == "another model is called 'go_od' already"
    assert found["mute"].startswith("it has no tokenizer.json; AutoTokenizer.from_pretrained")
    assert found["blind"].startswith("it has no preprocessor_config.json")
    assert found["odd"].startswith("modules.json names a module 'Dense'; known are Transformer")
    assert found["torn"].startswith("config.json cannot be read: ")


def test_a_command_tells_what_is_served_and_what_is_left_out(models, capsys):
    save_text_model(models / "good")
    (save_text_model(models / "mute") / "tokenizer.json").unlink()
    main()

    lines = capsys.readouterr().out.splitlines()
    assert f"transformers.good  {models / 'good'}" in lines
    assert any(line.startswith(f"left out  {models / 'mute'}: it has no") for line in lines)


def test_parameters_in_several_files_are_one_model(models, load):
    folder = save_text_model(models / "parts")
    whole = load("parts").towers["text"]
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(state)
    parts = {"a.bin": names[:5], "b.bin": names[5:]}
    for part, members in parts.items():
        torch.save({name: state[name] for name in members}, folder / part)
    listed = {name: part for part, members in parts.items() for name in members}
    write_json(folder / "pytorch_model.bin.index.json", {"weight_map": listed})

    again = load("parts").towers["text"]

    tokens = whole.tokenize(["a red cat"])
    assert torch.equal(whole.module(**tokens), again.module(**tokens))


def test_a_checkpoint_that_lacks_a_part_is_refused(models, load):
    folder = save_text_model(models / "lacking")
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    del state["encoder.layer.1.output.dense.weight"]
    stream = io.BytesIO()
    torch.save(state, stream)
    (folder / "pytorch_model.bin").write_bytes(stream.getvalue())

    with pytest.raises(PluginError) as caught:
        load("lacking")

    assert "encoder.layer.1.output.dense.weight is missing or of another shape" in str(
        caught.value
    )


def test_a_pickle_that_runs_code_is_not_read(models, load):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    folder = save_text_model(models / "evil")
    (folder / "model.safetensors").unlink()
    torch.save({"a": Evil()}, folder / "pytorch_model.bin")

    with pytest.raises(PluginError, match="is not a mapping of names to tensors"):
        load("evil")


def test_code_in_a_folder_is_never_run(models, load, tmp_path):
    folder = save_text_model(models / "coded")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    write_json(folder / "config.json", config)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")

    assert load("coded").dim == 32
    assert not (tmp_path / "ran").exists()


def test_names_that_are_not_there_are_told_with_those_that_are(models, load):
    save_text_model(models / "tiny")

    with pytest.raises(NotFoundError) as architecture:
        load("huge")
    with pytest.raises(NotFoundError) as weights:
        load("tiny", "v2")

    assert architecture.value.code == "unknown_architecture"
    assert "tiny" in architecture.value.nearest
    assert str(weights.value) == "tiny has no weights 'v2'; it has 'pretrained' and 'random'"


def test_another_configuration_is_another_space(models, load):
    folder = save_text_model(models / "tiny")
    first = load("tiny").definition
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", {**config, "transformers_version": "9.9"})
    same = load("tiny").definition
    write_json(folder / "config.json", {**config, "layer_norm_eps": 0.1})
    other = load("tiny").definition
    write_json(folder / "config.json", config)
    kinds = [("", "Transformer"), ("2_Normalize", "Normalize")]
    write_json(folder / "modules.json", [{"path": p, "type": f"x.{kind}"} for p, kind in kinds])

    assert first == same
    assert len({first, other, load("tiny").definition}) == 3


def test_describing_imports_neither_torch_nor_transformers(models):
    save_pair(models / "clip")
    code = (
        "import sys; from zoo_transformers import plugin\n"
        "assert len(list(plugin.describe())) == 2\n"
        "print({'torch', 'transformers', 'tokenizers'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ended.stdout.strip() == "set()", ended.stderr
