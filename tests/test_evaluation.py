from dataclasses import replace

import numpy as np
import pytest

from imprint_core.classifier import ImprintingClassifier
from imprint_core.evaluation import Products
from imprint_core.generation import GENERATORS
from imprint_core.recipe import Recipe
from imprint_core.task import SEEDS, Task, choose_classes


@pytest.mark.parametrize("gen", GENERATORS)
@pytest.mark.parametrize("norms", [("l2", "l2", "l2"), ("none", "l2", "none"), ("none", "none", "l2")])
@pytest.mark.parametrize("n", [1, 4, 50, None])
def test_evaluation_predicts_what_the_estimator_predicts(vit_digits, gen, norms, n):
    recipe = Recipe(gen, 5, *norms)
    products = Products(choose_classes(vit_digits, "odd"), recipe.norm_pre, recipe.norm_inf)
    evaluated = products.evaluate(recipe, n, SEEDS[:2])
    for i, seed in enumerate(SEEDS[:2]):
        split = Task("vit", "digits", "odd", n, seed).split(vit_digits)
        model = ImprintingClassifier.from_recipe(recipe, seed).fit(split.X_train, split.y_train)
        predicted = model.predict(split.X_test)
        ours = products.classes[evaluated.predictions[i]]
        assert (ours == predicted).mean() >= 0.99
        assert evaluated.accuracy[i] == pytest.approx(100 * (ours == split.y_test).mean())


def test_classes_of_unequal_size_give_what_they_have(vit_digits):
    pool = choose_classes(vit_digits)
    keep = np.flatnonzero((pool.y_train != 3) | (np.arange(len(pool.y_train)) % 40 == 0))
    small = replace(pool, X_train=pool.X_train[keep], y_train=pool.y_train[keep], id_train=pool.id_train[keep])
    few = int((small.y_train == 3).sum())
    assert 0 < few < 20
    products = Products(small, "l2", "l2")
    assert [len(s) for s in products.shots(20, 1)] == [few if c == 3 else 20 for c in range(10)]
    recipe = Recipe("kmeans", 5)
    evaluated = products.evaluate(recipe, 20, [1])
    shots = np.concatenate(products.shots(20, 1))
    model = ImprintingClassifier.from_recipe(recipe, 1).fit(small.X_train[shots], small.y_train[shots])
    assert (evaluated.predictions[0] == model.predict(small.X_test)).mean() >= 0.99


def test_what_is_kept_for_the_next_recipe_changes_nothing(vit_digits):
    pool = choose_classes(vit_digits)
    kept = Products(pool, "l2", "l2")
    for n, seeds, k in ((20, SEEDS[:2], 3), (20, SEEDS[:2], 7), (20, SEEDS[:3], 7), (30, SEEDS[:3], 7)):
        fresh = Products(pool, "l2", "l2").evaluate(Recipe(k=k), n, seeds)
        np.testing.assert_array_equal(kept.evaluate(Recipe(k=k), n, seeds).predictions, fresh.predictions)


def test_accuracy_over_k_is_that_of_each_k(vit_digits):
    products = Products(choose_classes(vit_digits), "l2", "l2")
    ks, seeds = (1, 3, 10, 40), SEEDS[:3]
    curve = products.accuracy_over_k(Recipe("kmeans", 7), ks, 40, seeds)
    for k, runs in zip(ks, curve, strict=True):
        np.testing.assert_array_equal(runs, products.evaluate(Recipe("kmeans", k), 40, seeds).accuracy)


def test_proxies_are_those_of_the_estimator_before_norm_post(vit_digits):
    recipe = Recipe("kmeans", 4)
    products = Products(choose_classes(vit_digits), "l2", "l2")
    proxies, classes = products.proxies(recipe, 30, SEEDS[0])
    split = Task("vit", "digits", n_shot=30).split(vit_digits)
    model = ImprintingClassifier.from_recipe(recipe, SEEDS[0]).fit(split.X_train, split.y_train)
    np.testing.assert_array_equal(classes, model.proxy_class_)
    unit = proxies / np.linalg.norm(proxies, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, model.proxies_, atol=1e-5)


def test_products_refuse_a_recipe_of_other_norms(vit_digits):
    with pytest.raises(ValueError, match="are of norms"):
        Products(choose_classes(vit_digits), "l2", "l2").evaluate(Recipe(norm_pre="none"), 5, [0])
