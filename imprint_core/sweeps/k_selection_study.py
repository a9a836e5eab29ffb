"""Accuracy of suggested k compared with the best k: every rule on every bundled task, and the bundled results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.k_curves import nc1_of_split, split_ks
from imprint_core.embeddings import SetInfo, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.k_selection import RULES, choose_k, fold_accuracy, validation_folds
from imprint_core.evaluation.results_version import read_json, to_json
from imprint_core.evaluation.task import SEEDS, choose_classes, class_names
from imprint_core.framework.normalization import Array, l2
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS

KS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50)
SHOTS = (5, 10, 20, 50, 100, 200)
_RUNS, _SUGGESTIONS = 5, 3
_MERGED = (1, 2, 3, 5, 8, 10)
# Losses of at most so many points of accuracy count as near.
NEAR = 1.0
SPLIT = "nc1_split"
_FIXED = (1, 5, 20)
LABELS = {
    **{name: rule.label for name, rule in RULES.items()},
    SPLIT: "clusters: least NC1 of split classes",
    **{f"k={k}": f"always k = {k}" for k in _FIXED},
}


@dataclass(frozen=True)
class Case:
    """Losses of the suggestions on one task with one n-shot.

    Attributes
    ----------
    fm, dataset, classes, digest : str
        Names of the set, the class spec, and the digest of the set.
    n, best : int
        Shots per class, and the k with the highest median accuracy over seeds.
    short : dict of str to tuple of float
        For each rule and each seed's shots: loss of median accuracy from the best to the suggested k, in points.
    """

    fm: str
    dataset: str
    classes: str
    digest: str
    n: int
    best: int
    short: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Standing:
    """Summary of a rule over some cases.

    Attributes
    ----------
    near, mean, late : float
        Share of suggestions within `NEAR` points of the best k; mean and 95th percentile of the loss in points.
    suggestions : int
    """

    near: float
    mean: float
    late: float
    suggestions: int


def study(sets: Mapping[tuple[str, str], SetInfo], report_progress: Callable[[str], None]) -> Iterator[Case]:
    """Evaluate every rule for the paper's k-means on every set; sets of many classes with classes merged d into one."""
    recipe = PRESETS["own"].recipe
    for info in sets.values():
        embeddings = open_set(info)
        many = len(class_names(embeddings)) >= 10 * max(_MERGED)
        for spec in [f"{d}in1" for d in _MERGED] if many else ["all"]:
            report_progress(f"{info.path.stem} {spec}")
            pool = choose_classes(embeddings, spec)
            evaluator = Evaluator(pool, recipe.space)
            sizes = np.bincount(pool.y_train)
            for n in SHOTS:
                if n <= sizes[sizes > 0].min():
                    yield _case(info, spec, n, evaluator)


def _case(info: SetInfo, spec: str, n: int, evaluator: Evaluator) -> Case:
    recipe, pool = PRESETS["own"].recipe, evaluator.pool
    ks = tuple(k for k in KS if k <= n)
    curve = np.median(evaluator.accuracy_over_k(recipe, ks, n, SEEDS[:_RUNS]), axis=1)
    short: dict[str, list[float]] = {name: [] for name in LABELS}
    for seed in SEEDS[:_SUGGESTIONS]:
        rows = np.concatenate(evaluator.shots(n, seed))
        x, y = pool.X_train[rows], pool.y_train[rows]
        scores = [fold_accuracy(x, y, recipe, ks, fold) for fold in validation_folds(y, seed)]
        chosen = {name: choose_k(ks, scores, name) for name in RULES}
        chosen[SPLIT] = least_split_nc1(x, y, ks, seed)
        chosen |= {f"k={k}": max(smaller for smaller in ks if smaller <= k) for k in _FIXED}
        for name, k in chosen.items():
            short[name].append(float(curve.max() - curve[ks.index(k)]))
    return Case(
        info.fm,
        info.dataset,
        spec,
        info.digest,
        n,
        ks[int(np.argmax(curve))],
        {name: tuple(round(v, 3) for v in values) for name, values in short.items()},
    )


def least_split_nc1(X: Array, y: NDArray[np.integer], ks: Sequence[int], seed: int) -> int:
    """The k with the smallest NC1 of classes split into k parts after L2; the first k if no k can be measured."""
    x = l2(X)
    measurable = split_ks(np.unique(y, return_counts=True)[1], X.shape[1], ks)
    return int(min(measurable, key=lambda k: nc1_of_split(x, y, k, seed))) if measurable else int(ks[0])


def standing(cases: Iterable[Case], rule: str) -> Standing:
    """Summarise a rule over one case or more."""
    short = np.array([value for case in cases for value in case.short[rule]])
    return Standing(float((short <= NEAR).mean()), float(short.mean()), float(np.percentile(short, 95)), len(short))


def report(cases: Sequence[Case]) -> str:
    """Return a Markdown page with the cases."""
    shots = [n for n in SHOTS if any(case.n == n for case in cases)]
    lines = [
        "# Accuracy of the suggested k",
        "",
        "Written by `python -m imprint_core survey --of suggested-k`. For each bundled task and n-shot, the best k has",
        f"the highest median test accuracy over {_RUNS} seeds among {', '.join(map(str, KS))} (up to n).",
        f"A rule uses only the shots of one seed, for {_SUGGESTIONS} seeds per task and n-shot:",
        f"{_SUGGESTIONS * len(cases)} suggestions in total. Recipe: {PRESETS['own'].label}.",
        f"Sets with 100 classes count as the tasks {', '.join(f'{d} in 1' for d in _MERGED)}.",
        f"Near: within {NEAR:g} point of the best k. The best k is chosen on the test samples, an advantage of some",
        "tenths of a point.",
        "",
        f"| rule | near | mean loss in points | 95th percentile | {' | '.join(f'near, n = {n}' for n in shots)} |",
        f"|---|--:|--:|--:|{'--:|' * len(shots)}",
    ]
    for rule, label in LABELS.items():
        total = standing(cases, rule)
        by_n = [f"{standing([case for case in cases if case.n == n], rule).near:.0%}" for n in shots]
        lines.append(f"| {label} | {total.near:.0%} | {total.mean:.2f} | {total.late:.1f} | {' | '.join(by_n)} |")
    return "\n".join(lines) + "\n"


def write(cases: Sequence[Case]) -> bytes:
    """The cases as the JSON that `bundled_study` reads."""
    return to_json([asdict(case) for case in cases])


def bundled_path() -> Path:
    """Path of the bundled results."""
    return bundled_folder() / "suggested_k.json"


@cache
def bundled_study() -> tuple[Case, ...]:
    """Return the bundled results of the study.

    Raises
    ------
    ImprintError
        If its file can't be read.
    """
    try:
        rows = read_json(bundled_path())
    except ImprintError as error:
        raise ImprintError(
            f"No accuracy of suggested k is available: {error} Restore the file from the repository, or run "
            "`python -m imprint_core survey --of suggested-k`."
        ) from error
    return tuple(
        Case(**{**row, "short": {name: tuple(values) for name, values in row["short"].items()}}) for row in rows
    )
