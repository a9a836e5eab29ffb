"""Lesson 8: the k that the shots select."""

from __future__ import annotations

from functools import partial
from typing import cast

import streamlit as st

from imprint_core.evaluation.class_specs import joined, parse_classes
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import MIN_DIFFERENCE, band, band_limits, tried_recipes
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.export.handout import Drawings, SketchAxes
from imprint_core.figures import charts
from imprint_core.figures.lessons import Mark, mark_predictions, with_predictions
from imprint_core.framework.selection import Selection
from imprint_core.recipes.presets import PRESETS
from ui.charts.plot import plot
from ui.compute import results
from ui.controls.control import Sets
from ui.panels.learn import frame, samples
from ui.text.labels import label_of_dataset
from ui.text.markdown import plain

_FM, _DATASET = "vit_tiny_patch16_224", "tiny_imagenet_100"
_RECIPE = PRESETS["auto"].recipe
# Kinds of images in each class, of the questions and of all tasks; shots of the questions, and to try.
_SINGLE, _SEVERAL = 1, 5
_KINDS, _N, _NS = (1, 2, 5, 10), 20, (5, 10, 20, 50)
# Values of k that so many shots can validate.
_KS = (1, 2, 3, 5)
_K_AXIS = "proxies per class, k"
_EDGES = (2, 5)
_OPTIONS = ("k = 1", "k = 2 or 3", "k = 5")
_LOSS_EDGES = (MIN_DIFFERENCE, 5)
_LOSSES = (f"less than {MIN_DIFFERENCE:g} point", "1 to 5 points", "5 points or more")
_HEIGHT = 280


def show(sets: Sets) -> None:
    """Draw the lesson."""
    single, several = (_experiment(sets, kinds, _N) for kinds in (_SINGLE, _SEVERAL))
    names = results.class_names(several.info)
    group = parse_classes(several.classes, names).groups[0]
    frame.show_lesson(
        "lesson-8",
        frame.Lesson(
            "How many [[proxies|proxy]] does a class need? Test images could answer, but whoever chooses [[k]] by them "
            "can no longer test with them. The [[shots|shot]] can answer too: a quarter of them is held out, proxies "
            "are made from the others, and the held-out shots are classified. This is repeated for each quarter and "
            "each k. The log-loss is −log of the probability of the true class, so smaller is better. The recipe "
            "*Auto* selects k = 1 unless another k is better by more than two standard errors.\n\nThis lesson: "
            f"{frame.name_of(several)}, n = {_N}. In one task, each of 10 classes is of one kind; in the other it is "
            f"merged from {_SEVERAL} kinds ([[d in 1|merged]]), for example "
            f"{plain(joined([names[c] for c in group], 200))}.",
            (
                frame.Question(f"Classes of {_kinds(_SINGLE)}: which k do the shots select?", _OPTIONS),
                frame.Question(f"Classes of {_kinds(_SEVERAL)}: which k do the shots select?", _OPTIONS),
                frame.Question(
                    f"Classes of {_kinds(_SEVERAL)}: how far is the test accuracy with the selected k below that "
                    "with the best k for the test images?",
                    _LOSSES,
                ),
            ),
            "Change the number of kinds and [[n]]. How many [[shots|shot]] are needed until they select more than one "
            "[[proxy]]?",
            partial(_show_attempt, sets),
            partial(_show_result, single, several),
            several,
            show_first=partial(_show_first, single, several),
            drawings=lambda: Drawings(axes=SketchAxes(_K_AXIS, _KS)),
        ),
    )


def _experiment(sets: Sets, kinds: int, n: int) -> Experiment:
    """The task whose classes have so many kinds; the first seed suffices and is faster."""
    return frame.lesson_experiment(sets, _FM, _DATASET, _RECIPE, n, f"{kinds}in1").first_seed


def _kinds(count: int) -> str:
    return f"{count} kind{'s' * (count > 1)}"


def _title(kinds: int) -> str:
    return f"{label_of_dataset(_DATASET).split(' (')[0]}, classes of {_kinds(kinds)}"


def _show_first(single: Experiment, several: Experiment) -> None:
    samples.show_classes("lesson-8-single", single, _title(_SINGLE), 180)
    samples.show_classes("lesson-8-several", several, _title(_SEVERAL), 180)


