import gc
import time
import weakref
from dataclasses import replace

import numpy as np
import pytest

from imprint_core.embeddings import open_set
from imprint_core.evaluation import inner_products
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS


def assert_agreement(evaluator, recipe, embeddings, classes, n):
    """The evaluator's predictions are those of the estimator of each seed; gives the estimators."""
    evaluated = evaluator.evaluate(recipe, n, SEEDS[:2])
    models = {}
    for i, seed in enumerate(SEEDS[:2]):
        split = Experiment(embeddings.info, classes, n).split(seed, embeddings)
        model = models[seed] = ImprintingClassifier.from_recipe(recipe, seed).fit(split.X_train, split.y_train)
        ours = evaluator.classes[evaluated.predictions[i]]
        assert (ours == model.predict(split.X_test)).mean() >= 0.99
        assert evaluated.accuracy[i] == pytest.approx(100 * (ours == split.y_test).mean())
        assert (evaluated.probability is not None) == hasattr(model, "predict_proba")
        if evaluated.probability is not None:
            expected = model.predict_proba(split.X_test).max(axis=1)
            np.testing.assert_allclose(evaluated.probability[i], expected, atol=2e-3)
    return models


@pytest.mark.parametrize("gen", GENERATORS)
@pytest.mark.parametrize("norms", [("l2", "l2", "l2"), ("none", "l2", "none"), ("none", "none", "l2")])
@pytest.mark.parametrize("n", [1, 4, 50, None])
def test_evaluation_predicts_what_the_estimator_predicts(vit_digits, gen, norms, n):
    recipe = Recipe(gen, 5, *norms)
    assert_agreement(Evaluator(choose_classes(vit_digits, "odd"), recipe.space), recipe, vit_digits, "odd", n)


def test_classes_of_unequal_size_give_what_they_have(vit_digits):
    pool = choose_classes(vit_digits)
    keep = np.flatnonzero((pool.y_train != 3) | (np.arange(len(pool.y_train)) % 40 == 0))
    small = replace(pool, X_train=pool.X_train[keep], y_train=pool.y_train[keep], id_train=pool.id_train[keep])
    few = int((small.y_train == 3).sum())
    assert 0 < few < 20
    evaluator = Evaluator(small, Recipe().space)
    assert [len(s) for s in evaluator.shots(20, 1)] == [few if c == 3 else 20 for c in range(10)]
    recipe = Recipe("kmeans", 5)
    evaluated = evaluator.evaluate(recipe, 20, [1])
    shots = np.concatenate(evaluator.shots(20, 1))
    model = ImprintingClassifier.from_recipe(recipe, 1).fit(small.X_train[shots], small.y_train[shots])
    assert (evaluated.predictions[0] == model.predict(small.X_test)).mean() >= 0.99


def test_a_remapping_is_evaluated_as_the_estimator_on_mapped_labels(vit_digits):
    mapping = {0: 0, 8: 0, 3: 1, 5: 1, 1: 2}
    train, test = (np.isin(y, list(mapping)) for y in (vit_digits.y_train, vit_digits.y_test))
    y_train, y_test = (
        np.array([mapping[c] for c in y.tolist()]) for y in (vit_digits.y_train[train], vit_digits.y_test[test])
    )
    pool = choose_classes(vit_digits, "round=0+8, 3+5, 1")
    np.testing.assert_array_equal(pool.y_train, y_train)
    for recipe in (Recipe("kmeans", 4), PRESETS["whitened"].recipe):
        evaluator = Evaluator(pool, recipe.space)
        for n in (20, None):
            shots = np.concatenate(evaluator.shots(n, SEEDS[0]))
            model = ImprintingClassifier.from_recipe(recipe, SEEDS[0])
            model.fit(vit_digits.X_train[train][shots], y_train[shots])
            evaluated = evaluator.evaluate(recipe, n, SEEDS[:1])
            assert (evaluated.predictions[0] == model.predict(vit_digits.X_test[test])).mean() >= 0.99
            assert evaluated.accuracy[0] == pytest.approx(100 * (evaluated.predictions[0] == y_test).mean())
        assert_agreement(evaluator, recipe, vit_digits, "round=0+8, 3+5, 1", 20)


