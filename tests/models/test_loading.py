import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imprint_core.datasets import dataset
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model, loading
from imprint_core.models.libraries import LIBRARIES, build, remove_head, user_weights
from imprint_core.models.saved_weights import save_weights
from tests.models.conftest import PAPER_DIMS, PrintOnUnpickling

LOCAL = ("squeezenet1_1", "mobilenet_v2", "vit_tiny_patch16_224", "resnet50")


def check_reproduced(opened, model, root, step):
    """Embed some images of a bundled set again, and compare the embeddings and labels."""
    assert model.weights_digest == opened.info.meta["fm"]["weights_sha256"]
    assert model.preprocessing.text == opened.info.meta["fm"]["transform"]
    images = dataset(opened.info.dataset).read(root).train
    rows = np.arange(0, len(opened.id_train), step)
    x = model.embed([images.load(int(i)) for i in opened.id_train[rows]])
    stored = opened.X_train[rows]
    cosine = (x * stored).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(stored, axis=1)
    assert (cosine > 0.9995).all()
    np.testing.assert_array_equal(images.labels[opened.id_train], opened.y_train)


@pytest.mark.parametrize("name", ["squeezenet1_1", "vit_tiny_patch16_224"])
def test_bundled_embeddings_are_reproduced(shared, bundled, name):
    model = loading.load_model(foundation_model(name), shared / "fm" / f"{name}.safetensors")
    check_reproduced(open_set(bundled[name, "cifar10"]), model, shared / "data", 500)


@pytest.fixture(scope="module")
def lite0():
    return loading.load_model(foundation_model("tf_efficientnet_lite0"))


@pytest.mark.parametrize("data", ["cifar10", "mnist", "fashion_mnist", "tiny_imagenet_100"])
def test_bundled_embeddings_of_the_first_fm_are_reproduced(shared, bundled, lite0, data):
    check_reproduced(open_set(bundled["tf_efficientnet_lite0", data]), lite0, shared / "data", 500)


def test_digits_are_embedded_as_in_the_bundled_set(bundled, lite0):
    check_reproduced(open_set(bundled["tf_efficientnet_lite0", "digits"]), lite0, None, 100)


@pytest.mark.parametrize("name", LOCAL)
def test_local_weights_fit(shared, name):
    model = loading.load_model(foundation_model(name), shared / "fm" / f"{name}.safetensors")
    assert len(model.weights_digest) == 64
    assert not model.network.training


def test_error_lists_parameters_that_do_not_fit(tmp_path, squeezenet_state):
    fm = foundation_model("squeezenet1_1")
    path = tmp_path / "w.safetensors"
    state = dict(squeezenet_state)
    state.pop("features.0.weight")
    state["features.0.bias"] = torch.zeros(3)
    state["other.weight"] = torch.zeros(3)
    save_file(state, path)
    with pytest.raises(
        ImprintError,
        match=r"'w\.safetensors' does not fit SqueezeNet 1\.1, .*: 1 missing, such as features\.0\.weight; "
        r"1 unknown, such as other\.weight; 1 of another shape: features\.0\.bias is \(3,\), not \(64,\)",
    ):
        loading.load_model(fm, path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("w.safetensors", b"not a safetensors file", r"is not a complete \.safetensors file"),
        ("w.pth", pickle.dumps(PrintOnUnpickling()), "holds more than tensors, which could run code"),
        ("w.pth", b"not a state dict", "holds more than tensors|is not a complete file of torch.save"),
        ("w.pth", b"", "is not a complete file of torch.save"),
        ("w.pth", torch.zeros(3), "is not a state dict. Save model.state_dict"),
        ("w.pth", {"a": [1, 2]}, "is not a state dict. Save model.state_dict"),
    ],
)
def test_other_files_raise_a_clear_error(tmp_path, name, content, sentence, capsys):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ImprintError, match=sentence):
        loading.load_model(foundation_model("squeezenet1_1"), path)
    assert "unpickled" not in capsys.readouterr().out


def test_incomplete_pth_raises_a_clear_error(tmp_path, squeezenet_state):
    path = tmp_path / "w.pth"
    torch.save(squeezenet_state, path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ImprintError, match=r"is not a complete file of torch\.save"):
        loading.load_model(foundation_model("squeezenet1_1"), path)


def test_missing_file_raises_a_clear_error(tmp_path):
    with pytest.raises(ImprintError, match=r"The weights file '.*' does not exist"):
        loading.load_model(foundation_model("squeezenet1_1"), tmp_path / "gone.safetensors")


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}])
def test_pth_is_loaded_without_classifier_and_from_a_checkpoint(tmp_path, squeezenet_state, wrap):
    fm = foundation_model("squeezenet1_1")
    torch.save(wrap(squeezenet_state), tmp_path / "w.pth")
    bare = {k: v for k, v in squeezenet_state.items() if not k.startswith("classifier")}
    save_file(bare, tmp_path / "w.safetensors")
    loaded = [loading.load_model(fm, tmp_path / f"w{suffix}") for suffix in (".pth", ".safetensors")]
    assert loaded[0].weights_digest == loaded[1].weights_digest
    image = [dataset("digits").read(None).train.load(0)]
    np.testing.assert_array_equal(loaded[0].embed(image), loaded[1].embed(image))


def test_weights_are_saved_only_if_they_fit(no_weights, squeezenet_state):
    fm = foundation_model("squeezenet1_1")
    save_file(squeezenet_state, no_weights / "mine.safetensors")
    with (no_weights / "mine.safetensors").open("rb") as file:
        path = save_weights(fm, file)
    assert path == user_weights(fm)
    before = path.read_bytes()
    save_file({"x": torch.zeros(2)}, no_weights / "other.safetensors")
    with (
        (no_weights / "other.safetensors").open("rb") as file,
        pytest.raises(ImprintError, match="does not fit Squeeze"),
    ):
        save_weights(fm, file)
    # The earlier file is unchanged, and no other file is left.
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "swin_b"])
def test_official_weights_are_loaded_from_the_cache_of_torchvision(name, no_weights, monkeypatch):
    # Random weights of a large network take seconds if they are truncated; their values don't matter.
    monkeypatch.setattr(
        torch.nn.init, "trunc_normal_", lambda tensor, mean=0.0, std=1.0: torch.nn.init.normal_(tensor, mean, std)
    )
    fm = foundation_model(name)
    torch.manual_seed(3)
    network, _ = build(fm, official=False)
    folder = no_weights / "TORCH_HOME" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(network.state_dict(), folder / fm.file)
    from torchvision import models

    # The file name in the table is that of the library.
    assert models.get_model_weights(name)[fm.weights].url.endswith(fm.file)
    assert LIBRARIES[fm.library].cached_weights(fm) == folder / fm.file
    loaded = loading.load_model(fm)
    assert loaded.weights_file == ""
    remove_head(network, fm)
    image = [dataset("digits").read(None).train.load(7)]
    pixels = loaded.preprocessing
    with torch.inference_mode():
        expected = network.eval()(pixels.finish(pixels.prepare(image))).flatten(1).numpy()
    actual = loaded.embed(image)
    assert actual.shape == (1, PAPER_DIMS[name])
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


def test_official_weights_are_loaded_from_the_cache_of_timm(no_weights, monkeypatch):
    fm = foundation_model("vit_tiny_patch16_224")
    torch.manual_seed(4)
    network, _ = build(fm, official=False)
    file = no_weights / "model.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, file)
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda repo_id, filename, **more: str(file))
    loaded = loading.load_model(fm)
    remove_head(network, fm)
    assert loaded.weights_digest == loading._digest(network)
