import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.utils.estimator_checks import parametrize_with_checks

from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework import classifier
from imprint_core.framework.aggregation import AGGREGATIONS, TIES, VOTES
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS

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
    """300 shots, 100 test samples per class: about 85.8 % for one mean, 92.6 % for k-means, k = 20."""
    s = squeezenet_mnist
    for preset, expected in (("qi", 85.8), ("own", 92.6)):
        model = ImprintingClassifier.from_recipe(PRESETS[preset].recipe, 17121997).fit(s.X_train, s.y_train)
        assert 100 * model.score(s.X_test, s.y_test) == pytest.approx(expected, abs=2)


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


def test_wrong_parameters_are_reported_at_fit():
    with pytest.raises(ImprintError, match="No GEN method is called 'magic'"):
        ImprintingClassifier("magic").fit([[0.0], [1.0]], [0, 1])


# --- partial_fit, explain, kneighbors ------------------------------------------------------

SEPARATE = [
    {"gen": gen, "norm_post": post, "pretransform": transform}
    for gen, entry in GENERATORS.items()
    if not entry.joint and not entry.selects
    for post, transform in (("l2", "none"), ("none", "power"))
]


def three_classes(seed=0, n=36, d=6):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.array(["ant", "mole", "zebra"]), n // 3)
    return rng.normal(size=(n, d)), y, rng.normal(size=(20, d))


@pytest.mark.parametrize("parameters", SEPARATE, ids=lambda p: "-".join(p.values()))
def test_partial_fit_leaves_other_classes_alone_and_ends_where_fit_does(parameters):
    X, y, T = three_classes()
    first, later = np.flatnonzero(y != "mole"), np.flatnonzero(y == "mole")
    model = ImprintingClassifier(k=3, **parameters).partial_fit(X[first], y[first])
    before = {c: model.proxies_[model.classes_[model.proxy_class_] == c] for c in model.classes_}
    model.partial_fit(X[later], y[later])
    assert model.classes_.tolist() == ["ant", "mole", "zebra"]
    for c, proxies in before.items():
        np.testing.assert_array_equal(model.proxies_[model.classes_[model.proxy_class_] == c], proxies)
    whole = ImprintingClassifier(k=3, **parameters).fit(X, y)
    np.testing.assert_allclose(model.proxies_, whole.proxies_, atol=1e-12)
    np.testing.assert_array_equal(model.predict(T), whole.predict(T))
    order = np.concatenate([first, later])
    for source, c in zip(model.proxy_source_, model.proxy_class_, strict=True):
        assert source is None or y[order[source]] == model.classes_[c]
    # More shots of a known class.
    before = model.proxies_[model.proxy_class_ != 1]
    model.partial_fit(T[:5], ["mole"] * 5)
    np.testing.assert_array_equal(model.proxies_[model.proxy_class_ != 1], before)
    more = ImprintingClassifier(k=3, **parameters).fit(np.concatenate([X, T[:5]]), [*y, *["mole"] * 5])
    np.testing.assert_allclose(model.proxies_, more.proxies_, atol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        {"gen": "ls"},
        {"gen": "auto"},
        {"gen": "kls", "k": 3},
        {"norm_post": "quantile", "k": 3},
        {"pretransform": "whiten", "gen": "mean"},
        {"pretransform": "centre", "k": 3},
    ],
    ids=str,
)
def test_partial_fit_recomputes_proxies_that_depend_on_all_classes(parameters):
    X, y, T = three_classes()
    model = ImprintingClassifier(**parameters)
    for c in ("zebra", "ant", "mole"):
        model.partial_fit(X[y == c], y[y == c])
    order = np.concatenate([np.flatnonzero(y == c) for c in ("zebra", "ant", "mole")])
    whole = ImprintingClassifier(**parameters).fit(X[order], y[order])
    np.testing.assert_array_equal(model.proxies_, whole.proxies_)
    np.testing.assert_array_equal(model.predict(T), whole.predict(T))


def test_published_quantiles_imprint_in_the_order_of_arrival():
    X, y, _ = three_classes()
    parameters = {"gen": "mean", "norm_post": "quantile_published"}
    arriving = ImprintingClassifier(**parameters)
    for c in ("zebra", "ant"):
        arriving.partial_fit(X[y == c], y[y == c])
    before = arriving.proxies_.copy()
    arriving.partial_fit(X[y == "mole"], y[y == "mole"])
    np.testing.assert_array_equal(arriving.proxies_[[0, 2]], before)
    # The same as naming the classes by their arrival.
    names = {"zebra": 0, "ant": 1, "mole": 2}
    fitted = ImprintingClassifier(**parameters).fit(X, [names[c] for c in y])
    np.testing.assert_allclose(arriving.proxies_, fitted.proxies_[[1, 2, 0]])


