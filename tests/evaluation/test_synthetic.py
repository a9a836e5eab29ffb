"""Results on the synthetic data are known: one proxy per class fails, two succeed, none does without NORM."""

import numpy as np
import pytest

from imprint_core.evaluation.synthetic import imprint_data, make_data


@pytest.mark.parametrize("seed", range(5))
def test_one_proxy_per_class_fails_and_two_succeed(seed):
    data = make_data(seed)
    assert imprint_data(data, 1, True).accuracy < 75
    for k in (2, 3, 4):
        assert imprint_data(data, k, True).accuracy > 97


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_without_norm_the_class_of_long_vectors_wins_for_every_k(k):
    run = imprint_data(make_data(), k, False)
    assert run.accuracy < 75
    lengths = np.linalg.norm(run.proxies, axis=1)
    assert lengths[run.classes == 0].min() > lengths[run.classes == 1].max()


def test_data_depends_on_the_seed():
    first, same, other = make_data(3), make_data(3), make_data(4)
    assert np.array_equal(first.X_train, same.X_train)
    assert not np.array_equal(first.X_train, other.X_train)
    for y in (first.y_train, first.y_test):
        assert len(set(np.bincount(y).tolist())) == 1


def test_regions_are_predictions_of_the_nearest_proxy():
    run = imprint_data(make_data(), 2, True)
    x, y = np.meshgrid(*run.axes)
    cells = np.stack([x, y], axis=-1)
    nearest = run.classes[np.argmax(cells @ run.proxies.T, axis=-1)]
    away = np.linalg.norm(cells, axis=-1) > 0.1
    assert (nearest == run.regions)[away].mean() > 0.999
    assert set(np.unique(run.regions)) == {0, 1}
