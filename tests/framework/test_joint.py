import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge

from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.joint import CS, RidgeProblem, probe_weights
from imprint_core.framework.normalization import l2
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.recipes.presets import PRESETS

PROBE = PRESETS["probe"].recipe


@pytest.mark.parametrize(("n", "d"), [(40, 7), (9, 30)])
@pytest.mark.parametrize("lam", [1e-4, 0.1, 10])
def test_least_squares_is_ridge_without_intercept(n, d, lam):
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(n, d)), rng.permutation(np.arange(n) % 3)
    ridge = Ridge(alpha=n * lam, fit_intercept=False).fit(X, np.eye(3)[labels])
    np.testing.assert_allclose(RidgeProblem(X, lam).weights(labels, 3), ridge.coef_, rtol=1e-6, atol=1e-9)


def test_the_estimators_least_squares_is_ridge_too(vit_digits):
    X, y = vit_digits.X_train, vit_digits.y_train
    model = ImprintingClassifier("ls", norm_pre="none", norm_post="none", norm_inf="none", lam=0.1).fit(X, y)
    ridge = Ridge(alpha=len(X) * 0.1, fit_intercept=False).fit(X.astype(float), np.eye(10)[y])
    np.testing.assert_allclose(model.proxies_, ridge.coef_, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(model.predict(vit_digits.X_test), ridge.predict(vit_digits.X_test).argmax(axis=1))


@given(st.integers(0, 999), st.integers(1, 9), st.sampled_from([(30, 5), (24, 40)]))
@settings(deadline=None, max_examples=40)
def test_sum_of_k_least_squares_is_least_squares(seed, k, shape):
    rng = np.random.default_rng(seed)
    X, y, T = rng.normal(size=shape), rng.permutation(np.arange(shape[0]) % 3), rng.normal(size=(9, shape[1]))
    norms = {"norm_pre": "none", "norm_post": "none", "norm_inf": "none", "lam": 0.05}
    plain = ImprintingClassifier("ls", **norms).fit(X, y).decision_function(T)
    sums = ImprintingClassifier("kls", k, agg="sum", **norms).fit(X, y).decision_function(T)
    np.testing.assert_allclose(sums, plain, rtol=1e-7, atol=1e-9)


def test_one_factorisation_serves_every_label_set():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 8))
    problem = RidgeProblem(X, 0.1)
    for count in (2, 5, 20):
        labels = rng.permutation(np.arange(60) % count)
        np.testing.assert_allclose(problem.weights(labels, count), RidgeProblem(X, 0.1).weights(labels, count))


def test_published_weighting_multiplies_by_the_inverse_share():
    """Official code: the ratio to exact ridge is N/(C n_c): .4333, 7.22 and 1.806 for 500, 30 and 120 of 650."""
    rng = np.random.default_rng(2)
    X, labels = rng.normal(size=(650, 6)), np.repeat([0, 1, 2], [500, 30, 120])
    problem = RidgeProblem(X, 1e-4)
    ratio = problem.weights(labels, 3, published=True) / problem.weights(labels, 3)
    np.testing.assert_allclose(ratio, np.repeat([[0.4333], [7.222], [1.806]], 6, axis=1), rtol=1e-3)
    equal = np.arange(650) % 5
    np.testing.assert_allclose(problem.weights(equal, 5, published=True), problem.weights(equal, 5))


def test_k_at_or_above_n_makes_every_shot_a_separate_class():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(12, 4)), np.arange(12) % 2
    model = ImprintingClassifier("kls", 50, "none", "none", "none", lam=0.1).fit(X, y)
    ridge = Ridge(alpha=1.2, fit_intercept=False).fit(X, np.eye(12))
    order = np.argsort(y, kind="stable")
    np.testing.assert_allclose(model.proxies_, ridge.coef_[order], rtol=1e-6)
    assert model.proxy_source_.tolist() == [None] * 12


