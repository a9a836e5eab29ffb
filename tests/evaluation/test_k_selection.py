import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.k_selection import RULES, left_out_accuracy, parting_plan, partings, suggest_k, suggested
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
def test_every_shot_is_left_out_once_in_a_parting_and_each_class_keeps_one(sizes, seed):
    y = np.repeat(np.arange(len(sizes)) * 3, sizes)
    folds = partings(y, seed)
    count, repeats = parting_plan(max(sizes))
    assert len(folds) == count * repeats
    again = partings(y, seed)
    for fold, same in zip(folds, again, strict=True):
        assert sorted([*fold.stay, *fold.out]) == list(range(len(y)))
        assert set(y[fold.stay]) == set(y)
        np.testing.assert_array_equal(fold.out, same.out)
    alone = np.flatnonzero(np.isin(y, [3 * c for c, size in enumerate(sizes) if size == 1]))
    for repeat in range(repeats):
        out = np.concatenate([fold.out for fold in folds[repeat * count : (repeat + 1) * count]])
        assert sorted([*out, *alone]) == list(range(len(y)))


@pytest.mark.parametrize(
    "recipe",
    # Methods to which the order of the shots means nothing.
    [
        Recipe("kmedoids"),
        Recipe("kmedoids", norm_pre="none", norm_post="none", agg="sum"),
        Recipe("kmedoids", pretransform="whiten"),
        Recipe("ls", lam=0.1),
    ],
)
def test_validation_accuracy_is_that_of_the_estimator(vit_digits, recipe):
    X, y = shots_of(vit_digits, 20)
    fold = partings(y, 7)[3]
    got = left_out_accuracy(X, y, recipe, KS, fold)
    for k, accuracy in zip(KS, got, strict=True):
        at_k = Recipe(**{**vars(recipe), "k": k})
        model = ImprintingClassifier.from_recipe(at_k, random_state=fold.seed).fit(X[fold.stay], y[fold.stay])
        assert accuracy == pytest.approx(100 * model.score(X[fold.out], y[fold.out]))


def test_merged_classes_get_a_proxy_for_each_of_their_parts(bundled):
    from imprint_core.embeddings import open_set

    tiny = open_set(bundled["vit_tiny_patch16_224", "tiny_imagenet_100"])
    X, y = shots_of(tiny, 60, "3in1")
    assert suggest_k(X, y, Recipe(), KS, SEEDS[0]) >= 3


def test_few_shots_and_nothing_to_choose():
    X, y = np.eye(4, dtype=np.float32), np.arange(4)
    assert suggest_k(X, y, Recipe(), KS) == 1
    assert partings(y, 0) == []
    assert suggest_k(np.ones((5, 3), np.float32), np.zeros(5, int), Recipe(), KS) in KS
    assert suggest_k(np.repeat(X, 2, axis=0), np.repeat(y, 2), Recipe(), (4,)) == 4
    with pytest.raises(ImprintError, match="no k to choose from"):
        suggest_k(X, y, Recipe(), ())


def test_what_the_rules_choose():
    # The third k is best alone, the sixth among good neighbours.
    scores = np.array([[50, 60, 82, 60, 80, 81, 80], [50, 81, 86, 60, 84, 83, 82]], dtype=float)
    ks = (1, 2, 3, 4, 5, 6, 7)
    assert suggested(ks, list(scores), "peak") == 3
    assert suggested(ks, list(scores), "smoothed") == 6
    assert suggested(ks, list(scores), "one_se") == 3
    wide = np.array([[70, 95], [86, 71]], dtype=float)
    assert suggested((1, 5), list(wide), "one_se") == 1
    assert suggested((1, 5), list(wide), "peak") == 5
    for rule in RULES:
        assert suggested((2, 5), [np.array([70.0, 70.0])], rule) == 2
        assert suggested((2, 5), [], rule) == 2
