"""Arithmetic of a single prediction: every step of the recipe with its numbers.

The steps are those of IMPRINT (Westerhoff et al., TMLR 2025): NORM_pre → GEN → NORM_post makes the proxies, and
NORM_inf → AGG compares them with the sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.explanation import (
    Names,
    SampleExplanation,
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
from imprint_core.framework.feature_map import FeatureMap
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS, l2
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS

Values = tuple[tuple[str, float], ...]
# Number of entries, dimensions and classes that a step lists.
_LISTED = 3


@dataclass(frozen=True)
class Step:
    """A step of the recipe for a sample.

    Attributes
    ----------
    name, formula, text : str
        Step of the recipe, its formula, and a sentence on its result.
    values : tuple of (str, float)
        Names and values of the quantities in the formula.
    """

    name: str
    formula: str
    text: str
    values: Values


def explanation_steps(
    model: ImprintingClassifier, x: ArrayLike, result: SampleExplanation, names: Names | None = None
) -> list[Step]:
    """Steps from the embedding x (d,) of an explained sample to its class; class names are numbers by default."""
    recipe, x = result.recipe, np.asarray(x)
    x = x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)
    transformed = model.transform_(x[None])[0]
    normalized = NORMALIZATIONS[recipe.norm_inf].function(transformed).astype(np.float64)
    raw, transformed, proxies = (v.astype(np.float64) for v in (x, transformed, model.proxies_))
    shots = [len(model.shots_of(row)) for _, row in pair_of(result)]
    return [
        _embedding(raw),
        *([_transform(recipe, model.transform_, raw, transformed)] if recipe.pretransform != "none" else []),
        _normalization(recipe, transformed, normalized),
        _proxies(result, proxies, shots, names),
        _similarity(result, proxies, normalized, names),
        *_dimensions(result, proxies, normalized, names),
        _aggregation(result, names),
    ]


def _length(x: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(x))


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(l2(a) @ l2(b))


def _embedding(x: NDArray[np.float64]) -> Step:
    largest = np.argsort(-np.abs(x), kind="stable")[:_LISTED]
    values = [("d", float(len(x))), ("‖x‖", _length(x)), *((f"x[{i}]", float(x[i])) for i in largest)]
    text = (
        f"The foundation model maps the image to a vector of {len(x)} numbers and length {figure(_length(x))}. Its "
        f"largest entries are at indices {listed(largest.tolist())}, from 0."
    )
    return Step("Embedding", "x = (x₀, x₁, …)", text, tuple(values))


_BASES = {"none": "x", "l2": "x / ‖x‖", "power": "sign(x) · √|x|"}


def _transform(recipe: Recipe, map_: FeatureMap, x: NDArray[np.float64], mapped: NDArray[np.float64]) -> Step:
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
    text = f"{entry.help} The vector's length changes from {figure(_length(x))} to {figure(_length(mapped))}."
    return Step(f"Transform: {entry.label}", f"x′ = {formula}", text, (*values, ("‖x′‖", _length(mapped))))


def _normalization(recipe: Recipe, x: NDArray[np.float64], normed: NDArray[np.float64]) -> Step:
    before, after = _length(x), _length(normed)
    symbol = "x" if recipe.pretransform == "none" else "x′"
    if recipe.norm_inf == "none":
        formula, text = f"x̂ = {symbol}", f"The vector keeps its length, {figure(before)}."
    elif before:
        formula = f"x̂ = {symbol} / ‖{symbol}‖"
        text = f"The vector is divided by its length, {figure(before)}, so that only its direction matters."
    else:
        formula, text = "x̂ = 0", "A zero vector has no direction and stays zero."
    label = NORMALIZATIONS[recipe.norm_inf].label
    return Step(f"NORM inf: {label}", formula, text, ((f"‖{symbol}‖", before), ("‖x̂‖", after)))


def _proxies(result: SampleExplanation, proxies: NDArray[np.float64], shots: list[int], names: Names | None) -> Step:
    gen = GENERATORS[result.recipe.gen]
    parts = [
        f"NORM pre {NORMALIZATIONS[result.recipe.norm_pre].label}",
        f"GEN {gen.label}" + (f", k = {result.recipe.k}" if gen.uses_k else ""),
        f"NORM post {POST_NORMALIZATIONS[result.recipe.norm_post].label}",
    ]
    if result.recipe.pretransform != "none":
        parts.insert(0, TRANSFORMS[result.recipe.pretransform].label)
    clauses, values = [], [("proxies", float(len(proxies)))]
    for (suffix, row), count in zip(pair_of(result), shots, strict=True):
        clauses.append(f"{proxy_name(result, row, names)} is the nearest to {shots_text(count)} of its class")
        values += [(f"‖p‖{suffix}", _length(proxies[row])), (f"shots{suffix}", float(count))]
    return Step("Proxies", " → ".join(["shots", *parts, "p"]), sentence("; ".join(clauses)), tuple(values))


class _Measured(NamedTuple):
    """Formula of a similarity, and the contribution of each dimension to a difference of two.

    `parts` maps x (d,), the winner and the runner-up (d,) to the contributions for the winner, (d,); without it the
    contributions of dimensions are undefined.
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
    # S mixes the dimensions.
    "mahalanobis": _Measured("d(x̂, p)² = (x̂ − p)ᵀ (S + 10⁻⁶ I)⁻¹ (x̂ − p), S the covariance of all proxies"),
}


