import pytest
import torch
from safetensors.torch import save_file

from imprint_core.embeddings import open_set
from imprint_core.embeddings.images import check_same_weights, images_of
from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model
from imprint_core.models.weights import read_state


def test_rounded_weights_are_accepted_and_other_weights_are_not(shared, bundled, tmp_path, monkeypatch):
    fm = foundation_model("squeezenet1_1")
    info = bundled["squeezenet1_1", "mnist"]
    state = read_state(shared / "fm" / "squeezenet1_1.safetensors")
    known = open_set(bundled["squeezenet1_1", "digits"])

    def loaded(change):
        torch.manual_seed(0)
        changed = {k: change(v.float()).contiguous() for k, v in state.items()}
        save_file(changed, tmp_path / "w.safetensors")
        return load_model(fm, tmp_path / "w.safetensors")

    def images():
        return known, images_of(known)

    check_same_weights(info, loaded(lambda v: v), lambda: None)
    rounded = loaded(lambda v: v.to(torch.bfloat16).float())
    assert rounded.weights_digest != info.meta["fm"]["weights_sha256"]
    check_same_weights(info, rounded, images)
    for model, find in ((rounded, lambda: None), (loaded(lambda v: v + 0.05 * v.std() * torch.randn_like(v)), images)):
        with pytest.raises(ImprintError, match="differ from the weights of this embedding set"):
            check_same_weights(info, model, find)
