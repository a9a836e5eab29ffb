from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from imprint_core.errors import ImprintError
from imprint_core.evaluation.ranking import ALPHA, groups_of, holm, pairwise, rank, wilcoxon
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.runner import read_table
from imprint_core.sweeps.sweep_table import Results, bundled_results


@pytest.fixture(scope="module")
def scores(bundled):
    """The presets on the bundled tasks: real tables, one an n-shot."""
    results = Results(read_table(bundled_results()), bundled)
    recipes = [preset.recipe for preset in PRESETS.values()]
    return [results.scores(recipes, [w for w in results.tasks if w.n == n]).values for n in (5, 20, 100, 200)]


def test_friedman_ranks_and_wins_on_real_tables(scores):
    for own in scores:
        found = rank(own)
        assert found.friedman == pytest.approx(stats.friedmanchisquare(*own.T).pvalue)
        np.testing.assert_allclose(found.ranks, pd.DataFrame(-own).rank(axis=1).mean().to_numpy())
        np.testing.assert_allclose(found.mean, own.mean(axis=0))
        np.testing.assert_allclose(found.std, pd.DataFrame(own).std().to_numpy())
        assert found.wins.tolist() == [sum(row[m] == max(row) for row in own.tolist()) for m in range(own.shape[1])]


def test_wilcoxon_with_holm_is_scikit_posthocs_on_real_tables(scores):
    for own in scores:
        long = pd.DataFrame(own).melt(var_name="method", value_name="score")
        theirs = scikit_posthocs.posthoc_wilcoxon(
            long, val_col="score", group_col="method", zero_method="pratt", p_adjust="holm"
        )
        np.testing.assert_allclose(pairwise(own), theirs.to_numpy(), rtol=1e-9)


def test_methods_that_are_identical_are_tied_and_cost_nothing(scores):
    own = scores[2]
    twice = np.column_stack([own, own[:, 0]])
    found, alone = rank(twice), rank(own)
    assert found.p[0, -1] == 1
    # No hypothesis is spent on the pair itself, but on its pairs with the others.
    raw = [wilcoxon(twice[:, i], twice[:, j]) for i, j in combinations(range(7), 2) if (i, j) != (0, 6)]
    assert sorted(holm(np.array(raw))) == sorted(
        found.p[i, j] for i, j in combinations(range(7), 2) if (i, j) != (0, 6)
    )
    assert any({0, 6} <= set(group) for group in found.groups)
    assert found.ranks[0] == found.ranks[6] > alone.ranks[0]
    same = rank(np.column_stack([own[:, 0]] * 3))
    assert (same.friedman, same.groups, same.wins.tolist()) == (1.0, ((0, 1, 2),), [len(own)] * 3)


def test_where_friedman_does_not_reject_all_are_one_group():
    own = np.random.default_rng(0).normal(size=(12, 4))
    found = rank(own)
    assert found.friedman >= ALPHA
    assert [sorted(group) for group in found.groups] == [[0, 1, 2, 3]]


def test_two_methods_are_compared_by_wilcoxon():
    own = np.column_stack([np.arange(10.0) + 1, np.arange(10.0)])
    found = rank(own)
    assert found.friedman == pytest.approx(stats.wilcoxon(own[:, 0], own[:, 1]).pvalue)
    assert (found.ranks.tolist(), found.groups) == ([1, 2], ())


def brute_force(tied):
    """Every set of methods that are tied in pairs and in no larger such set."""
    methods = range(len(tied))
    sets = [
        set(own)
        for size in range(2, len(tied) + 1)
        for own in combinations(methods, size)
        if all(tied[i][j] for i, j in combinations(own, 2))
    ]
    return sorted(sorted(own) for own in sets if not any(own < other for other in sets))


@settings(deadline=None)
@given(st.integers(1, 7).flatmap(lambda q: st.lists(st.booleans(), min_size=q * q, max_size=q * q)), st.randoms())
def test_groups_are_those_of_brute_force(bits, random):
    q = round(len(bits) ** 0.5)
    tied = np.array(bits).reshape(q, q)
    tied = tied | tied.T | np.eye(q, dtype=bool)
    order = np.array(random.sample(range(q), q))
    found = groups_of(tied, order)
    assert sorted(sorted(group) for group in found) == brute_force(tied)
    place = np.argsort(order)
    assert all(list(group) == sorted(group, key=lambda i: place[i]) for group in found)


def test_groups_of_real_tables_are_those_of_brute_force(scores):
    for own in scores:
        found = rank(own)
        assert found.friedman < ALPHA
        assert sorted(sorted(group) for group in found.groups) == brute_force(found.p >= ALPHA)


@pytest.mark.parametrize("own", [np.ones((3, 1)), np.ones((0, 3)), np.array([[1, np.nan]])])
def test_what_cannot_be_ranked(own):
    with pytest.raises(ImprintError, match="two methods or more"):
        rank(own)


def test_one_task_ranks_but_tells_nothing_apart():
    found = rank(np.array([[3.0, 2.0, 1.0]]))
    assert found.ranks.tolist() == [1, 2, 3]
    assert found.std.tolist() == [0, 0, 0]
    assert [sorted(group) for group in found.groups] == [[0, 1, 2]]
