"""Why one sample was classified as it was: every step of the recipe with its numbers, and a sentence.

The steps are those of the paper's IMPRINT (Westerhoff et al., TMLR 2025): NORM_pre → GEN → NORM_post made the
proxies; NORM_inf → AGG asks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES, compare, smallest
from imprint_core.framework.explanation_text import (
    Names,
    class_name,
    figure,
    figures,
    listed,
    pair_of,
    proxy_name,
    sentence,
    shots_text,
    votes_of,
)
from imprint_core.framework.feature_map import Map
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS, Array, l2
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS

Values = tuple[tuple[str, float], ...]
# How many entries, dimensions and classes a step names.
_NAMED = 3


@dataclass(frozen=True)
class Step:
    """One step of the recipe's arithmetic for one sample.

    Attributes
    ----------
    name : str
        The recipe's part.
    formula : str
        In plain text.
    told : str
        What it did here, in a sentence.
    values : tuple of (str, float)
        What is in the formula, under its name.
    """

    name: str
    formula: str
    told: str
    values: Values


@dataclass(frozen=True)
class Why:
    """Why a sample was classified as it was.

    Attributes
    ----------
    label : int
        The predicted class.
    runner_up : int or None
        The class with the second-highest score; None where there is no other.
    margin : float
        By how much the predicted class's score is higher; infinite where there is no other.
    winner : int
        Row of `proxies_`: the nearest proxy of the predicted class.
    second : int or None
        The nearest proxy of the runner-up.
    shots : int
        How many shots the winner stands for (`ImprintingClassifier.shots_of`).
    similarity : ndarray of shape (p,)
        Of every proxy, as AGG sees it: the inner product (a cosine after L2); for m-NN the distance, which is
        smaller the nearer.
    numbers : ndarray of shape (p,)
        Which of its class's proxies each is, from 1.
    labels : ndarray of shape (p,)
        The class of each proxy.
    scores : ndarray of shape (C,)
        Of the classes, ascending; two classes have two, unlike in `decision_function`.
    measure : str
        What `similarity` is: "cosine", "inner product", or a distance's label.
    by_votes : bool
        Whether the nearest proxies vote (m-NN).
    voters : ndarray of shape (v,)
        Rows of the proxies that vote, nearest first; none unless by votes.
    recipe : Recipe
    steps : tuple of Step
    """

    label: int
    runner_up: int | None
    margin: float
    winner: int
    second: int | None
    shots: int
    similarity: Array
    numbers: NDArray[np.intp]
    labels: NDArray[np.integer]
    scores: NDArray[np.float64]
    measure: str
    by_votes: bool
    voters: NDArray[np.intp]
    recipe: Recipe
    steps: tuple[Step, ...]


def measure_of(model: ImprintingClassifier) -> str:
    """What a model's AGG compares by: "cosine", "inner product", or a distance's label."""
    if AGGREGATIONS[model.agg].uses_distance:
        return f"{DISTANCES[model.distance].label} distance"
    return "cosine" if model.norm_post == "l2" and model.norm_inf == "l2" else "inner product"


def numbers_of(model: ImprintingClassifier) -> NDArray[np.intp]:
    """Which of its class's proxies each proxy (p,) is, from 1."""
    owner = model.proxy_class_
    return np.arange(len(owner)) - np.searchsorted(owner, owner) + 1


