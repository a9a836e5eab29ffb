"""The recognizer against separate computations, and unknown inputs on real embeddings."""

import numpy as np
import pytest

from imprint_core import ImprintingClassifier, open_set
from imprint_core.collapse.measures import nc1
from imprint_core.errors import ImprintError
from imprint_core.framework.recipe import Recipe
from imprint_core.recognition.recognizer import fit_recognizer
from imprint_core.recognition.unknown import OWN_QUANTILE
from tests.recognition.test_leave_one_out import brute_force, shots_of

KNOWN = range(5)


@pytest.mark.parametrize("recipe", [Recipe(gen="kmeans", k=3), Recipe(gen="mean", k=1, pretransform="centre")])
def test_recognition_is_what_its_parts_give(vit_digits, recipe):
    X, y = shots_of(vit_digits, {2: 6, 5: 4, 7: 9})
    recognizer = fit_recognizer(recipe, X, y)
    model = ImprintingClassifier.from_recipe(recipe).fit(X, y)
    assert recognizer.nc1 == pytest.approx(nc1(X, y))
    compared = model.transform_(X)
    compared = compared / np.linalg.norm(compared, axis=1, keepdims=True)
    centred = (compared - compared.mean(axis=0)).astype(np.float64)
    s = np.linalg.svd(centred, full_matrices=False)[1]
    np.testing.assert_allclose(np.linalg.norm(recognizer.shots, axis=0), s[:2], rtol=1e-4)
    np.testing.assert_allclose(recognizer.axes @ recognizer.axes.T, np.eye(2), atol=1e-6)
    for x in vit_digits.X_test[:20]:
        result = recognizer.recognize(x)
        scores = model.decision_function(x[None])[0] / recognizer.temperature
        expected = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        np.testing.assert_allclose(result.probabilities, expected, rtol=1e-4, atol=1e-9)
        assert result.label == model.predict(x[None])[0] == result.nearest[0].label
        unit = model.transform_(x[None])[0]
        units = model.proxies_ / np.linalg.norm(model.proxies_, axis=1, keepdims=True)
        assert result.cosine == pytest.approx((units @ unit).max() / np.linalg.norm(unit), abs=1e-5)
        assert result.unknown == (result.cosine < recognizer.threshold)
    # A shot is recognized at its place on the map.
    np.testing.assert_allclose(recognizer.recognize(X[3]).position, recognizer.shots[3], atol=1e-5)


@pytest.mark.parametrize("recipe", [Recipe(gen="kmeans", k=2), Recipe(gen="mean", k=1, pretransform="centre")])
def test_threshold_is_that_of_brute_force(vit_digits, recipe):
    X, y = shots_of(vit_digits, {2: 6, 5: 4, 7: 9})
    cosines = np.array([brute_force(recipe, X, y, row)[1] for row in range(len(X))])
    codes = np.searchsorted([2, 5, 7], y)
    typical = np.quantile([row[c] for row, c in zip(cosines, codes, strict=True)], OWN_QUANTILE)
    other = np.median([np.delete(row, c).max() for row, c in zip(cosines, codes, strict=True)])
    middle = (typical + max(0, other)) / 2
    assert fit_recognizer(recipe, X, y).threshold == pytest.approx(min(typical, middle), abs=1e-4)
    if recipe.pretransform == "centre":
        # Of a single class nothing would be left.
        return
    X, y = X[y == 7], y[y == 7]
    cosines = np.array([brute_force_of_one(recipe, X, row) for row in range(len(X))])
    assert fit_recognizer(recipe, X, y).threshold == pytest.approx(np.quantile(cosines, OWN_QUANTILE), abs=1e-4)


def brute_force_of_one(recipe, X, row):
    rest = np.arange(len(X)) != row
    model = ImprintingClassifier.from_recipe(recipe).fit(X[rest], np.zeros(len(X) - 1))
    return (model.proxies_ @ X[row]).max() / np.linalg.norm(X[row])


def test_shots_of_another_dataset_are_unknown_and_known_classes_are_not(bundled):
    digits = open_set(bundled["vit_tiny_patch16_224", "digits"])
    photos = open_set(bundled["vit_tiny_patch16_224", "cifar10"])
    X, y = shots_of(photos, dict.fromkeys(KNOWN, 20))
    recognizer = fit_recognizer(Recipe(k=5), X, y)
    known = photos.X_test[np.isin(photos.y_test, KNOWN)][:200]
    assert np.mean([recognizer.recognize(x).unknown for x in known]) < 0.1
    assert np.mean([recognizer.recognize(x).unknown for x in digits.X_test[:200]]) > 0.9


@pytest.mark.parametrize("sizes", [{2: 1}, {2: 5}, {2: 1, 5: 1}, {2: 1, 5: 6}], ids=str)
def test_few_shots_and_single_classes_are_recognized(vit_digits, sizes):
    X, y = shots_of(vit_digits, sizes)
    result = fit_recognizer(Recipe(k=3), X, y).recognize(vit_digits.X_test[0])
    assert result.label in sizes
    assert result.probabilities.sum() == pytest.approx(1)
    assert np.isfinite(result.position).all()


def test_equal_shots_of_two_classes_are_recognized(vit_digits):
    X = np.repeat(vit_digits.X_train[:1], 8, axis=0)
    recognizer = fit_recognizer(Recipe(k=3), X, np.repeat([0, 1], 4))
    assert recognizer.recognize(X[0]).probabilities.tolist() == pytest.approx([0.5, 0.5])
    assert np.isfinite(recognizer.shots).all()


def test_shots_without_finite_embeddings_are_refused(vit_digits):
    with pytest.raises(ImprintError, match="finite"):
        fit_recognizer(Recipe(), vit_digits.X_train[:0], vit_digits.y_train[:0])
    with pytest.raises(ImprintError, match="finite"):
        fit_recognizer(Recipe(), np.full((2, 4), np.nan), np.array([0, 1]))
    with pytest.raises(ImprintError, match="finite numbers"):
        fit_recognizer(Recipe(), vit_digits.X_train[:4], np.array([0, 0, 1, 1])).recognize(np.full(192, np.inf))


def test_after_centring_two_classes_unrelated_embeddings_are_unknown(bundled):
    photos = open_set(bundled["vit_tiny_patch16_224", "cifar10"])
    digits = open_set(bundled["vit_tiny_patch16_224", "digits"])
    X, y = shots_of(photos, {1: 20, 6: 20})
    recognizer = fit_recognizer(Recipe(gen="mean", k=1, pretransform="centre"), X, y)
    assert np.median(recognizer.held_out.cosines.min(axis=1)) < 0
    assert np.mean([recognizer.recognize(x).unknown for x in photos.X_test[np.isin(photos.y_test, (1, 6))]]) < 0.1
    # Two centred means leave one direction, along which half of the digits are as far as photos.
    assert np.mean([recognizer.recognize(x).unknown for x in digits.X_test[:200]]) > 0.4