@pytest.mark.parametrize("gen", ["ls", "kls", "kls_published"])
def test_poor_shots_do_no_harm(gen):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(12, 5))
    for poor in (np.zeros_like(X), np.repeat(X[:2], 6, axis=0), np.where(np.arange(5) < 3, X, 1.0)):
        for y in (np.arange(12) % 3, np.zeros(12, int), np.array([0] * 11 + [1])):
            model = ImprintingClassifier(gen, 3, "none", "none", "none").fit(poor, y)
            assert np.isfinite(model.proxies_).all()
            assert np.isfinite(model.decision_function(X)).all()


def test_a_lambda_lost_in_rounding_is_reported():
    X = np.ones((50, 3)) * 1e9
    with pytest.raises(ImprintError, match="is too small for least squares on these shots"):
        RidgeProblem(X, 1e-12)


def test_lambdas_are_those_of_the_paper():
    expected = {"resnet18": 1e-4, "resnet50": 1e-4, "vit_b_16": 0.1, "swin_b": 0.05}
    assert {name: FOUNDATION_MODELS[name].ridge for name in expected} == expected


def shots(embeddings, n, classes=10):
    rows = np.concatenate([np.flatnonzero(embeddings.y_train == c)[:n] for c in range(classes)])
    x = l2(embeddings.X_train[rows].astype(np.float64))
    return x - x.mean(axis=0), embeddings.y_train[rows].astype(int)


@pytest.mark.parametrize("classes", [2, 10])
def test_the_probe_is_a_converged_logistic_regression(vit_digits, classes):
    x, y = shots(vit_digits, 8, classes)
    weights = probe_weights(x, y)
    gaps = []
    for C in CS:
        # Newton's method instead of a quasi-Newton one, until the gradient vanishes.
        model = LogisticRegression(C=C, fit_intercept=False, solver="newton-cg", tol=1e-8, max_iter=500).fit(x, y)
        theirs = model.predict_proba(x)
        gaps.append(np.abs(softmax(x @ weights.T, axis=1) - theirs).max())
    assert min(gaps) < 0.01 < sorted(gaps)[1]


def test_the_probes_c_is_selected_by_held_out_shots(vit_digits):
    x, y = shots(vit_digits, 12)
    # Random classes are predicted best by weights near 0, real ones by long weights.
    noise = np.random.default_rng(0).permutation(y)
    assert np.linalg.norm(probe_weights(x, noise)) < np.linalg.norm(probe_weights(x, y)) / 3


def test_the_order_of_shots_has_no_effect_on_the_probe(vit_digits):
    x, y = shots(vit_digits, 6)
    order = np.random.default_rng(1).permutation(len(x))
    np.testing.assert_allclose(probe_weights(x[order], y[order]), probe_weights(x, y), atol=1e-6)


def test_few_shots_and_classes_do_the_probe_no_harm(vit_digits):
    x, y = shots(vit_digits, 1)
    assert (np.argmax(x @ probe_weights(x, y).T, axis=1) == y).all()
    assert not probe_weights(x[:1], y[:1]).any()
    same = np.zeros((6, 4))
    assert not probe_weights(same, np.repeat([0, 1], 3)).any()
    # One class has a single shot, so nothing is held out.
    x, y = shots(vit_digits, 5)
    assert np.isfinite(probe_weights(x[4:], y[4:])).all()


def test_evaluator_and_estimator_agree_on_the_probe(vit_digits):
    evaluator = Evaluator(choose_classes(vit_digits), PROBE.space)
    expected = evaluator.evaluate(PROBE, 8, SEEDS[:2])
    for seed, predictions in zip(SEEDS, expected.predictions, strict=False):
        rows = np.concatenate(evaluator.shots(8, seed))
        model = ImprintingClassifier.from_recipe(PROBE, seed).fit(vit_digits.X_train[rows], vit_digits.y_train[rows])
        np.testing.assert_array_equal(model.predict(vit_digits.X_test), evaluator.classes[predictions])
        probabilities = model.predict_proba(vit_digits.X_test)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), predictions)
        assert model.proxies_.shape == (10, vit_digits.X_train.shape[1])
