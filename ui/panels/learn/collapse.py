"""Lesson 5: NC1 as a predictor of the gain of more proxies."""

from __future__ import annotations

import math
from functools import partial

import streamlit as st

from imprint_core.collapse.merged_tasks import GAIN_KS, all_tasks
from imprint_core.collapse.precomputed import PRECOMPUTED_DRAWS
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import MIN_DIFFERENCE, higher_of
from imprint_core.evaluation.metrics import signed
from imprint_core.figures.lessons import Mark, mark_predictions, with_predictions
from imprint_core.figures.nc1_gain import TaskPoint, gain_over_nc1
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS
from ui.charts.correlation_table import correlation_table
from ui.charts.plot import plot
from ui.compute import results
from ui.compute.progressive import point_cache
from ui.compute.task_curves import TaskKey, curve_points, task_points
from ui.controls.control import Sets
from ui.panels.learn import frame, samples
from ui.panels.learn.frame import Lesson, Outcome, Question, computing, lesson_experiment, show_lesson
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_FM, _SQUEEZENET, _MERGEABLE = frame.FM, "squeezenet1_1", "tiny_imagenet_100"
_RECIPE = PRESETS["own"].recipe
_LOW, _HIGH = GAIN_KS
_GAIN = f"Gain of k = {_HIGH} over k = {_LOW}"
_PAIRS: tuple[tuple[TaskKey, TaskKey], ...] = (
    ((_FM, _MERGEABLE, 1), (_FM, _MERGEABLE, 5)),
    ((_FM, "cifar10", 0), (_FM, frame.DATASET, 0)),
)


def _task_points(sets: Sets) -> dict[TaskKey, TaskPoint]:
    """Return NC1 and gain of all bundled tasks."""
    bundled = [info for info in sets.values() if info.path.parent == bundled_folder()]
    tasks = all_tasks(bundled, lambda info: len(results.class_names(info)), PRECOMPUTED_DRAWS)
    curves = [point_cache().get(point.key, point.compute) for point in curve_points(tasks, _RECIPE, None)]
    return task_points(zip(tasks, curves, strict=True), "textbook")


def show(sets: Sets) -> None:
    """Draw the lesson."""
    for fm, data, _ in [task for pair in _PAIRS for task in pair]:
        # Raises an error that names a missing set.
        lesson_experiment(sets, fm, data, _RECIPE)
    with computing():
        points = _task_points(sets)
    show_lesson(
        "lesson-5",
        Lesson(
            "A class is collapsed if the [[FM]] maps all its images to nearly the same embedding "
            "([[neural collapse|collapse]]). Then one [[proxy]] suffices. [[NC1]] measures the distance from collapse, "
            f"so a task with a large NC1 should gain more from [[k]] = {_HIGH} proxies over k = {_LOW}. Does it? All "
            f"training images are [[shots|shot]] in this lesson.\n\nThis lesson: {plain(label_of_fm(_FM))}. Digits has "
            "too few classes to merge five into one, so merged classes are of "
            f"{plain(label_of_dataset(_MERGEABLE))} ([[d in 1|merged]]).",
            [_question(points, pair) for pair in _PAIRS],
            "Merge classes, d into one ([[d in 1|merged]]), and compare [[NC1]] and the gain. Every value is added to "
            "the chart.",
            partial(_show_attempt, sets, points),
            partial(_show_result, points),
            _experiment(sets, _PAIRS[0][1]).with_(k=_HIGH),
            show_first=partial(_show_first, sets),
        ),
    )


def _experiment(sets: Sets, task: TaskKey) -> Experiment:
    fm, data, d = task
    return lesson_experiment(sets, fm, data, _RECIPE, classes=f"{d}in1" if d else "all")


def _show_first(sets: Sets) -> None:
    """Draw the tasks of both questions."""
    for number, pair in enumerate(_PAIRS):
        for side, (column, task) in enumerate(zip(st.columns(2), pair, strict=True)):
            with column:
                samples.show_classes(f"lesson-5-{number}-{side}", _experiment(sets, task), _title(task), 200)


def _title(task: TaskKey) -> str:
    # Without the part in brackets.
    data = label_of_dataset(task[1]).split(" (")[0]
    return f"{task[2]} in 1 of {data}" if task[2] else data


def _short_name(task: TaskKey) -> str:
    return f"{task[2]} in 1" if task[2] else label_of_dataset(task[1])


