import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.aggregation import AGGREGATIONS, TIES, VOTES
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.explanation import describe, explain_sample, nearest_proxies
from imprint_core.framework.explanation_steps import explanation_steps
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS

NAMES = [f"{c}" for c in range(10)]


def agrees(model, x):
    """The explanation agrees with the classifier."""
    result, margins = explain_sample(model, x), model.explain(x[None])
    assert result.label == model.predict(x[None])[0]
    assert result.margin == margins.margin[0]
    assert result.winner == margins.winner[0]
    assert (-1 if result.second is None else result.second) == margins.runner_up[0]
    assert result.labels[result.winner] == result.label
    if result.second is not None:
        assert result.labels[result.second] == result.runner_up != result.label
    gaps, rows = model.kneighbors(x[None], len(model.proxies_))
    np.testing.assert_array_equal(result.similarity[rows[0]], gaps[0] if result.by_votes else -gaps[0])
    np.testing.assert_array_equal(result.voters, model.kneighbors(x[None])[1][0] if result.by_votes else [])
    decided = model.decision_function(x[None])[0]
    np.testing.assert_allclose(result.scores[1] - result.scores[0] if decided.ndim == 0 else result.scores, decided)
    assert result.shots == len(model.shots_of(result.winner))
    for label in model.classes_:
        count = (result.labels == label).sum()
        np.testing.assert_array_equal(result.numbers[result.labels == label], np.arange(1, count + 1))
    for truth in (None, 0, 9):
        text = describe(result, NAMES, truth)
        assert text.endswith(".")
        assert "nan" not in text
        assert len(re.findall(r"\.( |$)", text)) <= 2
    return result


def values(steps, start):
    return dict(next(step.values for step in steps if step.name.startswith(start)))


def steps_of(model, x, names=None):
    return explanation_steps(model, x, explain_sample(model, x), names)


def recombines(result, model, x):
    """The numbers of the steps agree with each other and with the classifier."""
    recipe = model.recipe_
    steps = explanation_steps(model, x, result)
    x = x.astype(np.float64)
    embedding = values(steps, "Embedding")
    assert embedding["‖x‖"] == pytest.approx(np.linalg.norm(x))
    named = {int(key[2:-1]): v for key, v in embedding.items() if key.startswith("x[")}
    assert all(x[i] == v for i, v in named.items())
    assert min(map(abs, named.values())) == np.sort(np.abs(x))[-len(named)]

    normed, proxies, similar = values(steps, "NORM inf"), values(steps, "Proxies"), values(steps, "Similarity")
    if recipe.norm_inf == "none":
        assert len(set(normed.values())) == 1
    assert similar["‖x̂‖"] == normed["‖x̂‖"]
    rows = {"winner": result.winner, **({} if result.second is None else {"runner-up": result.second})}
    for name, row in rows.items():
        length, inner = similar[f"‖p‖, {name}"], similar[f"⟨x̂, p⟩, {name}"]
        scale = max(similar["‖x̂‖"] ** 2 + length**2, 1e-12)
        assert length == proxies[f"‖p‖, {name}"]
        assert proxies[f"shots, {name}"] == len(model.shots_of(row))
        assert inner == pytest.approx(similar["‖x̂‖"] * length * similar[f"cos, {name}"], abs=1e-9 * scale)
        if not result.by_votes:
            assert result.similarity[row] == pytest.approx(inner, abs=1e-4 * scale)
        elif recipe.distance == "euclidean":
            assert result.similarity[row] ** 2 == pytest.approx(
                similar["‖x̂‖"] ** 2 + length**2 - 2 * inner, abs=1e-4 * scale
            )
        elif recipe.distance == "cosine":
            assert result.similarity[row] == pytest.approx(1 - similar[f"cos, {name}"], abs=1e-5)

    agg = values(steps, "AGG")
    top = [v for key, v in agg.items() if key.startswith("s(")]
    assert top == np.sort(result.scores)[::-1][:3].tolist()
    if len(top) > 1:
        assert agg["margin"] == result.margin == top[0] - top[1]
    if recipe.agg == "max":
        assert top[0] == result.similarity.max()
    elif recipe.agg == "sum":
        assert top[0] == pytest.approx(result.similarity[result.labels == result.label].sum(), rel=1e-4, abs=1e-4)
    elif recipe.agg == "smooth":
        inner = 20 * result.similarity[result.labels == result.label].astype(np.float64)
        assert top[0] == pytest.approx((logsumexp(inner) - np.log(len(inner))) / 20, rel=1e-4, abs=1e-4)
    elif recipe.vote == "uniform":
        votes = [v for key, v in agg.items() if key.startswith("votes of")]
        shares = [v for key, v in agg.items() if key.startswith("tie share")] or [0] * len(votes)
        np.testing.assert_allclose(np.add(votes, shares), top)
        assert (result.labels[result.voters] == result.label).sum() == votes[0]

    pair = np.isin(result.labels, [result.label, result.runner_up])
    mixed = recipe.agg == "smooth" and pair.sum() > 2
    if result.second is None or mixed or (result.by_votes and recipe.distance == "mahalanobis"):
        assert not any(step.name == "Dimensions" for step in steps)
        return
    parts = values(steps, "Dimensions")
    scale = max(similar["‖x̂‖"] ** 2 + np.square(model.proxies_.astype(np.float64)).sum(axis=1).max(), 1)
    assert parts["difference"] == pytest.approx(parts["all for it"] + parts["all against it"], abs=1e-9 * scale)
    best = [v for key, v in parts.items() if key.startswith("dimension")]
    assert parts["share of all for it"] * parts["all for it"] == pytest.approx(sum(best))
    if result.by_votes:
        power = 2 if recipe.distance == "euclidean" else 1
        near, far = result.similarity[result.winner] ** power, result.similarity[result.second] ** power
        assert parts["difference"] == pytest.approx(far - near, abs=1e-4 * scale)
    else:
        assert parts["difference"] == pytest.approx(result.margin, abs=1e-4 * scale * len(result.labels))


