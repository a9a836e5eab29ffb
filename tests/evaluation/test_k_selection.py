import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.k_selection import RULES, choose_k, fold_accuracy, fold_plan, suggest_k, validation_folds
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe

KS = (1, 2, 3, 5, 10)


def shots_of(embeddings, n, classes="all", seed=SEEDS[0]):
    pool = choose_classes(embeddings, classes)
    rows = np.concatenate(Evaluator(pool, Recipe().space).shots(n, seed))
    return pool.X_train[rows], pool.y_train[rows]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 9))
@settings(deadline=None)
def test_each_repeat_validates_every_shot_once_and_keeps_one_per_class(sizes, seed):
    y = np.repeat(np.arange(len(sizes)) * 3, sizes)
    folds = validation_folds(y, seed)
    count, repeats = fold_plan(max(sizes))
    assert len(folds) == count * repeats
    again = validation_folds(y, seed)
    for fold, same in zip(folds, again, strict=True):
        assert sorted([*fold.train, *fold.validation]) == list(range(len(y)))
        assert set(y[fold.train]) == set(y)
        np.testing.assert_array_equal(fold.validation, same.validation)
    alone = np.flatnonzero(np.isin(y, [3 * c for c, size in enumerate(sizes) if size == 1]))
    for repeat in range(repeats):
        validated = np.concatenate([fold.validation for fold in folds[repeat * count : (repeat + 1) * count]])
        assert sorted([*validated, *alone]) == list(range(len(y)))


@pytest.mark.parametrize(
    "recipe",
    # Methods that do not depend on the order of the shots.
    [
        Recipe("kmedoids"),
        Recipe("kmedoids", norm_pre="none", norm_post="none", agg="sum"),
        Recipe("kmedoids", pretransform="whiten"),
        Recipe("ls", lam=0.1),
    ],
)
def test_fold_accuracy_matches_the_estimator(vit_digits, recipe):
    X, y = shots_of(vit_digits, 20)
    fold = validation_folds(y, 7)[3]
    got = fold_accuracy(X, y, recipe, KS, fold)
    for k, accuracy in zip(KS, got, strict=True):
        recipe_k = Recipe(**{**vars(recipe), "k": k})
        model = ImprintingClassifier.from_recipe(recipe_k, random_state=fold.seed).fit(X[fold.train], y[fold.train])
        assert accuracy == pytest.approx(100 * model.score(X[fold.validation], y[fold.validation]))


def test_suggested_k_of_merged_classes_is_at_least_d(bundled):
    from imprint_core.embeddings import open_set

    tiny = open_set(bundled["vit_tiny_patch16_224", "tiny_imagenet_100"])
    X, y = shots_of(tiny, 60, "3in1")
    assert suggest_k(X, y, Recipe(), KS, SEEDS[0]) >= 3


def test_smallest_k_is_suggested_without_validation_folds():
    X, y = np.eye(4, dtype=np.float32), np.arange(4)
    assert suggest_k(X, y, Recipe(), KS) == 1
    assert validation_folds(y, 0) == []
    assert suggest_k(np.ones((5, 3), np.float32), np.zeros(5, int), Recipe(), KS) in KS
    assert suggest_k(np.repeat(X, 2, axis=0), np.repeat(y, 2), Recipe(), (4,)) == 4
    with pytest.raises(ImprintError, match="no k to choose from"):
        suggest_k(X, y, Recipe(), ())


def test_rules_choose_from_fold_scores():
    # The third k has the best score, the sixth the best one after smoothing.
    scores = np.array([[50, 60, 82, 60, 80, 81, 80], [50, 81, 86, 60, 84, 83, 82]], dtype=float)
    ks = (1, 2, 3, 4, 5, 6, 7)
    assert choose_k(ks, list(scores), "peak") == 3
    assert choose_k(ks, list(scores), "smoothed") == 6
    assert choose_k(ks, list(scores), "one_se") == 3
    wide = np.array([[70, 95], [86, 71]], dtype=float)
    assert choose_k((1, 5), list(wide), "one_se") == 1
    assert choose_k((1, 5), list(wide), "peak") == 5
    for rule in RULES:
        assert choose_k((2, 5), [np.array([70.0, 70.0])], rule) == 2
        assert choose_k((2, 5), [], rule) == 2
