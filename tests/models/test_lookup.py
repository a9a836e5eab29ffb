import pytest
import torch
from PIL import Image

from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model
from imprint_core.models.libraries import build, remove_head
from imprint_core.models.preprocessing import preprocessing


@pytest.mark.parametrize(
    ("text", "name", "library", "dim"),
    [
        ("mobilenet_v3_small", "mobilenet_v3_small", "torchvision", 1024),
        ("alexnet", "alexnet", "torchvision", 4096),
        ("googlenet", "googlenet", "torchvision", 1024),
        ("shufflenet_v2_x0_5", "shufflenet_v2_x0_5", "torchvision", 1024),
        ("resnet50.IMAGENET1K_V2", "resnet50.IMAGENET1K_V2", "torchvision", 2048),
        ("timm/resnet18", "resnet18.a1_in1k", "timm", 512),
        ("deit_tiny_patch16_224", "deit_tiny_patch16_224.fb_in1k", "timm", 192),
        ("convnextv2_femto.fcmae_ft_in1k", "convnextv2_femto.fcmae_ft_in1k", "timm", 384),
    ],
)
def test_models_of_libraries_are_found_and_built(text, name, library, dim):
    fm = foundation_model(text)
    assert (fm.name, fm.library) == (name, library)
    network, transform = build(fm, official=False)
    remove_head(network, fm)
    pixels = preprocessing(transform)
    with torch.inference_mode():
        x = network.eval()(pixels.finish(pixels.prepare([Image.new("RGB", (40, 30))])))
    assert x.flatten(1).shape == (1, dim)
    # The name in the sidecar of a set finds the same model.
    assert foundation_model(fm.name) == fm


def test_every_classification_model_of_torchvision_is_found():
    from torchvision import models

    names = models.list_models(module=models)
    assert len(names) >= 80
    assert {foundation_model(name).library for name in names} == {"torchvision"}


def test_full_names_of_models_in_the_table_find_the_table_entry():
    assert foundation_model("mobilenet_v2.IMAGENET1K_V1") is FOUNDATION_MODELS["mobilenet_v2"]
    full_name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert foundation_model(full_name) is FOUNDATION_MODELS["vit_tiny_patch16_224"]


@pytest.mark.parametrize("name", ["x", "", "../x", "resnet18.NOPE", "timm/nope", "fasterrcnn_resnet50_fpn", "<b>"])
def test_unknown_model_raises_a_clear_error(name):
    with pytest.raises(ImprintError, match=r"Unknown foundation model '.*'. Known are vit_tiny"):
        foundation_model(name)
