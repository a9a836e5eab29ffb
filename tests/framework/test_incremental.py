from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imprint_core.embeddings import open_set
from imprint_core.embeddings.set_images import images_of
from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import SEEDS, Task
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.incremental import add_class, check_same_weights, effect, try_embedding
from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model, read_state
from imprint_core.recipes.presets import PRESETS

SEED = SEEDS[0]


def fitted(data, classes="all", n=20, **recipe):
    split = Task("", "", classes, n, SEED).split(data)
    return ImprintingClassifier(**recipe, random_state=SEED).fit(split.X_train, split.y_train), split


@pytest.mark.parametrize(
    "recipe", [{"k": 3}, {"gen": "mean"}, {"gen": "all", "agg": "mnn"}, {"gen": "ls", "agg": "sum"}]
)
def test_a_trial_says_what_the_classifier_does(vit_digits, recipe):
    model, split = fitted(vit_digits, n=10, **recipe)
    predicted, explained = model.predict(split.X_test[:40]), model.explain(split.X_test[:40])
    gaps, rows = model.kneighbors(split.X_test[:40], 4)
    for i in range(40):
        trial = try_embedding(model, split.X_test[i], 5)
        assert trial.label == predicted[i]
        assert trial.margin == pytest.approx(explained.margin[i], abs=1e-5)
        assert trial.runner_up == model.classes_[model.proxy_class_[explained.runner_up[i]]]
        assert [near.proxy for near in trial.near[:4]] == rows[i].tolist()
        sign = 1 if model.agg == "mnn" else -1
        np.testing.assert_allclose([near.similarity for near in trial.near[:4]], sign * gaps[i], rtol=1e-4)
        # What came next is always among them.
        assert trial.runner_up in [near.label for near in trial.near]
        for near in trial.near:
            assert model.proxy_class_[near.proxy] == near.label
            own = np.flatnonzero(model.proxy_class_ == near.label)
            assert own[near.number - 1] == near.proxy


def test_every_shot_stands_behind_one_proxy_of_its_class(vit_digits):
    model, split = fitted(vit_digits, k=4)
    behind = [model.shots_of(p) for p in range(len(model.proxies_))]
    assert sorted(np.concatenate(behind)) == list(range(len(split.y_train)))
    for p, rows in enumerate(behind):
        assert (split.y_train[rows] == model.proxy_class_[p]).all()
        cosines = split.X_train[rows] @ model.proxies_[p] / np.linalg.norm(split.X_train[rows], axis=1)
        assert (np.diff(cosines) <= 1e-6).all()
    # k-means' own clusters: a centroid is the mean of the shots behind it.
    x = split.X_train / np.linalg.norm(split.X_train, axis=1, keepdims=True)
    centroids = np.stack([x[rows].mean(axis=0) for rows in behind])
    cosine = (centroids * model.proxies_).sum(axis=1) / np.linalg.norm(centroids, axis=1)
    assert np.median(cosine) > 0.999


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_an_added_class_is_as_if_it_had_been_there(vit_digits, name):
    recipe = asdict(PRESETS[name].recipe)
    model, split = fitted(vit_digits, "0-8", **recipe)
    whole, _ = fitted(vit_digits, "all", **recipe)
    every = Task("", "", "all", 20, SEED).split(vit_digits)
    before = model.proxies_.copy()
    added = add_class(model, every.X_train[every.y_train == 9])
    assert (added.label, added.model.classes_.tolist()) == (9, list(range(10)))
    np.testing.assert_array_equal(model.proxies_, before)
    np.testing.assert_array_equal(added.model.predict(every.X_test), whole.predict(every.X_test))
    told = effect(model, added, split.X_test, split.y_test)
    assert told.before == pytest.approx(100 * model.score(split.X_test, split.y_test))
    assert told.after == pytest.approx(100 * added.model.score(split.X_test, split.y_test))
    assert 0 <= told.lost <= len(split.y_test)


def test_one_image_makes_a_class(vit_digits):
    model, _ = fitted(vit_digits, "0-8", n=5, k=3)
    nine = vit_digits.X_train[vit_digits.y_train == 9][:1]
    added = add_class(model, nine)
    assert added.proxies == 1
    assert try_embedding(added.model, nine[0]).label == 9


def test_rounded_weights_are_the_same_and_others_are_not(shared, bundled, tmp_path, monkeypatch):
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
        with pytest.raises(ImprintError, match="are not those that this set was made with"):
            check_same_weights(info, model, find)
