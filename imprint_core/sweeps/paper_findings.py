"""The paper's findings, each checked on the table of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from imprint_core.collapse.correlation import correlate
from imprint_core.evaluation.metrics import signed
from imprint_core.evaluation.ranking import ALPHA, p_text, rank, wilcoxon
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable, TaskKey, TaskScores

# Differences below so many points of accuracy count as negligible.
NEGLIGIBLE = 0.5
_MEAN, _KMEANS = PRESETS["qi"].recipe, PRESETS["own"].recipe
_NORMS = (("none", "none"), ("none", "l2"), ("l2", "l2"))


@dataclass(frozen=True)
class Finding:
    """One of the paper's findings.

    Attributes
    ----------
    claim, source : str
        The finding, and where the paper states it.
    holds : bool or None
        Whether it holds on the table; None if the table lacks the necessary runs.
    evidence : str
        The numbers, in Markdown.
    """

    claim: str
    source: str
    holds: bool | None
    evidence: str


class _MissingRunsError(Exception):
    """The table lacks runs that a check needs."""


@dataclass(frozen=True)
class _Selection:
    """The tasks of a table on which findings are checked, and their n-shot."""

    table: SweepTable
    tasks: tuple[TaskKey, ...]
    n: int

    def scores(self, *recipes: Recipe, n: int | None = None) -> TaskScores:
        n_shot = self.n if n is None else n
        scores = self.table.scores(
            [sweep_recipe(r) for r in recipes], [task for task in self.tasks if task.n == n_shot]
        )
        if len(scores.tasks) < 2:
            raise _MissingRunsError
        return scores


def _listed(labels: Sequence[str], means: Sequence[float], digits: int = 1) -> str:
    return ", ".join(f"{label} {mean:.{digits}f}" for label, mean in zip(labels, means, strict=True))


def _l2_after_generation(selection: _Selection) -> tuple[bool, str]:
    # NORM inf follows NORM pre: AGG max gives the same predictions for both values of NORM inf.
    norms = [(norm, post) for norm in ("none", "l2") for post in ("none", "l2")]
    recipes = [replace(_MEAN, norm_pre=norm, norm_post=post, norm_inf=norm) for norm, post in norms]
    accuracy = selection.scores(*recipes).values
    gains = accuracy[:, 1] - accuracy[:, 0]
    pre_gains = accuracy[:, 3] - accuracy[:, 1]
    p = wilcoxon(accuracy[:, 1], accuracy[:, 0])
    holds = bool(gains.mean() > 0 and p < ALPHA and abs(gains.mean()) > abs(pre_gains.mean()))
    return holds, (
        f"With one unnormalised mean per class, NORM post L2 gains **{signed(gains.mean())} points** over none on "
        f"average and is better on {int((gains > 0).sum())} of {len(gains)} tasks ({p_text(p)}). With NORM post L2, "
        f"NORM pre and inf L2 gain {signed(pre_gains.mean(), 2)} points."
    )


def _pre_and_inf(selection: _Selection) -> tuple[bool, str]:
    scores = selection.scores(*(replace(_MEAN, norm_pre=pre, norm_inf=inf) for pre, inf in _NORMS))
    means = scores.values.mean(axis=0)
    holds = bool(np.ptp(means) < NEGLIGIBLE)
    labels = [f"{pre} / {inf}".replace("l2", "L2") for pre, inf in _NORMS]
    # Rounded as displayed, so that the averages and their largest difference add up.
    displayed = [round(mean, 2) for mean in means.tolist()]
    return holds, (
        f"One mean per class, NORM post L2, NORM pre / inf {_listed(labels, displayed, 2)} %: the averages over "
        f"{len(scores.tasks)} tasks differ by at most **{np.ptp(displayed):.2f} points** (Friedman "
        f"{p_text(rank(scores.values).friedman)}). Differences below {NEGLIGIBLE:g} count as negligible."
    )


def _votes(recipe: Recipe, ms: Sequence[int]) -> list[Recipe]:
    return [replace(recipe, agg="mnn", m=m, vote="distance") for m in ms]


def _max_for_kmeans(selection: _Selection) -> tuple[bool, str]:
    ms = (1, 3, 5, 20, 50)
    if selection.n <= _KMEANS.k:
        raise _MissingRunsError
    scores = selection.scores(_KMEANS, *_votes(_KMEANS, ms))
    means = scores.values.mean(axis=0)
    gap = float(np.abs(scores.values[:, 0] - scores.values[:, 1]).max())
    holds = bool(means[0] >= means[2:].max() and gap < 0.05)
    labels = ["max", *(f"{m}-NN" for m in ms)]
    return holds, (
        f"k-means, k = 20, L2, over {len(scores.tasks)} tasks: {_listed(labels, means.tolist())} %. On no task do "
        f"max and 1-NN differ by more than {gap:.2f} points, because among proxies of equal length the nearest is the "
        "most similar."
    )


def _votes_for_all(selection: _Selection) -> tuple[bool, str]:
    all_shots, ms = replace(_KMEANS, gen="all"), (3, 5, 20)
    scores = selection.scores(all_shots, *_votes(all_shots, ms))
    means = scores.values.mean(axis=0)
    wins = [int((scores.values[:, i] > scores.values[:, 0]).sum()) for i in range(1, 4)]
    labels = ["max (1-NN)", *(f"{m}-NN" for m in ms)]
    return bool((means[1:] > means[0]).all()), (
        f"All shots as proxies, over {len(scores.tasks)} tasks: {_listed(labels, means.tolist())} %; better than max "
        f"on {', '.join(map(str, wins))} of {len(scores.tasks)} tasks. The paper has thousands of shots per class; "
        f"here n = {selection.n}."
    )


def _order_of_gen(selection: _Selection) -> tuple[bool, str]:
    k = next((k for k in (20, 5) if k < selection.n), None)
    if k is None:
        # With k ≥ n every shot is a proxy for all GEN.
        raise _MissingRunsError
    gens = {"kmeans": "k-means", "kmedoids": "k-medoids", "cov_max": "cov-max", "random": "random", "fps": "farthest"}
    scores = selection.scores(*(replace(_KMEANS, gen=gen, k=k) for gen in gens))
    means = scores.values.mean(axis=0)
    wrong = [
        f"{later} is above {earlier}"
        for (earlier, later), step in zip(pairwise(gens.values()), np.diff(means), strict=True)
        if step >= 0
    ]
    averages = _listed(list(gens.values()), means.tolist())
    return not wrong, "; ".join([f"k = {k}, L2, max, over {len(scores.tasks)} tasks: {averages} %", *wrong]) + "."


def _overtaking(selection: _Selection) -> tuple[bool, str]:
    ns = sorted({task.n for task in selection.tasks if task.n})
    if len(ns) < 2:
        raise _MissingRunsError
    gains = {}
    for n in ns:
        accuracy = selection.scores(replace(_KMEANS, k=1), _KMEANS, n=n).values
        gains[n] = accuracy[:, 1] - accuracy[:, 0]
    by_n = ", ".join(
        f"n = {n}: {signed(g.mean())} points, better on {int((g > 0).sum())} of {len(g)} tasks"
        for n, g in gains.items()
    )
    return bool(gains[ns[0]].mean() < 0 < gains[ns[-1]].mean()), f"k = 20 compared with k = 1, {by_n}."


def _gain_with_nc1(selection: _Selection) -> tuple[bool, str]:
    single, five = replace(_KMEANS, k=1), replace(_KMEANS, k=5)
    scores = selection.scores(single, five)
    runs = [selection.table.runs(task, single) for task in scores.tasks]
    nc1 = [float(np.median(run.values["nc1"])) for run in runs if run is not None]
    relation = correlate(nc1, (scores.values[:, 1] - scores.values[:, 0]).tolist())
    if relation is None:
        raise _MissingRunsError
    return relation.spearman > 0 and relation.spearman_p < ALPHA, (
        f"Gain of k = 5 over k = 1 and NC1 of the shots, over {relation.tasks} tasks: **Spearman "
        f"{signed(relation.spearman, 2)}** ({p_text(relation.spearman_p)}), Pearson {signed(relation.pearson, 2)}. "
        "Most of the paper's 56 tasks are classes merged d in 1, as on the Collapse page."
    )


_CHECKS: tuple[tuple[str, str, Callable[[_Selection], tuple[bool, str]]], ...] = (
    ("NORM post L2 has the largest effect of all NORMs.", "§5.1, NORM", _l2_after_generation),
    ("With NORM post L2, NORM pre and NORM inf hardly matter.", "§5.1, NORM", _pre_and_inf),
    ("Max, which is 1-NN, is the best AGG for k-means proxies.", "§5.1, AGG", _max_for_kmeans),
    ("With all samples as proxies, 3- to 20-NN are better than max.", "§5.1, AGG", _votes_for_all),
    ("k-means > k-medoids > covariance maximisation > random > farthest point.", "Figure 6", _order_of_gen),
    ("k = 20 is better than k = 1 only with enough shots.", "§5.2, Figure 10", _overtaking),
    ("The gain of more proxies grows with NC1.", "§5.3, Figure 12", _gain_with_nc1),
)


def check_findings(table: SweepTable, tasks: Sequence[TaskKey], n: int) -> list[Finding]:
    """Check every finding on some tasks of a table with n shots; one finding needs the tasks of several n-shots."""
    selection = _Selection(table, tuple(tasks), n)
    findings = []
    for claim, source, check in _CHECKS:
        try:
            findings.append(Finding(claim, source, *check(selection)))
        except _MissingRunsError:
            reason = "Not enough runs: this needs two tasks with all necessary recipes, and more shots than proxies."
            findings.append(Finding(claim, source, None, reason))
    return findings