def test_what_is_kept_for_the_next_recipe_changes_nothing(vit_digits):
    pool = choose_classes(vit_digits)
    shared = Evaluator(pool, Recipe().space)
    for n, seeds, k in ((20, SEEDS[:2], 3), (20, SEEDS[:2], 7), (20, SEEDS[:3], 7), (30, SEEDS[:3], 7)):
        fresh = Evaluator(pool, Recipe().space).evaluate(Recipe(k=k), n, seeds)
        np.testing.assert_array_equal(shared.evaluate(Recipe(k=k), n, seeds).predictions, fresh.predictions)


@pytest.mark.parametrize("recipe", [Recipe("kmeans", 5), Recipe("ls"), Recipe("kmeans", 3, agg="mnn")])
def test_blocks_of_test_samples_change_no_prediction(vit_digits, monkeypatch, recipe):
    pool = choose_classes(vit_digits)
    whole = Evaluator(pool, recipe.space).evaluate(recipe, 20, SEEDS[:1]).predictions
    monkeypatch.setattr(inner_products, "_BLOCK", 1000)
    np.testing.assert_array_equal(Evaluator(pool, recipe.space).evaluate(recipe, 20, SEEDS[:1]).predictions, whole)


def test_accuracy_over_k_is_that_of_each_k(vit_digits):
    evaluator = Evaluator(choose_classes(vit_digits), Recipe().space)
    ks, seeds = (1, 3, 10, 40), SEEDS[:3]
    curve = evaluator.accuracy_over_k(Recipe("kmeans", 7), ks, 40, seeds)
    for k, runs in zip(ks, curve, strict=True):
        np.testing.assert_array_equal(runs, evaluator.evaluate(Recipe("kmeans", k), 40, seeds).accuracy)


def test_proxies_are_those_of_the_estimator_before_norm_post(vit_digits):
    recipe = Recipe("kmeans", 4)
    evaluator = Evaluator(choose_classes(vit_digits), Recipe().space)
    proxies, classes, around = evaluator.imprint(recipe, 30, SEEDS[0])
    np.testing.assert_array_equal(around, evaluator.embedded)
    split = Experiment(vit_digits.info, n_shot=30).split(embeddings=vit_digits)
    model = ImprintingClassifier.from_recipe(recipe, SEEDS[0]).fit(split.X_train, split.y_train)
    np.testing.assert_array_equal(classes, model.proxy_class_)
    unit = proxies / np.linalg.norm(proxies, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, model.proxies_, atol=1e-5)


def test_evaluator_refuses_a_recipe_of_another_space(vit_digits):
    with pytest.raises(ValueError, match="this evaluator has the space Space"):
        Evaluator(choose_classes(vit_digits), Recipe().space).evaluate(Recipe(norm_pre="none"), 5, [0])


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("gen", ["mean", "kmeans", "cov_max", "kls"])
@pytest.mark.parametrize(
    ("post", "agg", "distance"),
    [
        ("l2", "max", "cosine"),
        ("none", "sum", "cosine"),
        ("quantile", "max", "cosine"),
        ("l2", "mnn", "cosine"),
        ("quantile_published", "mnn", "euclidean"),
        ("l2", "mnn", "manhattan"),
        ("none", "mnn", "mahalanobis"),
    ],
)
def test_every_kind_of_recipe_predicts_what_the_estimator_predicts(vit_digits, transform, gen, post, agg, distance):
    for n in (1, 6):
        recipe = Recipe(gen, 3, "l2", post, "l2", agg, transform, m=4, distance=distance, lam=0.1)
        evaluator = Evaluator(choose_classes(vit_digits, "odd"), recipe.space)
        assert_agreement(evaluator, recipe, vit_digits, "odd", n)