@given(st.data())
@settings(deadline=None, max_examples=80)
def test_explanation_agrees_with_the_classifier_for_every_recipe(data):
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


def test_steps_are_those_of_the_recipe(vit_digits):
    s = vit_digits
    model = ImprintingClassifier("mean", norm_pre="none", pretransform="whiten").fit(s.X_train[::9], s.y_train[::9])
    steps = steps_of(model, s.X_test[0], [f"digit {c}" for c in range(10)])
    assert [step.name for step in steps] == [
        "Embedding",
        "Transform: whitening",
        "NORM inf: L2",
        "Proxies",
        "Similarity: cosine",
        "Dimensions",
        "AGG max",
    ]
    assert steps[1].formula == "x′ = a · (I + V diag(g) Vᵀ) (x / ‖x‖ − c)"
    assert steps[3].formula == "shots → whitening → NORM pre none → GEN mean → NORM post L2 → p"
    mapped = model.transform_(s.X_test[:1])[0]
    assert values(steps, "Transform")["‖x′‖"] == pytest.approx(np.linalg.norm(mapped), rel=1e-5)
    assert values(steps, "Transform")["shrinkage"] == model.transform_.shrinkage
    assert values(steps, "NORM inf")["‖x̂‖"] == pytest.approx(1)
    assert f"digit {explain_sample(model, s.X_test[0]).label}" in steps[-1].text
    assert "class 0" in " ".join(step.text for step in steps_of(model, s.X_test[0]))


def test_mahalanobis_is_the_formula():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), np.repeat([0, 1, 2], 10)
    model = ImprintingClassifier("all", agg="mnn", distance="mahalanobis", norm_inf="none").fit(X, y)
    x = rng.normal(size=4)
    explained = explain_sample(model, x)
    inverse = np.linalg.inv(np.cov(model.proxies_.T) + 1e-6 * np.eye(4))
    deviations = x - model.proxies_
    np.testing.assert_allclose(
        explained.similarity, np.sqrt(np.einsum("pi,ij,pj->p", deviations, inverse, deviations)), rtol=1e-6
    )
    assert explained.measure == "Mahalanobis distance"