def _selection(experiment: Experiment) -> Selection:
    """What the first seed's shots select."""
    with frame.computing():
        (fit,) = results.transform_fits(experiment, experiment.n_shot, experiment.seeds)
    return cast(Selection, fit.selection)


def _marks(question: int) -> list[Mark]:
    """Return the k that was predicted for the task of a question, 0 or 1."""
    predicted = frame.predictions("lesson-8")[question : question + 1]
    limits = [(i, *band_limits(i, _EDGES, 1, _KS[-1] + 1)) for i in predicted]
    return [Mark(_OPTIONS[i], (low - 0.4, high - 0.6)) for i, low, high in limits]


def _show_loss(name: str, selection: Selection, marks: list[Mark]) -> None:
    values = ", ".join(f"k = {each.k} {selection.tried[0].loss - each.gain:.3f}" for each in selection.tried)
    plot(
        name,
        mark_predictions(charts.log_loss_over_k(selection.tried, selection.k), marks),
        alt=with_predictions(f"Log-loss of held-out shots: {values}. Selected: k = {selection.k}", marks),
        height=_HEIGHT,
    )


def _show_attempt(sets: Sets) -> None:
    left, right = frame.two_columns()
    with right:
        n = st.select_slider("n: shots per class", _NS, value=_N, key="lesson-8-n")
        kinds = st.segmented_control("Kinds per class", _KINDS, default=_SEVERAL, required=True, key="lesson-8-kinds")
        experiment = _experiment(sets, kinds, n)
        selection = _selection(experiment)
        st.metric(f"Selected with n = {n}, {_kinds(kinds)} per class", f"k = {selection.k}")
        question = {(_SINGLE, _N): 0, (_SEVERAL, _N): 1}.get((kinds, n))
        _show_loss("lesson-8-tried", selection, [] if question is None else _marks(question))
        st.caption(f"{plain(selection.reason)} The band is two standard errors of the difference from k = 1.")
    with left:
        samples.show_classes("lesson-8-map", experiment, _title(kinds))


def _accuracies(experiment: Experiment, selection: Selection) -> dict[int, Summary]:
    """Test accuracy of every k that was validated."""
    recipes = tried_recipes(selection, experiment.recipe)
    return {k: summarize(results.evaluation(experiment.with_(recipe=recipe)).accuracy) for k, recipe in recipes.items()}


def _show_result(single: Experiment, several: Experiment) -> frame.Outcome:
    answers = []
    for question, (kinds, experiment) in enumerate(((_SINGLE, single), (_SEVERAL, several))):
        selection = _selection(experiment)
        with frame.computing():
            accuracies = _accuracies(experiment, selection)
        st.markdown(f"**Classes of {_kinds(kinds)}**: log-loss of held-out shots, and accuracy on the test images")
        left, right = st.columns(2)
        with left:
            _show_loss(f"lesson-8-loss-{kinds}", selection, _marks(question))
        with right:
            _show_accuracies(f"lesson-8-accuracy-{kinds}", selection, accuracies)
        answers.append((band(selection.k, _EDGES), plain(selection.reason)))
    st.caption("First seed. The band is two standard errors of the difference from k = 1.")
    best = max(accuracies, key=lambda k: accuracies[k].median)
    reached, highest = (round(accuracies[k].median, 1) for k in (selection.k, best))
    answers.append(
        (
            band(round(highest - reached, 1), _LOSS_EDGES),
            f"The test accuracy is {reached:.1f} % with the selected k = {selection.k}, {highest:.1f} % with the best, "
            f"k = {best}, and {accuracies[1].median:.1f} % with k = 1.",
        )
    )
    return frame.Outcome(
        answers,
        "Held-out shots show whether classes have several [[modes|mode]], without any test image. With few "
        "[[shots|shot]] the error is too large to be sure, so k = 1 is kept, which needs the "
        "fewest proxies. With more shots, smaller differences become visible.",
    )


def _show_accuracies(name: str, selection: Selection, accuracies: dict[int, Summary]) -> None:
    ks, runs = list(accuracies), list(accuracies.values())
    selected = (selection.k, accuracies[selection.k], f"selected: k = {selection.k}")
    values = ", ".join(f"k = {k} {run.median:.1f} %" for k, run in accuracies.items())
    plot(
        name,
        charts.accuracy_over_k(ks, runs, "test accuracy", selected, [("k = 1", runs[0])]),
        alt=f"Test accuracy: {values}. Selected: k = {selection.k}",
        height=_HEIGHT,
    )