def test_partial_fit_of_other_shape_loses_nothing():
    X, y, T = three_classes()
    model = ImprintingClassifier("mean").fit(X, y)
    before = model.predict(T)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :3], y)
    np.testing.assert_array_equal(model.predict(T), before)


@pytest.mark.parametrize("agg", ["max", "sum", "mnn"])
def test_explanation_is_what_decides(agg):
    X, y, T = three_classes()
    model = ImprintingClassifier("kmeans", 3, agg=agg, m=4).fit(X, y)
    explanation = model.explain(T)
    np.testing.assert_array_equal(model.classes_[model.proxy_class_[explanation.winner]], model.predict(T))
    scores = np.sort(model.decision_function(T), axis=1)
    np.testing.assert_allclose(explanation.margin, scores[:, -1] - scores[:, -2])
    assert (model.proxy_class_[explanation.winner] != model.proxy_class_[explanation.runner_up]).all()
    if agg == "max":
        inner = model.proxies_ @ (T / np.linalg.norm(T, axis=1, keepdims=True)).T
        np.testing.assert_array_equal(explanation.winner, inner.argmax(axis=0))
        np.testing.assert_allclose(
            explanation.margin, inner.max(axis=0) - inner[explanation.runner_up, np.arange(len(T))]
        )


def test_explanation_of_one_class():
    explanation = ImprintingClassifier("mean").fit(np.ones((2, 3)), [7, 7]).explain(np.ones((4, 3)))
    assert explanation.winner.tolist() == [0] * 4
    assert explanation.runner_up.tolist() == [-1] * 4
    assert np.isinf(explanation.margin).all()


