import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.collapse import measures
from imprint_core.collapse.class_statistics import class_statistics
from imprint_core.collapse.measures import nc1, nc3, nc4
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import l2
from tests.collapse.naive_measures import NaiveMeasures, published_nc1

REAL = [("vit_tiny_patch16_224", "cifar10"), ("squeezenet1_1", "mnist")]


def all_of(X, y):
    s = class_statistics(X, y, covariance=True)
    return s, {
        "nc1": nc1(X, y),
        "nc1_per_class": measures.nc1_per_class(s),
        "vci": measures.vci(s),
        "cdnv": measures.cdnv(s),
        "nc2": (measures.equinorm(s), measures.equiangularity(s), measures.etf_distance(s)),
        "trace": measures.trace_ratio(s),
    }


def agrees(X, y, rel=1e-4):
    naive, (_, ours) = NaiveMeasures(X, y), all_of(X, y)
    for name in ("nc1", "nc1_per_class", "vci", "cdnv", "nc2"):
        np.testing.assert_allclose(ours[name], getattr(naive, name)(), rtol=rel, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(ours["trace"], np.trace(naive.within) / np.trace(naive.between), rtol=rel)


def test_measures_match_the_official_code(reference):
    X, y, expected = l2(reference.X_train), reference.y_train, reference.expected["collapse"]
    assert nc1(X, y) == pytest.approx(expected["textbook_nc1"], rel=1e-3)
    assert published_nc1(X, y) == pytest.approx(expected["official_nc1"], rel=1e-3)
    assert measures.vci(class_statistics(X, y, covariance=True)) == pytest.approx(expected["textbook_vci"], rel=1e-3)
    assert measures.published_vci(X, y) == pytest.approx(expected["official_vci"], rel=1e-3)
    for name, value in (("textbook", expected["textbook_nc1"]), ("published", expected["official_nc1"])):
        per_class = measures.NC1_VARIANTS[name].per_class(X, y)
        assert per_class.shape == (10,)
        assert per_class.mean() == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(("fm", "dataset"), REAL)
def test_measures_of_real_embeddings_match_the_naive_ones(bundled, fm, dataset):
    s = open_set(bundled[fm, dataset])
    agrees(l2(s.X_train), s.y_train)


def test_measures_with_few_samples_and_coinciding_classes(bundled):
    s = open_set(bundled["squeezenet1_1", "mnist"])
    rows = np.concatenate([np.flatnonzero(s.y_train == c)[: 4 + c] for c in range(10)])
    X, y = l2(s.X_train[rows]), s.y_train[rows].astype(int)
    agrees(X, y)
    assert measures.vci(class_statistics(X, y, covariance=True)) == pytest.approx(0, abs=1e-6)
    # A copy of the last class: the class means differ in one direction fewer.
    twin = np.concatenate([y, np.full((y == 9).sum(), 10)])
    X = np.concatenate([X, X[y == 9]])
    statistics, ours = all_of(X, twin)
    assert ours["nc1"] == pytest.approx(NaiveMeasures(X, twin).nc1(), rel=1e-4)
    assert np.isinf(ours["cdnv"][9, 10])
    # One shot per class as its proxy, shifted and scaled proxies, and the class means.
    first = np.array([np.flatnonzero(twin == c)[0] for c in range(11)])
    for proxies in (X[first], 3 * X[first] + 1, statistics.means.astype(np.float32)):
        assert nc3(proxies, np.arange(11), statistics) == pytest.approx(
            NaiveMeasures(X, twin).nc3(proxies, np.arange(11)), rel=1e-4, abs=1e-6
        )


@pytest.mark.parametrize(("fm", "dataset"), REAL)
def test_nc3_and_nc4_compare_proxies_with_class_means(bundled, fm, dataset):
    s = open_set(bundled[fm, dataset])
    X, y = l2(s.X_train), s.y_train.astype(int)
    statistics = class_statistics(X, y)
    model = ImprintingClassifier(gen="kmeans", k=5).fit(X[::3], y[::3])
    w, labels = model.proxies_, model.proxy_class_
    assert nc3(w, labels, statistics) == pytest.approx(NaiveMeasures(X, y).nc3(w, labels), rel=1e-4)
    assert nc3(7 * statistics.means, np.arange(10), statistics) == pytest.approx(0, abs=1e-9)
    assert nc3(-statistics.means, np.arange(10), statistics) == pytest.approx(2)
    nearest = np.argmin(((X[:, None].astype(np.float64) - statistics.means) ** 2).sum(axis=2), axis=1)
    assert nc4(nearest, X, statistics) > 0.999
    assert nc4(y, X, statistics) == pytest.approx(np.mean(nearest == y), abs=1e-3)
    with pytest.raises(ImprintError, match="every class needs a proxy"):
        nc3(w[labels < 9], labels[labels < 9], statistics)


@pytest.mark.parametrize(("fm", "dataset"), REAL)
def test_traces_of_unit_vectors_sum_to_one(bundled, fm, dataset):
    """trace(Σ_W) + trace(Σ_B) + ‖μ_G‖² = 1, which does not hold for the paper's code."""
    s = open_set(bundled[fm, dataset])
    X = l2(s.X_train.astype(np.float64))
    statistics = class_statistics(X, s.y_train)
    assert np.ptp(statistics.sizes) == 0
    assert (
        statistics.variances.mean() + statistics.between.sum() + statistics.center @ statistics.center
        == pytest.approx(1, abs=1e-6)
    )


@given(st.integers(0, 999), st.integers(2, 5), st.integers(1, 8))
@settings(deadline=None, max_examples=40)
def test_measures_of_unequal_classes_match_the_naive_ones(seed, classes, d):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.full(rng.integers(2, 9), c) for c in range(classes)])
    X = rng.normal(size=(classes, d))[y] + rng.normal(size=(len(y), d))
    if d < classes - 1 or np.linalg.cond(X.T @ X) > 1e6:
        return
    naive = NaiveMeasures(X, y)
    assert nc1(X, y) == pytest.approx(naive.nc1(), rel=1e-6)
    mu = X.mean(axis=0)
    between = (naive.means - mu).T @ (naive.means - mu) / classes
    published = np.trace((naive.within + np.outer(mu, mu)) @ np.linalg.pinv(between, rcond=1e-12, hermitian=True))
    assert published_nc1(X, y) == pytest.approx(published / classes, rel=1e-5)


