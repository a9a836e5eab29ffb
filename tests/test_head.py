import numpy as np
import pytest
import torch

from imprint_core.aggregation import DISTANCES
from imprint_core.classifier import ImprintingClassifier
from imprint_core.errors import ImprintError
from imprint_core.head import load_head, save_head, to_module
from imprint_core.presets import PRESETS
from imprint_core.recipe import Recipe
from imprint_core.transforms import TRANSFORMS

RECIPES = [
    *(p.recipe for p in PRESETS.values()),
    *(Recipe("kmeans", 3, pretransform=name) for name in TRANSFORMS),
    *(Recipe("kmeans", 5, agg="mnn", distance=name) for name in DISTANCES),
    Recipe("all", agg="mnn", vote="distance", m=7),
    Recipe("kmeans", 5, agg="mnn", m=20, ties="published"),
    Recipe("kls", 4, "none", "none", "none", "sum", lam=0.1),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_head_and_its_file_predict_what_the_estimator_predicts(vit_digits, tmp_path, recipe):
    shots = np.concatenate([np.flatnonzero(vit_digits.y_train == c)[:40] for c in range(10)])
    names = np.array([f"digit {c}" for c in range(10)])
    model = ImprintingClassifier.from_recipe(recipe).fit(vit_digits.X_train[shots], names[vit_digits.y_train[shots]])
    wanted = model.predict(vit_digits.X_test)
    save_head(model, tmp_path / "head.safetensors")
    for head in (to_module(model), load_head(tmp_path / "head.safetensors")):
        assert isinstance(head, torch.nn.Module)
        scores = head(torch.tensor(vit_digits.X_test))
        np.testing.assert_array_equal(np.array(head.classes)[scores.argmax(dim=1).numpy()], wanted)
        np.testing.assert_allclose(scores.numpy(), model.decision_function(vit_digits.X_test), rtol=1e-3, atol=1e-3)
        assert head.recipe == recipe
    assert [f.name for f in tmp_path.iterdir()] == ["head.safetensors"]


def test_two_classes_and_one_class(tmp_path):
    X = np.array([[1.0, 0.1], [0.9, 0.0], [0.0, 1.0], [0.1, 2.0]])
    for y in ([0, 0, 1, 1], [5, 5, 5, 5]):
        model = ImprintingClassifier("mean").fit(X, y)
        save_head(model, tmp_path / "head.safetensors")
        head = load_head(tmp_path / "head.safetensors")
        assert head.classes == sorted(set(y))
        predicted = np.array(head.classes)[head(torch.tensor([[3.0, 1.0], [0.0, 0.0]])).argmax(dim=1)]
        np.testing.assert_array_equal(predicted, model.predict([[3.0, 1.0], [0.0, 0.0]]))


def test_head_stands_in_for_a_last_layer(vit_digits):
    model = ImprintingClassifier("mean").fit(vit_digits.X_train, vit_digits.y_train)
    network = torch.nn.Sequential(torch.nn.Identity(), to_module(model))
    assert sum(p.numel() for p in network.parameters()) == 0
    assert network(torch.tensor(vit_digits.X_test[:3])).shape == (3, 10)


def test_what_is_no_head_is_told(tmp_path, vit_digits):
    file = tmp_path / "head.safetensors"
    with pytest.raises(ImprintError, match="can't be read as an imprinted head"):
        load_head(file)
    file.write_bytes(b"not a head")
    with pytest.raises(ImprintError, match="can't be read as an imprinted head"):
        load_head(file)
    with pytest.raises(ImprintError, match="is no imprinted head; save one with save_head"):
        load_head(vit_digits.info.path)
