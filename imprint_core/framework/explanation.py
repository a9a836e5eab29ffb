"""Explanation of a single prediction: winner, runner-up, margin and nearest proxies, and a sentence on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES, compare, smallest
from imprint_core.framework.normalization import NORMALIZATIONS, Array
from imprint_core.framework.recipe import Recipe

Names = Mapping[int, str] | Sequence[str]


@dataclass(frozen=True)
class SampleExplanation:
    """Explanation of a prediction.

    Attributes
    ----------
    label, runner_up : int
        Predicted class, and the class with the second-highest score; None if there is no other class.
    margin : float
        Score of the predicted class minus that of the runner-up; infinite if there is no other class.
    winner, second : int
        Rows of `proxies_` of the nearest proxies of both classes.
    shots : int
        Number of shots that the winner represents (`ImprintingClassifier.shots_of`).
    similarity : ndarray of shape (p,)
        Similarity to every proxy as AGG uses it: the inner product (a cosine after L2), or the distance for m-NN.
    numbers : ndarray of shape (p,)
        Number of every proxy within its class, from 1.
    labels : ndarray of shape (p,)
        Class of every proxy.
    scores : ndarray of shape (C,)
        Scores of the classes in ascending order; two for two classes, unlike `decision_function`.
    measure : str
        Name of the similarity: "cosine", "inner product", or a distance's label.
    by_votes : bool
        Whether the nearest proxies vote (m-NN).
    voters : ndarray of shape (v,)
        Rows of the voting proxies, nearest first; empty unless `by_votes`.
    recipe : Recipe
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


def _measure_of(recipe: Recipe) -> str:
    if AGGREGATIONS[recipe.agg].uses_distance:
        return f"{DISTANCES[recipe.distance].label} distance"
    return "cosine" if recipe.norm_post == "l2" and recipe.norm_inf == "l2" else "inner product"


def explain_sample(model: ImprintingClassifier, x: ArrayLike) -> SampleExplanation:
    """Explain the prediction of an embedding x (d,) by a model with numeric class labels.

    Raises
    ------
    ImprintError
        If x does not have d finite numbers.
    """
    check_is_fitted(model)
    x = np.asarray(x)
    # The number type that `predict` uses.
    x = x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)
    if x.shape != (model.n_features_in_,) or not np.isfinite(x).all():
        raise ImprintError(f"An embedding has {model.n_features_in_} finite numbers; x of shape {x.shape} does not.")
    recipe, owner, labels = model.recipe_, model.proxy_class_, model.classes_
    normed = NORMALIZATIONS[recipe.norm_inf].function(model.transform_(x[None])[0])
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
    margins = model.explain(x[None])
    winner, second = int(margins.winner[0]), int(margins.runner_up[0])
    return SampleExplanation(
        label=int(labels[owner[winner]]),
        runner_up=int(labels[owner[second]]) if second >= 0 else None,
        margin=float(margins.margin[0]),
        winner=winner,
        second=second if second >= 0 else None,
        shots=len(model.shots_of(winner)),
        similarity=similarity,
        numbers=np.arange(len(owner)) - np.searchsorted(owner, owner) + 1,
        labels=labels[owner],
        scores=scores,
        measure=_measure_of(recipe),
        by_votes=agg.uses_distance,
        voters=voters,
        recipe=recipe,
    )


@dataclass(frozen=True)
class NearProxy:
    """A proxy near a sample.

    Attributes
    ----------
    row, number, label : int
        Row of the classifier's `proxies_`, number among the proxies of its class, from 1, and class.
    similarity : float
        As in `SampleExplanation`.
    shots : ndarray
        Rows of the training data that it represents (`ImprintingClassifier.shots_of`).
    """

    row: int
    number: int
    label: int
    similarity: float
    shots: NDArray[np.intp]