@given(st.integers(0, 999), st.floats(0.01, 100))
@settings(deadline=None, max_examples=20)
def test_measures_are_invariant_to_shift_scale_rotation_and_order(seed, scale):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], 6)
    X = 3 * rng.normal(size=(3, 5))[y] + rng.normal(size=(18, 5))
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    order = rng.permutation(18)
    moved, (_, ours) = (scale * X @ turn + rng.normal(size=5))[order], all_of(X, y)
    for name, value in all_of(moved, y[order])[1].items():
        np.testing.assert_allclose(value, ours[name], rtol=1e-5, err_msg=name)


def test_measures_of_a_simplex_are_zero():
    s = class_statistics(np.eye(4).repeat(2, axis=0), np.repeat(np.arange(4), 2))
    for measure in (measures.equinorm, measures.equiangularity, measures.etf_distance, measures.mean_cdnv):
        assert measure(s) == pytest.approx(0, abs=1e-9)


def test_measures_of_collapsed_and_of_coinciding_classes():
    y = np.repeat([0, 1], 3)
    assert nc1(np.eye(2)[y], y) == pytest.approx(0, abs=1e-12)
    _, points = all_of(np.zeros((6, 2)), y)
    assert (points["nc1"], points["trace"], points["vci"]) == (0, 0, 1)
    assert points["cdnv"].max() == 0
    same_means = np.array([[-1.0], [0.0], [1.0]] * 2)
    _, same = all_of(same_means, y)
    assert (same["nc1"], same["trace"], same["vci"], same["cdnv"][0, 1]) == (np.inf, np.inf, 1, np.inf)
    assert same["nc2"] == (0, 1, 1)
    single = class_statistics(np.ones((3, 2)), np.zeros(3, dtype=int))
    for measure in (nc1, published_nc1, measures.published_vci):
        with pytest.raises(ImprintError, match="needs at least two classes"):
            measure(np.ones((3, 2)), np.zeros(3, dtype=int))
    # If all means coincide, the global mean equals them.
    assert (published_nc1(same_means, y), measures.published_vci(same_means, y)) == (np.inf, 1)
    for measure in (measures.trace_ratio, measures.cdnv, measures.equinorm, measures.etf_distance):
        with pytest.raises(ImprintError, match="needs at least two classes"):
            measure(single)


