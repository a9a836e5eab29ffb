"""Fixtures for foundation models without downloads."""

from urllib.error import URLError

import pytest
import torch

from imprint_core.models import foundation_model
from imprint_core.models.libraries import build

PAPER_DIMS = {"resnet18": 512, "resnet50": 2048, "vit_b_16": 768, "swin_b": 1024}


class PrintOnUnpickling:
    def __reduce__(self):
        return print, ("unpickled",)


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """A machine without weights and without a network."""
    for variable in ("IMPRINT_WEIGHTS", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))

    def unreachable(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr("torch.hub.download_url_to_file", unreachable)
    return tmp_path


@pytest.fixture(scope="module")
def squeezenet_state():
    torch.manual_seed(1)
    network, _ = build(foundation_model("squeezenet1_1"), official=False)
    return {k: v.contiguous() for k, v in network.state_dict().items()}
