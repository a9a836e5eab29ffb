"""Lesson 3: normalisation of proxies."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import PredictionCounts, band, count_predictions
from imprint_core.figures.lessons import predictions_by_length
from imprint_core.framework.recipe import Recipe
from ui.charts.plot import plot
from ui.compute import results
from ui.compute.results import BY_FIRST_SEED
from ui.controls.control import Sets
from ui.panels.learn import frame
from ui.server.shared_cache import shared_cache
from ui.text.markdown import plain

_NORMS = {"none": "none", "l2": "L2"}
_SHARE_EDGES = (15.0, 30.0, 50.0)
_SHARES = ("less than 15 %", "15 to 30 %", "30 to 50 %", "half or more")


@shared_cache(8, BY_FIRST_SEED)
def _counts(experiment: Experiment) -> PredictionCounts:
    scaled = experiment.with_(norm_post="l2").recipe
    evaluator = results.evaluator(experiment)
    return count_predictions(evaluator, experiment.recipe, scaled, experiment.n_shot, experiment.seeds[0])


def show(sets: Sets) -> None:
    """Draw the lesson."""
    experiment = frame.lesson_experiment(sets, "resnet50", "mnist", Recipe("mean", 1, "none", "none", "none"))
    frame.show_lesson(
        "lesson-3",
        frame.Lesson(
            "A test image is predicted as the class of the most similar [[proxy]]. Similarity is an inner product: it "
            "grows with the length of the proxy, and as the angle between image and proxy becomes smaller. The lengths "
            "of mean embeddings differ by chance. [[NORM]] post L2 scales all proxies to length 1.\n\n"
            f"This lesson: {frame.name_of(experiment)}, ten digits with about equally many test images, one mean per "
            f"class of n = {experiment.n_shot} shots, all other NORMs none.",
            (
                frame.Question(
                    "Without NORM post, how many of all test images are predicted as the class with the longest of the "
                    "ten proxies?",
                    _SHARES,
                ),
            ),
            "Switch [[NORM]] post. How does the [[accuracy]] change?",
            partial(_show_attempt, experiment),
            partial(_show_result, experiment),
            experiment,
        ),
    )


def _show_attempt(experiment: Experiment) -> None:
    norm = st.segmented_control(
        "NORM post", _NORMS, default="none", required=True, format_func=_NORMS.__getitem__, key="lesson-3-post"
    )
    with frame.computing():
        median = frame.accuracy(experiment, norm_post=norm).median
    frame.show_accuracy(f"NORM post {_NORMS[norm]}", median, experiment)


def _show_result(experiment: Experiment) -> frame.Outcome:
    with frame.computing():
        counts = _counts(experiment)
        none, l2 = (frame.accuracy(experiment, norm_post=norm).median for norm in _NORMS)
    evaluator = results.evaluator(experiment)
    names = [evaluator.pool.names[evaluator.classes[c]] for c in counts.classes]
    total, before, after, true = (int(v) for v in (counts.true.sum(), counts.none[0], counts.l2[0], counts.true[0]))
    longest, shortest = counts.lengths[0], counts.lengths[-1]
    plot(
        "lesson-3-wins",
        predictions_by_length(counts, names),
        alt=f"Test images predicted as each class, in descending order of proxy length: class {names[0]} has {true}; "
        f"predicted {before} without NORM post and {after} with L2",
        height=340,
    )
    st.caption(f"Shots of the first of {len(frame.LESSON_SEEDS)} seeds.")
    return frame.Outcome(
        (
            (
                band(100 * before / total, _SHARE_EDGES),
                f"The longest proxy belongs to class {plain(names[0])}: {before:,} of {total:,} test images are "
                f"predicted as this class, although only {true} belong to it. With L2, {after} are.",
            ),
        ),
        f"The longest proxy is only {longest / shortest:.2f} times as long as the shortest ({longest:.1f} and "
        f"{shortest:.1f}), but this suffices: the accuracy is {none:.1f} % without [[NORM]] post and {l2:.1f} % with "
        "L2. Of all NORMs, the one after [[GEN]] matters most (paper, §5.1).",
    )
