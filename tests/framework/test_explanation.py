import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS, TIES, VOTES
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.explanation import why
from imprint_core.framework.explanation_text import in_words
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS

NAMES = [f"{c}" for c in range(10)]


def agrees(model, x):
    """What `why` tells is what the classifier does."""
    told, explained = why(model, x), model.explain(x[None])
    assert told.label == model.predict(x[None])[0]
    assert told.margin == explained.margin[0]
    assert told.winner == explained.winner[0]
    assert (-1 if told.second is None else told.second) == explained.runner_up[0]
    assert told.labels[told.winner] == told.label
    if told.second is not None:
        assert told.labels[told.second] == told.runner_up != told.label
    gaps, rows = model.kneighbors(x[None], len(model.proxies_))
    np.testing.assert_array_equal(told.similarity[rows[0]], gaps[0] if told.by_votes else -gaps[0])
    np.testing.assert_array_equal(told.voters, model.kneighbors(x[None])[1][0] if told.by_votes else [])
    decided = model.decision_function(x[None])[0]
    np.testing.assert_allclose(told.scores[1] - told.scores[0] if decided.ndim == 0 else told.scores, decided)
    assert told.shots == len(model.shots_of(told.winner))
    for label in model.classes_:
        count = (told.labels == label).sum()
        np.testing.assert_array_equal(told.numbers[told.labels == label], np.arange(1, count + 1))
    for truth in (None, 0, 9):
        said = in_words(told, NAMES, truth)
        assert said.endswith(".")
        assert "nan" not in said
        assert len(re.findall(r"\.( |$)", said)) <= 2
    return told


def values(told, start):
    return dict(next(step.values for step in told.steps if step.name.startswith(start)))


def recombines(told, model, x):
    """The numbers of the steps are each other's, and the classifier's."""
    x = x.astype(np.float64)
    embedding = values(told, "Embedding")
    assert embedding["‖x‖"] == pytest.approx(np.linalg.norm(x))
    named = {int(key[2:-1]): v for key, v in embedding.items() if key.startswith("x[")}
    assert all(x[i] == v for i, v in named.items())
    assert min(map(abs, named.values())) == np.sort(np.abs(x))[-len(named)]

    normed, proxies, similar = values(told, "NORM inf"), values(told, "Proxies"), values(told, "Similarity")
    if model.norm_inf == "none":
        assert len(set(normed.values())) == 1
    assert similar["‖x̂‖"] == normed["‖x̂‖"]
    rows = {"winner": told.winner, **({} if told.second is None else {"runner-up": told.second})}
    for name, row in rows.items():
        length, inner = similar[f"‖p‖, {name}"], similar[f"⟨x̂, p⟩, {name}"]
        scale = max(similar["‖x̂‖"] ** 2 + length**2, 1e-12)
        assert length == proxies[f"‖p‖, {name}"]
        assert proxies[f"shots, {name}"] == len(model.shots_of(row))
        assert inner == pytest.approx(similar["‖x̂‖"] * length * similar[f"cos, {name}"], abs=1e-9 * scale)
        if not told.by_votes:
            assert told.similarity[row] == pytest.approx(inner, abs=1e-4 * scale)
        elif model.distance == "euclidean":
            assert told.similarity[row] ** 2 == pytest.approx(
                similar["‖x̂‖"] ** 2 + length**2 - 2 * inner, abs=1e-4 * scale
            )
        elif model.distance == "cosine":
            assert told.similarity[row] == pytest.approx(1 - similar[f"cos, {name}"], abs=1e-5)

    agg = values(told, "AGG")
    top = [v for key, v in agg.items() if key.startswith("s(")]
    assert top == np.sort(told.scores)[::-1][:3].tolist()
    if len(top) > 1:
        assert agg["margin"] == told.margin == top[0] - top[1]
    if model.agg == "max":
        assert top[0] == told.similarity.max()
    elif model.agg == "sum":
        assert top[0] == pytest.approx(told.similarity[told.labels == told.label].sum(), rel=1e-4, abs=1e-4)
    elif model.vote == "uniform":
        votes = [v for key, v in agg.items() if key.startswith("votes of")]
        shares = [v for key, v in agg.items() if key.startswith("tie share")] or [0] * len(votes)
        np.testing.assert_allclose(np.add(votes, shares), top)
        assert (told.labels[told.voters] == told.label).sum() == votes[0]

    if told.second is None or (told.by_votes and model.distance == "mahalanobis"):
        assert not any(step.name == "Dimensions" for step in told.steps)
        return
    parts = values(told, "Dimensions")
    scale = max(similar["‖x̂‖"] ** 2 + np.square(model.proxies_.astype(np.float64)).sum(axis=1).max(), 1)
    assert parts["difference"] == pytest.approx(parts["all for it"] + parts["all against it"], abs=1e-9 * scale)
    best = [v for key, v in parts.items() if key.startswith("dimension")]
    assert parts["share of all for it"] * parts["all for it"] == pytest.approx(sum(best))
    if told.by_votes:
        power = 2 if model.distance == "euclidean" else 1
        near, far = told.similarity[told.winner] ** power, told.similarity[told.second] ** power
        assert parts["difference"] == pytest.approx(far - near, abs=1e-4 * scale)
    else:
        assert parts["difference"] == pytest.approx(told.margin, abs=1e-4 * scale * len(told.labels))


