"""Lesson 3: normalisation of proxies."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import PredictionCounts, band, band_limits, count_predictions
from imprint_core.export.handout import Drawings
from imprint_core.figures.lessons import (
    Mark,
    mark_predictions,
    predictions_by_length,
    proxy_lengths,
    with_predictions,
)
from imprint_core.figures.style import class_color
from imprint_core.framework.recipe import Recipe
from ui.charts.plot import plot
from ui.compute import map_layers, results
from ui.compute.results import BY_FIRST_SEED
from ui.controls.control import Sets
from ui.panels.learn import frame, samples
from ui.server.shared_cache import shared_cache
from ui.text.markdown import plain

_NORMS = {"none": "none", "l2": "L2"}
_SHARE_EDGES = (15.0, 30.0, 50.0)
_SHARES = ("less than 15 %", "15 to 30 %", "30 to 50 %", "half or more")
_CHART_HEIGHT = 300
# Images that are predicted as one class.
_IMAGES = 14


@shared_cache(8, BY_FIRST_SEED)
def _counts(experiment: Experiment) -> PredictionCounts:
    scaled = experiment.with_(norm_post="l2").recipe
    evaluator = results.evaluator(experiment)
    return count_predictions(evaluator, experiment.recipe, scaled, experiment.n_shot, experiment.seeds[0])


def _names(experiment: Experiment, counts: PredictionCounts) -> list[str]:
    evaluator = results.evaluator(experiment)
    return [evaluator.pool.names[evaluator.classes[c]] for c in counts.classes]


def show(sets: Sets) -> None:
    """Draw the lesson."""
    recipe = Recipe("mean", 1, "none", "none", "none")
    experiment = frame.lesson_experiment(sets, frame.FM, frame.DATASET, recipe)
    with frame.computing():
        counts = _counts(experiment)
    longest, shortest = _names(experiment, counts)[0], _names(experiment, counts)[-1]
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
                    f"Without NORM post, the longest proxy, of class {plain(longest)}, is "
                    f"{counts.lengths[0] / counts.lengths[-1]:.2f} times as long as the shortest, of class "
                    f"{plain(shortest)}. About one of ten test images belongs to class {plain(longest)}. How many are "
                    "predicted as this class?",
                    _SHARES,
                ),
            ),
            "Switch [[NORM]] post. How do the [[accuracy]] and the predicted classes on the map change?",
            partial(_show_attempt, experiment, counts),
            partial(_show_result, experiment, counts),
            experiment,
            show_first=partial(_show_first, experiment, counts),
            drawings=lambda: Drawings(
                samples.printed_images(experiment.info, samples.shot_groups(experiment)),
                samples.sketch(experiment, f"Surround the images that will be predicted as class {longest}."),
            ),
        ),
    )


def _show_first(experiment: Experiment, counts: PredictionCounts) -> None:
    names = _names(experiment, counts)
    lengths = ", ".join(f"{name}: {length:.1f}" for name, length in zip(names, counts.lengths, strict=True))
    plot("lesson-3-lengths", proxy_lengths(counts, names), alt=f"Lengths of proxies by class: {lengths}", height=180)
    samples.show_map("lesson-3-map", experiment, proxies=False, shots=False)


def _draw_counts(experiment: Experiment, counts: PredictionCounts, name: str, norms: tuple[str, ...]) -> None:
    """Draw how many test images are predicted as each class, with the student's prediction for the longest proxy."""
    total, names = int(counts.true.sum()), _names(experiment, counts)
    marks = []
    for i in frame.predictions("lesson-3"):
        low, high = (share * total / 100 for share in band_limits(i, _SHARE_EDGES, 0, 100))
        marks.append(Mark(f"{_SHARES[i]}", (-0.5, 0.5), (low, high)))
    predicted = " and ".join(f"{getattr(counts, norm)[0]} with NORM post {_NORMS[norm]}" for norm in norms)
    alt = (
        f"Test images by class, in descending order of proxy length: class {names[0]} has {counts.true[0]}; predicted "
    )
    plot(
        name,
        mark_predictions(predictions_by_length(counts, names, norms), marks),
        alt=with_predictions(alt + predicted, marks),
        height=_CHART_HEIGHT,
    )


def _show_attempt(experiment: Experiment, counts: PredictionCounts) -> None:
    left, right = frame.two_columns()
    with right:
        norm = st.segmented_control(
            "NORM post", _NORMS, default="none", required=True, format_func=_NORMS.__getitem__, key="lesson-3-post"
        )
        current = experiment.with_(norm_post=norm)
        with frame.computing():
            median = frame.accuracy(current).median
        frame.show_accuracy(f"NORM post {_NORMS[norm]}", median, current)
        _draw_counts(experiment, counts, "lesson-3-tried", (norm,))
    with left:
        samples.show_map("lesson-3-map", current, proxies=True, coloring="predicted", shots=False)
        _show_predicted_images(current, int(counts.classes[0]))


def _show_predicted_images(experiment: Experiment, c: int) -> None:
    """Draw images that are predicted as one class, evenly chosen from all of them."""
    evaluator = results.evaluator(experiment)
    number = evaluator.classes[c]
    predicted = map_layers.predictions(experiment, "test").predicted
    codes = map_layers.samples(experiment, "test").codes[predicted == number]
    chosen = codes[np.unique(np.linspace(0, len(codes) - 1, _IMAGES).astype(int))] if len(codes) else codes
    label = f"{len(codes)} test images predicted as {evaluator.pool.names[number]}, such as"
    samples.show_images(experiment.info, [samples.Group(label, class_color(number), chosen.tolist())])


def _show_result(experiment: Experiment, counts: PredictionCounts) -> frame.Outcome:
    with frame.computing():
        none, l2 = (frame.accuracy(experiment, norm_post=norm).median for norm in _NORMS)
    names = _names(experiment, counts)
    total, before, after, true = (int(v) for v in (counts.true.sum(), counts.none[0], counts.l2[0], counts.true[0]))
    longest, shortest = counts.lengths[0], counts.lengths[-1]
    _draw_counts(experiment, counts, "lesson-3-wins", ("none", "l2"))
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
        "L2. The other lessons use L2. Of all NORMs, the one after [[GEN]] matters most (paper, §5.1).",
    )
