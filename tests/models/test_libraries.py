import io
import os
import pickle

import pytest
import torch

from imprint_core.datasets import dataset
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model, libraries
from imprint_core.models.libraries import build, remove_head
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
