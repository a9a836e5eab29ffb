"""The headline: accuracy, gain over one mean per class, NC1, and remarks on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.embeddings import EmbeddingSet
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary, signed, summarize
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.advice import advise
from ui.compute import collapse, results
from ui.compute.results import ONE_MEAN
from ui.text import descriptions

_GREY: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}


def show_numbers(experiment: Experiment) -> NDArray[np.float64]:
    """Draw the headline; return the accuracy of each seed."""
    # Displayed only if it takes a while, as whitening 2048 dimensions does.
    with st.empty(), st.spinner("Imprinting …"):
        runs = results.evaluation(experiment).accuracy
    baseline = results.evaluation(experiment.with_(recipe=ONE_MEAN)).accuracy
    evaluator = results.evaluator(experiment)
    left, middle, right = st.columns(3, gap="medium")
    _accuracy(left, experiment, summarize(runs), len(evaluator.truth))
    _gain(middle, experiment, runs - baseline, summarize(baseline))
    _nc1(right, collapse.nc1(experiment))
    remarks = _remarks(experiment, evaluator, results.embeddings(experiment.info))
    if remarks:
        text = remarks[0] if len(remarks) == 1 else "\n".join(f"- {remark}" for remark in remarks)
        st.info(text, icon=":material/info:")
    return runs


def _accuracy(column: Any, experiment: Experiment, accuracy: Summary, test_samples: int) -> None:
    column.metric(
        "Accuracy",
        f"{accuracy.median:.1f} %",
        _range(accuracy, "{:.1f}", " %"),
        help=descriptions.accuracy_help(experiment.recipe, test_samples),
        **_GREY,
    )


def _gain(column: Any, experiment: Experiment, gains: NDArray[np.float64], baseline: Summary) -> None:
    column.metric(
        "Gain over one mean per class",
        # The mean, as for all differences: it is the difference of the means.
        f"{signed(float(gains.mean()))} points",
        "this is that recipe"
        if experiment.recipe.canonical() == ONE_MEAN.canonical()
        else _range(summarize(gains), "{:+.1f}", "", "seed by seed"),
        help="Mean over seeds of the difference from the preset of Qi et al. (2018): the L2-normalised mean of each "
        "class's L2-normalised shots, with the same shots and test samples. Its median accuracy is "
        f"{baseline.median:.1f} %.",
        **_GREY,
    )


def _nc1(column: Any, nc1: Summary | None) -> None:
    column.metric(
        "NC1 of the shots",
        "–" if nc1 is None else f"{nc1.median:.2f}",
        "needs 2 classes of 2 shots" if nc1 is None else "0: classes are points; above 1: spread out",
        help=descriptions.NC1_HELP,
        **_GREY,
    )


def _range(run: Summary, form: str, unit: str, over: str = "") -> str:
    """The range over seeds as text, or that all seeds agree."""
    if run.low < run.high:
        return f"{run.range_text(form)}{unit}" + (f", {over}" if over else f" over {run.runs} seeds")
    return f"the same for {run.runs} seeds" if run.runs > 1 else "1 seed"


def _remarks(experiment: Experiment, evaluator: Evaluator, embeddings: EmbeddingSet) -> list[str]:
    """What limits the numbers, a sentence each."""
    n, recipe = experiment.n_shot, experiment.recipe
    sizes = np.bincount(evaluator.pool.y_train)[evaluator.classes]
    counts = [
        (len(embeddings.y_train), embeddings.of[0], "training"),
        (len(embeddings.y_test), embeddings.of[1], "test"),
    ]
    parts = [f"{opened:,} of {total:,} {part} samples" for opened, total, part in counts if opened < total]
    sentences = []
    if parts:
        sentences.append(
            f"To stay fast, pages use {' and '.join(parts)} of this set, equally many per class, drawn at random; the "
            "command `evaluate` uses all."
        )
    if n > sizes.min():
        sentences.append(
            f"{int((sizes < n).sum())} of {len(sizes)} classes have fewer than {n} training samples (the smallest has "
            f"{sizes.min()}); all of these are used."
        )
    if len(sizes) == 1:
        sentences.append("There is only one class, so every prediction is correct.")
    if TRANSFORMS[recipe.pretransform].shrinks:
        sentences += _whitening(experiment, evaluator)
    return sentences + advise(recipe, n, len(sizes))


def _whitening(experiment: Experiment, evaluator: Evaluator) -> list[str]:
    """Which shrinkage was chosen for the seeds' shots, and what whitening says about them."""
    fits = [evaluator.fit_of(experiment.n_shot, seed) for seed in experiment.seeds]
    chosen = sorted({fit.shrinkage for fit in fits if fit.shrinkage is not None})
    sentences = []
    if isinstance(experiment.recipe.shrinkage, str) and chosen:
        span = f"{chosen[0]:.2g}" + (f" to {chosen[-1]:.2g}" if len(chosen) > 1 else "")
        how = "left-out shots" if experiment.recipe.shrinkage == "auto" else "Ledoit and Wolf's estimate"
        sentences.append(f"Whitening with shrinkage {span}, chosen by {how}.")
    return sentences + sorted({fit.remark for fit in fits if fit.remark})