def why(model: ImprintingClassifier, x: ArrayLike, names: Names | None = None) -> Why:
    """Tell why a sample is classified as it is.

    Parameters
    ----------
    model : ImprintingClassifier
        Fitted to classes that are numbers.
    x : ndarray of shape (d,)
        The sample's embedding, before any transform.
    names : mapping or sequence of str, optional
        What the steps call the classes; by their numbers, unless given.

    Raises
    ------
    ImprintError
        If x is not d finite numbers.
    """
    check_is_fitted(model)
    x = np.asarray(x)
    # As scikit-learn reads it for `predict`.
    x = x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)
    if x.shape != (model.n_features_in_,) or not np.isfinite(x).all():
        raise ImprintError(f"An embedding is {model.n_features_in_} finite numbers; this is not: shape {x.shape}.")
    recipe, owner, labels = model.recipe, model.proxy_class_, model.classes_
    mapped = model.transform_(x[None])[0]
    normed = NORMALIZATIONS[recipe.norm_inf].function(mapped)
    part = compare(model.proxies_, normed[None], np.searchsorted(owner, np.arange(len(labels))))
    agg = AGGREGATIONS[recipe.agg]
    scores = agg.function(part, recipe.voting)[:, 0].astype(np.float64)
    voters = np.empty(0, dtype=np.intp)
    if agg.uses_distance:
        distance = DISTANCES[recipe.distance]
        gaps = distance.order(part)
        voters = smallest(gaps, min(recipe.m, len(owner)))[0][0]
        similarity = distance.lengths(gaps.T, part.squares[1][:, None])[0]
    else:
        similarity = part.inner[:, 0]
    explained = model.explain(x[None])
    pair = [int(row) for row in (explained.winner[0], explained.runner_up[0]) if row >= 0]
    shots = [len(model.shots_of(row)) for row in pair]
    told = Why(
        label=int(labels[owner[pair[0]]]),
        runner_up=int(labels[owner[pair[1]]]) if len(pair) > 1 else None,
        margin=float(explained.margin[0]),
        winner=pair[0],
        second=pair[1] if len(pair) > 1 else None,
        shots=shots[0],
        similarity=similarity,
        numbers=numbers_of(model),
        labels=labels[owner],
        scores=scores,
        measure=measure_of(model),
        by_votes=agg.uses_distance,
        voters=voters,
        recipe=recipe,
        steps=(),
    )
    proxies = model.proxies_.astype(np.float64)
    raw, mapped, normed = (v.astype(np.float64) for v in (x, mapped, normed))
    steps = [
        _embedding(raw),
        *([_transform(recipe, model.transform_, raw, mapped)] if recipe.pretransform != "none" else []),
        _normalization(recipe, mapped, normed),
        _proxies(told, proxies, shots, names),
        _similarity(told, proxies, normed, names),
        *_dimensions(told, proxies, normed, names),
        _aggregation(told, names),
    ]
    return replace(told, steps=tuple(steps))


# --- steps ---------------------------------------------------------------------------------


def _length(x: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(x))


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(l2(a) @ l2(b))


def _embedding(x: NDArray[np.float64]) -> Step:
    largest = np.argsort(-np.abs(x), kind="stable")[:_NAMED]
    values = [("d", float(len(x))), ("‖x‖", _length(x)), *((f"x[{i}]", float(x[i])) for i in largest)]
    told = (
        f"The foundation model turns the image into {len(x)} numbers, a vector of length {figure(_length(x))}; "
        f"its largest entries are at {listed(largest.tolist())}, counted from 0."
    )
    return Step("Embedding", "x = (x₀, x₁, …)", told, tuple(values))


_BASES = {"none": "x", "l2": "x / ‖x‖", "power": "sign(x) · √|x|"}


def _transform(recipe: Recipe, map_: Map, x: NDArray[np.float64], mapped: NDArray[np.float64]) -> Step:
    entry = TRANSFORMS[recipe.pretransform]
    formula, values = _BASES[map_.base], [("‖x‖", _length(x))]
    if map_.centre is not None:
        formula += " − c"
        values.append(("‖c‖", _length(map_.centre.astype(np.float64))))
    if map_.axes is not None and map_.gains is not None:
        formula = f"a · (I + V diag(g) Vᵀ) ({formula})"
        values.append(("a", float(map_.scale)))
    if map_.shrinkage is not None:
        values.append(("shrinkage", float(map_.shrinkage)))
    told = f"{entry.help} The vector's length goes from {figure(_length(x))} to {figure(_length(mapped))}."
    return Step(f"Transform: {entry.label}", f"x′ = {formula}", told, (*values, ("‖x′‖", _length(mapped))))


def _normalization(recipe: Recipe, x: NDArray[np.float64], normed: NDArray[np.float64]) -> Step:
    before, after = _length(x), _length(normed)
    symbol = "x" if recipe.pretransform == "none" else "x′"
    if recipe.norm_inf == "none":
        formula, told = f"x̂ = {symbol}", f"The vector keeps its length, {figure(before)}."
    elif before:
        formula = f"x̂ = {symbol} / ‖{symbol}‖"
        told = f"The vector is divided by its length, {figure(before)}, so that only its direction matters."
    else:
        formula, told = "x̂ = 0", "A vector of zeros has no direction; it stays zero."
    label = NORMALIZATIONS[recipe.norm_inf].label
    return Step(f"NORM inf: {label}", formula, told, ((f"‖{symbol}‖", before), ("‖x̂‖", after)))


