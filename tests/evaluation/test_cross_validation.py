"""Small sets whose source has no test split are evaluated by cross-validation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imprint_core.datasets.images import hold_out
from imprint_core.embeddings.added_classes import add_class_to_set, class_of_images
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import FEW_TEST_SAMPLES, FOLDS, SEEDS, Split, choose_classes, folds
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS

SIZES = (12, 9, 5, 3, 2, 1)


def small_set(whole, sizes=SIZES, held_out=True):
    """The first training samples of the first classes, of which a quarter is held out for testing."""
    rows = np.concatenate([np.flatnonzero(whole.y_train == c)[:size] for c, size in enumerate(sizes)])
    X, y = whole.X_train[rows], whole.y_train[rows]
    test = hold_out(y)
    ids = np.arange(len(rows), dtype=np.int32)
    names = list(whole.info.class_names[: len(sizes)])
    dataset = {**whole.info.meta["dataset"], "class_names": names, "held_out": held_out}
    meta = {**whole.info.meta, "dataset": dataset}
    return replace(
        whole,
        info=replace(whole.info, meta=meta),
        of=(int((~test).sum()), int(test.sum())),
        X_train=X[~test],
        y_train=y[~test],
        id_train=ids[: (~test).sum()],
        X_test=X[test],
        y_test=y[test],
        id_test=ids[: test.sum()],
    )


@pytest.fixture(scope="module")
def few(vit_digits):
    return small_set(vit_digits)


def pool_of_sizes(sizes):
    y = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    test = hold_out(y)
    ids, x = np.arange(len(y), dtype=np.int32), np.arange(len(y), dtype=np.float32)[:, None]
    train, tested = (x[~test], y[~test], ids[~test]), (x[test], y[test], ids[test])
    return Split(*train, *tested, y[~test], y[test], tuple(map(str, range(len(sizes)))), resplit=True)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6).filter(lambda sizes: max(sizes) > 1), st.integers(0, 2**31))
def test_each_sample_is_tested_once_per_seed_and_never_by_its_own_fold(sizes, seed):
    pool = pool_of_sizes(sizes)
    parts, whole = folds(pool, seed), pool.evaluated
    assert 1 <= len(parts) <= FOLDS
    tested = np.concatenate([part.test for part in parts])
    assert sorted(tested.tolist()) == list(range(len(whole.y_test)))
    # All samples but the only ones of their class, identified by their codes.
    codes = [*pool.id_test.tolist(), *(-1 - pool.id_train).tolist()]
    alone = [-1 - int(i) for i, y in zip(pool.id_train, pool.y_train, strict=True) if sizes[y] == 1]
    assert sorted(whole.id_test.tolist()) == sorted(set(codes) - set(alone))
    for part in parts:
        shots = np.concatenate(part.shots)
        assert not set(whole.id_train[shots]) & set(whole.id_test[part.test])
        assert len(shots) + len(part.test) == len(codes)
        # Stratified: of each class a quarter is tested, and at least one shot remains.
        for size, rows in zip(sizes, part.shots, strict=True):
            assert len(rows) > 0
            assert size - len(rows) in ((0,) if size == 1 else (size // FOLDS, -(-size // FOLDS)))


def test_folds_and_shots_are_fixed_by_the_seed_and_differ_between_seeds(few):
    pool = choose_classes(few)
    first, again, other = (folds(pool, seed) for seed in (SEEDS[0], SEEDS[0], SEEDS[1]))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.test, b.test)
        np.testing.assert_array_equal(np.concatenate(a.shots), np.concatenate(b.shots))
    assert any(set(a.test) != set(b.test) for a, b in zip(first, other, strict=True))
    # A class's folds and shots do not depend on the other classes.
    part = choose_classes(few, "1-3")
    for a, b in zip(folds(part, SEEDS[0]), first, strict=True):
        for few_rows, rows in zip(a.shots, b.shots[1:4], strict=True):
            np.testing.assert_array_equal(part.evaluated.id_train[few_rows], pool.evaluated.id_train[rows])


@pytest.mark.parametrize(
    "recipe",
    [
        *(Recipe(gen, 2) for gen in GENERATORS),
        Recipe("kmeans", 3, "none", "quantile", "l2", "mnn", m=3),
        Recipe("mean", norm_pre="none", norm_post="none", distance="mahalanobis", agg="mnn"),
        PRESETS["whitened"].recipe,
        Recipe("kmeans", 2, pretransform="whiten", shrinkage=0.5),
        Recipe("ls", pretransform="centre"),
    ],
)
@pytest.mark.parametrize("n", [1, 4, None])
def test_predictions_are_those_of_the_estimator_on_the_shots_of_each_fold(few, recipe, n):
    experiment = Experiment(few.info, "all", n, recipe, SEEDS[:2])
    evaluator = Evaluator(experiment.pool(few), recipe.canonical().space)
    result = evaluator.evaluate(recipe.canonical(), n, experiment.seeds)
    assert result.predictions.shape == (2, sum(SIZES) - 1)
    assert result.draws == 2
    for i, seed in enumerate(experiment.seeds):
        expected, probability = {}, {}
        for split in experiment.splits(seed, few):
            assert np.bincount(split.y_train).max() <= (n or max(SIZES))
            model = ImprintingClassifier.from_recipe(recipe, seed).fit(split.X_train, split.y_train)
            expected |= dict(zip(split.id_test.tolist(), model.predict(split.X_test).tolist(), strict=True))
            if GENERATORS[recipe.gen].calibrated:
                of_test = model.predict_proba(split.X_test).max(axis=1).tolist()
                probability |= dict(zip(split.id_test.tolist(), of_test, strict=True))
        assert len(expected) == sum(SIZES) - 1
        predicted = dict(zip(evaluator.tested.id_test.tolist(), result.predictions[i].tolist(), strict=True))
        assert predicted == expected
        if GENERATORS[recipe.gen].calibrated:
            in_order = [probability[code] for code in evaluator.tested.id_test.tolist()]
            np.testing.assert_allclose(result.probability[i], in_order, atol=1e-3)
        else:
            assert result.probability is None
        assert result.accuracy[i] == 100 * np.mean([expected[c] == y for c, y in labels(few).items() if c in expected])


def labels(embeddings):
    """True classes by code."""
    tested = dict(zip(embeddings.id_test.tolist(), embeddings.y_test.tolist(), strict=True))
    return tested | dict(zip((-1 - embeddings.id_train).tolist(), embeddings.y_train.tolist(), strict=True))


def test_predictions_are_in_the_order_of_the_samples_and_seeds(few):
    """Predictions belong to samples: columns follow the samples, in any order of the seeds."""
    evaluator = Evaluator(choose_classes(few), Recipe().space)
    both = evaluator.evaluate(Recipe("kmeans", 2), 3, SEEDS[:2]).predictions
    swapped = evaluator.evaluate(Recipe("kmeans", 2), 3, SEEDS[1::-1]).predictions
    np.testing.assert_array_equal(both[::-1], swapped)
    np.testing.assert_array_equal(evaluator.tested.y_test, evaluator.classes[evaluator.truth])


def test_other_sets_keep_their_test_samples(vit_digits, few):
    fixed = small_set(vit_digits, held_out=False)
    assert not choose_classes(fixed).resplit
    assert not choose_classes(vit_digits).resplit
    many = small_set(vit_digits, (105, 105, 105, 105))
    assert len(many.y_test) >= FEW_TEST_SAMPLES
    assert not choose_classes(many).resplit
    assert choose_classes(many, "0, 1").resplit
    assert choose_classes(few).resplit
    assert Experiment(few.info).key != Experiment(fixed.info).key
    (split,) = Experiment(fixed.info, n_shot=3, seeds=SEEDS[:1]).splits(embeddings=fixed)
    np.testing.assert_array_equal(split.X_test, fixed.X_test)
    np.testing.assert_array_equal(
        split.X_train, Experiment(fixed.info, n_shot=3, seeds=SEEDS[:1]).split(embeddings=fixed).X_train
    )


def test_map_and_export_show_the_fixed_split(few):
    evaluator = Evaluator(choose_classes(few), PRESETS["whitened"].recipe.space)
    assert evaluator.imprint(PRESETS["whitened"].recipe, None, SEEDS[0]).X_train.shape == few.X_train.shape
    assert sum(map(len, evaluator.shots(None, SEEDS[0]))) == len(few.y_train)
    assert evaluator.fit_of(PRESETS["whitened"].recipe, 5, SEEDS[0]).shrinkage is not None


@pytest.mark.parametrize("gen", [gen for gen, entry in GENERATORS.items() if not entry.fixed])
def test_one_draw_is_reported_where_no_seed_changes_anything(vit_digits, gen):
    pool = choose_classes(small_set(vit_digits, (40, 40, 40, 40), held_out=False))
    recipe = Recipe(gen, 2, norm_post="none", norm_inf="none", agg="mnn", m=1)
    evaluator = Evaluator(pool, recipe.space)
    products = evaluator._shared
    proxies = [
        np.concatenate(products.solved(recipe, seed, [np.sort(rows) for rows in evaluator.shots(None, seed)]))
        for seed in SEEDS[:4]
    ]
    differ = any(not np.allclose(proxies[0], each) for each in proxies[1:])
    assert differ == GENERATORS[gen].seeded
    assert evaluator.evaluate(recipe, None, SEEDS[:4]).draws == (4 if differ else 1)
    assert evaluator.evaluate(recipe, 5, SEEDS[:4]).draws == 4
    assert evaluator.evaluate(replace(recipe, k=30), None, SEEDS[:4]).draws == 1


def test_an_added_class_keeps_the_rule_of_its_set(vit_digits, tmp_path):
    new = class_of_images("new", vit_digits.X_test[:3], [Image.new("L", (8, 8))] * 3)
    for held_out in (True, False):
        info = small_set(vit_digits, held_out=held_out).info
        assert add_class_to_set(info, new, tmp_path).held_out == held_out
