import io
import os
import pickle

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from imprint_core.datasets import dataset
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model, libraries
from imprint_core.models.libraries import available_weights, build, remove_head, user_weights
from imprint_core.models.loading import load_model
from imprint_core.models.preprocessing import preprocessing
from tests.models.conftest import PAPER_DIMS, PrintOnUnpickling


@pytest.mark.parametrize("name", FOUNDATION_MODELS)
def test_embeddings_of_every_model_have_its_dimension(name):
    fm = foundation_model(name)
    network, transform = build(fm, official=False)
    assert remove_head(network, fm)
    pixels = preprocessing(transform)
    x = pixels.finish(pixels.prepare([dataset("digits").read(None).train.load(0)]))
    assert x.shape == (1, 3, 224, 224)
    with torch.inference_mode():
        assert network.eval()(x).flatten(1).shape == (1, fm.dim)
    assert PAPER_DIMS.get(name, fm.dim) == fm.dim


@pytest.mark.usefixtures("no_weights")
def test_missing_network_raises_a_clear_error():
    with pytest.raises(ImprintError, match=r"official weights of SqueezeNet 1\.1 could not be downloaded. Connect"):
        load_model(foundation_model("squeezenet1_1"))


@pytest.mark.usefixtures("no_weights")
def test_model_without_official_weights_raises_a_clear_error():
    import timm

    bare = next(name for name in timm.list_models() if not timm.get_pretrained_cfg(name).has_weights)
    fm = foundation_model(bare)
    assert foundation_model(fm.name) == fm
    with pytest.raises(ImprintError, match=r"timm has no weights for .*. Give a local state dict"):
        load_model(fm)


def test_damaged_or_dangerous_file_in_the_cache_raises_a_clear_error(no_weights, capsys):
    fm = foundation_model("resnet18")
    folder = no_weights / "TORCH_HOME" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for content in (b"PK\x03\x04 an incomplete file", pickle.dumps(PrintOnUnpickling()), b""):
        (folder / fm.file).write_bytes(content)
        with pytest.raises(ImprintError, match=r"weights of ResNet-18 in torchvision's cache are damaged. Delete"):
            load_model(fm)
    assert "unpickled" not in capsys.readouterr().out


def test_torch_reads_tensors_only_while_building(monkeypatch):
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    monkeypatch.delenv(name, raising=False)
    buffer = io.BytesIO()
    torch.save(PrintOnUnpickling(), buffer)
    with libraries._tensors_only(), pytest.raises(pickle.UnpicklingError):
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert name not in os.environ


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
    # timm's own weights are another file than those of the package.
    assert foundation_model("tf_efficientnet_lite0.in1k").package is None


def test_files_and_sizes_of_official_weights_are_the_libraries():
    timm = libraries.import_timm()
    from torchvision import models

    for fm in FOUNDATION_MODELS.values():
        if fm.library == "torchvision":
            entry = models.get_model_weights(fm.architecture)[fm.weights]
            assert (fm.file, fm.megabytes) == (
                entry.url.rpartition("/")[2],
                round(entry.meta["_file_size"] * 2**20 / 1e6),
            )
    tiny = FOUNDATION_MODELS["vit_tiny_patch16_224"]
    assert tiny.file == timm.get_pretrained_cfg(f"{tiny.name}.{tiny.weights}").hf_hub_id
    parameters = timm.create_model(tiny.name).parameters()
    assert tiny.megabytes == round(sum(p.numel() for p in parameters) * 4 / 1e6)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("alexnet", "TORCH_HOME/hub/checkpoints/alexnet-owt-7be5be79.pth"),
        ("timm/resnet18", "HF_HOME/hub/models--timm--resnet18.a1_in1k/snapshots/1/model.safetensors"),
    ],
)
def test_downloaded_weights_of_models_outside_the_table_are_available(no_weights, name, file):
    fm = foundation_model(name)
    assert available_weights(fm) is None
    path = no_weights / file
    path.parent.mkdir(parents=True)
    path.touch()
    assert available_weights(fm) == path


@pytest.mark.parametrize("name", ["x", "", "../x", "resnet18.NOPE", "timm/nope", "fasterrcnn_resnet50_fpn", "<b>"])
def test_unknown_model_raises_a_clear_error(name):
    with pytest.raises(ImprintError, match=r"Unknown foundation model '.*'. Known names: tf_efficientnet_lite0"):
        foundation_model(name)


def test_weights_folder_precedes_the_cache(no_weights, squeezenet_state):
    fm = foundation_model("squeezenet1_1")
    assert available_weights(fm) is None
    folder = no_weights / "IMPRINT_WEIGHTS"
    folder.mkdir()
    save_file(squeezenet_state, folder / "squeezenet1_1.safetensors")
    assert available_weights(fm) == user_weights(fm) == folder / "squeezenet1_1.safetensors"
    assert load_model(fm).weights_file == "squeezenet1_1.safetensors"