def nearest_proxies(model: ImprintingClassifier, result: SampleExplanation, count: int = 5) -> list[NearProxy]:
    """The `count` proxies nearest to a sample, nearest first; the last is the runner-up's if no other one is."""
    rows = np.argsort(result.similarity if result.by_votes else -result.similarity, kind="stable")
    nearest = rows[:count].tolist()
    if count > 1 and result.second is not None and result.runner_up not in result.labels[nearest]:
        nearest[-1] = result.second
    return [
        NearProxy(row, int(result.numbers[row]), int(label), float(result.similarity[row]), model.shots_of(row))
        for row, label in zip(nearest, result.labels[nearest], strict=True)
    ]


def describe(result: SampleExplanation, names: Names, truth: int | None = None) -> str:
    """Describe a prediction in one or two sentences, and whether it is correct if the true class is given."""
    if result.runner_up is None:
        won = f"{class_name(result.label, names)} is the only class"
    else:
        won = (_by_votes if result.by_votes else _by_similarity)(result, result.runner_up, names)
    if truth is None:
        return sentence(won)
    if truth == result.label:
        return f"Correct: {won}."
    return f"Incorrect: {won}. True class: {_missed(result, truth, names)}."


def _by_similarity(result: SampleExplanation, runner_up: int, names: Names) -> str:
    """Clause for AGG max, smooth and sum."""
    winning, other, best = class_name(result.label, names), class_name(runner_up, names), float(result.scores.max())
    equal = int((result.scores == best).sum())
    if equal > 2:
        return f"{equal} classes have the same score, {figure(best)}, and {winning} wins as the lowest of them"
    single, other_single = ((result.labels == label).sum() == 1 for label in (result.label, runner_up))
    tied = ", and the lower of equal classes wins"
    if result.recipe.agg in ("sum", "smooth") and not (single and other_single):
        winning_score, other_score = figures([best, best - result.margin])
        if result.recipe.agg == "sum":
            won = f"{winning} wins: the {result.measure}s with its proxies add up to {winning_score}, {other}'s to"
        else:
            won = f"{winning} wins: the smooth maximum of the {result.measure}s with its proxies is {winning_score}"
            won += f", {other}'s is"
        won += f" the same{tied}" if equal == 2 else f" {other_score}"
        nearest = int(np.argmax(result.similarity))
        if result.labels[nearest] != result.label:
            won += f"; the nearest one is {proxy_name(result, nearest, names)}"
        return won
    won = f"won by {proxy_name(result, result.winner, names)}"
    if best < 0:
        won += f", whose {result.measure}, {figure(best)}, is the least negative"
    # The only proxy of a class represents all its shots.
    if result.shots and not single:
        won += f"{' and' if best < 0 else ','} which represents {shots_text(result.shots)}"
    rival = f"{other}'s proxy" if other_single else f"{other}'s best proxy ({result.numbers[result.second]})"
    return f"{won}; {rival} " + (f"is equally near{tied}" if equal == 2 else f"was {figure(result.margin)} lower")


def _by_votes(result: SampleExplanation, runner_up: int, names: Names) -> str:
    winning, other, count = class_name(result.label, names), class_name(runner_up, names), len(result.voters)
    votes = dict(zip(np.unique(result.labels).tolist(), votes_of(result).tolist(), strict=True))
    for_winner, for_runner_up = votes[result.label], votes[runner_up]
    if for_winner == count:
        won = f"all {count} nearest proxies are of {winning}"
        if count == 1:
            several = (result.labels == result.label).sum() > 1
            shots = f", which represents {shots_text(result.shots)}," if result.shots and several else ""
            won = f"{proxy_name(result, result.winner, names)}{shots} is the nearest"
        rival = int(result.second if result.second is not None else result.winner)
        farther = float(result.similarity[rival] - result.similarity[result.winner])
        behind = f"{figure(farther)} farther" if farther > 0 else "equally near"
        return f"{won}; the nearest of another class, {proxy_name(result, rival, names)}, is {behind}"
    verb = "is" if for_winner == 1 else "are"
    won = f"{for_winner} of the {count} nearest proxies {verb} of {winning}, {for_runner_up} of {other}"
    if result.recipe.vote == "distance":
        shares = np.sort(result.scores)[:-3:-1] / result.scores.sum()
        won += f"; weighted by distance, {shares[0]:.0%} of the vote against {shares[1]:.0%}"
    elif for_winner == for_runner_up and result.margin:
        won += ", which are farther on average"
    return won if result.margin else f"{won}, and the lower of classes with equal votes wins"


