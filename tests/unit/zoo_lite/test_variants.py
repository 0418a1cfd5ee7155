import pytest
from timm.models import get_pretrained_cfg

from zoo_lite.variants import VARIANTS, Variant, card


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.architecture)
def test_preprocessing_is_what_timm_documents(variant: Variant):
    documented = get_pretrained_cfg(variant.timm_name)
    preprocessing = variant.preprocessing

    assert (3, *preprocessing.input_size) == documented.input_size
    assert variant.crop_share == documented.crop_pct
    assert preprocessing.interpolation == documented.interpolation
    assert preprocessing.mean == documented.mean
    assert preprocessing.std == documented.std


def test_pictures_are_resized_as_timm_does():
    assert [variant.preprocessing.resize for variant in VARIANTS] == [256, 272, 292]


def test_a_card_names_the_source_of_its_metric():
    (weights,) = card(VARIANTS[0]).weights

    assert weights.tag == "in1k"
    assert weights.published_metrics == {"imagenet_top1": 0.751}
    assert "github.com/tensorflow/tpu" in weights.source
