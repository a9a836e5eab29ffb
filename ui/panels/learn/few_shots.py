"""Lesson 4: the number of shots and the number of proxies."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import MIN_DIFFERENCE, higher_of
from imprint_core.figures.lessons import Line
from imprint_core.recipes.presets import PRESETS
from ui.controls.control import Sets
from ui.panels.learn import frame

_KS, _NS = (1, 20), (5, 10, 20, 50, 100, 200)
_N_AXIS = "shots per class, n"


def show(sets: Sets) -> None:
    """Draw the lesson."""
    experiment = frame.lesson_experiment(sets, "vit_tiny_patch16_224", "mnist", PRESETS["own"].recipe, 200).with_(k=20)
    options = ("k = 1", "k = 20", f"neither, within {MIN_DIFFERENCE:g} point")
    frame.show_lesson(
        "lesson-4",
        frame.Lesson(
            "More [[proxies|proxy]] can follow the shape of a class, but each is the mean of fewer [[shots|shot]]. "
            f"With 20 shots and [[k]] = 20 every proxy is a single image.\n\nThis lesson: {frame.name_of(experiment)}, "
            "[[k-means|kmeans]].",
            (
                frame.Question("Which has the higher accuracy with n = 20 shots per class?", options),
                frame.Question("Which has the higher accuracy with n = 200?", options),
            ),
            "Change [[n]] for each [[k]]. Every value is added to the curve.",
            partial(_show_attempt, experiment),
            partial(_show_result, experiment),
            experiment,
        ),
    )


def _show_attempt(experiment: Experiment) -> None:
    n = st.select_slider("n: shots per class", _NS, value=20, key="lesson-4-n")
    current_k = st.segmented_control("k: proxies per class", _KS, default=1, required=True, key="lesson-4-k")
    frame.tried("lesson-4", n, str(current_k))
    with frame.computing():
        lines = [_line(experiment, k, sorted(frame.progress("lesson-4").tried.get(str(k), ()))) for k in _KS]
        current = frame.accuracy(experiment, k=current_k, n_shot=n).median
    frame.show_accuracy(f"n = {n}, k = {current_k}", current, experiment)
    frame.draw_curves("lesson-4-tried", lines, _NS, _N_AXIS)


def _line(experiment: Experiment, k: int, ns: list[int]) -> Line:
    return Line(f"k = {k}", ns, [frame.accuracy(experiment, k=k, n_shot=n) for n in ns])


def _show_result(experiment: Experiment) -> frame.Outcome:
    with frame.computing():
        lines = [_line(experiment, k, list(_NS)) for k in _KS]
    frame.draw_curves("lesson-4-all", lines, _NS, _N_AXIS)
    st.caption(frame.SEEDS_CAPTION)
    few, many = (dict(zip(_NS, (run.median for run in line.runs), strict=True)) for line in lines)
    answers = [
        (higher_of(few[n], many[n]), f"With n = {n}, k = 1 reaches {few[n]:.1f} % and k = 20 {many[n]:.1f} %.")
        for n in (20, 200)
    ]
    first = next((n for n in _NS if many[n] > few[n]), None)
    crossing = f"k = 20 is more accurate from n = {first} on. " if first else "k = 20 is never more accurate. "
    return frame.Outcome(
        answers,
        f"{crossing}With few shots, one mean averages out the peculiarities of single images. With many shots, more "
        "[[proxies|proxy]] describe a class better (paper, §5.2).",
    )
