import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imprint_core.errors import ImprintError
from imprint_core.export.torch_head import FORMAT, load_head, save_head, to_module
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS

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
    predictions = model.predict(vit_digits.X_test)
    save_head(model, tmp_path / "head.safetensors")
    for head in (to_module(model), load_head(tmp_path / "head.safetensors")):
        assert isinstance(head, torch.nn.Module)
        scores = head(torch.tensor(vit_digits.X_test))
        np.testing.assert_array_equal(np.array(head.classes)[scores.argmax(dim=1).numpy()], predictions)
        np.testing.assert_allclose(scores.numpy(), model.decision_function(vit_digits.X_test), rtol=1e-3, atol=1e-3)
        assert head.recipe == model.recipe_
    assert model.recipe_ == recipe or recipe.gen == "auto"
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


@pytest.mark.parametrize(
    ("name", "table", "base", "values", "message"),
    [
        ("norm_inf", NORMALIZATIONS, "l2", {}, "the NORM_inf 'added'; choose none, l2"),
        ("agg", AGGREGATIONS, "sum", {}, "the AGG method 'added'; choose max, smooth, mnn, sum"),
        ("distance", DISTANCES, "cosine", {"agg": "mnn"}, "the distance 'added'; choose cosine, euclidean, manhattan"),
    ],
)
def test_methods_without_a_torch_version_are_refused(monkeypatch, tmp_path, name, table, base, values, message):
    monkeypatch.setitem(table, "added", table[base])
    model = ImprintingClassifier("mean", **{name: "added", **values}).fit(np.eye(4), [0, 0, 1, 1])
    path = tmp_path / "head.safetensors"
    for export in (to_module, lambda model: save_head(model, path)):
        with pytest.raises(ImprintError, match=f"The torch head does not support {message}"):
            export(model)
    assert not path.exists()


def test_head_replaces_a_last_layer(vit_digits):
    model = ImprintingClassifier("mean").fit(vit_digits.X_train, vit_digits.y_train)
    network = torch.nn.Sequential(torch.nn.Identity(), to_module(model))
    assert sum(p.numel() for p in network.parameters()) == 0
    assert network(torch.tensor(vit_digits.X_test[:3])).shape == (3, 10)


def test_files_of_other_formats_are_reported(tmp_path, vit_digits):
    file = tmp_path / "head.safetensors"
    with pytest.raises(ImprintError, match="There is no file"):
        load_head(file)
    file.write_bytes(b"not a head")
    with pytest.raises(ImprintError, match="can't be read as an imprinted head"):
        load_head(file)
    with pytest.raises(ImprintError, match=r"is not an imprinted head\. Save one with save_head"):
        load_head(vit_digits.info.path)


DAMAGE = {
    "recipe null": ({"recipe": "null"}, {}),
    "recipe list": ({"recipe": "[1]"}, {}),
    "classes a number": ({"classes": "3"}, {}),
    "classes text": ({"classes": '"abc"'}, {}),
    "too few classes": ({"classes": "[0]"}, {}),
    "unknown base": ({"base": "zzz"}, {}),
    "no proxies": ({}, {"weight": torch.zeros(0, 3), "proxy_class": torch.zeros(0, dtype=torch.int64)}),
    "NaN": ({}, {"weight": torch.full((2, 3), torch.nan)}),
    "whole numbers": ({}, {"weight": torch.ones(2, 3, dtype=torch.int64)}),
    "classes of another kind": ({}, {"proxy_class": torch.tensor([0.0, 1.0])}),
    "a class that isn't there": ({}, {"proxy_class": torch.tensor([0, -5])}),
    "a short centre": ({}, {"centre": torch.zeros(2)}),
    "axes without gains": ({}, {"axes": torch.zeros(3, 1)}),
    "no distance": ({"recipe": json.dumps(asdict(Recipe(agg="mnn", distance="mahalanobis")))}, {}),
    "a foreign tensor": ({}, {"more": torch.zeros(1)}),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_heads_are_reported(kind, tmp_path):
    about = {"format": FORMAT, "recipe": json.dumps(asdict(Recipe("mean"))), "classes": "[0, 1]", "base": "none"}
    tensors = {"weight": torch.eye(2, 3), "proxy_class": torch.tensor([0, 1])}
    file = tmp_path / "head.safetensors"
    save_file(tensors, file, about)
    assert load_head(file)(torch.ones(1, 3)).shape == (1, 2)
    changed_about, changed_tensors = DAMAGE[kind]
    save_file(tensors | changed_tensors, file, about | changed_about)
    with pytest.raises(ImprintError, match="is damaged: its parts don't fit each other"):
        load_head(file)


def test_failed_saves_are_reported_and_leave_no_file(tmp_path):
    model = ImprintingClassifier("mean").fit(np.eye(4), [0, 0, 1, 1])
    for path in (tmp_path / "none" / "head.safetensors", tmp_path):
        with pytest.raises(ImprintError, match="can't be written"):
            save_head(model, path)
    model.classes_ = np.array(["2026-11-23", "2026-11-24"], dtype="datetime64[D]")
    with pytest.raises(ImprintError, match=r"can't be saved\. Use numbers or text"):
        save_head(model, tmp_path / "head.safetensors")
    assert not list(tmp_path.iterdir())