def test_kneighbors_are_the_nearest_proxies():
    X, y, T = three_classes()
    model = ImprintingClassifier("kmeans", 3, agg="mnn", m=4).fit(X, y)
    distances, near = model.kneighbors(T)
    unit = T / np.linalg.norm(T, axis=1, keepdims=True)
    all_distances = np.linalg.norm(unit[:, None] - model.proxies_, axis=2)
    np.testing.assert_array_equal(near, np.argsort(all_distances, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(all_distances, axis=1)[:, :4])
    assert model.kneighbors(T, 99)[1].shape == (20, 9)
    with pytest.raises(ImprintError, match="n_neighbors is 0; it must be a whole number from 1 to 100,000"):
        model.kneighbors(T, 0)
    with pytest.raises(ImprintError, match=r"n_neighbors is 1\.5"):
        model.kneighbors(T, 1.5)


def test_a_long_test_set_is_compared_in_parts(monkeypatch):
    X, y, T = three_classes()
    whole = {}
    for agg in ("max", "mnn"):
        model = ImprintingClassifier("all", agg=agg).fit(X, y)
        whole[agg] = (model.decision_function(T), model.explain(T), model.kneighbors(T))
    monkeypatch.setattr(classifier, "_CELLS", 100)
    for agg in ("max", "mnn"):
        model = ImprintingClassifier("all", agg=agg).fit(X, y)
        scores, explanation, near = whole[agg]
        np.testing.assert_allclose(model.decision_function(T), scores)
        np.testing.assert_array_equal(model.explain(T).winner, explanation.winner)
        np.testing.assert_array_equal(model.kneighbors(T)[1], near[1])


ALL_KINDS = [
    {"gen": gen, "pretransform": transform, "norm_post": post, "agg": agg}
    for gen in ("mean", "all", "ls", "kmedoids", "cov_max")
    for transform, post, agg in (
        ("none", "l2", "max"),
        ("whiten", "l2", "max"),
        ("centre", "quantile", "max"),
        ("power", "none", "mnn"),
        ("whiten", "none", "sum"),
    )
]


@pytest.mark.parametrize("parameters", ALL_KINDS, ids=lambda p: "-".join(p.values()))
def test_order_of_samples_and_of_classes_means_nothing(parameters):
    for seed in range(4):
        X, y, T = three_classes(seed)
        model = ImprintingClassifier(k=3, lam=0.1, **parameters)
        plain = model.fit(X, y).predict(T)
        order = np.random.default_rng(seed).permutation(len(y))
        other = {"ant": "zz", "mole": "aa", "zebra": "mm"}
        renamed = model.fit(X[order], np.array([other[c] for c in y])[order]).predict(T)
        np.testing.assert_array_equal([other[c] for c in plain], renamed)


@pytest.mark.parametrize("gen", GENERATORS)
@pytest.mark.parametrize("post", ["l2", "quantile"])
def test_order_of_classes_means_nothing_to_any_method(gen, post):
    """Their samples' order may, where random numbers choose among them."""
    X, y, T = three_classes(3)
    model = ImprintingClassifier(gen, 3, norm_post=post, lam=0.1)
    plain = model.fit(X, y).predict(T)
    other = {"ant": "zz", "mole": "aa", "zebra": "mm"}
    renamed = model.fit(X, [other[c] for c in y]).predict(T)
    np.testing.assert_array_equal([other[c] for c in plain], renamed)


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_no_recipe_crashes_on_poor_shots_or_gives_nan(data):
    """Zeros, duplicates, constant features, classes of one sample, one class, few dimensions, k and m too large."""
    pick = lambda table: data.draw(st.sampled_from(sorted(table)))  # noqa: E731
    seed, n, d = data.draw(st.integers(0, 99)), data.draw(st.integers(2, 14)), data.draw(st.integers(1, 20))
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).astype(data.draw(st.sampled_from([np.float32, np.float64])))
    kind = data.draw(st.sampled_from(["good", "zeros", "some zeros", "duplicates", "constant", "tiny", "huge"]))
    if kind == "zeros":
        X[:] = 0
    elif kind == "some zeros":
        X[::3] = 0
    elif kind == "duplicates":
        X[:] = X[rng.integers(0, 2, n)]
    elif kind == "constant":
        X[:, 1:] = 3
    elif kind in ("tiny", "huge"):
        X *= X.dtype.type({"tiny": 1e-12, "huge": 1e8}[kind])
    y = np.sort(rng.integers(0, data.draw(st.integers(1, 4)), n))
    lam = 1e-4 if kind != "huge" else 1e12
    recipe = Recipe(
        gen=pick(GENERATORS),
        k=data.draw(st.integers(1, 20)),
        norm_pre=pick(NORMALIZATIONS),
        norm_post=pick(POST_NORMALIZATIONS),
        norm_inf=pick(NORMALIZATIONS),
        agg=pick(AGGREGATIONS),
        pretransform=pick(TRANSFORMS),
        shrinkage=data.draw(st.sampled_from(["auto", "ledoit_wolf", 0.3])),
        lam=lam,
        m=data.draw(st.integers(1, 20)),
        distance=pick(DISTANCES),
        vote=pick(VOTES),
        ties=pick(TIES),
    )
    model = ImprintingClassifier.from_recipe(recipe)
    fitted = model.fit(X, y)
    assert np.isfinite(fitted.proxies_).all()
    T = np.concatenate([X, rng.normal(size=(3, d)).astype(X.dtype), np.zeros((1, d), X.dtype)])
    assert np.isfinite(fitted.decision_function(T)).all()
    assert set(fitted.predict(T)) <= set(y)
    explanation = fitted.explain(T)
    assert not np.isnan(explanation.margin).any()


def test_what_fails_loses_nothing():
    """A fit or an addition that raises leaves the estimator as it was, and the next addition works."""
    X, y, T = three_classes()
    model = ImprintingClassifier("kmeans", 3).fit(X.astype(np.float32), y)
    before = model.predict(T)
    for method in (model.fit, model.partial_fit):
        model.set_params(random_state=-1)
        with pytest.raises(ImprintError, match="random_state is -1; it must be a whole number from 0"):
            method(X[:4], ["new"] * 4)
        model.set_params(random_state=0)
        with pytest.raises(ValueError, match="NaN"):
            method(np.full((2, 6), np.nan), ["new", "other"])
        np.testing.assert_array_equal(model.predict(T), before)
        assert model.classes_.tolist() == ["ant", "mole", "zebra"]
    model.partial_fit(X[:4], ["new"] * 4)
    assert "new" in model.classes_


def test_shots_of_another_precision_and_size_are_added_as_they_are():
    X, y, T = three_classes()
    model = ImprintingClassifier("mean").fit(X.astype(np.float32), y)
    model.partial_fit(T[:3] * 1e60, ["far"] * 3)
    assert np.isfinite(model.proxies_).all()
    assert model.predict(T[:1] * 1e60).tolist() == ["far"]


