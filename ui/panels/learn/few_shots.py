"""Lesson 4: the number of shots and the number of proxies."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import MIN_DIFFERENCE, higher_of
from imprint_core.export.handout import Drawings, SketchAxes
from imprint_core.figures.lessons import Line, Mark
from imprint_core.recipes.presets import PRESETS
from ui.controls.control import Sets
from ui.panels.learn import frame, samples

_KS, _NS = (1, 5), (5, 10, 20, 50, 100)
_N_AXIS = "shots per class, n"
_OPTIONS = (*(f"k = {k}" for k in _KS), f"neither, within {MIN_DIFFERENCE:g} point")
# The numbers of shots of the questions.
_FEW, _MANY = _NS[0], _NS[-1]


def show(sets: Sets) -> None:
    """Draw the lesson."""
    experiment = frame.lesson_experiment(sets, frame.FM, frame.DATASET, PRESETS["own"].recipe, _MANY)
    experiment = experiment.with_(k=_KS[1])
    few = experiment.with_(n_shot=_FEW)
    frame.show_lesson(
        "lesson-4",
        frame.Lesson(
            "More [[proxies|proxy]] can follow the shape of a class, but each is the mean of fewer [[shots|shot]]. "
            f"With {_FEW} shots and [[k]] = {_KS[1]} every proxy is a single image.\n\nThis lesson: "
            f"{frame.name_of(experiment)}, [[k-means|kmeans]].",
            (
                frame.Question(f"Which has the higher accuracy with n = {_FEW} shots per class?", _OPTIONS),
                frame.Question(f"Which has the higher accuracy with n = {_MANY}?", _OPTIONS),
            ),
            "Change [[n]] for each [[k]]. Every value is added to the curve. How many [[shots|shot]] does each proxy ★ "
            "stand for?",
            partial(_show_attempt, experiment),
            partial(_show_result, experiment),
            experiment,
            show_first=partial(samples.show_samples, "lesson-4", few, proxies=False),
            drawings=lambda: Drawings(
                samples.printed_images(experiment.info, samples.shot_groups(few)),
                axes=SketchAxes(_N_AXIS, _NS),
                sketch=samples.sketch(experiment, f"Draw {_KS[1]} stars for the proxies of one digit."),
            ),
        ),
    )


def _marks() -> list[Mark]:
    """Return which k was predicted to be more accurate at which n."""
    predicted = zip((_FEW, _MANY), frame.predictions("lesson-4"), strict=False)
    return [Mark(f"n = {n}: {_OPTIONS[i].split(',')[0]}", (0.87 * n, 1.15 * n)) for n, i in predicted]


def _show_attempt(experiment: Experiment) -> None:
    left, right = frame.two_columns()
    with right:
        sliders, choices = st.columns([3, 2])
        n = sliders.select_slider("n: shots per class", _NS, value=_FEW, key="lesson-4-n")
        current_k = choices.segmented_control("k: proxies per class", _KS, default=1, required=True, key="lesson-4-k")
        frame.tried("lesson-4", n, str(current_k))
        with frame.computing():
            lines = [_line(experiment, k, sorted(frame.progress("lesson-4").tried.get(str(k), ()))) for k in _KS]
            current = frame.accuracy(experiment, k=current_k, n_shot=n).median
        frame.show_accuracy(f"n = {n}, k = {current_k}", current, experiment)
        frame.draw_curves("lesson-4-tried", lines, _NS, _N_AXIS, marks=_marks())
    with left:
        samples.show_samples("lesson-4", experiment.with_(k=current_k, n_shot=n), proxies=True)


def _line(experiment: Experiment, k: int, ns: list[int]) -> Line:
    return Line(f"k = {k}", ns, [frame.accuracy(experiment, k=k, n_shot=n) for n in ns])


def _show_result(experiment: Experiment) -> frame.Outcome:
    with frame.computing():
        lines = [_line(experiment, k, list(_NS)) for k in _KS]
    frame.draw_curves("lesson-4-all", lines, _NS, _N_AXIS, marks=_marks())
    st.caption(frame.SEEDS_CAPTION)
    few, many = (dict(zip(_NS, (run.median for run in line.runs), strict=True)) for line in lines)
    answers = [
        (
            higher_of(few[n], many[n]),
            f"With n = {n}, the accuracy is {few[n]:.1f} % with k = {_KS[0]} and {many[n]:.1f} % with k = {_KS[1]}.",
        )
        for n in (_FEW, _MANY)
    ]
    first = next((n for n in _NS if many[n] > few[n]), None)
    crossing = f"k = {_KS[1]} is {f'more accurate from n = {first} on' if first else 'never more accurate'}. "
    return frame.Outcome(
        answers,
        f"{crossing}With few shots, one mean averages out the peculiarities of single images. A digit is "
        "written in several ways, and with many shots more [[proxies|proxy]] describe them better (paper, §5.2).",
    )
