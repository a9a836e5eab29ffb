import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import log_loss

from imprint_core.errors import ImprintError
from imprint_core.framework import whitening as room
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import l2
from imprint_core.framework.transforms import TRANSFORMS, fit_transform
from imprint_core.framework.whitening import SHRINKAGES, whitened_products, whitening


def classes_of(seed, sizes, d, dtype=np.float64):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=(len(sizes), d))[codes] + rng.normal(size=(len(codes), d)) * rng.uniform(0.2, 2, d)
    return x.astype(dtype), codes


def residuals_of(x, codes):
    means = np.stack([x[codes == c].mean(axis=0) for c in range(codes.max() + 1)])
    return x - means[codes], means


@given(st.integers(0, 999), st.lists(st.integers(8, 20), min_size=2, max_size=4), st.integers(2, 6))
@settings(deadline=None, max_examples=40)
def test_whitened_within_class_covariance_is_the_identity(seed, sizes, d):
    x, codes = classes_of(seed, sizes, d)
    mapped = whitening(x, codes, 0.0)(x)
    within, means = residuals_of(mapped, codes)
    np.testing.assert_allclose(within.T @ within / len(x), np.eye(d), atol=1e-6)
    np.testing.assert_allclose(means.mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(12, 5), (4, 60), (6, 17)])
@pytest.mark.parametrize("s", [0.05, 0.5, 1.0])
def test_low_rank_form_is_the_definition(n, d, s):
    """Σ^(−1/2) of the shrunk covariance, by a plain eigendecomposition in d dimensions."""
    x, codes = classes_of(3, [n, n, n], d)
    unit = l2(x)
    within, means = residuals_of(unit, codes)
    sigma = within.T @ within / len(x)
    sigma = (1 - s) * sigma + s * np.trace(sigma) / d * np.eye(d)
    values, vectors = np.linalg.eigh(sigma)
    expected = (unit - means.mean(axis=0)) @ (vectors / np.sqrt(values)) @ vectors.T
    np.testing.assert_allclose(whitening(x, codes, s)(x), expected, rtol=1e-6, atol=1e-6)


def test_ledoit_wolf_is_scikit_learns():
    for n, d in ((40, 6), (5, 50)):
        x, codes = classes_of(1, [n, n], d)
        within, _ = residuals_of(l2(x), codes)
        fitted = whitening(x, codes, "ledoit_wolf")
        assert fitted.shrinkage == pytest.approx(ledoit_wolf_shrinkage(within, assume_centered=True), rel=1e-6)


def by_the_book(x, codes, s):
    """Each shot left out, the covariance recomputed: cosines (n, C); the target keeps its size."""
    d = x.shape[1]
    within, _ = residuals_of(x, codes)
    target = (within**2).sum() / len(x) / d
    cosines = []
    for i in range(len(x)):
        rest, rest_codes = np.delete(x, i, axis=0), np.delete(codes, i)
        rest_within, rest_means = residuals_of(rest, rest_codes)
        sigma = (1 - s) * rest_within.T @ rest_within / len(x) + s * target * np.eye(d)
        inverse = np.linalg.inv(sigma)
        u, v = x[i] - rest_means.mean(axis=0), rest_means - rest_means.mean(axis=0)
        cosines.append(v @ inverse @ u / np.sqrt(np.einsum("cd,de,ce->c", v, inverse, v) * (u @ inverse @ u)))
    return np.array(cosines)


@pytest.mark.parametrize(("sizes", "d"), [([5, 7, 4], 6), ([3, 2, 4], 30)])
def test_leaving_one_out_in_closed_form_is_leaving_one_out(monkeypatch, sizes, d):
    x, codes = classes_of(5, sizes, d)
    x = l2(x)
    calls = []
    original = room._log_loss
    monkeypatch.setattr(room, "_log_loss", lambda cosines, labels: calls.append(cosines) or original(cosines, labels))
    whitening(x, codes, "auto")
    assert len(calls) == len(SHRINKAGES)
    for s, cosines in zip(SHRINKAGES, calls, strict=True):
        np.testing.assert_allclose(cosines, by_the_book(x, codes, s), atol=1e-6)


def test_log_loss_is_that_of_the_best_temperature():
    rng = np.random.default_rng(0)
    cosines, codes = rng.uniform(-1, 1, size=(30, 4)), rng.integers(0, 4, 30)
    expected = [log_loss(codes, softmax(sharpness * cosines, axis=1)) for sharpness in (5, 10, 20, 40, 80, 160)]
    assert room._log_loss(cosines, codes) == pytest.approx(min(expected))


def test_whitened_mean_is_lda_with_the_same_shrinkage(vit_digits):
    """By Euclidean distance and without lengths, up to priors; `Σ_W` is LDA's with shares as priors."""
    shots = np.concatenate([np.flatnonzero(vit_digits.y_train == c)[: 20 + c] for c in range(10)])
    x, y = l2(vit_digits.X_train[shots].astype(np.float64)), vit_digits.y_train[shots]
    test = l2(vit_digits.X_test.astype(np.float64))
    for s in (0.1, 0.5, 0.9):
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s).fit(x, y)
        lda.intercept_ -= np.log(lda.priors_)
        ours = ImprintingClassifier(
            "mean",
            norm_pre="none",
            norm_post="none",
            norm_inf="none",
            agg="mnn",
            m=1,
            pretransform="whiten",
            shrinkage=s,
        ).fit(x, y)
        np.testing.assert_array_equal(ours.predict(test), lda.predict(test))


