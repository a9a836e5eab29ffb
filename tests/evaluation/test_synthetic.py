"""Results on the synthetic data are known: one proxy per class fails, two succeed, none does without NORM."""

import numpy as np
import pytest

from imprint_core.errors import ImprintError
from imprint_core.evaluation.synthetic import (
    EXAMPLES,
    HIGHEST,
    LOWEST,
    PER_UNIT,
    imprint_data,
    imprint_placed,
    imprint_points,
    make_data,
    make_example,
)


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


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_have_positions_of_the_sandbox_and_two_classes_of_equal_size(name):
    data = make_example(name)
    positions = data.X_train * PER_UNIT
    np.testing.assert_allclose(positions, np.rint(positions), atol=1e-9)
    # None is cut off at the edge.
    assert positions.min() > LOWEST
    assert positions.max() < HIGHEST
    for y in (data.y_train, data.y_test):
        assert len(set(np.bincount(y).tolist())) == 1
    with pytest.raises(ImprintError, match="No example is called 'spirals'"):
        make_example("spirals")


@pytest.mark.parametrize(
    ("name", "fails", "succeeds"),
    # k, L2, nearest proxy.
    [
        ("islands", (1, True, False), (2, True, False)),
        ("lengths", (2, False, False), (2, True, False)),
        ("moons", (6, True, False), (6, False, True)),
        ("rings", (8, True, False), (8, False, True)),
    ],
)
def test_an_example_shows_what_its_help_compares(name, fails, succeeds):
    data = make_example(name)
    scores = [
        imprint_points(data.X_train, data.y_train, *options).score(data.X_test, data.y_test)
        for options in (fails, succeeds)
    ]
    assert scores[0] < 0.85
    assert scores[1] > 0.97


def test_the_example_of_unequal_lengths_is_the_lesson():
    lesson, example = make_data(), make_example("lengths")
    assert np.abs(example.X_train - lesson.X_train * 2 / 3).max() <= 0.5 / PER_UNIT + 1e-9
    for k in (1, 2):
        for normalised in (True, False):
            model = imprint_points(example.X_train, example.y_train, k, normalised, nearest=False)
            accuracy = 100 * model.score(example.X_test, example.y_test)
            assert accuracy == pytest.approx(imprint_data(lesson, k, normalised).accuracy, abs=2)


def test_placed_proxies_are_used_as_they_are_but_for_norm_post():
    data = make_example("islands")
    fitted = imprint_points(data.X_train, data.y_train, 2, normalised=False, nearest=True)
    placed = imprint_placed(fitted.proxies_[::-1], fitted.proxy_class_[::-1], normalised=False, nearest=True)
    assert np.array_equal(placed.predict(data.X_test), fitted.predict(data.X_test))
    longer = imprint_placed(3 * fitted.proxies_, fitted.proxy_class_, normalised=True, nearest=False)
    np.testing.assert_allclose(np.linalg.norm(longer.proxies_, axis=1), 1)
    # One class, of which one proxy is nearest everywhere.
    single = imprint_placed(np.array([[1.0, 0.0]]), np.array([3]), normalised=True, nearest=False)
    assert set(single.predict(data.X_test)) == {3}
