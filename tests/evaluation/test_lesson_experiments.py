"""Experiments of the lessons, with numbers that can be checked manually."""

import numpy as np
import pytest

from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.lesson_experiments import (
    band,
    band_limits,
    count_predictions,
    higher_of,
    map_overlap,
    rank_of,
    ranked_pairs,
    symmetric,
    top_pair,
    tried_recipes,
)
from imprint_core.evaluation.task import choose_classes
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.selection import Candidate, Selection


def test_a_value_on_an_edge_is_in_the_upper_interval():
    assert [band(v, (40.0, 60.0)) for v in (-1, 39.9, 40, 60, 100)] == [0, 0, 1, 2, 2]


def test_limits_of_intervals_are_the_edges_and_the_ends():
    edges = (40.0, 60.0)
    limits = [band_limits(i, edges, 0, 100) for i in range(3)]
    assert limits == [(0, 40), (40, 60), (60, 100)]
    assert [band((low + high) / 2, edges) for low, high in limits] == [0, 1, 2]


@pytest.mark.parametrize(("first", "second", "who"), [(70, 69, 0), (69, 70, 1), (70, 69.5, 2), (5, 5, 2)])
def test_the_higher_value_is_higher_by_a_point(first, second, who):
    assert higher_of(first, second) == who


def test_mixed_classes_overlap_on_a_map_and_distant_ones_do_not():
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(90, 2)).astype(np.float32)
    y = np.repeat([0, 1, 2], 30)
    positions[y == 2] += 100
    pairs = map_overlap(positions, y)
    assert pairs[0, 1] == pairs[1, 0] > 30
    assert pairs[0, 2] == pairs[1, 2] == pairs[2, 2] == 0
    assert top_pair(pairs) == (0, 1)


def test_rank_of_a_pair_is_one_plus_the_number_of_larger_values():
    pairs = symmetric(np.array([[90.0, 4, 6], [2, 80, 18], [0, 10, 90]]))
    assert pairs.tolist() == [[0, 3, 3], [3, 0, 14], [3, 14, 0]]
    assert top_pair(pairs) == (1, 2)
    assert [rank_of(pairs, pair) for pair in ((1, 2), (0, 1), (0, 2))] == [1, 2, 2]
    for pair in ((1, 2), (0, 1), (0, 2)):
        ranked, values = ranked_pairs(pairs, pair)
        assert ranked.index(pair) + 1 == rank_of(pairs, pair)
        assert values.tolist() == [14, 3, 3]


def test_prediction_counts_are_sorted_by_length_and_sum_to_all_samples(vit_digits):
    none = Recipe("mean", 1, "none", "none", "none")
    evaluator = Evaluator(choose_classes(vit_digits), none.space)
    counts = count_predictions(evaluator, none, Recipe("mean", 1, "none", "l2", "none"), 20, 0)
    assert (np.diff(counts.lengths) <= 0).all()
    assert counts.true.sum() == counts.none.sum() == counts.l2.sum() == len(evaluator.truth)
    assert sorted(counts.classes.tolist()) == list(range(10))
    rows = evaluator.shots(20, 0)[counts.classes[0]]
    mean = vit_digits.X_train[rows].mean(axis=0)
    assert counts.lengths[0] == pytest.approx(float(np.linalg.norm(mean)), rel=1e-4)


def test_recipes_of_the_k_that_were_tried_have_their_shrinkage():
    tried = (Candidate(1, 0.5, 10.0, 0.9), Candidate(2, 0.2, 7.0, 0.6), Candidate(5, 0.8, 7.0, 0.7))
    selection = Selection(2, 0.2, 7.0, tried)
    recipes = tried_recipes(selection, Recipe("auto"))
    assert {k: (recipe.k, recipe.shrinkage) for k, recipe in recipes.items()} == {
        1: (1, "auto"),
        2: (2, 0.2),
        5: (5, 0.8),
    }
    assert recipes[2] == selection.of(Recipe("auto"))
