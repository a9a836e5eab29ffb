import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.collapse import measures
from imprint_core.collapse.class_statistics import class_statistics, streamed_statistics
from imprint_core.collapse.measures import nc1, nc3, nc4, published_nc1
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import l2

REAL = [("vit_tiny_patch16_224", "cifar10"), ("squeezenet1_1", "mnist")]


class Book:
    """The measures in float64, with both matrices and pseudo-inverses."""

    def __init__(self, X, y):
        X = X.astype(np.float64)
        self.classes = np.unique(y)
        self.c = len(self.classes)
        self.means = np.array([X[y == c].mean(axis=0) for c in self.classes])
        self.mu = self.means.mean(axis=0)
        self.covariances = [np.cov(X[y == c].T, bias=True).reshape(X.shape[1], -1) for c in self.classes]
        self.within = np.mean(self.covariances, axis=0)
        self.between = np.cov(self.means.T, bias=True).reshape(X.shape[1], -1)
        self.inverse = np.linalg.pinv(self.between, rcond=1e-12, hermitian=True)

    def nc1(self):
        return np.trace(self.within @ self.inverse) / self.c

    def nc1_per_class(self):
        return [np.trace(s @ self.inverse) / self.c for s in self.covariances]

    def vci(self):
        total = np.linalg.pinv(self.within + self.between, rcond=1e-10, hermitian=True)
        return 1 - np.trace(total @ self.between) / np.linalg.matrix_rank(self.between, tol=1e-12, hermitian=True)

    def cdnv(self):
        var = [np.trace(s) for s in self.covariances]
        return np.array(
            [
                [
                    0 if i == j else (var[i] + var[j]) / 2 / np.linalg.norm(self.means[i] - self.means[j]) ** 2
                    for j in range(self.c)
                ]
                for i in range(self.c)
            ]
        )

    def nc2(self):
        m = self.means - self.mu
        lengths = np.linalg.norm(m, axis=1)
        cosines = [m[i] @ m[j] / lengths[i] / lengths[j] for i in range(self.c) for j in range(i)]
        g = m @ m.T
        etf = (np.eye(self.c) - np.ones((self.c, self.c)) / self.c) / np.sqrt(self.c - 1)
        return (
            lengths.std() / lengths.mean(),
            np.mean(np.abs(np.array(cosines) + 1 / (self.c - 1))),
            np.linalg.norm(g / np.linalg.norm(g) - etf),
        )

    def nc3(self, proxies, y):
        w = np.array([proxies[y == c].astype(np.float64).mean(axis=0) for c in range(self.c)])
        w, m = w - w.mean(axis=0), self.means - self.mu
        return np.linalg.norm(w / np.linalg.norm(w) - m / np.linalg.norm(m))


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
    book, (_, ours) = Book(X, y), all_of(X, y)
    for name in ("nc1", "nc1_per_class", "vci", "cdnv", "nc2"):
        np.testing.assert_allclose(ours[name], getattr(book, name)(), rtol=rel, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(ours["trace"], np.trace(book.within) / np.trace(book.between), rtol=rel)


def test_official_embeddings(reference):
    X, y, expected = l2(reference.X_train), reference.y_train, reference.expected["collapse"]
    assert nc1(X, y) == pytest.approx(expected["textbook_nc1"], rel=1e-3)
    assert published_nc1(X, y) == pytest.approx(expected["official_nc1"], rel=1e-3)
    assert measures.vci(class_statistics(X, y, covariance=True)) == pytest.approx(expected["textbook_vci"], rel=1e-3)
    assert measures.published_vci(X, y) == pytest.approx(expected["official_vci"], rel=1e-3)
    for name, value in (("textbook", expected["textbook_nc1"]), ("published", expected["official_nc1"])):
        own = measures.NC1_VARIANTS[name].per_class(X, y)
        assert own.shape == (10,)
        assert own.mean() == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(("fm", "dataset"), REAL)
def test_real_embeddings_by_the_book(bundled, fm, dataset):
    s = open_set(bundled[fm, dataset])
    agrees(l2(s.X_train), s.y_train)


def test_fewer_samples_than_dimensions_and_classes_that_coincide(bundled):
    s = open_set(bundled["squeezenet1_1", "mnist"])
    rows = np.concatenate([np.flatnonzero(s.y_train == c)[: 4 + c] for c in range(10)])
    X, y = l2(s.X_train[rows]), s.y_train[rows].astype(int)
    agrees(X, y)
    assert measures.vci(class_statistics(X, y, covariance=True)) == pytest.approx(0, abs=1e-6)
    # The last class once more under another name: one direction fewer than classes allow.
    twin = np.concatenate([y, np.full((y == 9).sum(), 10)])
    X = np.concatenate([X, X[y == 9]])
    own, ours = all_of(X, twin)
    assert ours["nc1"] == pytest.approx(Book(X, twin).nc1(), rel=1e-4)
    assert np.isinf(ours["cdnv"][9, 10])
    # A shot of each class as its proxy, and proxies of another scale and place.
    first = np.array([np.flatnonzero(twin == c)[0] for c in range(11)])
    for proxies in (X[first], 3 * X[first] + 1, own.means.astype(np.float32)):
        assert nc3(proxies, np.arange(11), own) == pytest.approx(
            Book(X, twin).nc3(proxies, np.arange(11)), rel=1e-4, abs=1e-6
        )


@pytest.mark.parametrize(("fm", "dataset"), REAL)
def test_proxies_against_class_means(bundled, fm, dataset):
    s = open_set(bundled[fm, dataset])
    X, y = l2(s.X_train), s.y_train.astype(int)
    own = class_statistics(X, y)
    model = ImprintingClassifier(gen="kmeans", k=5).fit(X[::3], y[::3])
    w, labels = model.proxies_, model.proxy_class_
    assert nc3(w, labels, own) == pytest.approx(Book(X, y).nc3(w, labels), rel=1e-4)
    assert nc3(7 * own.means, np.arange(10), own) == pytest.approx(0, abs=1e-9)
    assert nc3(-own.means, np.arange(10), own) == pytest.approx(2)
    nearest = np.argmin(((X[:, None].astype(np.float64) - own.means) ** 2).sum(axis=2), axis=1)
    assert nc4(nearest, X, own) > 0.999
    assert nc4(y, X, own) == pytest.approx(np.mean(nearest == y), abs=1e-3)
    with pytest.raises(ImprintError, match="every class needs a proxy"):
        nc3(w[labels < 9], labels[labels < 9], own)


@pytest.mark.parametrize(("fm", "dataset"), REAL)
def test_traces_of_unit_vectors_add_up_to_one(bundled, fm, dataset):
    """Σ_W, Σ_B and μ_G share the unit length: the identity that the paper's code breaks."""
    s = open_set(bundled[fm, dataset])
    X = l2(s.X_train.astype(np.float64))
    own = class_statistics(X, s.y_train)
    assert np.ptp(own.sizes) == 0
    assert own.variances.mean() + own.between.sum() + own.center @ own.center == pytest.approx(1, abs=1e-6)


def test_streamed_is_the_same(bundled):
    s = open_set(bundled["squeezenet1_1", "mnist"])
    X, y = l2(s.X_train[:1500]), s.y_train[:1500].astype(int)
    whole = class_statistics(X, y, covariance=True)
    mixed = np.random.default_rng(0).permutation(len(y))
    parts = streamed_statistics(
        lambda: ((X[p], y[p]) for p in np.array_split(mixed, 37)), len(whole.sizes), covariance=True
    )
    for name in ("sizes", "means", "between", "along", "variances", "covariance"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-8, err_msg=name)
    with pytest.raises(ImprintError, match="at least one sample"):
        streamed_statistics(lambda: [(X, y)], len(whole.sizes) + 1)


@given(st.integers(0, 999), st.integers(2, 5), st.integers(1, 8))
@settings(deadline=None, max_examples=40)
def test_by_the_book_with_unequal_classes(seed, classes, d):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.full(rng.integers(2, 9), c) for c in range(classes)])
    X = rng.normal(size=(classes, d))[y] + rng.normal(size=(len(y), d))
    if d < classes - 1 or np.linalg.cond(X.T @ X) > 1e6:
        return
    book = Book(X, y)
    assert nc1(X, y) == pytest.approx(book.nc1(), rel=1e-6)
    mu = X.mean(axis=0)
    between = (book.means - mu).T @ (book.means - mu) / classes
    published = np.trace((book.within + np.outer(mu, mu)) @ np.linalg.pinv(between, rcond=1e-12, hermitian=True))
    assert published_nc1(X, y) == pytest.approx(published / classes, rel=1e-5)


