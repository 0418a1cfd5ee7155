import pytest

from zoo.registry.spellings import read_spelling


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("torchvision.resnet50.DEFAULT", "torchvision.resnet50"),
        ("torchvision.resnet50.IMAGENET1K_V2", "torchvision.resnet50.imagenet1k_v2"),
        ("torchvision.ResNet50_Weights.IMAGENET1K_V1", "torchvision.resnet50.imagenet1k_v1"),
        ("torchvision.models.resnet50", "torchvision.resnet50"),
        ('torchvision.vgg16.weights="DEFAULT"', "torchvision.vgg16"),
        ("torchvision.vgg16.pretrained=True", "torchvision.vgg16"),
        ("torchvision.vgg16.pretrained=False", "torchvision.vgg16.random"),
        ("torchvision.vgg16.None", "torchvision.vgg16.random"),
        ("timm/resnet50.a1_in1k", "timm.resnet50.a1_in1k"),
        ("hf-hub:timm/resnet50.a1_in1k", "timm.resnet50.a1_in1k"),
        ("hf_hub:timm/resnet50.A1_in1k", "timm.resnet50.a1_in1k"),
        ("pets", "pets"),
        ("", ""),
    ],
)
def test_other_libraries_spellings_are_read(spelled, name):
    assert read_spelling(spelled) == name
