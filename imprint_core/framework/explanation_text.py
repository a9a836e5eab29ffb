"""Why a sample was classified as it was, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from imprint_core.framework.explanation import Why

Names = Mapping[int, str] | Sequence[str]


def in_words(why: Why, names: Names, truth: int | None = None) -> str:
    """One or two sentences: what won, on what grounds, and by how much; with its true class, whether that is right."""
    if why.runner_up is None:
        won = f"there is no other class than {class_name(why.label, names)}"
    else:
        won = (_by_votes if why.by_votes else _by_similarity)(why, why.runner_up, names)
    if truth is None:
        return sentence(won)
    return f"Right: {won}." if truth == why.label else f"Wrong: {won}. It is {_missed(why, truth, names)}."


def _by_similarity(why: Why, runner_up: int, names: Names) -> str:
    """For AGG max and sum."""
    own, other, best = class_name(why.label, names), class_name(runner_up, names), float(why.scores.max())
    equal = int((why.scores == best).sum())
    if equal > 2:
        return f"{equal} classes have the same score, {figure(best)}, and of these {own} is the lowest and wins"
    mine, theirs = ((why.labels == label).sum() == 1 for label in (why.label, runner_up))
    tied = ", and of equal scores the lower class wins"
    if why.recipe.agg == "sum" and not (mine and theirs):
        mine_sum, other_sum = figures([best, best - why.margin])
        won = f"{own} wins: the {why.measure}s with its proxies add up to {mine_sum}, {other}'s"
        won += f" to the same{tied}" if equal == 2 else f" to {other_sum}"
        nearest = int(np.argmax(why.similarity))
        return (
            won if why.labels[nearest] == why.label else f"{won}; the nearest one is {proxy_name(why, nearest, names)}"
        )
    won = f"won by {proxy_name(why, why.winner, names)}"
    if best < 0:
        won += f", whose {why.measure}, {figure(best)}, is the least negative"
    # The only proxy of its class stands for all its shots anyway.
    if why.shots and not mine:
        won += f"{' and' if best < 0 else ','} which stands for {shots_text(why.shots)}"
    rival = f"{other}'s proxy" if theirs else f"{other}'s best proxy ({why.numbers[why.second]})"
    return f"{won}; {rival} " + (f"is just as near{tied}" if equal == 2 else f"was {figure(why.margin)} behind")


def _by_votes(why: Why, runner_up: int, names: Names) -> str:
    own, other, count = class_name(why.label, names), class_name(runner_up, names), len(why.voters)
    votes = dict(zip(np.unique(why.labels).tolist(), votes_of(why).tolist(), strict=True))
    mine, theirs = votes[why.label], votes[runner_up]
    if mine == count:
        won = f"all {count} nearest proxies are of {own}"
        if count == 1:
            several = (why.labels == why.label).sum() > 1
            shots = f", which stands for {shots_text(why.shots)}," if why.shots and several else ""
            won = f"{proxy_name(why, why.winner, names)}{shots} is the nearest"
        rival = int(why.second if why.second is not None else why.winner)
        farther = float(why.similarity[rival] - why.similarity[why.winner])
        behind = f"{figure(farther)} farther" if farther > 0 else "just as near"
        return f"{won}; the nearest of another class, {proxy_name(why, rival, names)}, is {behind}"
    won = f"{mine} of the {count} nearest proxies {'is' if mine == 1 else 'are'} of {own}, {theirs} of {other}"
    if why.recipe.vote == "distance":
        shares = np.sort(why.scores)[:-3:-1] / why.scores.sum()
        won += f"; weighed by nearness, that is {shares[0]:.0%} of the vote against {shares[1]:.0%}"
    elif mine == theirs and why.margin:
        won += ", farther on average"
    return won if why.margin else f"{won}, and of equal votes the lower class wins"


def _missed(why: Why, truth: int, names: Names) -> str:
    """The true class, and how far it was from winning where that hasn't been said."""
    true, classes = class_name(truth, names), np.unique(why.labels)
    place = np.flatnonzero(classes == truth)
    if not len(place):
        return f"{true}, which has no proxy"
    if why.by_votes:
        votes = int(votes_of(why)[place[0]])
        if not votes:
            return f"{true}, which got no vote"
        if truth == why.runner_up:
            return true
        as_many = votes == max(votes_of(why)) and why.recipe.vote == "uniform" and why.recipe.ties == "distance"
        return f"{true}, which got {votes} vote{'s' if votes > 1 else ''}" + (", farther still" if as_many else "")
    behind = float(why.scores.max() - why.scores[place[0]])
    return true if truth == why.runner_up or not behind else f"{true}, {figure(behind)} behind"


def votes_of(why: Why) -> NDArray[np.intp]:
    """How many of the voters are of each class, (C,)."""
    classes = np.unique(why.labels)
    return np.bincount(np.searchsorted(classes, why.labels[why.voters]), minlength=len(classes))


def pair_of(why: Why) -> list[tuple[str, int]]:
    """The winner and, where there is one, the runner-up: what their values end in, and their rows."""
    return [(", winner", why.winner), *([(", runner-up", why.second)] if why.second is not None else [])]


def class_name(label: int, names: Names | None) -> str:
    """What a class is called in a sentence; a mere number is told to be a class."""
    name = str(label) if names is None else names[label]
    return name if any(c.isalpha() for c in name) else f"class {name}"


def proxy_name(why: Why, row: int, names: Names | None) -> str:
    """What a proxy is called in a sentence."""
    label = int(why.labels[row])
    number = f"proxy {why.numbers[row]}" if (why.labels == label).sum() > 1 else "the proxy"
    return f"{number} of {class_name(label, names)}"


def shots_text(count: int) -> str:
    """A number of shots."""
    return f"{count or 'no'} shot{'' if count == 1 else 's'}"


def listed(items: Sequence[object]) -> str:
    """Items with commas and an “and” between them."""
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def figure(value: float) -> str:
    """A number as a person reads it: three digits after the point where they tell something."""
    if value == round(value) or abs(value) >= 1000:
        plain = f"{value:,.0f}"
    else:
        small = np.format_float_positional(value, precision=2, fractional=False, trim="-")
        plain = f"{value:.3f}" if abs(value) >= 0.001 else small
    return plain.replace("-", "−")


def figures(values: Sequence[float], apart: float | None = None) -> list[str]:
    """Numbers with as many digits as it takes to tell them apart, or what lies `apart` as far as that.

    They then add up, as far as rounded numbers do.
    """
    gap = abs(values[0] - values[-1]) if apart is None else abs(apart)
    if not 0 < gap < np.inf or all(v == round(v) for v in values):
        return [figure(v) if np.isfinite(v) else "" for v in values]
    least = 1 if max(map(abs, values)) >= 1000 else 3
    digits = int(np.clip(2 - np.floor(np.log10(gap)), least, 10))
    return [f"{v:,.{digits}f}".replace("-", "−") for v in values]


def sentence(text: str) -> str:
    """A capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
