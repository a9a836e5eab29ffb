"""Lesson 2: classes with several modes."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imprint_core.collapse.k_curves import elbow
from imprint_core.collapse.merged_tasks import KS
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import band
from imprint_core.evaluation.metrics import summarize
from imprint_core.figures.lessons import Line
from imprint_core.recipes.presets import PRESETS
from ui.compute import results
from ui.controls.control import Sets
from ui.panels.learn import frame

_D = 5
_K_AXIS = "proxies per class, k"
_ELBOW_EDGES = (4, 7, 11)
_ELBOWS = ("at k = 2 or 3", "at k = 4 to 6", "at k = 7 to 10", "at k = 11 or later")


def show(sets: Sets) -> None:
    """Draw the lesson."""
    recipe = PRESETS["own"].recipe
    experiment = frame.lesson_experiment(sets, "vit_tiny_patch16_224", "tiny_imagenet_100", recipe, classes=f"{_D}in1")
    experiment = experiment.with_(k=_D)
    frame.show_lesson(
        "lesson-2",
        frame.Lesson(
            f"A class can contain several kinds of images. In this lesson ({frame.name_of(experiment)}), {_D} random "
            f"classes are merged into one ([[d in 1|merged]]), so each merged class has {_D} groups of embeddings, its "
            "[[modes|mode]]. A single mean falls between them, where there are no images. [[k-means|kmeans]] makes "
            "[[k]] proxies instead of one.",
            (
                frame.Question(
                    f"Ten merged classes of {_D} each, k = 1 to {KS[-1]} proxies per class, n = {experiment.n_shot} "
                    "shots. Where does the accuracy stop rising steeply?",
                    _ELBOWS,
                ),
            ),
            "Change [[k]]. Every value is added to the curve.",
            partial(frame.try_values, "lesson-2", experiment, "k", "k: proxies per class", KS, 1, _K_AXIS),
            partial(_show_result, experiment),
            experiment,
        ),
    )


def _show_result(experiment: Experiment) -> frame.Outcome:
    with frame.computing():
        runs = [summarize(accuracies) for accuracies in results.accuracy_over_k(experiment, KS)]
    median = {k: run.median for k, run in zip(KS, runs, strict=True)}
    bend = elbow(KS, list(median.values()))
    frame.draw_curves("lesson-2-all", [Line("k-means", KS, runs)], KS, _K_AXIS, bend)
    st.caption(frame.SEEDS_CAPTION)
    return frame.Outcome(
        (
            (
                band(bend, _ELBOW_EDGES),
                f"Two straight lines fit the curve best if they meet at k = {bend}. Accuracy is {median[1]:.1f} % at "
                f"k = 1, {median[_D]:.1f} % at k = {_D}, and {median[KS[-1]]:.1f} % at k = {KS[-1]}.",
            ),
        ),
        f"A class needs about as many [[proxies|proxy]] as it has [[modes|mode]], here {_D}. Further proxies need "
        "memory and improve little (paper, §5.3 and Figure 11).",
    )
