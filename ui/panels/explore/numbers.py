"""Accuracy, gain over Qi's one mean per class, and remarks on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from imprint_core.evaluation.evaluator import TransformDiagnostics
from imprint_core.evaluation.metrics import Summary, signed_difference, wilson_interval
from imprint_core.evaluation.task import FEW_TEST_SAMPLES, FOLDS
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.framework.whitening import Shrinkage
from imprint_core.recipes.advice import advise
from imprint_core.recipes.presets import PRESETS
from ui.charts.progressive import draw_progressively
from ui.compute.experiment_results import ExperimentResults
from ui.compute.progressive import Point
from ui.compute.results import ONE_MEAN
from ui.navigation.reruns import rerun_page
from ui.text import descriptions
from ui.text.labels import count_text

_GREY: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}


def show_accuracy(view: ExperimentResults, remarks: DeltaGenerator) -> None:
    """Draw the accuracy and the gain over one mean per class, and in `remarks` what limits them."""
    # Displayed only if it takes a while, as whitening 2048 dimensions does.
    with st.empty(), st.spinner("Imprinting …"):
        accuracy = view.accuracy
    recipe, test_samples = view.experiment.recipe, len(view.evaluator.truth)
    resplit, tested = view.evaluator.pool.resplit, count_text(test_samples, view.experiment.info)
    left, right = st.columns(2, gap="small")
    left.metric(
        "Accuracy",
        f"{accuracy.median:.1f} %",
        _range(accuracy, "{:.1f}", f" % over {accuracy.runs} seeds"),
        help=descriptions.accuracy_help(recipe, test_samples, resplit),
        **_GREY,
    )
    if resplit or test_samples < FEW_TEST_SAMPLES:
        correct = round(accuracy.median * test_samples / 100, 1)
        low, high = wilson_interval(correct, test_samples)
        left.caption(f"{correct:g} of {tested}; 95 % interval {low:.0f} to {high:.0f} %")
    else:
        left.caption(f"on {tested}")
    right.metric(
        f"Gain over {PRESETS['qi'].short_label.lower()}",
        f"{signed_difference(accuracy.median, view.baseline.median)} points",
        "this is that recipe"
        if recipe.canonical() == ONE_MEAN.canonical()
        else "seed by seed: " * (view.gain.low < view.gain.high) + _range(view.gain, "{:+.1f}", ""),
        help=f"Median accuracy minus {view.baseline.median:.1f} %, that of the preset of Qi et al. (2018): the "
        "L2-normalised mean of each class's L2-normalised shots, with the same shots and test samples. Below, the "
        "range of the differences over seeds.",
        **_GREY,
    )
    sentences = _remarks(view)
    if sentences:
        text = sentences[0] if len(sentences) == 1 else "\n".join(f"- {sentence}" for sentence in sentences)
        remarks.info(text, icon=":material/info:")


def show_further_seeds(points: Sequence[Point]) -> None:
    """Evaluate further seeds while the results of the first one are displayed; then draw the page again.

    Without points it only keeps its place: the browser may still request a slice of the previous run.
    """
    label = "Evaluating further seeds"

    def draw(values: list[Any]) -> None:
        if points and all(value is not None for value in values):
            rerun_page()
        if points:
            st.caption(f"{label} …")

    draw_progressively("seeds", points, draw, label, needs_first_point=False)


def _range(run: Summary, form: str, suffix: str) -> str:
    """The range over seeds as text, or that all seeds agree."""
    if run.low < run.high:
        return run.range_text(form) + suffix
    return f"the same for {run.runs} seeds" if run.runs > 1 else "1 draw"


def _remarks(view: ExperimentResults) -> list[str]:
    """What limits the numbers, a sentence each."""
    n, recipe, embeddings = view.experiment.n_shot, view.experiment.recipe, view.embeddings
    sizes = np.bincount(view.evaluator.pool.y_train)[view.evaluator.classes]
    splits = [(embeddings.y_train, embeddings.of[0], "training"), (embeddings.y_test, embeddings.of[1], "test")]
    parts = [f"{len(y):,} of {total:,} {split} samples" for y, total, split in splits if len(y) < total]
    sentences = []
    if parts:
        sentences.append(
            f"To stay fast, pages use {' and '.join(parts)} of this set, equally many per class, drawn at random; the "
            "command `evaluate` uses all."
        )
    test_samples = len(view.evaluator.truth)
    if view.evaluator.pool.resplit:
        sentences.append(
            f"These {count_text(test_samples, view.experiment.info)} are few, so each is classified in turn by proxies "
            f"from the others ({FOLDS}-fold cross-validation, another split for each seed)."
        )
    elif test_samples < FEW_TEST_SAMPLES:
        sentences.append(
            f"There {'is' if test_samples == 1 else 'are'} only {test_samples} test "
            f"{'sample' if test_samples == 1 else 'samples'}: each changes the accuracy by {100 / test_samples:.1f} "
            "points. Differences of a few points say nothing here."
        )
    if n > sizes.min():
        few = int((sizes < n).sum())
        sentences.append(
            f"{few} of {len(sizes)} classes {'has' if few == 1 else 'have'} fewer than {n} training samples (the "
            f"smallest has {sizes.min()}); all of these are used."
        )
    if len(sizes) == 1:
        sentences.append("There is only one class, so every prediction is correct.")
    if TRANSFORMS[recipe.pretransform].shrinks:
        sentences += _selected(view.fits) + _whitening(recipe.shrinkage, view.fits)
    return sentences + advise(recipe, n, len(sizes))


def _selected(fits: list[TransformDiagnostics]) -> list[str]:
    """Which k the shots of each seed selected, and why, with GEN auto."""
    selections = [fit.selection for fit in fits if fit.selection]
    if not selections:
        return []
    ks = [str(selection.k) for selection in selections]
    of_seeds = f"k = {ks[0]}" if len(set(ks)) == 1 else f"for each seed, k = {', '.join(ks)}"
    return [f"The shots selected {of_seeds}. First seed: {selections[0].reason}"]


def _whitening(shrinkage: Shrinkage, fits: list[TransformDiagnostics]) -> list[str]:
    """Which shrinkage was chosen for the seeds' shots, and remarks of whitening on them."""
    chosen = sorted({fit.shrinkage for fit in fits if fit.shrinkage is not None and not fit.remark})
    sentences = []
    if isinstance(shrinkage, str) and chosen:
        span = f"{chosen[0]:.2g}" + (f" to {chosen[-1]:.2g}" if len(chosen) > 1 else "")
        how = "left-out shots" if shrinkage == "auto" else "Ledoit and Wolf's estimate"
        sentences.append(f"Whitening with shrinkage {span}, chosen by {how}.")
    return sentences + sorted({fit.remark for fit in fits if fit.remark})