def test_labels_of_another_kind_are_refused():
    X, y, _ = three_classes()
    model = ImprintingClassifier("mean").fit(X, np.unique(y, return_inverse=True)[1])
    with pytest.raises(ImprintError, match=r"The known classes are numbers, .* and the new classes are names"):
        model.partial_fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    model.partial_fit(X[:2], [2.0, 3.0])
    assert model.classes_.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", [None, 1.5, "x", True, 2**32, np.random.RandomState(0)])
def test_random_state_is_a_whole_number(seed):
    X, y, _ = three_classes()
    with pytest.raises(ImprintError, match="random_state is"):
        ImprintingClassifier(random_state=seed).fit(X, y)


def test_numpy_numbers_are_parameters_too():
    X, y, T = three_classes()
    plain = ImprintingClassifier("kls", 3, lam=0.5, agg="mnn", m=2, pretransform="whiten", shrinkage=0.25).fit(X, y)
    model = ImprintingClassifier(
        "kls",
        np.int64(3),
        lam=np.float32(0.5),
        agg="mnn",
        m=np.int8(2),
        pretransform="whiten",
        shrinkage=np.float32(0.25),
    )
    np.testing.assert_array_equal(model.fit(X, y).predict(T), plain.predict(T))


def test_a_new_fit_forgets_the_old_ones_feature_names():
    pandas = pytest.importorskip("pandas")
    X, y, T = three_classes()
    model = ImprintingClassifier("mean").fit(pandas.DataFrame(X, columns=list("abcdef")), y)
    assert model.feature_names_in_.tolist() == list("abcdef")
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")
    model.predict(T)


def test_every_shot_belongs_to_one_proxy_of_its_class(vit_digits):
    split = Experiment(vit_digits.info, "all", 20).split(SEEDS[0], vit_digits)
    model = ImprintingClassifier(k=4, random_state=SEEDS[0]).fit(split.X_train, split.y_train)
    assigned = [model.shots_of(p) for p in range(len(model.proxies_))]
    assert sorted(np.concatenate(assigned)) == list(range(len(split.y_train)))
    for p, rows in enumerate(assigned):
        assert (split.y_train[rows] == model.proxy_class_[p]).all()
        cosines = split.X_train[rows] @ model.proxies_[p] / np.linalg.norm(split.X_train[rows], axis=1)
        assert (np.diff(cosines) <= 1e-6).all()
    # The clusters of k-means: a centroid is the mean of its shots.
    x = split.X_train / np.linalg.norm(split.X_train, axis=1, keepdims=True)
    centroids = np.stack([x[rows].mean(axis=0) for rows in assigned])
    cosine = (centroids * model.proxies_).sum(axis=1) / np.linalg.norm(centroids, axis=1)
    assert np.median(cosine) > 0.999


FLOATS = ["float16", "bfloat16", "float32", "float64", "float8_e5m2"]


@pytest.mark.parametrize("dtype", FLOATS)
def test_tensors_of_any_float_type_are_the_same_as_arrays(dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    y = np.arange(40) % 4
    tensor = torch.tensor(rng.normal(size=(40, 8)) + 2 * y[:, None]).to(getattr(torch, dtype))
    array = tensor.to(torch.float64).numpy()
    if dtype != "float8_e5m2":
        tensor.requires_grad_()
    model = ImprintingClassifier(k=2)
    for labels in (y, torch.tensor(y)):
        assert list(model.fit(tensor, labels).predict(tensor)) == list(model.fit(array, y).predict(array))
    model.fit(tensor[:20], y[:20]).partial_fit(tensor[20:], torch.tensor(y[20:]))
    assert model.score(tensor, torch.tensor(y)) == model.fit(array, y).score(array, y)
    assert model.kneighbors(tensor)[1].shape == (40, 5)


def test_what_is_not_dense_is_refused_in_a_sentence():
    torch = pytest.importorskip("torch")
    x = torch.ones(4, 2)
    y = [0, 0, 1, 1]
    with pytest.raises(TypeError, match=r"The tensor is sparse; pass a dense tensor or array"):
        ImprintingClassifier().fit(x.to_sparse(), y)
    with pytest.raises(TypeError, match=r"The tensor is without values; pass a dense tensor or array"):
        ImprintingClassifier().fit(x.to("meta"), y)
    with pytest.raises(TypeError, match=r"Sparse data was passed for X, but dense data is required"):
        ImprintingClassifier().fit(csr_matrix(np.ones((4, 2))), y)
    with pytest.raises(TypeError, match="sample_weight"):
        ImprintingClassifier().fit(x, y, sample_weight=y)