def _missed(result: SampleExplanation, truth: int, names: Names) -> str:
    """The true class and its margin, which the sentence already has if it is the runner-up."""
    true, classes = class_name(truth, names), np.unique(result.labels)
    index = np.flatnonzero(classes == truth)
    if not len(index):
        return f"{true}, which has no proxy"
    if result.by_votes:
        votes = int(votes_of(result)[index[0]])
        if not votes:
            return f"{true}, which has no vote"
        if truth == result.runner_up:
            return true
        by_distance = result.recipe.vote == "uniform" and result.recipe.ties == "distance"
        farther = ", which are farther" if by_distance and votes == max(votes_of(result)) else ""
        return f"{true}, which has {votes} vote{'s' if votes > 1 else ''}{farther}"
    behind = float(result.scores.max() - result.scores[index[0]])
    return true if truth == result.runner_up or not behind else f"{true}, {figure(behind)} lower"


def votes_of(result: SampleExplanation) -> NDArray[np.intp]:
    """Number of voters of each class, (C,)."""
    classes = np.unique(result.labels)
    return np.bincount(np.searchsorted(classes, result.labels[result.voters]), minlength=len(classes))


def pair_of(result: SampleExplanation) -> list[tuple[str, int]]:
    """Suffix and row of the winner and, if there is one, of the runner-up."""
    second = [] if result.second is None else [(", runner-up", result.second)]
    return [(", winner", result.winner), *second]


def class_name(label: int, names: Names | None) -> str:
    """Name of a class in a sentence, such as "class 7" or "cat"."""
    name = str(label) if names is None else names[label]
    return name if any(c.isalpha() for c in name) else f"class {name}"


def proxy_name(result: SampleExplanation, row: int, names: Names | None) -> str:
    """Name of a proxy in a sentence."""
    label = int(result.labels[row])
    number = f"proxy {result.numbers[row]}" if (result.labels == label).sum() > 1 else "the proxy"
    return f"{number} of {class_name(label, names)}"


def shots_text(count: int) -> str:
    """Number of shots in words."""
    return f"{count or 'no'} shot{'' if count == 1 else 's'}"


def listed(items: Sequence[object]) -> str:
    """Items joined with commas and "and"."""
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def figure(value: float) -> str:
    """Format a number with three decimals, or more if it is small."""
    if value == round(value) or abs(value) >= 1000:
        plain = f"{value:,.0f}"
    else:
        small = np.format_float_positional(value, precision=2, fractional=False, trim="-")
        plain = f"{value:.3f}" if abs(value) >= 0.001 else small
    return plain.replace("-", "−")


def figures(values: Sequence[float], apart: float | None = None) -> list[str]:
    """Format numbers with enough decimals to distinguish them, or to distinguish values that differ by `apart`."""
    gap = abs(values[0] - values[-1]) if apart is None else abs(apart)
    if not 0 < gap < np.inf or all(v == round(v) for v in values):
        return [figure(v) if np.isfinite(v) else "" for v in values]
    least = 1 if max(map(abs, values)) >= 1000 else 3
    digits = int(np.clip(2 - np.floor(np.log10(gap)), least, 10))
    return [f"{v:,.{digits}f}".replace("-", "−") for v in values]


def sentence(text: str) -> str:
    """Add a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
