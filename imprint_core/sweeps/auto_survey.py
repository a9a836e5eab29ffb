"""Accuracy of Auto beside other presets and a trained linear probe, over tasks of the bundled sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets import DATASETS
from imprint_core.embeddings import SetInfo, open_set
from imprint_core.evaluation.metrics import signed
from imprint_core.evaluation.task import SEEDS, choose_classes, shot_order
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from imprint_core.models import FOUNDATION_MODELS, ridge_of
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS
from imprint_core.recognition.calibration import expected_calibration_error
from imprint_core.sweeps.paper_findings import Finding

SHOTS = (1, 2, 5, 10, 20, 50, 100, 200)
MERGED, PER_ORIGINAL = (1, 2, 3, 5, 8, 10), (10, 30, 60)
DRAWS = 5
# The preset keys of the other recipes, which Auto has to match.
OTHERS = ("qi", "own", "oracle", "whitened")
PROBE, AUTO = "probe", "auto"
_CALIBRATED = (AUTO, PROBE)
# Classifiers that are displayed beside them: their labels and recipes.
BESIDE = {
    "knn": ("5 nearest shots", Recipe("all", 1, "l2", "l2", "l2", "mnn", m=5)),
    "lda": ("LDA", Recipe("mean", 1, "none", "none", "none", "mnn", "whiten", "ledoit_wolf", m=1)),
}
# Points within which Auto counts as close to the best, share of tasks on which it is expected to be, and the most that
# it may be behind.
NEAR, _MOSTLY, _WORST = 1.0, 0.95, 2.5
# Merged classes from which a class counts as one of several modes.
_SEVERAL = 5
# Shots per class that hardly determine a covariance.
_FEW = 5
# FMs on which no constant of Auto was set.
HELD_OUT = ("tf_efficientnet_lite0", "resnet50")


_LABELS = {
    **{name: PRESETS[name].label for name in OTHERS},
    **{name: label for name, (label, _) in BESIDE.items()},
    PROBE: PRESETS[PROBE].label,
    AUTO: "Auto",
}


@dataclass(frozen=True)
class Task:
    """A task: FM, dataset, class spec, classes merged into one (0: none), and shots per class."""

    fm: str
    dataset: str
    classes: str
    d: int
    n: int


@dataclass(frozen=True)
class Run:
    """Results of one draw of a task.

    Attributes
    ----------
    task : Task
    draw : int
        From 1: number of the seed, and of the draw of merged classes.
    accuracy : dict of str to float
        Test accuracy in percent.
    calibration : dict of str to float
        Expected calibration error of Auto and the probe.
    k : int
        Selected by Auto.
    """

    task: Task
    draw: int
    accuracy: dict[str, float]
    calibration: dict[str, float]
    k: int


def bundled_path() -> Path:
    """Return the path of the bundled runs."""
    return bundled_folder() / "auto_survey.jsonl"


def tasks(sets: Mapping[tuple[str, str], SetInfo]) -> list[Task]:
    """Every bundled set with each n-shot that its classes have, and those of many classes with classes merged."""
    result = []
    for (fm, dataset), info in sets.items():
        least = int(info.meta["samples"]["train"]["per_class_least"])
        if len(info.class_names) >= 10 * max(MERGED):
            result += [Task(fm, dataset, f"{d}in1", d, d * n) for d in MERGED for n in PER_ORIGINAL if n <= least]
        else:
            result += [Task(fm, dataset, "all", 0, n) for n in SHOTS if n <= least]
    return result


def evaluate(task: Task, info: SetInfo, draw: int) -> Run:
    """Fit every recipe and the probe to one draw of a task's shots."""
    seed = SEEDS[draw - 1]
    pool = choose_classes(open_set(info), f"{task.classes}-{draw}" if task.d else task.classes)
    rows = np.concatenate([order[: task.n] for order in shot_order(pool.y_train, seed)])
    X, y = pool.X_train[rows], pool.y_train[rows]
    accuracy, calibration, k = {}, {}, 1
    for name in _LABELS:
        recipe = BESIDE[name][1] if name in BESIDE else PRESETS[name].recipe
        model = ImprintingClassifier.from_recipe(replace(recipe, lam=ridge_of(task.fm)), seed).fit(X, y)
        accuracy[name] = round(100 * float((model.predict(pool.X_test) == pool.y_test).mean()), 3)
        if name in _CALIBRATED:
            codes = np.searchsorted(model.classes_, pool.y_test)
            calibration[name] = round(expected_calibration_error(model.predict_proba(pool.X_test), codes), 4)
        if name == AUTO:
            k = model.selection_.k
    return Run(task, draw, accuracy, calibration, k)


