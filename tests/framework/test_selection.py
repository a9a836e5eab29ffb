import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp
from sklearn.cluster import KMeans

from imprint_core.embeddings import open_set
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.export.torch_head import to_module
from imprint_core.framework import selection
from imprint_core.framework import whitening as room
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.selection import SHRINKAGES, TEMPERATURES, select
from imprint_core.framework.transforms import cluster, fit_transform, members_in_order
from imprint_core.framework.whitening import whitening
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import format_recipe, parse_recipe


def modes(seed, n=24, classes=3, parts=4, d=8, spread=0.15):
    """Shots of classes with several modes each, whose class means hardly differ, or with one mode."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, parts, d))
    centres -= centres.mean(axis=1, keepdims=True) if parts > 1 else 0
    y = np.repeat(np.arange(classes), n)
    x = centres[y, np.tile(np.arange(n) % parts, classes)] + spread * rng.normal(size=(len(y), d))
    return x.astype(np.float32), y


def whitened_by_definition(x, labels, owner, s):
    """Σ^(−1/2) (x − c) of unit vectors, by a plain eigendecomposition in all dimensions."""
    means = np.stack([x[labels == j].mean(axis=0) for j in range(len(owner))])
    centre = np.mean([means[owner == c].mean(axis=0) for c in range(owner[-1] + 1)], axis=0)
    residuals = x - means[labels]
    sigma = residuals.T @ residuals / len(x)
    sigma = (1 - s) * sigma + s * np.trace(sigma) / x.shape[1] * np.eye(x.shape[1])
    values, vectors = np.linalg.eigh(sigma)
    root = (vectors / np.sqrt(values)) @ vectors.T
    return (lambda z: (z - centre) @ root), (means - centre) @ root


@pytest.mark.parametrize("d", [5, 40])
@pytest.mark.parametrize("s", [0.1, 0.7])
def test_whitening_within_clusters_is_its_definition(d, s):
    x, y = modes(1, n=9, d=d)
    x = x.astype(np.float64)
    unit = l2(x)
    labels, owner = cluster(unit, members_in_order(x, y), 3, 0)
    expected, means = whitened_by_definition(unit, labels, owner, s)
    got = fit_transform("whiten_clusters", x, y, s, k=3)
    np.testing.assert_allclose(got(unit), expected(unit), rtol=1e-6, atol=1e-6)
    model = ImprintingClassifier(
        "kmeans", 3, "none", pretransform="whiten_clusters", shrinkage=s, norm_post="none"
    ).fit(x, y)
    np.testing.assert_allclose(model.proxies_, means, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(model.proxy_class_, owner)


def test_clusters_are_scikit_learns_within_each_class():
    x, y = modes(2)
    members = members_in_order(x, y)
    labels, owner = cluster(x, members, 4, 7)
    for c, rows in enumerate(members):
        expected = KMeans(4, random_state=7).fit(x[rows]).labels_
        pairs = set(zip(labels[rows].tolist(), expected.tolist(), strict=True))
        assert len(pairs) == 4
        assert {owner[label] for label, _ in pairs} == {c}


def left_out_by_refitting(x, labels, owner, s):
    """Class scores of each shot whose cluster has others, all recomputed without it; the target keeps its size."""
    within = x - np.stack([x[labels == j].mean(axis=0) for j in range(len(owner))])[labels]
    target = (within**2).sum() / len(x) / x.shape[1]
    scores, codes = [], []
    for i in np.flatnonzero(np.bincount(labels)[labels] > 1):
        rest, of = np.delete(x, i, axis=0), np.delete(labels, i)
        means = np.stack([rest[of == j].mean(axis=0) for j in range(len(owner))])
        centre = np.mean([means[owner == c].mean(axis=0) for c in range(owner[-1] + 1)], axis=0)
        residuals = rest - means[of]
        sigma = (1 - s) * residuals.T @ residuals / len(x) + s * target * np.eye(x.shape[1])
        inverse = np.linalg.inv(sigma)
        u, v = x[i] - centre, means - centre
        cosines = v @ inverse @ u / np.sqrt(np.einsum("cd,de,ce->c", v, inverse, v) * (u @ inverse @ u))
        scores.append(
            [logsumexp(20 * cosines[owner == c], b=1 / (owner == c).sum()) / 20 for c in range(owner[-1] + 1)]
        )
        codes.append(owner[labels[i]])
    return np.array(scores), np.array(codes)


def test_shrinkage_leaves_each_shot_out_of_its_cluster(monkeypatch):
    x, y = modes(3, n=7, d=6)
    x = l2(x.astype(np.float64))
    labels, owner = cluster(x, members_in_order(x, y), 3, 0)
    calls = []
    original = room._log_loss
    monkeypatch.setattr(room, "_log_loss", lambda *given: calls.append(given) or original(*given))
    whitening(x, labels, "auto", owner)
    for s, (scores, codes) in list(zip(room.SHRINKAGES, calls, strict=True))[::5]:
        expected, expected_codes = left_out_by_refitting(x, labels, owner, s)
        np.testing.assert_allclose(scores, expected, atol=1e-6)
        np.testing.assert_array_equal(codes, expected_codes)


@pytest.mark.parametrize("d", [6, 60])
def test_held_out_log_loss_is_that_of_a_refit(d):
    """Of one fold: clusters, covariance and proxies without its shots."""
    x, y = modes(4, n=8, d=d)
    x = l2(x.astype(np.float64))
    held_out = np.arange(len(x)) % 8 < 2
    got = selection._losses(x, y, 2, 0, d, held_out)
    labels, owner = cluster(x[~held_out], [np.flatnonzero(y[~held_out] == c) for c in range(3)], 2, 0)
    for i, s in enumerate(SHRINKAGES):
        mapped, proxies = whitened_by_definition(x[~held_out], labels, owner, s)
        cosines = l2(mapped(x[held_out])) @ l2(proxies).T
        scores = np.stack([logsumexp(20 * cosines[:, owner == c], axis=1) - np.log(2) for c in range(3)], axis=1) / 20
        for j, temperature in enumerate(TEMPERATURES):
            expected = -log_softmax(temperature * scores, axis=1)[np.arange(6), y[held_out]]
            np.testing.assert_allclose(got[i, j], expected, rtol=2e-3, atol=1e-4)


def test_modes_are_found_and_single_modes_are_left_alone():
    chosen = select(*modes(0, n=40))
    assert chosen.k in (3, 5)
    assert [each.k for each in chosen.tried] == [1, 2, 3, 5, 10]
    best = next(each for each in chosen.tried if each.k == chosen.k)
    assert best.better
    assert best.loss == min(each.loss for each in chosen.tried)
    assert chosen.reason.startswith(f"k = {chosen.k}: validated log-loss {best.loss:.3f}; next is k = ")
    single = select(*modes(0, n=40, parts=1, spread=1.0))
    assert (single.k, single.shrinkage) == (1, "auto")


def test_a_k_that_falls_behind_is_not_validated_further(monkeypatch):
    x, y = modes(0, n=40, parts=1, d=30, spread=2.0)
    calls = []
    original = selection._losses
    monkeypatch.setattr(selection, "_losses", lambda *given: calls.append(given[2]) or original(*given))
    chosen = select(x, y)
    assert {each.k: each.folds for each in chosen.tried} == {k: calls.count(k) for k in (1, 2, 3, 5, 10)}
    assert [each.folds for each in chosen.tried] == [4, 1, 1, 1, 1]
    assert all(each.gain < 0 for each in chosen.tried[1:])
    assert chosen.reason.endswith("each larger k fell behind before the last of 4 folds.")


def test_a_k_that_is_far_above_the_smallest_log_loss_is_neither_validated_further_nor_selected():
    x, y = modes(0, n=80)
    chosen = select(x, y)
    complete = [each for each in chosen.tried if each.folds == 4]
    assert 1 in [each.k for each in complete]
    assert chosen.k in [each.k for each in complete if each.better]
    dropped = [each for each in chosen.tried if each.folds < 4]
    assert dropped
    assert all(each.gain < 0 or each.loss > min(other.loss for other in complete) for each in dropped)


@given(st.integers(0, 999), st.integers(1, 4))
@settings(deadline=None, max_examples=12)
def test_up_to_four_shots_keep_one_proxy_per_class(seed, n):
    x, y = modes(seed, n=n, d=12)
    model = ImprintingClassifier.auto().fit(x, y)
    white = ImprintingClassifier.from_recipe(PRESETS["whitened"].recipe).fit(x, y)
    assert model.selection_.k == 1
    np.testing.assert_allclose(model.proxies_, white.proxies_, atol=1e-6)
    assert model.transform_.shrinkage == white.transform_.shrinkage
    assert model.selection_.reason == "k = 1: too few shots per class to validate a larger k."


def test_with_one_cluster_it_is_the_whitened_mean(vit_digits, monkeypatch):
    monkeypatch.setattr(selection, "KS", (1,))
    rows = slice(0, 300)
    x, y = vit_digits.X_train[rows], vit_digits.y_train[rows]
    model = ImprintingClassifier.auto().fit(x, y)
    white = ImprintingClassifier.from_recipe(PRESETS["whitened"].recipe).fit(x, y)
    np.testing.assert_allclose(model.proxies_, white.proxies_, atol=1e-5)
    np.testing.assert_allclose(
        model.decision_function(vit_digits.X_test), white.decision_function(vit_digits.X_test), atol=1e-5
    )


@given(st.integers(0, 999), st.sampled_from([12, 25]))
@settings(deadline=None, max_examples=8)
def test_the_order_of_samples_and_classes_changes_nothing(seed, n):
    x, y = modes(seed, n=n, spread=0.6)
    order = np.random.default_rng(seed).permutation(len(x))
    names = np.array(["zebra", "ant", "mole"])
    plain = ImprintingClassifier.auto().fit(x, y)
    other = ImprintingClassifier.auto().fit(x[order], names[y[order]])
    assert [each.k for each in plain.selection_.tried] == [each.k for each in other.selection_.tried]
    np.testing.assert_allclose(plain.selection_.tried, other.selection_.tried, rtol=1e-3, atol=1e-4)
    assert plain.recipe_ == other.recipe_
    columns = np.searchsorted(other.classes_, names)
    test = modes(seed + 1)[0]
    np.testing.assert_allclose(plain.predict_proba(test), other.predict_proba(test)[:, columns], rtol=1e-2, atol=1e-4)


def test_poor_shots_do_no_harm():
    rng = np.random.default_rng(0)
    good = rng.normal(size=(30, 12)).astype(np.float32)
    codes = np.repeat([0, 1, 2], 10)
    # Duplicates (so that clusters are empty), equal shots, zeros, and a class of one or two shots.
    for x in (good, np.repeat(good[::5], 5, axis=0), np.ones_like(good), np.zeros_like(good), good * np.float32(1e-20)):
        for y in (codes, np.repeat([0, 1, 2], [1, 2, 27]), np.zeros(30, int), np.arange(30) % 7):
            model = ImprintingClassifier.auto().fit(x, y)
            probabilities = model.predict_proba(good)
            assert np.isfinite(probabilities).all()
            np.testing.assert_allclose(probabilities.sum(axis=1), 1)
            assert np.isfinite(model.proxies_).all()


def test_many_shots_are_sampled(monkeypatch):
    x, y = modes(5, n=60)
    monkeypatch.setattr(selection, "_MOST_SHOTS", 90)
    sizes = []
    original = selection._losses
    monkeypatch.setattr(selection, "_losses", lambda x, *given: sizes.append(len(x)) or original(x, *given))
    assert select(x, y).k in (3, 5)
    assert set(sizes) == {90}


def test_probabilities_are_those_of_the_selected_temperature(vit_digits):
    x, y = vit_digits.X_train[:300], vit_digits.y_train[:300]
    model = ImprintingClassifier.auto(random_state=3).fit(x, y)
    scores = model.decision_function(vit_digits.X_test).astype(np.float64) * model.selection_.temperature
    np.testing.assert_allclose(np.log(model.predict_proba(vit_digits.X_test)), log_softmax(scores, axis=1), atol=1e-9)
    assert not hasattr(ImprintingClassifier(), "predict_proba")
    # The recipe of the proxies can be fitted by itself.
    again = ImprintingClassifier.from_recipe(model.recipe_, random_state=3).fit(x, y)
    np.testing.assert_allclose(again.proxies_, model.proxies_, atol=1e-5)


@pytest.mark.parametrize("spec", ["5in1", "1in1"])
@pytest.mark.parametrize("fm", ["vit_tiny_patch16_224", "tf_efficientnet_lite0"])
def test_estimator_evaluator_and_head_agree(bundled, fm, spec):
    pool = choose_classes(open_set(bundled[fm, "tiny_imagenet_100"]), spec)
    recipe = Recipe("auto")
    evaluator = Evaluator(pool, recipe.space)
    n, seed = 40, SEEDS[0]
    rows = np.random.default_rng(0).permutation(np.concatenate(evaluator.shots(n, seed)))
    model = ImprintingClassifier.auto(seed).fit(pool.X_train[rows], pool.y_train[rows])
    chosen = evaluator.fit_of(recipe, n, seed).selection
    assert chosen.k == model.selection_.k == model.recipe_.k
    assert (chosen.k > 1) == (spec == "5in1")
    np.testing.assert_allclose(chosen.tried, model.selection_.tried, rtol=1e-3, atol=1e-4)
    assert evaluator.fit_of(recipe, n, seed).shrinkage == model.transform_.shrinkage
    predicted = evaluator.evaluate(recipe, n, [seed]).predictions[0]
    scores = model.decision_function(pool.X_test)
    sure = np.diff(np.sort(scores, axis=1)[:, -2:])[:, 0] > 1e-4
    np.testing.assert_array_equal(predicted[sure], scores.argmax(axis=1)[sure])
    assert sure.mean() > 0.95
    head = to_module(model)(torch.from_numpy(pool.X_test))
    np.testing.assert_allclose(head.numpy(), scores, atol=1e-4)
    # Its proxies on the map are the same means of shots before whitening.
    proxies, classes, around = evaluator.imprint(recipe, n, seed)
    assert len(proxies) == len(model.proxies_)
    np.testing.assert_array_equal(classes, model.proxy_class_)
    assert around.shape == pool.X_train.shape
    centred = proxies - model.transform_.centre
    whitened = centred + ((centred @ model.transform_.axes) * model.transform_.gains) @ model.transform_.axes.T
    np.testing.assert_allclose(l2(whitened), model.proxies_, atol=1e-3)


def test_its_steps_are_fixed_and_its_text_is_short():
    recipe = Recipe("auto", 7, "l2", agg="mnn", pretransform="power")
    assert {name: getattr(recipe, name) for name in GENERATORS["auto"].fixed} == GENERATORS["auto"].fixed
    assert recipe.canonical() == Recipe("auto").canonical() == parse_recipe(format_recipe(recipe))
    assert recipe.with_k() == Recipe("kmeans", 1, **GENERATORS["auto"].fixed).canonical()