def _measured(recipe: Recipe) -> _Measured:
    return _MEASURED[recipe.distance] if AGGREGATIONS[recipe.agg].uses_distance else _INNER


def _similarity(
    result: SampleExplanation, proxies: NDArray[np.float64], x: NDArray[np.float64], names: Names | None
) -> Step:
    clauses, values = [], [("‖x̂‖", _length(x))]
    pair = pair_of(result)
    values_text = figures([float(result.similarity[row]) for _, row in pair])
    for (suffix, row), shown in zip(pair, values_text, strict=True):
        p = proxies[row]
        clauses.append(f"{shown} for {proxy_name(result, row, names)}")
        values += [(f"‖p‖{suffix}", _length(p)), (f"cos{suffix}", _cosine(x, p)), (f"⟨x̂, p⟩{suffix}", float(x @ p))]
        if result.by_votes:
            values.append((f"d(x̂, p){suffix}", float(result.similarity[row])))
    sentence = f"The {result.measure} is {listed(clauses)}."
    return Step(f"Similarity: {result.measure}", _measured(result.recipe).formula, sentence, tuple(values))


def _dimensions(
    result: SampleExplanation, proxies: NDArray[np.float64], x: NDArray[np.float64], names: Names | None
) -> list[Step]:
    """Contribution of each dimension to the difference of winner and runner-up; empty if it is not such a sum."""
    measured = _measured(result.recipe)
    if result.second is None or result.runner_up is None or measured.parts is None:
        return []
    labels = result.labels
    if result.recipe.agg == "smooth" and any((labels == c).sum() > 1 for c in (result.label, result.runner_up)):
        return []
    formula, p, q = measured.difference, proxies[result.winner], proxies[result.second]
    if result.recipe.agg == "sum":
        # All proxies of both classes decide, instead of one each.
        formula = "s(winner) − s(runner-up) = Σ x̂ᵢ (Σ pᵢ − Σ qᵢ), over the proxies p, q of each"
        p, q = (proxies[result.labels == result.labels[row]].sum(axis=0) for row in (result.winner, result.second))
    parts = measured.parts(x, p, q)
    positive = float(parts[parts > 0].sum())
    best = [i for i in np.argsort(-parts, kind="stable")[:_LISTED].tolist() if parts[i] > 0]
    values = [(f"dimension {i}", float(parts[i])) for i in best]
    share = sum(v for _, v in values) / positive if positive else 0.0
    text = "No dimension favours the winner."
    if best:
        text = (
            f"{int((parts > 0).sum())} of {len(parts)} dimensions favour {class_name(result.label, names)} over "
            f"{class_name(result.runner_up, names)}. Largest contributions: "
            f"dimension{'' if len(best) == 1 else 's'} {listed(best)}, with {share:.0%} of the sum."
        )
    values += [
        ("share of all for it", share),
        ("all for it", positive),
        ("all against it", float(parts[parts < 0].sum())),
        ("difference", float(parts.sum())),
    ]
    return [Step("Dimensions", formula, text, tuple(values))]


def _aggregation(result: SampleExplanation, names: Names | None) -> Step:
    recipe, classes = result.recipe, np.unique(result.labels)
    top = np.argsort(-result.scores, kind="stable")[:_LISTED]
    labels = {c: class_name(int(classes[c]), names) for c in top}
    if recipe.agg == "max":
        formula = "s(class) = max ⟨x̂, p⟩ over its proxies p"
    elif recipe.agg == "sum":
        formula = "s(class) = Σ ⟨x̂, p⟩ over its proxies p"
    elif not AGGREGATIONS[recipe.agg].uses_distance:
        # An AGG method that was added.
        formula = f"s(class): {AGGREGATIONS[recipe.agg].help}"
    elif recipe.vote == "distance":
        formula = "s(class) = Σ 1 / (d(x̂, p) + 10⁻¹⁰) over its voters p"
    else:
        formula = "s(class) = votes" + (" + share < ½ for near voters" if recipe.ties == "distance" else "")
    values: list[tuple[str, float]] = []
    if result.by_votes:
        votes = votes_of(result)
        values += [("voters", float(len(result.voters))), *((f"votes of {labels[c]}", float(votes[c])) for c in top)]
        if recipe.vote == "uniform" and recipe.ties == "distance":
            values += [(f"tie share of {labels[c]}", float(result.scores[c] - votes[c])) for c in top]
    values += [(f"s({labels[c]})", float(result.scores[c])) for c in top]
    *top_scores, margin = figures([*result.scores[top].tolist(), result.margin], result.margin)
    text = f"The highest score wins: {listed([f'{v} of {labels[c]}' for v, c in zip(top_scores, top, strict=True)])}."
    if result.runner_up is not None:
        values.append(("margin", result.margin))
        text = f"{text[:-1]}; the margin is {margin}."
        if result.by_votes and not result.scores[top[1]]:
            runner_up = class_name(result.runner_up, names)
            text += f" No other class has a vote; the nearest proxy of another class is of {runner_up}."
    return Step(f"AGG {AGGREGATIONS[recipe.agg].label}", f"{formula}; the highest wins", text, tuple(values))