def survey(
    sets: Mapping[tuple[str, str], SetInfo], path: Path, report_progress: Callable[[str], None], draws: int = DRAWS
) -> list[Run]:
    """Evaluate every task, draw by draw; append each run to a file of JSON lines, whose runs are not repeated."""
    runs = read(path) if path.is_file() else []
    finished = {(run.task, run.draw) for run in runs}
    for draw in range(1, draws + 1):
        for task in tasks(sets):
            if (task, draw) not in finished:
                report_progress(f"draw {draw}: {task.fm} {task.dataset} {task.classes} n = {task.n}")
                runs.append(evaluate(task, sets[task.fm, task.dataset], draw))
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(runs[-1])) + "\n")
    return runs


def read(path: Path) -> list[Run]:
    """Read the runs of a survey."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Run(**{**values, "task": Task(**values["task"])}) for values in lines]


class Standings:
    """Mean accuracy of every recipe on each task, over its draws.

    Attributes
    ----------
    tasks : list of Task
    accuracy : dict of str to ndarray of shape (t,)
    draws : int
        The smallest number of draws of a task.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        by_task: dict[Task, list[Run]] = {}
        for run in runs:
            by_task.setdefault(run.task, []).append(run)
        self.tasks = list(by_task)
        self.draws = min(map(len, by_task.values()))
        self.accuracy = {
            name: np.array([np.mean([run.accuracy[name] for run in group]) for group in by_task.values()])
            for name in _LABELS
        }

    @property
    def behind(self) -> NDArray[np.float64]:
        """Accuracy of Auto minus the best of the others, on each task."""
        best = np.max([self.accuracy[name] for name in (*OTHERS, PROBE)], axis=0)
        return np.asarray(self.accuracy[AUTO] - best)

    def over(self, name: str) -> NDArray[np.float64]:
        """Accuracy of Auto minus that of another recipe, on each task."""
        return np.asarray(self.accuracy[AUTO] - self.accuracy[name])


def check_auto(runs: Sequence[Run]) -> Finding:
    """Check on a survey whether Auto is close to the best of the other recipes, a trained probe included."""
    standings = Standings(runs)
    behind, over_probe = standings.behind, standings.over(PROBE)
    near, i = float((behind >= -NEAR).mean()), int(np.argmin(behind))
    best = max((*OTHERS, PROBE), key=lambda name: standings.accuracy[name][i])
    modes = np.array([task.d >= _SEVERAL for task in standings.tasks])
    probe_ahead = over_probe < -NEAR
    text = (
        f"Over {len(standings.tasks)} tasks (mean of {standings.draws} or more draws), Auto is within {NEAR:g} point "
        f"of the best of {len(OTHERS)} presets and a trained linear probe on **{100 * near:.1f} %**. The worst case "
        f"is {_name(standings.tasks[i])}: {standings.accuracy[AUTO][i]:.1f} %, {_LABELS[best]} "
        f"{standings.accuracy[best][i]:.1f} %. On average, Auto gains {signed(over_probe.mean())} points over the "
        f"probe and {signed(standings.over('own').mean())} over the paper's own recipe; "
    )
    if modes.any():
        text += f"where {_SEVERAL} or more classes are merged, {signed(over_probe[modes].mean())} over the probe. "
    text += f"The probe is ahead by more than {NEAR:g} point on {probe_ahead.sum()} tasks."
    return Finding(
        f"Auto is within {NEAR:g} point of the best on {100 * _MOSTLY:.0f} % of tasks, and at most {_WORST:g} below.",
        "this project, docs/auto.md",
        bool(near >= _MOSTLY and behind.min() >= -_WORST),
        text,
    )


