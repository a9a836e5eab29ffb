import io
import pickle
from urllib.error import URLError

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from imprint_core.datasets import dataset
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model, libraries, loading
from imprint_core.models.libraries import build, remove_head
from imprint_core.models.preprocessing import preprocessing
from imprint_core.models.weights import available_weights, cached_weights, user_weights

LOCAL = ("squeezenet1_1", "mobilenet_v2", "vit_tiny_patch16_224", "resnet50")
PAPER = {"resnet18": 512, "resnet50": 2048, "vit_b_16": 768, "swin_b": 1024}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No weights on this machine, and no network."""
    for variable in ("IMPRINT_WEIGHTS", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))

    def unreachable(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr("torch.hub.download_url_to_file", unreachable)
    return tmp_path


@pytest.mark.parametrize("name", FOUNDATION_MODELS)
def test_every_model_gives_its_width_without_its_head(name):
    """Built with random weights, so that nothing is downloaded."""
    fm = foundation_model(name)
    network, transform = build(fm, official=False)
    assert remove_head(network, fm)
    pixels = preprocessing(transform)
    x = pixels.finish(pixels.prepare([dataset("digits").read(None).train.load(0)]))
    assert x.shape == (1, 3, 224, 224)
    with torch.inference_mode():
        assert network.eval()(x).flatten(1).shape == (1, fm.dim)
    assert PAPER.get(name, fm.dim) == fm.dim


@pytest.mark.parametrize(
    ("asked", "name", "library", "dim"),
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
def test_any_other_model_by_its_librarys_name(asked, name, library, dim):
    fm = foundation_model(asked)
    assert (fm.name, fm.library) == (name, library)
    network, transform = build(fm, official=False)
    remove_head(network, fm)
    pixels = preprocessing(transform)
    with torch.inference_mode():
        x = network.eval()(pixels.finish(pixels.prepare([Image.new("RGB", (40, 30))])))
    assert x.flatten(1).shape == (1, dim)
    # A name is its own: what a set's sidecar says finds the same model again.
    assert foundation_model(fm.name) == fm


def test_every_classification_model_of_torchvision_is_found():
    from torchvision import models

    names = models.list_models(module=models)
    assert len(names) >= 80
    assert {foundation_model(name).library for name in names} == {"torchvision"}


def test_the_tables_own_models_keep_their_names():
    assert foundation_model("mobilenet_v2.IMAGENET1K_V1") is FOUNDATION_MODELS["mobilenet_v2"]
    full_name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert foundation_model(full_name) is FOUNDATION_MODELS["vit_tiny_patch16_224"]


@pytest.mark.parametrize("name", ["x", "", "../x", "resnet18.NOPE", "timm/nope", "fasterrcnn_resnet50_fpn", "<b>"])
def test_unknown_model(name):
    with pytest.raises(ImprintError, match=r"Unknown foundation model '.*'. Known are vit_tiny"):
        foundation_model(name)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "swin_b", "efficientnet_b1", "timm/resnet18"])
@given(
    st.one_of(
        st.tuples(st.integers(1, 700), st.integers(1, 700)),
        # As the datasets' images are, and where resizing is a power of two.
        st.sampled_from([(8, 8), (16, 16), (28, 28), (32, 32), (64, 64), (128, 256), (512, 512), (96, 64), (256, 256)]),
    ),
    st.sampled_from(["L", "RGB"]),
    st.integers(0, 9),
)
@settings(max_examples=24, deadline=None)
def test_preprocessing_is_the_librarys_to_the_last_bit(name, size, mode, seed):
    width, height = size
    _, transform = _built(name)
    pixels = preprocessing(transform)
    assert pixels.steps is not None
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode)
    wanted = transform(image.convert("RGB"))
    torch.testing.assert_close(pixels.finish(pixels.prepare([image]))[0], wanted, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
def test_every_square_image_too(name):
    """Where only what is kept is resized."""
    _, transform = _built(name)
    pixels = preprocessing(transform)
    rng = np.random.default_rng(0)
    for edge in [*range(1, 70), *range(70, 600, 7), 128, 224, 248, 256, 512, 1024]:
        image = Image.fromarray(rng.integers(0, 256, (edge, edge, 3), dtype=np.uint8))
        got = pixels.prepare([image])[0].numpy()
        side, cut = pixels.steps.resize, pixels.steps.crop
        start = round((side - cut) / 2)
        whole = np.asarray(image.resize((side, side), pixels.steps.resample))
        wanted = whole[start : start + cut, start : start + cut]
        np.testing.assert_array_equal(got, wanted, err_msg=str(edge))


_kept: dict[str, object] = {}


def _built(name):
    if name not in _kept:
        _kept[name] = build(foundation_model(name), official=False)
    return _kept[name]


def test_a_transform_of_other_steps_is_left_to_the_library():
    from torchvision import transforms as t

    other = t.Compose([t.Resize((40, 40)), t.ToTensor()])
    pixels = preprocessing(other)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8))
    assert pixels.steps is None
    torch.testing.assert_close(pixels.finish(pixels.prepare([image]))[0], other(image.convert("RGB")), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["squeezenet1_1", "vit_tiny_patch16_224"])
def test_bundled_embeddings_are_what_the_pipeline_computes(shared, bundled, name):
    opened = open_set(bundled[name, "cifar10"])
    model = loading.load_model(foundation_model(name), shared / "fm" / f"{name}.safetensors")
    assert model.weights_digest == opened.info.meta["fm"]["weights_sha256"]
    assert model.preprocessing.text == opened.info.meta["fm"]["transform"]
    images = dataset("cifar10").read(shared / "data").train
    rows = np.arange(0, len(opened.id_train), 500)
    x = model.embed([images.load(int(i)) for i in opened.id_train[rows]])
    stored = opened.X_train[rows]
    cosine = (x * stored).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(stored, axis=1)
    assert (cosine > 0.9995).all()
    np.testing.assert_array_equal(images.labels[opened.id_train], opened.y_train)


@pytest.mark.parametrize("name", LOCAL)
def test_local_weights_fit(shared, name):
    model = loading.load_model(foundation_model(name), shared / "fm" / f"{name}.safetensors")
    assert len(model.weights_digest) == 64
    assert not model.network.training


@pytest.fixture(scope="module")
def squeezenet_state():
    torch.manual_seed(1)
    network, _ = build(foundation_model("squeezenet1_1"), official=False)
    return {k: v.contiguous() for k, v in network.state_dict().items()}


def test_wrong_weights_say_what_does_not_fit(tmp_path, squeezenet_state):
    fm = foundation_model("squeezenet1_1")
    path = tmp_path / "w.safetensors"
    some = dict(squeezenet_state)
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


class Evil:
    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("w.safetensors", b"not a safetensors file", r"is not a complete \.safetensors file"),
        ("w.pth", pickle.dumps(Evil()), "holds more than tensors, which could run code"),
        ("w.pth", b"nothing of the kind", "holds more than tensors|is not a complete file of torch.save"),
        ("w.pth", b"", "is not a complete file of torch.save"),
        ("w.pth", torch.zeros(3), "is not a state dict. Save model.state_dict"),
        ("w.pth", {"a": [1, 2]}, "is not a state dict. Save model.state_dict"),
    ],
)
def test_files_that_are_no_weights(tmp_path, name, content, sentence, capsys):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ImprintError, match=sentence):
        loading.load_model(foundation_model("squeezenet1_1"), path)
    assert "unpickled" not in capsys.readouterr().out


def test_half_a_pth_is_told(tmp_path, squeezenet_state):
    path = tmp_path / "w.pth"
    torch.save(squeezenet_state, path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ImprintError, match=r"is not a complete file of torch\.save"):
        loading.load_model(foundation_model("squeezenet1_1"), path)


def test_no_file_is_told(tmp_path):
    with pytest.raises(ImprintError, match=r"The weights file '.*' does not exist"):
        loading.load_model(foundation_model("squeezenet1_1"), tmp_path / "gone.safetensors")


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}])
def test_a_pth_is_loaded_with_or_without_a_head_and_a_checkpoint_around_it(tmp_path, squeezenet_state, wrap):
    fm = foundation_model("squeezenet1_1")
    torch.save(wrap(squeezenet_state), tmp_path / "w.pth")
    bare = {k: v for k, v in squeezenet_state.items() if not k.startswith("classifier")}
    save_file(bare, tmp_path / "w.safetensors")
    loaded = [loading.load_model(fm, tmp_path / f"w{suffix}") for suffix in (".pth", ".safetensors")]
    assert loaded[0].weights_digest == loaded[1].weights_digest
    image = [dataset("digits").read(None).train.load(0)]
    np.testing.assert_array_equal(loaded[0].embed(image), loaded[1].embed(image))


def test_the_weights_folder_comes_before_the_librarys_cache(nowhere, squeezenet_state):
    fm = foundation_model("squeezenet1_1")
    assert available_weights(fm) is None
    folder = nowhere / "IMPRINT_WEIGHTS"
    folder.mkdir()
    save_file(squeezenet_state, folder / "squeezenet1_1.safetensors")
    assert available_weights(fm) == user_weights(fm) == folder / "squeezenet1_1.safetensors"
    assert loading.load_model(fm).weights_file == "squeezenet1_1.safetensors"


def test_weights_are_kept_only_if_they_fit(nowhere, squeezenet_state):
    fm = foundation_model("squeezenet1_1")
    save_file(squeezenet_state, nowhere / "mine.safetensors")
    with (nowhere / "mine.safetensors").open("rb") as file:
        kept = loading.save_weights(fm, file)
    assert kept == user_weights(fm)
    before = kept.read_bytes()
    save_file({"x": torch.zeros(2)}, nowhere / "other.safetensors")
    with (nowhere / "other.safetensors").open("rb") as file, pytest.raises(ImprintError, match="does not fit Squeeze"):
        loading.save_weights(fm, file)
    # What was there stays, and nothing else.
    assert kept.read_bytes() == before
    assert list(kept.parent.iterdir()) == [kept]


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "swin_b"])
def test_official_weights_are_taken_from_where_the_library_caches_them(name, nowhere):
    fm = foundation_model(name)
    torch.manual_seed(3)
    network, _ = build(fm, official=False)
    folder = nowhere / "TORCH_HOME" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(network.state_dict(), folder / fm.file)
    from torchvision import models

    # The name that the table gives is the one that the library asks for.
    assert models.get_model_weights(name)[fm.weights].url.endswith(fm.file)
    assert cached_weights(fm) == folder / fm.file
    loaded = loading.load_model(fm)
    assert loaded.weights_file == ""
    remove_head(network, fm)
    image = [dataset("digits").read(None).train.load(7)]
    pixels = loaded.preprocessing
    with torch.inference_mode():
        wanted = network.eval()(pixels.finish(pixels.prepare(image))).flatten(1).numpy()
    got = loaded.embed(image)
    assert got.shape == (1, PAPER[name])
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)


def test_official_weights_of_timm_are_taken_from_its_cache(nowhere, monkeypatch):
    fm = foundation_model("vit_tiny_patch16_224")
    torch.manual_seed(4)
    network, _ = build(fm, official=False)
    file = nowhere / "model.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, file)
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda repo_id, filename, **more: str(file))
    loaded = loading.load_model(fm)
    remove_head(network, fm)
    assert loaded.weights_digest == loading._digest(network)


def test_a_damaged_or_dangerous_file_in_the_cache_is_told(nowhere, capsys):
    fm = foundation_model("resnet18")
    folder = nowhere / "TORCH_HOME" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for content in (b"PK\x03\x04 half a file", pickle.dumps(Evil()), b""):
        (folder / fm.file).write_bytes(content)
        with pytest.raises(ImprintError, match=r"weights of ResNet-18 in torchvision's cache are damaged. Delete"):
            loading.load_model(fm)
    assert "unpickled" not in capsys.readouterr().out


@pytest.mark.usefixtures("nowhere")
def test_no_network_is_told_in_a_sentence():
    with pytest.raises(ImprintError, match=r"official weights of SqueezeNet 1\.1 could not be downloaded. Connect"):
        loading.load_model(foundation_model("squeezenet1_1"))


@pytest.mark.usefixtures("nowhere")
def test_a_model_without_official_weights_is_told():
    import timm

    bare = next(name for name in timm.list_models() if not timm.get_pretrained_cfg(name).has_weights)
    fm = foundation_model(bare)
    assert foundation_model(fm.name) == fm
    with pytest.raises(ImprintError, match=r"timm has no weights for .*. Give a local state dict"):
        loading.load_model(fm)


def test_torch_is_told_to_read_tensors_only_and_then_as_before(monkeypatch):
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    monkeypatch.delenv(name, raising=False)
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    with libraries._tensors_only(), pytest.raises(pickle.UnpicklingError):
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    import os

    assert name not in os.environ