def _proxies(why: Why, proxies: NDArray[np.float64], shots: list[int], names: Names | None) -> Step:
    gen = GENERATORS[why.recipe.gen]
    parts = [
        f"NORM pre {NORMALIZATIONS[why.recipe.norm_pre].label}",
        f"GEN {gen.label}" + (f", k = {why.recipe.k}" if gen.uses_k else ""),
        f"NORM post {POST_NORMALIZATIONS[why.recipe.norm_post].label}",
    ]
    if why.recipe.pretransform != "none":
        parts.insert(0, TRANSFORMS[why.recipe.pretransform].label)
    told, values = [], [("proxies", float(len(proxies)))]
    for (suffix, row), count in zip(pair_of(why), shots, strict=True):
        told.append(f"{proxy_name(why, row, names)} is the nearest to {shots_text(count)} of its class")
        values += [(f"‖p‖{suffix}", _length(proxies[row])), (f"shots{suffix}", float(count))]
    return Step("Proxies", " → ".join(["shots", *parts, "p"]), sentence("; ".join(told)), tuple(values))


class _Measured(NamedTuple):
    """How a similarity is computed, and what every dimension adds to the difference of two.

    `parts` maps x (d,), the winner and the runner-up (d,) to what speaks for the winner, (d,); without it the
    dimensions can't be told apart.
    """

    formula: str
    difference: str = ""
    parts: Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] | None = None


_INNER = _Measured(
    "⟨x̂, p⟩ = ‖x̂‖ · ‖p‖ · cos", "⟨x̂, p⟩ − ⟨x̂, q⟩ = Σ x̂ᵢ (pᵢ − qᵢ)", lambda x, p, q: np.asarray(x * (p - q))
)
_MEASURED: dict[str, _Measured] = {
    "cosine": _Measured(
        "d(x̂, p) = 1 − cos, with ⟨x̂, p⟩ = ‖x̂‖ · ‖p‖ · cos",
        "d(x̂, q) − d(x̂, p) = Σ x̂ᵢ/‖x̂‖ (pᵢ/‖p‖ − qᵢ/‖q‖)",
        lambda x, p, q: np.asarray(l2(x) * (l2(p) - l2(q))),
    ),
    "euclidean": _Measured(
        "d(x̂, p)² = ‖x̂‖² + ‖p‖² − 2 ⟨x̂, p⟩, with ⟨x̂, p⟩ = ‖x̂‖ · ‖p‖ · cos",
        "d(x̂, q)² − d(x̂, p)² = Σ (x̂ᵢ − qᵢ)² − (x̂ᵢ − pᵢ)²",
        lambda x, p, q: np.asarray((x - q) ** 2 - (x - p) ** 2),
    ),
    "manhattan": _Measured(
        "d(x̂, p) = Σ |x̂ᵢ − pᵢ|",
        "d(x̂, q) − d(x̂, p) = Σ |x̂ᵢ − qᵢ| − |x̂ᵢ − pᵢ|",
        lambda x, p, q: np.asarray(np.abs(x - q) - np.abs(x - p)),
    ),
    # Its dimensions are mixed by S.
    "mahalanobis": _Measured("d(x̂, p)² = (x̂ − p)ᵀ (S + 10⁻⁶ I)⁻¹ (x̂ − p), S the covariance of all proxies"),
}


def _measured(recipe: Recipe) -> _Measured:
    return _MEASURED[recipe.distance] if AGGREGATIONS[recipe.agg].uses_distance else _INNER


def _similarity(why: Why, proxies: NDArray[np.float64], x: NDArray[np.float64], names: Names | None) -> Step:
    told, values = [], [("‖x̂‖", _length(x))]
    pair = pair_of(why)
    told_apart = figures([float(why.similarity[row]) for _, row in pair])
    for (suffix, row), shown in zip(pair, told_apart, strict=True):
        p = proxies[row]
        told.append(f"{shown} for {proxy_name(why, row, names)}")
        values += [(f"‖p‖{suffix}", _length(p)), (f"cos{suffix}", _cosine(x, p)), (f"⟨x̂, p⟩{suffix}", float(x @ p))]
        if why.by_votes:
            values.append((f"d(x̂, p){suffix}", float(why.similarity[row])))
    sentence = f"The {why.measure} is {listed(told)}."
    return Step(f"Similarity: {why.measure}", _measured(why.recipe).formula, sentence, tuple(values))