def test_auto_follows_the_number_of_shots(squeezenet_mnist):
    """Few shots need a large shrinkage, many a small one."""
    order = [np.flatnonzero(squeezenet_mnist.y_train == c) for c in range(10)]
    chosen = []
    for n in (3, 20, 300):
        rows = np.concatenate([o[:n] for o in order])
        chosen.append(whitening(squeezenet_mnist.X_train[rows], squeezenet_mnist.y_train[rows]).shrinkage)
    assert chosen[0] > chosen[1] > chosen[2]
    assert set(chosen) <= set(SHRINKAGES)


@pytest.mark.parametrize("rule", ["auto", "ledoit_wolf", 0.3])
@pytest.mark.parametrize("sizes", [[1, 1, 1], [2, 2, 2]])
def test_equal_shots_per_class_are_whitened_by_the_covariance_of_all(rule, sizes):
    x, _ = classes_of(0, [1, 1, 1], 8)
    codes = np.repeat(np.arange(3), sizes)
    fitted = whitening(x[codes], codes, rule)
    assert "covariance of all shots" in fitted.remark
    assert 0 < fitted.shrinkage <= 1
    if rule == "auto":
        assert fitted.shrinkage == room._LIKELY
    u = l2(x) - l2(x).mean(axis=0)
    sigma = (1 - fitted.shrinkage) * u.T @ u / 3 + fitted.shrinkage * (u**2).sum() / 3 / 8 * np.eye(8)
    np.testing.assert_allclose(fitted(x) @ fitted(x).T, u @ np.linalg.inv(sigma) @ u.T, rtol=1e-6, atol=1e-9)


def test_equal_shots_are_centred_with_a_remark():
    x = np.ones((3, 8))
    for codes in (np.zeros(3, int), np.arange(3)):
        fitted = whitening(x, codes)
        assert "centred and not whitened" in fitted.remark
        assert fitted.shrinkage is None
        assert not fitted(x).any()


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("rule", ["auto", "ledoit_wolf", 0.3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_poor_shots_do_no_harm(name, rule, dtype):
    rng = np.random.default_rng(0)
    good = rng.normal(size=(9, 12)).astype(dtype)
    constant = good.copy()
    constant[:, 3:] = 7
    duplicates = np.repeat(good[:3], 3, axis=0)
    zeros = np.zeros_like(good)
    some_zero = np.where(np.arange(9)[:, None] % 3 == 0, 0, good).astype(dtype)
    for x in (good, constant, duplicates, zeros, some_zero, good * dtype(1e-20), good * dtype(1e15)):
        for codes in (np.repeat([0, 1, 2], 3), np.array([0, 1, 1, 1, 1, 1, 2, 2, 2]), np.zeros(9, int)):
            mapped = fit_transform(name, x, codes, rule)(x)
            assert mapped.shape == x.shape
            assert mapped.dtype == dtype
            assert np.isfinite(mapped).all()


def test_shrinkage_0_needs_an_inverse():
    x, codes = classes_of(0, [3, 3], 20)
    with pytest.raises(ImprintError, match="Shrinkage 0 needs within-class variance in all 20 dimensions"):
        whitening(x, codes, 0.0)
    with pytest.raises(ImprintError, match="must be 'auto', 'ledoit_wolf', 0 or a number from 1e-06 to 1"):
        whitening(x, codes, "most")


@given(st.integers(0, 999), st.sampled_from([2.0**-10, 8.0, 2.0**12]))
@settings(deadline=None, max_examples=20)
def test_whitening_ignores_scale_and_the_order_of_shots(seed, scale):
    x, codes = classes_of(seed, [4, 6, 5], 7)
    order = np.random.default_rng(seed).permutation(len(x))
    plain = whitening(x, codes)
    np.testing.assert_allclose(whitening(x * scale, codes)(x * scale), plain(x), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(whitening(x[order], codes[order])(x), plain(x), rtol=1e-6, atol=1e-8)


def test_power_and_centring():
    x = np.array([[4.0, -9.0], [0.0, 1.0], [16.0, 0.0]])
    codes = np.array([0, 0, 1])
    np.testing.assert_allclose(fit_transform("power", x, codes)(x), [[2, -3], [0, 1], [4, 0]])
    np.testing.assert_allclose(fit_transform("centre", x, codes)(x), x - np.array([9, -2]))


def test_more_shots_than_needed_are_sampled_for_the_shrinkage(monkeypatch):
    x, codes = classes_of(2, [60, 60], 5)
    leave_one_out = whitening(x, codes).shrinkage
    monkeypatch.setattr(room, "_MOST_LEFT_OUT", 50)
    assert abs(SHRINKAGES.index(whitening(x, codes).shrinkage) - SHRINKAGES.index(leave_one_out)) <= 3


@pytest.mark.parametrize("sizes", [[5, 5, 5], [2, 7, 4], [1, 3, 2]])
@pytest.mark.parametrize("rule", ["auto", "ledoit_wolf", 0.2, 1.0])
def test_whitened_products_are_the_products_of_what_is_whitened(sizes, rule):
    x, codes = classes_of(7, sizes, 40)
    test = np.random.default_rng(1).normal(size=(9, 40))
    fitted = whitening(x, codes, rule)
    z, z_test = fitted(x), fitted(test)
    moved = np.random.default_rng(2).normal(size=40)
    u, v = l2(x) - moved, l2(test) - moved
    got = whitened_products(u @ u.T, u @ v.T, (v**2).sum(axis=1), codes, 40, rule)
    assert got.shrinkage == pytest.approx(fitted.shrinkage)
    for c, gram in enumerate(got.grams):
        np.testing.assert_allclose(gram, z[codes == c] @ z[codes == c].T, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(got.cross, z @ z_test.T, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(got.test_squares, (z_test**2).sum(axis=1), rtol=1e-6)


def test_nothing_to_whiten_in_products():
    gram = np.eye(3)
    assert whitened_products(gram, gram, np.ones(3), np.arange(3), 40) is None