@given(st.data())
@settings(deadline=None, max_examples=80)
def test_it_tells_what_the_classifier_does_whatever_the_recipe(data):
    """Also for zeros, duplicates, one class, and k and m too large."""
    pick = lambda table: data.draw(st.sampled_from(sorted(table)))  # noqa: E731
    n, d = data.draw(st.integers(2, 24)), data.draw(st.integers(1, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    X = rng.normal(size=(n, d)).astype(data.draw(st.sampled_from([np.float32, np.float64])))
    kind = data.draw(st.sampled_from(["good", "good", "zeros", "some zeros", "duplicates"]))
    if kind == "zeros":
        X[:] = 0
    elif kind == "some zeros":
        X[::3] = 0
    elif kind == "duplicates":
        X[:] = X[rng.integers(0, 2, n)]
    y = np.sort(rng.integers(0, data.draw(st.integers(1, 5)), n))
    recipe = Recipe(
        gen=pick(GENERATORS),
        k=data.draw(st.integers(1, 6)),
        norm_pre=pick(NORMALIZATIONS),
        norm_post=pick(POST_NORMALIZATIONS),
        norm_inf=pick(NORMALIZATIONS),
        agg=pick(AGGREGATIONS),
        pretransform=pick(TRANSFORMS),
        shrinkage=0.3,
        lam=0.1,
        m=data.draw(st.integers(1, 8)),
        distance=pick(DISTANCES),
        vote=pick(VOTES),
        ties=pick(TIES),
    )
    model = ImprintingClassifier.from_recipe(recipe).fit(X, y)
    for x in (X[0], rng.normal(size=d).astype(X.dtype), np.zeros(d, X.dtype)):
        recombines(agrees(model, x), model, x)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_on_real_embeddings(name, vit_digits, squeezenet_mnist):
    for s in (vit_digits, squeezenet_mnist):
        model = ImprintingClassifier.from_recipe(PRESETS[name].recipe).fit(s.X_train[::20], s.y_train[::20])
        for i in range(0, len(s.X_test), 333):
            recombines(agrees(model, s.X_test[i]), model, s.X_test[i])


def test_the_steps_are_the_recipes(vit_digits):
    s = vit_digits
    model = ImprintingClassifier("mean", norm_pre="none", pretransform="whiten").fit(s.X_train[::9], s.y_train[::9])
    told = why(model, s.X_test[0], [f"digit {c}" for c in range(10)])
    assert [step.name for step in told.steps] == [
        "Embedding",
        "Transform: whitening",
        "NORM inf: L2",
        "Proxies",
        "Similarity: cosine",
        "Dimensions",
        "AGG max",
    ]
    assert told.steps[1].formula == "x′ = a · (I + V diag(g) Vᵀ) (x / ‖x‖ − c)"
    assert told.steps[3].formula == "shots → whitening → NORM pre none → GEN mean → NORM post L2 → p"
    mapped = model.transform_(s.X_test[:1])[0]
    assert values(told, "Transform")["‖x′‖"] == pytest.approx(np.linalg.norm(mapped), rel=1e-5)
    assert values(told, "Transform")["shrinkage"] == model.transform_.shrinkage
    assert values(told, "NORM inf")["‖x̂‖"] == pytest.approx(1)
    assert f"digit {told.label}" in told.steps[-1].told
    assert "class 0" in " ".join(step.told for step in why(model, s.X_test[0]).steps)


def test_mahalanobis_is_the_formula():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), np.repeat([0, 1, 2], 10)
    model = ImprintingClassifier("all", agg="mnn", distance="mahalanobis", norm_inf="none").fit(X, y)
    x = rng.normal(size=4)
    told = why(model, x)
    inverse = np.linalg.inv(np.cov(model.proxies_.T) + 1e-6 * np.eye(4))
    deviations = x - model.proxies_
    np.testing.assert_allclose(
        told.similarity, np.sqrt(np.einsum("pi,ij,pj->p", deviations, inverse, deviations)), rtol=1e-6
    )
    assert told.measure == "Mahalanobis distance"


@given(st.integers(0, 999), st.sampled_from(["mean", "kmeans", "all", "ls"]), st.sampled_from(["max", "mnn"]))
@settings(deadline=None, max_examples=25)
def test_rotations_change_no_similarity_and_permutations_only_move_dimensions(seed, gen, agg):
    rng = np.random.default_rng(seed)
    X, y, x = rng.normal(size=(24, 6)), np.repeat([0, 1, 2], 8), rng.normal(size=6)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    told = why(ImprintingClassifier(gen, 2, agg=agg).fit(X, y), x)
    turned = why(ImprintingClassifier(gen, 2, agg=agg).fit(X @ rotation, y), x @ rotation)
    assert (turned.label, turned.winner, turned.second) == (told.label, told.winner, told.second)
    np.testing.assert_allclose(turned.similarity, told.similarity, atol=1e-7)
    order = rng.permutation(6)
    moved = why(ImprintingClassifier(gen, 2, agg=agg).fit(X[:, order], y), x[order])
    before, after = values(told, "Dimensions"), values(moved, "Dimensions")
    for key, value in after.items():
        name = f"dimension {order[int(key.split()[1])]}" if key.startswith("dimension") else key
        assert value == pytest.approx(before[name], abs=1e-7)


def test_bad_embeddings_are_refused():
    model = ImprintingClassifier("mean").fit(np.eye(3), [0, 1, 2])
    for x in (np.ones(2), np.ones((1, 3)), np.array([1, np.nan, 0]), np.array([1, np.inf, 0])):
        with pytest.raises(ImprintError, match="An embedding is 3 finite numbers"):
            why(model, x)
    assert why(model, [1, 0, 0]).label == 0


# --- words ---------------------------------------------------------------------------------


def words(X, y, x, truth=None, names=NAMES, **recipe):
    model = ImprintingClassifier(
        **{"gen": "all", "norm_pre": "none", "norm_post": "none", "norm_inf": "none", **recipe}
    ).fit(np.array(X, dtype=np.float64), y)
    return in_words(agrees(model, np.array(x, dtype=np.float64)), names, truth)


AXES = [[1, 0], [0.6, 0.8], [0, 1], [-0.6, 0.8]]


def test_words_of_max():
    said = "won by proxy 1 of class 3, which stands for 1 shot; class 5's best proxy (1) was 0.800 behind"
    assert words(AXES, [3, 3, 5, 5], [1, 0.2]) == f"W{said[1:]}."
    assert words(AXES, [3, 3, 5, 5], [1, 0.2], 3) == f"Right: {said}."
    assert words(AXES, [3, 3, 5, 5], [1, 0.2], 5) == f"Wrong: {said}. It is class 5."
    assert words(AXES, [3, 3, 5, 5], [1, 0.2], 7) == f"Wrong: {said}. It is class 7, which has no proxy."
    assert words(AXES, [3, 4, 5, 5], [1, 0], 5).endswith("was 0.400 behind. It is class 5, 1 behind.")
    named = words(AXES, [3, 3, 5, 5], [1, 0], names={3: "cat", 5: "dog"}, gen="mean")
    assert named == "Won by the proxy of cat; dog's proxy was 1.100 behind."


def test_words_of_one_class_and_of_ties():
    assert words(AXES, [3] * 4, [1, 0]) == "There is no other class than class 3."
    assert words(AXES, [3] * 4, [1, 0], agg="mnn") == "There is no other class than class 3."
    assert words([[1, 0], [1, 0]], [3, 5], [1, 0]) == (
        "Won by the proxy of class 3; class 5's proxy is just as near, and of equal scores the lower class wins."
    )
    assert words(AXES, [3, 4, 5, 5], [0, 0]) == (
        "3 classes have the same score, 0, and of these class 3 is the lowest and wins."
    )


def test_words_of_negative_similarities():
    assert words([[1, 0], [0, 1]], [3, 5], [-1, -2]) == (
        "Won by the proxy of class 3, whose inner product, −1, is the least negative; class 5's proxy was 1 behind."
    )


def test_words_of_sum_tell_where_another_class_has_the_nearest_proxy():
    X = [[1, 0], [0.9, 0], [1.2, 0], [0, 1]]
    assert words(X, [3, 3, 5, 5], [1, 0], agg="sum") == (
        "Class 3 wins: the inner products with its proxies add up to 1.900, class 5's to 1.200; the nearest one is "
        "proxy 1 of class 5."
    )
    assert words(X, [3, 3, 5, 5], [1, 2], agg="sum").endswith("class 3's to 1.900.")
    assert words([[1, 0], [1, 0], [2, 0]], [3, 3, 5], [1, 0], agg="sum") == (
        "Class 3 wins: the inner products with its proxies add up to 2, class 5's to the same, and of equal scores the "
        "lower class wins; the nearest one is the proxy of class 5."
    )
    # One proxy each: a sum of one is the largest.
    assert words([[1, 0], [0, 1]], [3, 5], [2, 1], agg="sum").startswith("Won by the proxy of class 3")


def line(*places):
    return [[p, 0.0] for p in places]


def test_words_of_votes():
    X, y = line(0, 1, 2, 5, 6), [3, 3, 5, 5, 5]
    voting = {"agg": "mnn"}
    assert words(X, y, [0.4, 0], m=3, **voting) == "2 of the 3 nearest proxies are of class 3, 1 of class 5."
    assert words(X, y, [0.4, 0], m=2, **voting) == (
        "All 2 nearest proxies are of class 3; the nearest of another class, proxy 1 of class 5, is 1.200 farther."
    )
    assert words(X, y, [0, 0], m=1, **voting) == (
        "Proxy 1 of class 3, which stands for 1 shot, is the nearest; the nearest of another class, proxy 1 of class "
        "5, is 2 farther."
    )
    assert words(X, y, [0, 0], 5, m=2, **voting).endswith(" It is class 5, which got no vote.")
    assert words(X, y, [0.4, 0], 5, m=3, **voting).endswith(" It is class 5.")
    tied = "2 of the 4 nearest proxies are of class 3, 2 of class 5"
    assert words(X, y, [0.4, 0], m=4, **voting) == f"{tied}, farther on average."
    assert words(X, y, [0.4, 0], m=4, ties="published", **voting) == f"{tied}, and of equal votes the lower class wins."
    assert words(line(-1, 1), [3, 5], [0, 0], m=2, **voting) == (
        "1 of the 2 nearest proxies is of class 3, 1 of class 5, and of equal votes the lower class wins."
    )
    assert words(line(-1, 1), [3, 5], [0, 0], m=1, **voting).endswith("the proxy of class 5, is just as near.")
    assert words(line(0, 1, 2, 3), [3, 5, 5, 7], [0.1, 0], 7, m=4, vote="distance", **voting) == (
        "Wrong: 1 of the 4 nearest proxies is of class 3, 2 of class 5; weighed by nearness, that is 83% of the vote "
        "against 14%. It is class 7, which got 1 vote."
    )
