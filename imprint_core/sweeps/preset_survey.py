"""Accuracy of every preset on every set, and the claims of the paper and of this project checked on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings import SetInfo, open_set
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.metrics import signed
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.generation import GENERATORS
from imprint_core.models import ridge_of
from imprint_core.recipes.presets import PRESETS

_TABLE_SHOTS = (5, 20, 100, 200)
SHOTS = (2, 3, 5, 10, 20, 50, 100, 200)
RUNS = 5
# The presets without the linear probe, which is trained; `auto_survey` has it.
IMPRINTED = {name: preset for name, preset in PRESETS.items() if not GENERATORS[preset.recipe.gen].trained}


@dataclass(frozen=True)
class PresetAccuracies:
    """Accuracy of the presets on one set with one n-shot.

    Attributes
    ----------
    fm, dataset, n
        Labels, and shots per class.
    accuracy : dict of str to ndarray of shape (s,)
        For each preset: test accuracy in percent for each seed.
    """

    fm: str
    dataset: str
    n: int
    accuracy: dict[str, NDArray[np.float64]]

    def median(self, preset: str) -> float:
        """Median accuracy of a preset over the seeds."""
        return float(np.median(self.accuracy[preset]))

    def gain(self, preset: str, over: str) -> float:
        """Median over the seeds of the difference on the same shots."""
        return float(np.median(self.accuracy[preset] - self.accuracy[over]))


def survey(
    sets: Mapping[tuple[str, str], SetInfo], report_progress: Callable[[str], None]
) -> Iterable[PresetAccuracies]:
    """Evaluate every preset on every set, for the n-shots that all classes of a set have."""
    for info in sets.values():
        report_progress(info.path.stem)
        pool = choose_classes(open_set(info))
        least = int(info.meta["samples"]["train"]["per_class_least"])
        fm = info.meta["fm"]
        recipes = {name: replace(p.recipe, lam=ridge_of(fm["name"])) for name, p in IMPRINTED.items()}
        evaluators = {space: Evaluator(pool, space) for space in {r.space for r in recipes.values()}}
        for n in SHOTS:
            if n <= least:
                accuracy = {p: evaluators[r.space].evaluate(r, n, SEEDS[:RUNS]).accuracy for p, r in recipes.items()}
                yield PresetAccuracies(fm["label"], info.meta["dataset"]["label"], n, accuracy)


def survey_page(rows: Sequence[PresetAccuracies]) -> str:
    """Return a Markdown page with the rows and the claims."""
    lines = [
        "# Presets on the bundled tasks",
        "",
        "Written by `python -m imprint_core survey`. Test accuracy in percent, median over the paper's first "
        f"{RUNS} seeds. λ of least squares depends on the FM family (paper, Table A.4). n-shots that some class "
        "of a set lacks are omitted. The best value of each row is bold. For a linear probe, which is trained, see "
        "[Auto](auto.md).",
        "",
        *_head("| FM | dataset | n |", "|---|---|--:|"),
    ]
    lines += [
        _line([row.fm, row.dataset, str(row.n)], [row.median(preset) for preset in IMPRINTED])
        for row in rows
        if row.n in _TABLE_SHOTS
    ]
    lines += ["", "## Averages over the sets with n shots per class", "", *_head("| n | sets |", "|--:|--:|")]
    lines += [_line([str(n), str(len(group))], _averages(group)) for n, group in _by_shots(rows).items()]
    return "\n".join([*lines, "", *_claims(rows)]) + "\n"


def _head(names: str, rule: str) -> list[str]:
    """Head of a table: the given columns, then one per preset."""
    return [f"{names} " + " | ".join(p.label for p in IMPRINTED.values()) + " |", rule + "--:|" * len(IMPRINTED)]


def _by_shots(rows: Sequence[PresetAccuracies]) -> dict[int, list[PresetAccuracies]]:
    return {n: group for n in SHOTS if (group := [row for row in rows if row.n == n])}


def _averages(rows: Sequence[PresetAccuracies]) -> list[float]:
    return [float(np.mean([row.median(p) for row in rows])) for p in IMPRINTED]


def _line(head: list[str], values: list[float]) -> str:
    cells = [f"{v:.1f}" for v in values]
    best = f"{max(values):.1f}"
    return "| " + " | ".join([*head, *(f"**{v}**" if v == best else v for v in cells)]) + " |"


def _claims(rows: Sequence[PresetAccuracies]) -> list[str]:
    by_shots = _by_shots(rows)
    most = max(by_shots)
    mean = dict(zip(IMPRINTED, _averages(by_shots[most]), strict=True))
    lines = [
        "## Claims and results",
        "",
        f"**The paper's ordering** (Table 1), on averages at n = {most}:",
        "",
    ]
    for better, worse in (("own", "qi"), ("own", "janson"), ("qi", "hosoda"), ("janson", "hosoda"), ("oracle", "own")):
        wins = sum(row.median(better) > row.median(worse) for row in by_shots[most])
        difference = mean[better] - mean[worse]
        lines.append(
            f"- {PRESETS[better].label} over {PRESETS[worse].label}: {signed(difference)} points, "
            f"better on {wins} of {len(by_shots[most])} sets{'' if difference > 0 else ': **does not hold**'}."
        )
    lines += [
        f"- Qi and Janson differ by {abs(mean['qi'] - mean['janson']):.1f} points.",
        "",
        "**Whitened mean**: median over seeds of the difference on the same shots; last column: difference of the "
        "two medians.",
        "",
        "| n | sets | over the paper's own, mean | over Qi's one mean, mean | smallest | set | smallest by medians |",
        "|--:|--:|--:|--:|--:|---|--:|",
    ]
    for n, group in by_shots.items():
        over_own = float(np.mean([row.gain("whitened", "own") for row in group]))
        gains = [row.gain("whitened", "qi") for row in group]
        worst = group[int(np.argmin(gains))]
        medians = min(row.median("whitened") - row.median("qi") for row in group)
        lines.append(
            f"| {n} | {len(group)} | {signed(over_own)} | {signed(float(np.mean(gains)))} | {signed(min(gains))} | "
            f"{worst.fm}, {worst.dataset} | {signed(medians)} |"
        )
    gain = float(np.mean([row.gain("whitened", "own") for row in by_shots[most]]))
    least = min(row.gain("whitened", "qi") for row in rows)
    least_medians = min(row.median("whitened") - row.median("qi") for row in rows)
    return [
        *lines,
        "",
        f"- At least 5 points over the paper's own on average at n = {most}: {_verdict(gain >= 5)}, {signed(gain)}.",
        f"- Never more than 1 point below one mean for n ≥ 2: {_verdict(least >= -1)}, smallest {signed(least)} "
        f"(by medians: {_verdict(least_medians >= -1)}, {signed(least_medians)}).",
    ]


def _verdict(holds: bool) -> str:
    return "holds" if holds else "**does not hold**"
