import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.utils.estimator_checks import parametrize_with_checks

from imprint_core.aggregation import DISTANCES
from imprint_core.classifier import ImprintingClassifier
from imprint_core.errors import ImprintError
from imprint_core.generation import GENERATORS
from imprint_core.normalization import POST_NORMALIZATIONS
from imprint_core.presets import PRESETS
from imprint_core.transforms import TRANSFORMS

# In the two features of scikit-learn's blobs: proxies of many pseudo-classes have to share two directions,
# so k-least-squares is checked as what it is meant for.
FITTING = {"kls": {"agg": "sum", "norm_post": "none"}, "kls_published": {"k": 1}}
CHECKED = [
    *(ImprintingClassifier(gen=gen, **FITTING.get(gen, {})) for gen in GENERATORS),
    *(ImprintingClassifier(pretransform=name, norm_pre="none") for name in TRANSFORMS if name != "none"),
    *(ImprintingClassifier(norm_post=name) for name in POST_NORMALIZATIONS if name.startswith("quantile")),
    *(ImprintingClassifier("all", agg="mnn", m=3, distance=name) for name in DISTANCES),
    ImprintingClassifier("all", agg="mnn", vote="distance"),
]


def too_little_for(estimator):
    """The training check has blobs of two features, in which some methods have nothing to go by."""
    reason = ""
    if estimator.gen == "cov_max":
        reason = "covariance maximisation chooses badly in two dimensions, as its source does"
    elif estimator.norm_post.startswith("quantile"):
        reason = "of two features, quantiles keep only which is the larger"
    return {"check_classifiers_train": reason} if reason else {}


@parametrize_with_checks(CHECKED, expected_failed_checks=too_little_for)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def test_paper_figures_on_squeezenet_mnist(squeezenet_mnist):
    """300 shots, 100 test samples a class: about 85.8 % for one mean, 92.6 % for k-means, k = 20."""
    s = squeezenet_mnist
    for preset, wanted in (("qi", 85.8), ("own", 92.6)):
        model = ImprintingClassifier.from_recipe(PRESETS[preset].recipe, 17121997).fit(s.X_train, s.y_train)
        assert 100 * model.score(s.X_test, s.y_test) == pytest.approx(wanted, abs=2)


@given(st.integers(0, 999), st.sampled_from(["mean", "kmeans", "all"]), st.sampled_from([0.01, 3.0, 500.0]))
@settings(deadline=None, max_examples=30)
def test_scale_means_nothing_under_l2(seed, gen, scale):
    rng = np.random.default_rng(seed)
    X, y, T = rng.normal(size=(30, 6)), rng.integers(0, 3, 30), rng.normal(size=(20, 6))
    plain = ImprintingClassifier(gen, 3).fit(X, y).predict(T)
    np.testing.assert_array_equal(plain, ImprintingClassifier(gen, 3).fit(scale * X, y).predict(scale * T))


@given(st.integers(0, 999), st.sampled_from(["mean", "all"]))
@settings(deadline=None, max_examples=30)
def test_order_of_samples_and_names_of_classes_mean_nothing(seed, gen):
    rng = np.random.default_rng(seed)
    X, y, T = rng.normal(size=(30, 6)), rng.integers(0, 3, 30), rng.normal(size=(20, 6))
    names = np.array(["zebra", "ant", "mole"])
    plain = ImprintingClassifier(gen).fit(X, y).predict(T)
    order = rng.permutation(30)
    renamed = ImprintingClassifier(gen).fit(X[order], names[y[order]]).predict(T)
    np.testing.assert_array_equal(names[plain], renamed)


def test_proxies_say_what_they_are(vit_digits):
    s = vit_digits
    model = ImprintingClassifier("random", 3).fit(s.X_train, s.y_train)
    assert model.proxies_.shape == (30, 192)
    np.testing.assert_array_equal(model.proxy_class_, np.repeat(np.arange(10), 3))
    np.testing.assert_array_equal(s.y_train[model.proxy_source_.astype(int)], model.classes_[model.proxy_class_])
    np.testing.assert_allclose(np.linalg.norm(model.proxies_, axis=1), 1, rtol=1e-5)
    assert set(ImprintingClassifier("kmeans", 3).fit(s.X_train, s.y_train).proxy_source_) == {None}


def test_zero_vectors_and_one_class():
    X = np.zeros((4, 3))
    model = ImprintingClassifier("kmeans", 2).fit(X, [0, 0, 1, 1])
    assert np.isfinite(model.decision_function(X)).all()
    assert ImprintingClassifier("mean").fit(np.ones((2, 3)), [7, 7]).predict(np.ones((1, 3))).tolist() == [7]


def test_wrong_parameters_are_told_at_fit():
    with pytest.raises(ImprintError, match="No GEN method is called 'magic'"):
        ImprintingClassifier("magic").fit([[0.0], [1.0]], [0, 1])
