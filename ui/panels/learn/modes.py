"""Lesson 2: a class with two modes."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imprint_core.collapse.k_curves import elbow
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import band, band_limits
from imprint_core.evaluation.metrics import summarize
from imprint_core.export.handout import Drawings, SketchAxes
from imprint_core.figures.lessons import Line, Mark
from imprint_core.recipes.presets import PRESETS
from ui.compute import results
from ui.controls.control import Sets
from ui.panels.learn import frame, samples

# Ones and nines are merged. With eights as the other class, k = 1 is much worse than k = 2, and
# larger k are hardly better.
_CLASSES, _MODES = "1+9, 8", 2
# In texts, without line breaks.
_MERGED = "1\u00a0+\u00a09"
_KS = tuple(range(1, 9))
_K_AXIS = "proxies per class, k"
_ELBOW_EDGES = (3, 5, 7)
_ELBOWS = ("at k = 2", "at k = 3 or 4", "at k = 5 or 6", "at k = 7 or later")


def show(sets: Sets) -> None:
    """Draw the lesson."""
    recipe = PRESETS["own"].recipe
    experiment = frame.lesson_experiment(sets, frame.FM, frame.DATASET, recipe, 50, _CLASSES).with_(k=_MODES)
    frame.show_lesson(
        "lesson-2",
        frame.Lesson(
            f"A class can contain several kinds of images. In this lesson ({frame.name_of(experiment)}), ones and "
            f"nines are merged into one class, called {_MERGED}. The other class is 8. The [[FM]] does not know this: "
            f"ones and nines have different [[embeddings|embedding]], so class {_MERGED} has two [[modes|mode]]. A "
            "single mean falls between them, where there are few images. [[k-means|kmeans]] makes [[k]] "
            "[[proxies|proxy]] per class instead of one.",
            (
                frame.Question(
                    f"Look at the modes of both classes. With k = 1 to {_KS[-1]} proxies per class and n = "
                    f"{experiment.n_shot} shots, where does the accuracy stop rising steeply?",
                    _ELBOWS,
                ),
            ),
            "Change [[k]]. Every value is added to the curve. The images of [[shots|shot]] are grouped by their most "
            "similar [[proxy]] ★: which images does each proxy stand for?",
            partial(
                frame.try_values,
                "lesson-2",
                experiment,
                "k",
                "k: proxies per class",
                _KS,
                1,
                _K_AXIS,
                marks=_marks,
                kinds=True,
            ),
            partial(_show_result, experiment),
            experiment,
            show_first=partial(samples.show_samples, "lesson-2", experiment, proxies=False, kinds=True),
            drawings=lambda: Drawings(
                samples.printed_images(experiment.info, samples.shot_groups(experiment)),
                samples.sketch(experiment, f"Draw a star where the single proxy of class {_MERGED} will be for k = 1."),
                SketchAxes(_K_AXIS, _KS),
            ),
        ),
    )


def _marks() -> list[Mark]:
    """Return the predicted k of the bend."""
    marks = []
    for i in frame.predictions("lesson-2"):
        low, high = band_limits(i, _ELBOW_EDGES, 2, _KS[-1] + 1)
        marks.append(Mark(f"bend {_ELBOWS[i]}", (low - 0.5, high - 0.5)))
    return marks


def _show_result(experiment: Experiment) -> frame.Outcome:
    with frame.computing():
        runs = [summarize(accuracies) for accuracies in results.accuracy_over_k(experiment, _KS)]
    median = {k: run.median for k, run in zip(_KS, runs, strict=True)}
    bend = elbow(_KS, list(median.values()))
    frame.draw_curves("lesson-2-all", [Line("k-means", _KS, runs)], _KS, _K_AXIS, bend, _marks())
    st.caption(frame.SEEDS_CAPTION)
    return frame.Outcome(
        (
            (
                band(bend, _ELBOW_EDGES),
                f"Two straight lines fit the curve best if they meet at k = {bend}. Accuracy is {median[1]:.1f} % at "
                f"k = 1, {median[_MODES]:.1f} % at k = {_MODES}, and {median[_KS[-1]]:.1f} % at k = {_KS[-1]}.",
            ),
        ),
        f"A class needs about as many [[proxies|proxy]] as it has clearly separate [[modes|mode]], here {_MODES}. "
        "k-means finds them without knowing which images are ones and which are nines. Further proxies need memory and "
        "improve little (paper, §5.3 and Figure 11).",
    )