@given(st.integers(0, 999), st.floats(0.01, 100))
@settings(deadline=None, max_examples=20)
def test_shift_scale_rotation_and_order_mean_nothing(seed, scale):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], 6)
    X = 3 * rng.normal(size=(3, 5))[y] + rng.normal(size=(18, 5))
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    order = rng.permutation(18)
    moved, (_, ours) = (scale * X @ turn + rng.normal(size=5))[order], all_of(X, y)
    for name, value in all_of(moved, y[order])[1].items():
        np.testing.assert_allclose(value, ours[name], rtol=1e-5, err_msg=name)


def test_a_simplex():
    s = class_statistics(np.eye(4).repeat(2, axis=0), np.repeat(np.arange(4), 2))
    for measure in (measures.equinorm, measures.equiangularity, measures.etf_distance, measures.mean_cdnv):
        assert measure(s) == pytest.approx(0, abs=1e-9)


def test_ends_of_the_scale():
    y = np.repeat([0, 1], 3)
    assert nc1(np.eye(2)[y], y) == pytest.approx(0, abs=1e-12)
    _, points = all_of(np.zeros((6, 2)), y)
    assert (points["nc1"], points["trace"], points["vci"]) == (0, 0, 1)
    assert points["cdnv"].max() == 0
    same_means = np.array([[-1.0], [0.0], [1.0]] * 2)
    _, same = all_of(same_means, y)
    assert (same["nc1"], same["trace"], same["vci"], same["cdnv"][0, 1]) == (np.inf, np.inf, 1, np.inf)
    assert same["nc2"] == (0, 1, 1)
    one = class_statistics(np.ones((3, 2)), np.zeros(3, dtype=int))
    for measure in (nc1, published_nc1, measures.published_vci):
        with pytest.raises(ImprintError, match="needs samples of at least two"):
            measure(np.ones((3, 2)), np.zeros(3, dtype=int))
    # Where all means coincide the global mean can't be told from the classes' own.
    assert (published_nc1(same_means, y), measures.published_vci(same_means, y)) == (np.inf, 1)
    for measure in (measures.trace_ratio, measures.cdnv, measures.equinorm, measures.etf_distance):
        with pytest.raises(ImprintError, match="needs samples of at least two"):
            measure(one)


def test_rounding_of_float32_is_not_taken_for_a_direction(vit_digits):
    """The centred class means sum to nothing: a tenth singular value would be noise."""
    X = l2(vit_digits.X_train)
    assert nc1(X + np.float32(10), vit_digits.y_train) == pytest.approx(nc1(X, vit_digits.y_train), rel=1e-2)