def test_float32_rounding_errors_add_no_direction(vit_digits):
    """The centred class means sum to zero: a tenth singular value would be noise."""
    X = l2(vit_digits.X_train)
    assert nc1(X + np.float32(10), vit_digits.y_train) == pytest.approx(nc1(X, vit_digits.y_train), rel=1e-2)


def naive_corrected(X, y):
    """The corrected NC1 from explicit leave-one-out means."""
    X, classes = X.astype(np.float64), np.unique(y)
    means, count = np.array([X[y == c].mean(axis=0) for c in classes]), len(classes)

    def without(c):
        """Each sample of a class, and the mean of the others."""
        x = X[y == c]
        return [(x[i], np.delete(x, i, axis=0).mean(axis=0)) for i in range(len(x))]

    gram = means @ means.T
    gram[np.diag_indices(count)] = [np.mean([x @ rest for x, rest in without(c)]) for c in classes]
    centre = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(centre @ means @ means.T @ centre)
    result = 0
    for value, u in zip(values[1:], vectors.T[1:], strict=True):
        axis = (centre @ means).T @ u / np.sqrt(value)
        corrected = max(u @ centre @ gram @ centre @ u, value / 2) / count
        for c, mean in zip(classes, means, strict=True):
            result += np.mean([((x - mean) @ axis) * ((x - rest) @ axis) for x, rest in without(c)]) / corrected
    return result / count**2


@given(st.integers(0, 999), st.floats(0.1, 5))
@settings(deadline=None, max_examples=30)
def test_corrected_nc1_is_that_of_leave_one_out_means(seed, spread):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.full(rng.integers(2, 7), c) for c in range(4)])
    X = rng.normal(size=(4, 9))[y] + spread * rng.normal(size=(len(y), 9)) + 3
    corrected = measures.corrected_nc1_per_class(class_statistics(X, y)).mean()
    assert corrected == pytest.approx(naive_corrected(X, y), rel=1e-6)
    assert corrected >= nc1(X, y)


def test_corrected_nc1_of_few_shots_is_nearer_to_that_of_all_samples(bundled):
    """On every bundled set with ten classes; errors are logarithms of ratios."""
    errors = {}
    for n in (5, 10, 20, 50):
        for key in bundled:
            if key[1] == "tiny_imagenet_100":
                continue
            s = open_set(bundled[key])
            X, y = l2(s.X_train), s.y_train
            rows = np.concatenate([np.random.default_rng(c).permutation(np.flatnonzero(y == c))[:n] for c in range(10)])
            complete, few = class_statistics(X, y), class_statistics(X[rows], y[rows])
            for i, of in enumerate((measures.nc1_per_class, measures.corrected_nc1_per_class)):
                errors.setdefault((n, i), []).append(np.log(of(few).mean() / of(complete).mean()))
    error = {key: np.sqrt(np.mean(np.square(values))) for key, values in errors.items()}
    assert all(error[n, 1] < 0.6 * error[n, 0] for n in (5, 10, 20))
    assert error[50, 1] < error[50, 0]


def test_corrected_nc1_of_single_samples_and_of_coinciding_means_is_that_of_the_textbook():
    X = np.array([[0.0, 0], [2, 0], [0, 1]])
    assert measures.corrected_nc1_per_class(class_statistics(X, np.arange(3))).tolist() == [0, 0, 0]
    same = np.array([[-1.0], [0.0], [1.0]] * 2)
    assert measures.NC1_VARIANTS["corrected"].per_class(same, np.repeat([0, 1], 3)).tolist() == [np.inf, np.inf]
