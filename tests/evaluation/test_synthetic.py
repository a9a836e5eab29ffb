"""Synthetic data with a known result: one proxy per class fails, two succeed, and without NORM none does."""

import numpy as np
import pytest

from imprint_core.evaluation.synthetic import NAMES, make_toy, run_toy
from imprint_core.figures.lessons import toy_picture


@pytest.mark.parametrize("seed", range(5))
def test_one_proxy_fails_and_two_succeed(seed):
    toy = make_toy(seed)
    assert run_toy(toy, 1, True).accuracy < 75
    for k in (2, 3, 4):
        assert run_toy(toy, k, True).accuracy > 97


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_without_norm_the_long_class_wins_for_every_k(k):
    run = run_toy(make_toy(), k, False)
    assert run.accuracy < 75
    lengths = np.linalg.norm(run.proxies, axis=1)
    assert lengths[run.classes == 0].min() > lengths[run.classes == 1].max()


def test_a_seed_makes_the_same_toy_and_another_another():
    first, same, other = make_toy(3), make_toy(3), make_toy(4)
    assert np.array_equal(first.X_train, same.X_train)
    assert not np.array_equal(first.X_train, other.X_train)
    for y in (first.y_train, first.y_test):
        assert len(set(np.bincount(y).tolist())) == 1


def test_regions_are_what_the_nearest_proxy_says():
    run = run_toy(make_toy(), 2, True)
    x, y = np.meshgrid(*run.axes)
    cells = np.stack([x, y], axis=-1)
    nearest = run.classes[np.argmax(cells @ run.proxies.T, axis=-1)]
    away = np.linalg.norm(cells, axis=-1) > 0.1
    assert (nearest == run.regions)[away].mean() > 0.999
    assert set(np.unique(run.regions)) == {0, 1}


def test_the_picture_has_regions_points_and_proxies():
    toy = make_toy()
    run = run_toy(toy, 3, True)
    regions, *points, stars = toy_picture(toy, run).data
    assert np.array_equal(regions.z, run.regions)
    assert [trace.name for trace in points] == list(NAMES)
    assert sum(len(trace.x) for trace in points) == len(toy.y_test)
    assert len(stars.x) == 6
