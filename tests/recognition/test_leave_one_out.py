"""Leave-one-out against classifiers that are fitted without each shot, on real embeddings."""

import numpy as np
import pytest

from imprint_core import ImprintingClassifier
from imprint_core.errors import ImprintError
from imprint_core.framework.recipe import Recipe
from imprint_core.recognition.leave_one_out import LEAST_REFITS, LEAST_SHOTS, MOST_REFITS, MOST_SHOTS, leave_one_out

RECIPES = {
    "means": Recipe(gen="mean", k=1),
    "every shot": Recipe(gen="all"),
    "k-means": Recipe(gen="kmeans", k=3),
    "k-means without NORM": Recipe(gen="kmeans", k=3, norm_pre="none", norm_post="none", norm_inf="none"),
    "random, sum": Recipe(gen="random", k=2, agg="sum"),
    "m-NN": Recipe(gen="kmeans", k=4, agg="mnn", m=3),
    "least squares": Recipe(gen="kls", k=2, agg="sum"),
    "quantile": Recipe(gen="kmeans", k=2, norm_post="quantile"),
    "published quantile": Recipe(gen="kmeans", k=2, norm_post="quantile_published"),
    "whitening": Recipe(gen="mean", k=1, pretransform="whiten"),
    "power": Recipe(gen="mean", k=1, pretransform="power"),
}


def shots_of(embeddings, sizes, seed=0):
    """Shots of classes in mixed order: (X, y); `sizes` are shots by class."""
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(embeddings.y_train == c))[:n] for c, n in sizes.items()]
    rows = rng.permutation(np.concatenate(rows))
    return embeddings.X_train[rows], embeddings.y_train[rows]


def brute_force(recipe, X, y, row):
    """Scores and cosines of a shot by a classifier that never had it."""
    rest = np.arange(len(X)) != row
    model = ImprintingClassifier.from_recipe(recipe).fit(X[rest], y[rest])
    # `decision_function` has one column for two classes; these have three.
    scores = model.decision_function(X[row][None])[0]
    x = model.transform_(X[row][None])[0]
    if recipe.norm_inf == "l2":
        x = x / np.linalg.norm(x)
    units = model.proxies_ / np.linalg.norm(model.proxies_, axis=1, keepdims=True)
    cosines = units @ (x / np.linalg.norm(x))
    return scores, [cosines[model.proxy_class_ == c].max() for c in range(len(model.classes_))]


@pytest.mark.parametrize("name", RECIPES)
def test_scores_are_those_of_classifiers_without_the_shot(vit_digits, name):
    X, y = shots_of(vit_digits, {2: 6, 5: 4, 7: 9})
    model = ImprintingClassifier.from_recipe(RECIPES[name]).fit(X, y)
    held_out = leave_one_out(model, X, y)
    assert held_out.rows.tolist() == list(range(19))
    assert model.classes_[held_out.codes].tolist() == y.tolist()
    expected = [brute_force(RECIPES[name], X, y, row) for row in range(19)]
    np.testing.assert_allclose(held_out.scores, [scores for scores, _ in expected], rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(held_out.cosines, [cosines for _, cosines in expected], rtol=2e-3, atol=2e-4)
    correct = [model.classes_[np.argmax(scores)] == y[row] for row, (scores, _) in enumerate(expected)]
    assert held_out.accuracy == np.mean(correct)


def test_shots_that_are_alone_in_their_class_are_not_left_out(vit_digits):
    X, y = shots_of(vit_digits, {2: 1, 5: 4})
    held_out = leave_one_out(ImprintingClassifier(gen="mean").fit(X, y), X, y)
    assert y[held_out.rows].tolist() == [5] * 4
    assert held_out.scores.shape == (4, 2)
    X, y = shots_of(vit_digits, {2: 1, 5: 1})
    held_out = leave_one_out(ImprintingClassifier(gen="mean").fit(X, y), X, y)
    assert held_out.scores.shape == (0, 2)
    assert np.isnan(held_out.accuracy)


@pytest.mark.parametrize("recipe", [Recipe(gen="mean", k=1), Recipe(gen="mean", k=1, pretransform="centre")])
def test_of_many_shots_some_of_each_class_are_left_out(vit_digits, recipe):
    X, y = shots_of(vit_digits, {2: 100, 3: 2, 5: 90, 7: 80})
    model = ImprintingClassifier.from_recipe(recipe).fit(X, y)
    held_out = leave_one_out(model, X, y)
    most, least = (MOST_REFITS, LEAST_REFITS) if recipe.pretransform == "centre" else (MOST_SHOTS, LEAST_SHOTS)
    assert least <= len(held_out.rows) <= max(least, most * 100 // len(X))
    assert set(y[held_out.rows]) == {2, 3, 5, 7}
    assert len(set(held_out.rows)) == len(held_out.rows)
    if most == MOST_SHOTS:
        complete = leave_one_out(model, X, y, most=len(X))
        assert len(complete.rows) == len(X)
        np.testing.assert_allclose(complete.scores[held_out.rows], held_out.scores, rtol=1e-6)


def test_other_shots_are_refused(vit_digits):
    X, y = shots_of(vit_digits, {2: 3, 5: 4})
    model = ImprintingClassifier(gen="mean").fit(X, y)
    with pytest.raises(ImprintError, match="shots that the classifier was fitted to"):
        leave_one_out(model, X, np.where(y == 5, 6, y))
