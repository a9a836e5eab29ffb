import time
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from imprint_core.errors import ImprintError
from imprint_core.evaluation.ranking import ALPHA, generation_seconds, groups_of, holm, p_text, pairwise, rank, wilcoxon
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable, bundled_sweep


@pytest.fixture(scope="module")
def scores(bundled):
    """Accuracies of the presets on the bundled tasks, one array per n-shot; Auto equals the whitened mean at n = 5."""
    table = SweepTable.read(bundled_sweep(), bundled)
    recipes = [sweep_recipe(preset.recipe) for name, preset in PRESETS.items() if name not in ("auto", "probe")]
    return [table.scores(recipes, [task for task in table.tasks if task.n == n]).values for n in (5, 20, 100, 200)]


def test_friedman_ranks_and_wins_on_real_tables(scores):
    for accuracy in scores:
        ranking = rank(accuracy)
        assert ranking.friedman == pytest.approx(stats.friedmanchisquare(*accuracy.T).pvalue)
        np.testing.assert_allclose(ranking.ranks, pd.DataFrame(-accuracy).rank(axis=1).mean().to_numpy())
        np.testing.assert_allclose(ranking.mean, accuracy.mean(axis=0))
        np.testing.assert_allclose(ranking.std, pd.DataFrame(accuracy).std().to_numpy())
        wins = [sum(row[m] == max(row) for row in accuracy.tolist()) for m in range(accuracy.shape[1])]
        assert ranking.wins.tolist() == wins


def test_wilcoxon_with_holm_is_scikit_posthocs_on_real_tables(scores):
    for accuracy in scores:
        long = pd.DataFrame(accuracy).melt(var_name="method", value_name="score")
        theirs = scikit_posthocs.posthoc_wilcoxon(
            long, val_col="score", group_col="method", zero_method="pratt", p_adjust="holm"
        )
        np.testing.assert_allclose(pairwise(accuracy), theirs.to_numpy(), rtol=1e-9)


def test_identical_methods_are_tied_and_are_no_hypothesis(scores):
    accuracy = scores[2]
    twice = np.column_stack([accuracy, accuracy[:, 0]])
    ranking, single = rank(twice), rank(accuracy)
    assert ranking.p[0, -1] == 1
    # Holm's correction counts all pairs but the identical one.
    raw = [wilcoxon(twice[:, i], twice[:, j]) for i, j in combinations(range(7), 2) if (i, j) != (0, 6)]
    assert sorted(holm(np.array(raw))) == sorted(
        ranking.p[i, j] for i, j in combinations(range(7), 2) if (i, j) != (0, 6)
    )
    assert any({0, 6} <= set(group) for group in ranking.groups)
    assert ranking.ranks[0] == ranking.ranks[6] > single.ranks[0]
    same = rank(np.column_stack([accuracy[:, 0]] * 3))
    assert (same.friedman, same.groups, same.wins.tolist()) == (1.0, ((0, 1, 2),), [len(accuracy)] * 3)


def test_without_friedmans_rejection_all_methods_are_one_group():
    ranking = rank(np.random.default_rng(0).normal(size=(12, 4)))
    assert ranking.friedman >= ALPHA
    assert [sorted(group) for group in ranking.groups] == [[0, 1, 2, 3]]


def test_two_methods_are_compared_by_wilcoxon():
    accuracy = np.column_stack([np.arange(10.0) + 1, np.arange(10.0)])
    ranking = rank(accuracy)
    assert ranking.friedman == pytest.approx(stats.wilcoxon(accuracy[:, 0], accuracy[:, 1]).pvalue)
    assert (ranking.ranks.tolist(), ranking.groups) == ([1, 2], ())


def brute_force(tied):
    """All maximal sets of methods that are tied in pairs."""
    methods = range(len(tied))
    groups = [
        set(group)
        for size in range(2, len(tied) + 1)
        for group in combinations(methods, size)
        if all(tied[i][j] for i, j in combinations(group, 2))
    ]
    return sorted(sorted(group) for group in groups if not any(group < other for other in groups))


@settings(deadline=None)
@given(st.integers(1, 7).flatmap(lambda q: st.lists(st.booleans(), min_size=q * q, max_size=q * q)), st.randoms())
def test_groups_are_those_of_brute_force(bits, random):
    q = round(len(bits) ** 0.5)
    tied = np.array(bits).reshape(q, q)
    tied = tied | tied.T | np.eye(q, dtype=bool)
    order = np.array(random.sample(range(q), q))
    groups = groups_of(tied, order)
    assert sorted(sorted(group) for group in groups) == brute_force(tied)
    position = np.argsort(order)
    assert all(list(group) == sorted(group, key=lambda i: position[i]) for group in groups)


def test_groups_of_real_tables_are_those_of_brute_force(scores):
    for accuracy in scores:
        ranking = rank(accuracy)
        assert ranking.friedman < ALPHA
        assert sorted(sorted(group) for group in ranking.groups) == brute_force(ranking.p >= ALPHA)


@pytest.mark.parametrize("scores", [np.ones((3, 1)), np.ones((0, 3)), np.array([[1, np.nan]])])
def test_scores_that_cannot_be_ranked(scores):
    with pytest.raises(ImprintError, match="two methods or more"):
        rank(scores)


def test_one_task_ranks_methods_in_one_group():
    ranking = rank(np.array([[3.0, 2.0, 1.0]]))
    assert ranking.ranks.tolist() == [1, 2, 3]
    assert ranking.std.tolist() == [0, 0, 0]
    assert [sorted(group) for group in ranking.groups] == [[0, 1, 2]]


def test_small_p_values_are_given_as_a_bound():
    assert [p_text(p) for p in (1.0, 0.034, 1e-4, 9e-5)] == ["p = 1", "p = 0.034", "p = 0.0001", "p < 0.0001"]


def test_time_is_the_median_of_fits(vit_digits, monkeypatch):
    ticks = iter([0, 0.05, 10, 10.01, 20, 20.03, 30, 35])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    rows = slice(0, 400)
    X, y = vit_digits.X_train[rows], vit_digits.y_train[rows]
    assert generation_seconds(X, y, PRESETS["own"].recipe, 0) == pytest.approx(0.03)
    # A fit that takes long is not repeated.
    assert generation_seconds(X, y, PRESETS["own"].recipe, 0) == 5