def test_draws_of_the_same_shots_share_their_whitening(vit_digits):
    recipe = PRESETS["whitened"].recipe
    evaluator = Evaluator(choose_classes(vit_digits), recipe.space)
    runs = evaluator.evaluate(recipe, None, SEEDS[:3])
    assert len({evaluator.fit_of(recipe, None, seed).shrinkage for seed in SEEDS[:3]}) == 1
    np.testing.assert_array_equal(runs.predictions[0], runs.predictions[1])
    _, _, around = evaluator.imprint(recipe, 5, SEEDS[0])
    assert around.shape == evaluator.pool.X_train.shape


@pytest.mark.parametrize("shrinkage", ["auto", "ledoit_wolf", 0.3])
@pytest.mark.parametrize(("pre", "inf"), [("none", "l2"), ("l2", "none")])
def test_wide_embeddings_are_whitened_by_their_products(bundled, shrinkage, pre, inf):
    """2048 dimensions, fewer shots: nothing is as wide as the embeddings, and predictions are the estimator's."""
    embeddings = open_set(bundled["resnet50", "digits"])
    pool = choose_classes(embeddings, "short")
    for gen, agg in (("mean", "max"), ("kmeans", "mnn")):
        recipe = Recipe(gen, 4, pre, "l2", inf, agg, "whiten", shrinkage, m=3)
        evaluator = Evaluator(pool, recipe.space)
        for n in (1, 2, 30):
            for seed, model in assert_agreement(evaluator, recipe, embeddings, "short", n).items():
                fit = evaluator.fit_of(recipe, n, seed)
                assert bool(fit.remark) == (n == 1)
                if n > 1:
                    assert fit.shrinkage == pytest.approx(model.transform_.shrinkage, rel=1e-3)


def test_whitened_proxies_stand_at_the_same_mixture_of_untransformed_shots(vit_digits):
    for gen in ("mean", "kmedoids", "kmeans"):
        recipe = Recipe(gen, 3, "none", pretransform="whiten")
        evaluator = Evaluator(choose_classes(vit_digits), recipe.space)
        proxies, classes, around = evaluator.imprint(recipe, 20, SEEDS[0])
        np.testing.assert_allclose(np.linalg.norm(around, axis=1), 1, rtol=1e-5)
        for c, shots in enumerate(evaluator.shots(20, SEEDS[0])):
            members = proxies[classes == c]
            if gen == "mean":
                np.testing.assert_allclose(members, around[shots].mean(axis=0, keepdims=True), atol=1e-6)
            else:
                assert (members >= around[shots].min(axis=0) - 1e-6).all()
                assert (members <= around[shots].max(axis=0) + 1e-6).all()
            if gen == "kmedoids":
                assert all((around[shots] == proxy).all(axis=1).any() for proxy in members)


@pytest.mark.parametrize("pretransform", TRANSFORMS)
@pytest.mark.parametrize("gen", ["kmeans", "kmedoids_cosine", "kls"])
@pytest.mark.parametrize("agg", ["max", "mnn"])
def test_memory_is_free_once_an_evaluator_is_dropped(vit_digits, pretransform, gen, agg):
    """Nothing that it keeps refers back to it: a server drops hundreds of megabytes between two collections."""
    recipe = Recipe(gen, 3, pretransform=pretransform, agg=agg, distance="mahalanobis" if agg == "mnn" else "euclidean")
    gc.collect()
    gc.disable()
    try:
        evaluator = Evaluator(choose_classes(vit_digits, "odd"), recipe.space)
        for n in (4, 60):
            evaluator.evaluate(recipe, n, [1, 2])
            evaluator.imprint(recipe, n, 1)
        fit = evaluator._fit(recipe, evaluator.shots(60, 1), 1)
        products = evaluator._shared or evaluator._products_of(fit)[0]
        dropped = [weakref.ref(evaluator), weakref.ref(products)]
        del products
        del evaluator
        # A helper thread may be at the end of its last item.
        end = time.monotonic() + 20
        while any(each() for each in dropped) and time.monotonic() < end:
            time.sleep(0.01)
        assert [each() for each in dropped] == [None, None]
    finally:
        gc.enable()
