import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.collapse import nc1
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.normalization import l2


def by_the_book(X, y):
    """trace(Σ_W pinv(Σ_B)) / C in float64, with both matrices and the pseudo-inverse."""
    X = X.astype(np.float64)
    classes = np.unique(y)
    means = np.array([X[y == c].mean(axis=0) for c in classes])
    within = np.mean([np.cov(X[y == c].T, bias=True).reshape(X.shape[1], -1) for c in classes], axis=0)
    between = np.cov(means.T, bias=True).reshape(X.shape[1], -1)
    values, vectors = np.linalg.eigh(between)
    keep = np.argsort(values)[::-1][: len(classes) - 1]
    keep = keep[values[keep] > 1e-12 * values.max()]
    return np.trace(within @ (vectors[:, keep] / values[keep]) @ vectors[:, keep].T) / len(classes)


def test_official_embeddings(reference):
    textbook = reference.expected["collapse"]["textbook_nc1"]
    assert nc1(l2(reference.X_train), reference.y_train) == pytest.approx(textbook, rel=1e-3)


@pytest.mark.parametrize(("fm", "dataset"), [("vit_tiny_patch16_224", "cifar10"), ("squeezenet1_1", "mnist")])
def test_real_embeddings_by_the_book(bundled, fm, dataset):
    s = open_set(bundled[fm, dataset])
    X = l2(s.X_train)
    assert nc1(X, s.y_train) == pytest.approx(by_the_book(X, s.y_train), rel=1e-4)


@given(st.integers(0, 999), st.integers(2, 5), st.integers(1, 8))
@settings(deadline=None, max_examples=40)
def test_by_the_book_with_unequal_classes(seed, classes, d):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.full(rng.integers(2, 9), c) for c in range(classes)])
    X = rng.normal(size=(classes, d))[y] + rng.normal(size=(len(y), d))
    if d < classes - 1 or np.linalg.cond(X.T @ X) > 1e6:
        return
    assert nc1(X, y) == pytest.approx(by_the_book(X, y), rel=1e-6)


@given(st.integers(0, 999), st.floats(0.01, 100))
@settings(deadline=None, max_examples=20)
def test_shift_scale_rotation_and_order_mean_nothing(seed, scale):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], 6)
    X = 3 * rng.normal(size=(3, 5))[y] + rng.normal(size=(18, 5))
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    order = rng.permutation(18)
    assert nc1((scale * X @ turn + rng.normal(size=5))[order], y[order]) == pytest.approx(nc1(X, y), rel=1e-5)


def test_ends_of_the_scale():
    y = np.repeat([0, 1], 3)
    assert nc1(np.eye(2)[y], y) == pytest.approx(0, abs=1e-12)
    assert nc1(np.zeros((6, 2)), y) == 0
    same_means = np.array([[-1.0], [0.0], [1.0]] * 2)
    assert nc1(same_means, y) == float("inf")
    with pytest.raises(ImprintError, match="needs samples of at least two"):
        nc1(np.ones((3, 2)), np.zeros(3, dtype=int))


def test_rounding_of_float32_is_not_taken_for_a_direction(vit_digits):
    """The centred class means sum to nothing: a tenth singular value would be noise."""
    X = l2(vit_digits.X_train)
    assert nc1(X + np.float32(10), vit_digits.y_train) == pytest.approx(nc1(X, vit_digits.y_train), rel=1e-2)