@given(st.integers(0, 999), st.sampled_from(["mean", "kmeans", "all", "ls"]), st.sampled_from(["max", "mnn"]))
@settings(deadline=None, max_examples=25)
def test_rotations_change_no_similarity_and_permutations_only_move_dimensions(seed, gen, agg):
    rng = np.random.default_rng(seed)
    X, y, x = rng.normal(size=(24, 6)), np.repeat([0, 1, 2], 8), rng.normal(size=6)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    model = ImprintingClassifier(gen, 2, agg=agg).fit(X, y)
    explained = explain_sample(model, x)
    turned = explain_sample(ImprintingClassifier(gen, 2, agg=agg).fit(X @ rotation, y), x @ rotation)
    assert (turned.label, turned.winner, turned.second) == (explained.label, explained.winner, explained.second)
    np.testing.assert_allclose(turned.similarity, explained.similarity, atol=1e-7)
    order = rng.permutation(6)
    moved = steps_of(ImprintingClassifier(gen, 2, agg=agg).fit(X[:, order], y), x[order])
    before, after = values(steps_of(model, x), "Dimensions"), values(moved, "Dimensions")
    for key, value in after.items():
        name = f"dimension {order[int(key.split()[1])]}" if key.startswith("dimension") else key
        assert value == pytest.approx(before[name], abs=1e-7)


def test_bad_embeddings_are_refused():
    model = ImprintingClassifier("mean").fit(np.eye(3), [0, 1, 2])
    for x in (np.ones(2), np.ones((1, 3)), np.array([1, np.nan, 0]), np.array([1, np.inf, 0])):
        with pytest.raises(ImprintError, match="An embedding has 3 finite numbers"):
            explain_sample(model, x)
    assert explain_sample(model, [1, 0, 0]).label == 0


@pytest.mark.parametrize(
    "recipe", [{"k": 3}, {"gen": "mean"}, {"gen": "all", "agg": "mnn"}, {"gen": "ls", "agg": "sum"}]
)
def test_nearest_proxies_agree_with_the_classifier(vit_digits, recipe):
    split = Experiment(vit_digits.info, "all", 10).split(SEEDS[0], vit_digits)
    model = ImprintingClassifier(**recipe, random_state=SEEDS[0]).fit(split.X_train, split.y_train)
    predicted, explained = model.predict(split.X_test[:40]), model.explain(split.X_test[:40])
    gaps, rows = model.kneighbors(split.X_test[:40], 4)
    for i in range(40):
        result = explain_sample(model, split.X_test[i])
        nearest = nearest_proxies(model, result, 5)
        assert result.label == predicted[i]
        assert result.margin == pytest.approx(explained.margin[i], abs=1e-5)
        assert result.runner_up == model.classes_[model.proxy_class_[explained.runner_up[i]]]
        assert [near.row for near in nearest[:4]] == rows[i].tolist()
        sign = 1 if model.agg == "mnn" else -1
        np.testing.assert_allclose([near.similarity for near in nearest[:4]], sign * gaps[i], rtol=1e-4)
        # The runner-up is always among them.
        assert result.runner_up in [near.label for near in nearest]
        for near in nearest:
            assert model.proxy_class_[near.row] == near.label
            of_class = np.flatnonzero(model.proxy_class_ == near.label)
            assert of_class[near.number - 1] == near.row
            np.testing.assert_array_equal(near.shots, model.shots_of(near.row))


# --- words ---------------------------------------------------------------------------------


def words(X, y, x, truth=None, names=NAMES, **recipe):
    model = ImprintingClassifier(
        **{"gen": "all", "norm_pre": "none", "norm_post": "none", "norm_inf": "none", **recipe}
    ).fit(np.array(X, dtype=np.float64), y)
    return describe(agrees(model, np.array(x, dtype=np.float64)), names, truth)


AXES = [[1, 0], [0.6, 0.8], [0, 1], [-0.6, 0.8]]


def test_words_of_max():
    clause = "won by proxy 1 of class 3, which represents 1 shot; class 5's best proxy (1) was 0.800 lower"
    assert words(AXES, [3, 3, 5, 5], [1, 0.2]) == f"W{clause[1:]}."
    assert words(AXES, [3, 3, 5, 5], [1, 0.2], 3) == f"Correct: {clause}."
    assert words(AXES, [3, 3, 5, 5], [1, 0.2], 5) == f"Incorrect: {clause}. True class: class 5."
    assert words(AXES, [3, 3, 5, 5], [1, 0.2], 7) == f"Incorrect: {clause}. True class: class 7, which has no proxy."
    assert words(AXES, [3, 4, 5, 5], [1, 0], 5).endswith("was 0.400 lower. True class: class 5, 1 lower.")
    named = words(AXES, [3, 3, 5, 5], [1, 0], names={3: "cat", 5: "dog"}, gen="mean")
    assert named == "Won by the proxy of cat; dog's proxy was 1.100 lower."