def _question(points: dict[TaskKey, TaskPoint], pair: tuple[TaskKey, TaskKey]) -> Question:
    fm, data, d = pair[0]
    tasks = label_of_fm(fm) + (f", merged classes of {label_of_dataset(data)}" if d else ", datasets without merging")
    values = " and ".join(f"{plain(_short_name(task))} has NC1 {points[task].nc1.median:.2f}" for task in pair)
    return Question(
        f"{plain(tasks)}: {values}. Which gains more from k = {_HIGH}?",
        (*(plain(_short_name(task)) for task in pair), f"neither, within {MIN_DIFFERENCE:g} point"),
    )


def _marks(points: dict[TaskKey, TaskPoint], questions: int) -> list[Mark]:
    """Return the tasks that were predicted to gain more, of the first questions; both if neither was."""
    marks = []
    for pair, i in zip(_PAIRS[:questions], frame.predictions("lesson-5"), strict=False):
        for task in pair[i : i + 1] or pair:
            nc1 = points[task].nc1.median
            verb = "gains more" if i < len(pair) else "gains about as much"
            marks.append(Mark(f"{_short_name(task)} {verb}", (nc1 / 1.08, nc1 * 1.08)))
    return marks


def _show_attempt(sets: Sets, points: dict[TaskKey, TaskPoint]) -> None:
    ds = [d for fm, data, d in points if (fm, data) == (_FM, _MERGEABLE)]
    task = plain(f"{label_of_fm(_FM)} on {label_of_dataset(_MERGEABLE)}")
    columns = frame.two_columns()
    with columns[1]:
        d = st.select_slider(f"d: classes merged into one, {task}", ds, key="lesson-5-d")
        point, tasks = points[_FM, _MERGEABLE, d], [points[_FM, _MERGEABLE, x] for x in frame.tried("lesson-5", d)]
        left, right = st.columns(2)
        left.metric("NC1", f"{point.nc1.median:.2f}")
        right.metric(_GAIN, f"{signed(point.gain.median)} points")
        marks = _marks(points, 1)
        values = ", ".join(
            f"{task.name}: NC1 {task.nc1.median:.2f}, {signed(task.gain.median)} points" for task in tasks
        )
        figure = gain_over_nc1(tasks, None, (), [point.fm], [point.data])
        # The axis of all values, so that nothing moves and the mark's label fits.
        nc1 = [points[_FM, _MERGEABLE, x].nc1.median for x in ds]
        figure["layout"]["xaxis"]["range"] = [math.log10(min(nc1) / 1.3), math.log10(max(nc1) * 1.3)]
        plot(
            "lesson-5-tried",
            mark_predictions(figure, marks),
            alt=with_predictions(f"{_GAIN} against NC1. {values}", marks),
            height=330,
        )
    with columns[0]:
        samples.show_classes("lesson-5-map", _experiment(sets, (_FM, _MERGEABLE, d)), _title((_FM, _MERGEABLE, d)))


def _show_result(points: dict[TaskKey, TaskPoint]) -> Outcome:
    tasks = list(points.values())
    fms, data = (list(dict.fromkeys(labels)) for labels in zip(*((t.fm, t.data) for t in tasks), strict=True))
    marks = _marks(points, len(_PAIRS))
    plot(
        "lesson-5-gains",
        mark_predictions(gain_over_nc1(tasks, None, (), fms, data), marks),
        alt=with_predictions(f"{_GAIN} against NC1 for {len(tasks)} tasks", marks),
        height=420,
    )
    groups = {
        f"{label_of_fm(fm)}, d in 1, {words}": [
            point for (task_fm, _, d), point in points.items() if task_fm == fm and d in ds
        ]
        for fm in (_FM, _SQUEEZENET)
        for words, ds in ((f"d up to {_HIGH}", range(1, _HIGH + 1)), (f"d above {_HIGH}", range(_HIGH + 1, 100)))
    }
    groups["datasets without merging"] = [point for (_, _, d), point in points.items() if not d]
    st.markdown(correlation_table(groups, {"Spearman correlation of NC1 with the gain": "spearman"}))
    answers = []
    for pair in _PAIRS:
        gains = [points[task].gain.median for task in pair]
        numbers = (f"{plain(_short_name(task))} {signed(gain)} points" for task, gain in zip(pair, gains, strict=True))
        answers.append((higher_of(*gains), f"The gains are: {', '.join(numbers)}."))
    return Outcome(
        answers,
        f"Merged classes have several [[modes|mode]]. With at most {_HIGH} modes, the gain rises with [[NC1]]. With "
        "more modes, k is too small for them: NC1 still rises, but the gain falls. Between datasets a larger NC1 does "
        "not mean a larger gain here. NC1 measures how widely classes are distributed; [[proxies|proxy]] help if a "
        "class has separate groups. So try several k (paper, §5.3 and Figure 12). A correlation of +1 means the same "
        "order, −1 the opposite order. The Collapse page shows more.",
    )
