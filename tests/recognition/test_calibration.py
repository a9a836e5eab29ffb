"""Temperatures against a search over a grid, and the calibration of probabilities on bundled tasks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core import open_set
from imprint_core.errors import ImprintError
from imprint_core.framework.recipe import Recipe
from imprint_core.recognition.calibration import (
    expected_calibration_error,
    fit_temperature,
    probabilities,
    reliability,
)
from imprint_core.recognition.leave_one_out import LeaveOneOut
from imprint_core.recognition.recognizer import fit_recognizer
from tests.recognition.test_leave_one_out import shots_of

# The largest error allowed, and the tasks above it: with one mean per class of the digits, probabilities are too low.
MOST_ERROR = 0.08
EXCEPTIONS = {("mean", "digits", 20): 0.11, ("mean", "digits", 100): 0.11}


def log_loss(held_out, temperature):
    count, classes = held_out.scores.shape
    total = 0.0
    for scores, code in zip(held_out.scores, held_out.codes, strict=True):
        z = scores / temperature - (scores / temperature).max()
        log_p = z - np.log(np.exp(z).sum())
        for c in range(classes):
            total -= log_p[c] * ((count + 1) if c == code else 1 / (classes - 1)) / (count + 2)
    return total


@pytest.mark.parametrize("gen", ["mean", "kmeans"])
def test_temperature_has_the_smallest_log_loss_of_a_grid(vit_digits, gen):
    X, y = shots_of(vit_digits, dict.fromkeys(range(5), 8))
    recognizer = fit_recognizer(Recipe(gen=gen, k=3), X, y)
    grid = recognizer.temperature * np.array([0.5, 0.8, 0.95, 1.05, 1.2, 2.0, 10.0])
    best = log_loss(recognizer.held_out, recognizer.temperature)
    assert all(best < log_loss(recognizer.held_out, temperature) for temperature in grid)


def test_few_correct_shots_give_no_certainty():
    scores = np.array([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 6)
    held_out = LeaveOneOut(np.arange(12), np.repeat([0, 1], 6), scores, scores)
    p = probabilities(scores, fit_temperature(held_out))
    # 13 of 14 are the smoothed share of correct shots.
    np.testing.assert_allclose(p.max(axis=1), 13 / 14, atol=2e-3)


def test_temperature_needs_two_classes_and_shots_that_were_left_out():
    empty = LeaveOneOut(np.arange(0), np.arange(0), np.empty((0, 2)), np.empty((0, 2)))
    single = LeaveOneOut(np.arange(3), np.zeros(3, dtype=int), np.ones((3, 1)), np.ones((3, 1)))
    for held_out in (empty, single):
        with pytest.raises(ImprintError, match="two classes"):
            fit_temperature(held_out)


def test_equal_scores_give_equal_probabilities():
    held_out = LeaveOneOut(np.arange(4), np.array([0, 0, 1, 1]), np.full((4, 2), 0.5), np.full((4, 2), 0.5))
    assert probabilities([0.5, 0.5], fit_temperature(held_out)).tolist() == [0.5, 0.5]


def test_calibration_error_is_the_gap_in_each_bin():
    predicted = np.array([[0.9, 0.1]] * 4 + [[0.35, 0.65]] * 4)
    codes = np.array([0, 0, 0, 1, 1, 0, 0, 0])
    # 0.9 against 3 of 4, and 0.65 against 1 of 4.
    assert expected_calibration_error(predicted, codes) == pytest.approx((abs(0.9 - 0.75) + abs(0.65 - 0.25)) / 2)


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10", "digits"])
@pytest.mark.parametrize("recipe", ["paper", "mean"])
def test_probabilities_are_calibrated_on_bundled_tasks(bundled, dataset, n, recipe):
    embeddings = open_set(bundled["vit_tiny_patch16_224", dataset])
    X, y = shots_of(embeddings, dict.fromkeys(range(10), n), seed=n)
    recipes = {"paper": Recipe(), "mean": Recipe(gen="mean", k=1)}
    recognizer = fit_recognizer(recipes[recipe], X, y, most=200)
    scores = recognizer.model.decision_function(embeddings.X_test)
    error = expected_calibration_error(probabilities(scores, recognizer.temperature), embeddings.y_test)
    assert error < EXCEPTIONS.get((recipe, dataset, n), MOST_ERROR)


@given(st.integers(0, 999), st.integers(1, 40), st.sampled_from([1, 10, 15]))
def test_bins_hold_each_prediction_once(seed, n, bins):
    rng = np.random.default_rng(seed)
    # Also on the edges of bins, and 1.
    probability, correct = rng.integers(0, 21, n) / 20, rng.random(n) < 0.7
    means, accuracy, sizes = in_bins = reliability(probability, correct, bins)
    assert len(sizes) == bins
    assert sizes.sum() == n
    # Their sums are those of the predictions.
    assert means @ sizes == pytest.approx(probability.sum())
    assert accuracy @ sizes == pytest.approx(correct.sum())
    edges = np.arange(bins + 1) / bins
    for b in np.flatnonzero(sizes):
        assert edges[b] - 1e-9 <= means[b] <= edges[b + 1] + 1e-9
    assert in_bins.error == pytest.approx(sum(abs(accuracy - means) * sizes) / n)


def test_probability_1_is_in_the_last_bin():
    in_bins = reliability(np.array([1.0, 0.95, 0.12]), np.array([True, False, True]), 10)
    assert in_bins.sizes.tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert in_bins.accuracy[[1, 9]].tolist() == [1.0, 0.5]
    np.testing.assert_allclose(in_bins.probability[[1, 9]], [0.12, 0.975])
