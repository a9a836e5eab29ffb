import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imprint_core.datasets import dataset
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model, loading

LOCAL = ("squeezenet1_1", "mobilenet_v2", "vit_tiny_patch16_224", "resnet50")


@pytest.mark.parametrize("name", FOUNDATION_MODELS)
def test_every_model_gives_its_width_without_its_head(name, monkeypatch):
    """Built with random weights, so that nothing is downloaded."""
    fm = foundation_model(name)
    build = loading._build_torchvision if fm.library == "torchvision" else loading._build_timm
    network, transform, _ = build(fm, pretrained=False)
    x = transform(dataset("digits").read(None).train.load(0))
    assert x.shape == (3, 224, 224)
    with torch.inference_mode():
        assert network.eval()(x[None]).flatten(1).shape == (1, fm.dim)


@pytest.mark.parametrize("name", ["squeezenet1_1", "vit_tiny_patch16_224"])
def test_bundled_embeddings_are_what_the_pipeline_computes(shared, bundled, name):
    opened = open_set(bundled[name, "cifar10"])
    model = loading.load_model(foundation_model(name), shared / "fm" / f"{name}.safetensors")
    assert model.weights_digest == opened.info.meta["fm"]["weights_sha256"]
    images = dataset("cifar10").read(shared / "data").train
    rows = np.arange(0, len(opened.id_train), 500)
    pixels = torch.stack([model.transform(images.load(int(i))) for i in opened.id_train[rows]])
    with torch.inference_mode():
        x = model.network(pixels).flatten(1).numpy()
    stored = opened.X_train[rows]
    cosine = (x * stored).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(stored, axis=1)
    assert (cosine > 0.9995).all()
    np.testing.assert_array_equal(images.labels[opened.id_train], opened.y_train)


@pytest.mark.parametrize("name", LOCAL)
def test_local_weights_fit(shared, name):
    model = loading.load_model(foundation_model(name), shared / "fm" / f"{name}.safetensors")
    assert len(model.weights_digest) == 64
    assert not model.network.training


def test_wrong_weights_say_what_does_not_fit(tmp_path):
    fm = foundation_model("squeezenet1_1")
    network, _, _ = loading._build_torchvision(fm, pretrained=False)
    good = {k: v.contiguous() for k, v in network.state_dict().items()}
    path = tmp_path / "w.safetensors"

    some = dict(good)
    some.pop("features.0.weight")
    some["features.0.bias"] = torch.zeros(3)
    some["other.weight"] = torch.zeros(3)
    save_file(some, path)
    with pytest.raises(
        ImprintError,
        match=r"'w\.safetensors' does not fit SqueezeNet 1\.1, .*: 1 missing, such as features\.0\.weight; "
        r"1 unknown, such as other\.weight; 1 of another shape: features\.0\.bias is \(3,\), not \(64,\)",
    ):
        loading.load_model(fm, path)

    path.write_bytes(b"not a safetensors file")
    with pytest.raises(ImprintError, match=r"is not a whole \.safetensors file"):
        loading.load_model(fm, path)
    with pytest.raises(ImprintError, match="There is no weights file"):
        loading.load_model(fm, tmp_path / "gone.safetensors")


def test_a_head_in_the_file_is_left_out(tmp_path):
    fm = foundation_model("squeezenet1_1")
    network, _, _ = loading._build_torchvision(fm, pretrained=False)
    state = {k: v.contiguous() for k, v in network.state_dict().items()}
    state["classifier.1.weight"] = torch.zeros(1000, 512, 1, 1)
    save_file(state, tmp_path / "w.safetensors")
    assert loading.load_model(fm, tmp_path / "w.safetensors").weights_digest


def test_no_network_is_told_in_a_sentence(monkeypatch):
    from urllib.error import URLError

    def unreachable(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", unreachable)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(ImprintError, match=r"official weights of SqueezeNet 1\.1 could not be downloaded"):
        loading.load_model(foundation_model("squeezenet1_1"))


def test_unknown_model():
    with pytest.raises(ImprintError, match="No foundation model is called 'x'; known are vit_tiny"):
        foundation_model("x")