def page(runs: Sequence[Run]) -> str:
    """Return the Markdown page of a survey."""
    standings = Standings(runs)
    lines = [
        "# Auto (the shots choose k)",
        "",
        _METHOD,
        "## Results",
        "",
        f"Written by `python -m imprint_core survey --of auto`: {len(standings.tasks)} tasks, mean of "
        f"{standings.draws} or more draws of shots (and of merged classes), test accuracy in percent. The linear probe "
        f"is trained: {PRESETS[PROBE].citation}. “The best” is that of {len(OTHERS)} presets and the probe. Displayed "
        "beside them: a vote of the 5 nearest shots, and linear discriminant analysis with the shrinkage of Ledoit and "
        "Wolf (2004).",
        "",
        "| tasks | number | within 1 point of the best | worst | over probe | over the paper's | over whitened mean |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    groups: dict[str, Callable[[Task], bool]] = {
        "all": lambda task: True,
        "FMs without part in setting constants": lambda task: task.fm in HELD_OUT,
        f"{_SEVERAL} or more classes merged": lambda task: task.d >= _SEVERAL,
        "classes of the dataset": lambda task: task.d < 2,
    }
    for label, chosen in groups.items():
        group = [run for run in runs if chosen(run.task)]
        if not group:
            continue
        part = Standings(group)
        gains = [signed(float(part.over(name).mean())) for name in (PROBE, "own", "whitened")]
        near = f"{100 * float((part.behind >= -NEAR).mean()):.1f} %"
        cells = [label, str(len(part.tasks)), near, signed(float(part.behind.min())), *gains]
        lines.append("| " + " | ".join(cells) + " |")
    behind = [task for task, points in zip(standings.tasks, standings.behind, strict=True) if points < -NEAR]
    few = sum(task.n <= _FEW for task in behind)
    lines += [
        "",
        f"Tasks more than {NEAR:g} point below the best: {len(behind)}, of them {few} with {_FEW} shots per class or "
        "fewer, which hardly determine a covariance. Largest losses:",
        "",
    ]
    for i in np.argsort(standings.behind)[:5]:
        others = ", ".join(f"{_LABELS[name]} {standings.accuracy[name][i]:.1f}" for name in (*OTHERS, PROBE))
        lines.append(f"- {_name(standings.tasks[i])}: {standings.accuracy[AUTO][i]:.1f} ({others}).")
    lines += ["", "Expected calibration error, mean over runs (times of fits: [performance](performance.md)):", ""]
    lines += _calibrations(runs)
    names = tuple(_LABELS)
    lines += ["", "| FM | dataset | classes | n | " + " | ".join(_LABELS[name] for name in names) + " |"]
    lines.append("|---|---|---|--:|" + "--:|" * len(names))
    for i, task in enumerate(standings.tasks):
        values = [f"{standings.accuracy[name][i]:.1f}" for name in names]
        best = f"{max(standings.accuracy[name][i] for name in names):.1f}"
        cells = [task.fm, task.dataset, task.classes, str(task.n), *(f"**{v}**" if v == best else v for v in values)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _name(task: Task) -> str:
    fm = FOUNDATION_MODELS[task.fm].label if task.fm in FOUNDATION_MODELS else task.fm
    data = DATASETS[task.dataset].label if task.dataset in DATASETS else task.dataset
    return f"{fm}, {data}{f', {task.d} in 1' if task.d else ''}, n = {task.n}"


def _calibrations(runs: Sequence[Run]) -> Iterator[str]:
    yield "| n | Auto | linear probe |"
    yield "|---|--:|--:|"
    for low, high in ((1, 4), (5, 19), (20, 99), (100, 10_000)):
        group = [run for run in runs if low <= run.task.n <= high]
        if group:
            errors = [f"{np.mean([run.calibration[name] for run in group]):.3f}" for name in _CALIBRATED]
            yield f"| {low} to {high} | " + " | ".join(errors) + " |"


_METHOD = """\
`ImprintingClassifier.auto()`, recipe `gen=auto`. Nothing is trained, and no test sample is used.

1. For k in 1, 2, 3, 5, 10 and 20, at most half a fold's shots per class: k-means in each class, on embeddings of
   length 1.
2. Σ = (1 − s) Σ_C + s (tr Σ_C / d) I, with Σ_C the pooled covariance of the shots around their cluster means m_j.
3. c is the mean over classes of the mean of their m_j. Samples and proxies are mapped by z = Σ^(−½) (x − c), then
   scaled to length 1; the proxies are the m_j.
4. Score of a class: a smooth maximum of the cosines with its proxies, (1/20) log mean_j exp(20 cos_j).
5. (k, s) and a temperature T are validated by 4 stratified folds of the shots: log-loss of softmax(T · score). After
   each fold, a k > 1 stays only while its log-loss is below that of k = 1 and at most two standard errors above the
   smallest.
6. k = 1 unless another k lowers the log-loss by more than two standard errors of the paired difference; then the k with
   the smallest log-loss.
7. At k = 1, s is that of leave-one-out in closed form on all shots: this is the whitened mean. At k > 1, s is the
   validated value. With one shot per class, Σ_C is the covariance of the shots around c, and s = 0.9.
8. `predict_proba` is softmax(T · score). `selection_` holds what was tried, and `selection_.reason` why k was selected.
   Explore shows the calibration of these probabilities on the test samples, lesson 8 of Learn the log-losses.

Known: clusters as classes of a discriminant analysis with one covariance (Hastie and Tibshirani, 1996, *Discriminant
Analysis by Gaussian Mixtures*); several means per class (Mensink et al., 2013, *Distance-Based Image Classification*);
the rule of standard errors (Breiman et al., 1984). Classifiers of frozen features from one mean per class and a
covariance need no training either: one that all classes share (Wang et al., ICLR 2024, *A Hard-to-Beat Baseline for
Training-free CLIP-based Adaptation*), or one of each class (Goswami et al., NeurIPS 2023, *FeCAM*). New here: clusters
and a shared covariance as imprinted proxies that a head of cosines can use, selected from the shots with closed-form
leave-one-out at k = 1.
"""
