import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imprint_core.datasets import dataset
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model
from imprint_core.models.classifier_head import imagenet_names, read_classifier
from imprint_core.models.libraries import build
from imprint_core.models.loading import load_file, load_model


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "vit_tiny_patch16_224", "resnet50"])
def test_head_of_embeddings_gives_the_logits_of_the_complete_network(name, request):
    fm = FOUNDATION_MODELS[name]
    file = None if fm.package else request.getfixturevalue("shared") / "fm" / f"{name}.safetensors"
    model, head = load_model(fm, file), read_classifier(fm, file)
    assert head.weight.shape == (len(head.class_names), fm.dim) == (1000, fm.dim)
    network, _ = build(fm, official=file is None)
    if file:
        load_file(network, file, fm, set())
    images = dataset("digits").read(None).train
    batch = model.preprocessing.prepare([images.load(i) for i in range(4)])
    with torch.inference_mode():
        logits = network.eval()(model.preprocessing.finish(batch)).numpy()
    np.testing.assert_allclose(model.forward(batch) @ head.weight.T + head.bias, logits, rtol=1e-3, atol=1e-3)


def test_head_that_is_not_linear_in_the_embedding_is_refused(tmp_path, squeezenet_state):
    # SqueezeNet rectifies the logits of each position before it averages them.
    save_file(squeezenet_state, tmp_path / "w.safetensors")
    with pytest.raises(ImprintError, match=r"^The classifier of SqueezeNet 1\.1 is not a linear layer"):
        read_classifier(foundation_model("squeezenet1_1"), tmp_path / "w.safetensors")


def test_weights_without_classifier_are_refused(tmp_path):
    fm = foundation_model("mobilenet_v2")
    network, _ = build(fm, official=False)
    bare = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("classifier")}
    save_file(bare, tmp_path / "w.safetensors")
    assert load_model(fm, tmp_path / "w.safetensors")
    with pytest.raises(ImprintError, match=r"does not fit MobileNetV2, .*: 2 missing, such as classifier\.1\.weight"):
        read_classifier(fm, tmp_path / "w.safetensors")


def test_every_class_has_its_own_name():
    names = imagenet_names()
    assert len(set(names)) == len(names) == 1000
    assert names[:2] == ("tench", "goldfish")
    assert [names[i].split(":")[0] for i in (134, 517)] == ["crane", "crane"]