def _dimensions(why: Why, proxies: NDArray[np.float64], x: NDArray[np.float64], names: Names | None) -> list[Step]:
    """What each dimension adds to the difference of winner and runner-up: none where there is no such sum."""
    measured = _measured(why.recipe)
    if why.second is None or why.runner_up is None or measured.parts is None:
        return []
    formula, p, q = measured.difference, proxies[why.winner], proxies[why.second]
    if why.recipe.agg == "sum":
        # Not one proxy each decides there, but all of both classes.
        formula = "s(winner) − s(runner-up) = Σ x̂ᵢ (Σ pᵢ − Σ qᵢ), over the proxies p, q of each"
        p, q = (proxies[why.labels == why.labels[row]].sum(axis=0) for row in (why.winner, why.second))
    parts = measured.parts(x, p, q)
    speaking = float(parts[parts > 0].sum())
    best = [i for i in np.argsort(-parts, kind="stable")[:_NAMED].tolist() if parts[i] > 0]
    values = [(f"dimension {i}", float(parts[i])) for i in best]
    share = sum(v for _, v in values) / speaking if speaking else 0.0
    told = "No dimension speaks for the winner."
    if best:
        told = (
            f"{'Dimension' if len(best) == 1 else 'Dimensions'} {listed(best)} tell{'s' if len(best) == 1 else ''} "
            f"{class_name(why.label, names)} from {class_name(why.runner_up, names)} most. {int((parts > 0).sum())} of "
            f"{len(parts)} dimensions speak for {class_name(why.label, names)}; {share:.0%} of what they add up to "
            f"comes from {'this one' if len(best) == 1 else f'these {len(best)}'}."
        )
    values += [
        ("share of all for it", share),
        ("all for it", speaking),
        ("all against it", float(parts[parts < 0].sum())),
        ("difference", float(parts.sum())),
    ]
    return [Step("Dimensions", formula, told, tuple(values))]


def _aggregation(why: Why, names: Names | None) -> Step:
    recipe, classes = why.recipe, np.unique(why.labels)
    top = np.argsort(-why.scores, kind="stable")[:_NAMED]
    called = {c: class_name(int(classes[c]), names) for c in top}
    if recipe.agg == "max":
        formula = "s(class) = max ⟨x̂, p⟩ over its proxies p"
    elif recipe.agg == "sum":
        formula = "s(class) = Σ ⟨x̂, p⟩ over its proxies p"
    elif not AGGREGATIONS[recipe.agg].uses_distance:
        # Of an AGG that came from outside, its own word.
        formula = f"s(class): {AGGREGATIONS[recipe.agg].help}"
    elif recipe.vote == "distance":
        formula = "s(class) = Σ 1 / (d(x̂, p) + 10⁻¹⁰) over its voters p"
    else:
        formula = "s(class) = votes" + (" + share < ½ for near voters" if recipe.ties == "distance" else "")
    values: list[tuple[str, float]] = []
    if why.by_votes:
        votes = votes_of(why)
        values += [("voters", float(len(why.voters))), *((f"votes of {called[c]}", float(votes[c])) for c in top)]
        if recipe.vote == "uniform" and recipe.ties == "distance":
            values += [(f"tie share of {called[c]}", float(why.scores[c] - votes[c])) for c in top]
    values += [(f"s({called[c]})", float(why.scores[c])) for c in top]
    *shown, margin = figures([*why.scores[top].tolist(), why.margin], why.margin)
    told = f"The highest score wins: {listed([f'{v} of {called[c]}' for v, c in zip(shown, top, strict=True)])}."
    if why.runner_up is not None:
        values.append(("margin", why.margin))
        told = f"{told[:-1]}; the margin is {margin}."
        if why.by_votes and not why.scores[top[1]]:
            runner_up = class_name(why.runner_up, names)
            told += f" No other class has a vote; the nearest proxy of another class is of {runner_up}."
    return Step(f"AGG {AGGREGATIONS[recipe.agg].label}", f"{formula}; the highest wins", told, tuple(values))
