"""Lesson 5: what NC1 says about more proxies, and where it says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from imprint_core.collapse import precomputed
from imprint_core.collapse.correlation import relate
from imprint_core.collapse.k_curves import TaskCurve
from imprint_core.collapse.merged_tasks import GAIN, DrawnTask, curve_key, curve_of, every_task
from imprint_core.collapse.precomputed import KEPT_DRAWS
from imprint_core.evaluation.lesson_experiments import NEAR, ahead
from imprint_core.evaluation.metrics import signed
from imprint_core.figures import collapse
from imprint_core.figures.collapse import Dot
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS
from ui.charts.plot import plot
from ui.compute import results
from ui.compute.task_curves import gain_of, nc1_of
from ui.controls.control import Sets
from ui.panels.learn.frame import Lesson, Outcome, Question, at_work, setting, show_lesson
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_VIT, _SQUEEZE, _MANY = "vit_tiny_patch16_224", "squeezenet1_1", "tiny_imagenet_100"
_RECIPE = PRESETS["own"].recipe
# Each task: FM, dataset, and d of "d in 1"; 0 where no classes are merged.
Task = tuple[str, str, int]
_PAIRS: tuple[tuple[Task, Task], ...] = (
    ((_VIT, _MANY, 1), (_VIT, _MANY, 5)),
    ((_SQUEEZE, "cifar10", 0), (_SQUEEZE, "digits", 0)),
)


@st.cache_data(show_spinner=False)
def _curve(key: str, _task: DrawnTask) -> TaskCurve:
    # Those of the bundled sets come along.
    known = precomputed.kept().get(key)
    return known or curve_of(_task, results.embeddings(_task.info), _RECIPE, None)


def _dots(sets: Sets) -> dict[Task, Dot]:
    """NC1 and gain of all bundled tasks."""
    bundled = {key: info for key, info in sets.items() if info.path.parent == bundled_folder()}
    by_task: dict[Task, list[DrawnTask]] = {}
    for task in every_task(bundled, lambda info: len(results.class_names(info)), KEPT_DRAWS):
        by_task.setdefault((task.info.fm, task.info.dataset, task.d), []).append(task)
    dots = {}
    for (fm, data, d), own in by_task.items():
        curves = [_curve(curve_key(task, _RECIPE, None), task) for task in own]
        labels = label_of_fm(fm), label_of_dataset(data)
        name = ", ".join(labels) + (f", {d} in 1" if d else "")
        dots[fm, data, d] = Dot(*labels, name, nc1_of(curves, "textbook"), gain_of(curves, own[0].ks))
    return dots


def show_collapse(sets: Sets) -> None:
    """Lesson 5."""
    for fm, data, _ in [task for pair in _PAIRS for task in pair]:
        # Says what is missing.
        setting(sets, fm, data, _RECIPE)
    with at_work():
        dots = _dots(sets)
    low, high = GAIN
    show_lesson(
        "lesson-5",
        Lesson(
            "A class is collapsed where the [[FM]] puts all its images on one spot ([[neural collapse|collapse]]). "
            "Then one [[proxy]] says it all. [[NC1]] measures how far classes are from that. So a task with a high NC1 "
            f"should gain more from [[k]] = {high} proxies over k = {low}. Does it? All training images are "
            "[[shots|shot]] here.",
            [_question(dots, pair) for pair in _PAIRS],
            "Merge classes, d into one ([[d in 1|merged]]), and see what becomes of [[NC1]] and of the gain.",
            partial(_try_merging, dots),
            partial(_all, dots),
            setting(sets, _VIT, _MANY, replace(_RECIPE, k=high), classes=f"{high}in1"),
        ),
    )


def _short(task: Task) -> str:
    return f"{task[2]} in 1" if task[2] else label_of_dataset(task[1])


def _question(dots: dict[Task, Dot], pair: tuple[Task, Task]) -> Question:
    fm, data, d = pair[0]
    where = label_of_fm(fm) + (f", classes of {label_of_dataset(data)} merged" if d else ", datasets as they are")
    asked = " and ".join(f"{plain(_short(task))} has NC1 {dots[task].nc1.median:.2f}" for task in pair)
    names = [plain(_short(task)) for task in pair]
    return Question(
        f"{plain(where)}: {asked}. Which gains more from k = {GAIN[1]}?", (*names, f"neither, by {NEAR:g} point")
    )


def _try_merging(dots: dict[Task, Dot]) -> None:
    ds = [d for fm, data, d in dots if (fm, data) == (_VIT, _MANY)]
    of = plain(f"{label_of_fm(_VIT)} on {label_of_dataset(_MANY)}")
    d = st.select_slider(f"d: classes in one, {of}", ds, key="lesson-5-d")
    own = dots[_VIT, _MANY, d]
    left, right = st.columns(2)
    left.metric("NC1", f"{own.nc1.median:.2f}")
    right.metric(f"Gain of k = {GAIN[1]} over k = {GAIN[0]}", f"{signed(own.gain.median)} points")


def _all(dots: dict[Task, Dot]) -> Outcome:
    every = list(dots.values())
    fms, data = (list(dict.fromkeys(labels)) for labels in zip(*((dot.fm, dot.data) for dot in every), strict=True))
    plot(
        "lesson-5-gains",
        collapse.gain_over_nc1(every, None, (), fms, data),
        alt=f"Gain of k = {GAIN[1]} over k = {GAIN[0]} against NC1 for {len(every)} tasks",
        height=420,
    )
    st.markdown(_table(dots))
    answers = []
    for pair in _PAIRS:
        gains = [dots[task].gain.median for task in pair]
        told = ", ".join(f"{plain(_short(task))} {signed(gain)} points" for task, gain in zip(pair, gains, strict=True))
        answers.append((ahead(*gains), f"The gains are: {told}."))
    return Outcome(
        tuple(answers),
        "Merged classes have several [[modes|mode]]. Where there are no more of these than proxies, [[NC1]] goes with "
        "the gain; beyond that k is too small for them, and the gain falls while NC1 rises on. Between datasets NC1 is "
        "a weak witness here: it says that classes are spread out, and not whether in groups, which "
        "[[proxies|proxy]] can stand on, or as one wide cloud. Try a few k, too. More of this is on the Collapse page "
        "(paper, §5.3 and Figure 12).",
    )


def _table(dots: dict[Task, Dot]) -> str:
    """Spearman's correlation of NC1 with the gain for groups of tasks."""
    most = GAIN[1]
    groups = {
        f"{label_of_fm(fm)}, d in 1, {words}": [dot for (own, _, d), dot in dots.items() if own == fm and d in ds]
        for fm in (_VIT, _SQUEEZE)
        for words, ds in ((f"d up to {most}", range(1, most + 1)), (f"d above {most}", range(most + 1, 100)))
    }
    groups["datasets as they are"] = [dot for (_, _, d), dot in dots.items() if not d]
    lines = ["| tasks | how many | Spearman's correlation of NC1 with the gain |", "|:--|--:|--:|"]
    lines += [f"| {plain(name)} | {len(own)} | {_spearman(own)} |" for name, own in groups.items()]
    return "\n".join(lines)


def _spearman(dots: Sequence[Dot]) -> str:
    found = relate([dot.nc1.median for dot in dots], [dot.gain.median for dot in dots])
    return signed(found.spearman, 2) if found else "–"