def test_words_of_one_class_and_of_ties():
    assert words(AXES, [3] * 4, [1, 0]) == "Class 3 is the only class."
    assert words(AXES, [3] * 4, [1, 0], agg="mnn") == "Class 3 is the only class."
    assert words([[1, 0], [1, 0]], [3, 5], [1, 0]) == (
        "Won by the proxy of class 3; class 5's proxy is equally near, and the lower of equal classes wins."
    )
    assert words(AXES, [3, 4, 5, 5], [0, 0]) == (
        "3 classes have the same score, 0, and class 3 wins as the lowest of them."
    )


def test_words_of_negative_similarities():
    assert words([[1, 0], [0, 1]], [3, 5], [-1, -2]) == (
        "Won by the proxy of class 3, whose inner product, −1, is the least negative; class 5's proxy was 1 lower."
    )


def test_words_of_sum_mention_a_nearest_proxy_of_another_class():
    X = [[1, 0], [0.9, 0], [1.2, 0], [0, 1]]
    assert words(X, [3, 3, 5, 5], [1, 0], agg="sum") == (
        "Class 3 wins: the inner products with its proxies add up to 1.900, class 5's to 1.200; the nearest one is "
        "proxy 1 of class 5."
    )
    assert words(X, [3, 3, 5, 5], [1, 2], agg="sum").endswith("class 3's to 1.900.")
    assert words([[1, 0], [1, 0], [2, 0]], [3, 3, 5], [1, 0], agg="sum") == (
        "Class 3 wins: the inner products with its proxies add up to 2, class 5's to the same, and the lower of "
        "equal classes wins; the nearest one is the proxy of class 5."
    )
    # One proxy each: a sum of one is the largest.
    assert words([[1, 0], [0, 1]], [3, 5], [2, 1], agg="sum").startswith("Won by the proxy of class 3")


def line(*positions):
    return [[p, 0.0] for p in positions]


def test_words_of_votes():
    X, y = line(0, 1, 2, 5, 6), [3, 3, 5, 5, 5]
    voting = {"agg": "mnn"}
    assert words(X, y, [0.4, 0], m=3, **voting) == "2 of the 3 nearest proxies are of class 3, 1 of class 5."
    assert words(X, y, [0.4, 0], m=2, **voting) == (
        "All 2 nearest proxies are of class 3; the nearest of another class, proxy 1 of class 5, is 1.200 farther."
    )
    assert words(X, y, [0, 0], m=1, **voting) == (
        "Proxy 1 of class 3, which represents 1 shot, is the nearest; the nearest of another class, proxy 1 of class "
        "5, is 2 farther."
    )
    assert words(X, y, [0, 0], 5, m=2, **voting).endswith(" True class: class 5, which has no vote.")
    assert words(X, y, [0.4, 0], 5, m=3, **voting).endswith(" True class: class 5.")
    tied = "2 of the 4 nearest proxies are of class 3, 2 of class 5"
    assert words(X, y, [0.4, 0], m=4, **voting) == f"{tied}, which are farther on average."
    assert (
        words(X, y, [0.4, 0], m=4, ties="published", **voting)
        == f"{tied}, and the lower of classes with equal votes wins."
    )
    assert words(line(-1, 1), [3, 5], [0, 0], m=2, **voting) == (
        "1 of the 2 nearest proxies is of class 3, 1 of class 5, and the lower of classes with equal votes wins."
    )
    assert words(line(-1, 1), [3, 5], [0, 0], m=1, **voting).endswith("the proxy of class 5, is equally near.")
    assert words(line(0, 1, 2, 3), [3, 5, 5, 7], [0.1, 0], 7, m=4, vote="distance", **voting) == (
        "Incorrect: 1 of the 4 nearest proxies is of class 3, 2 of class 5; weighted by distance, 83% of the vote "
        "against 14%. True class: class 7, which has 1 vote."
    )
