"""Explore: change the task or the recipe and see at once what that does."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.metrics import Summary, confusion, signed, summarize
from imprint_core.figures import charts
from imprint_core.maps.layouts import MAP_METHODS
from imprint_core.maps.samples import Samples, id_of
from ui.charts.accuracy_over_k import ONE_MEAN, accuracies, show_over_k
from ui.charts.map_plot import map_plot
from ui.charts.nc1_over_shots import nc1_at, show_over_shots
from ui.charts.plot import plot
from ui.charts.record import heading
from ui.compute import base_maps, map_layers, results
from ui.controls.sample_selection import chosen_sample, pick, pick_cell, selected
from ui.controls.sidebar import Selection
from ui.navigation.links import go_to, hand_over
from ui.panels.explore.diagram import show_framework
from ui.panels.explore.tries import show_tries
from ui.text import descriptions
from ui.text.markdown import plain


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Explore weight imprinting", anchor=False)
    st.caption(
        "A pre-trained model stays frozen and turns every image into a vector, its embedding. Each class gets a "
        "few **proxies** ★, vectors made from its **shots** ○, a few training images. A test image is given the "
        "class of the proxy that is most similar to it. No training takes place."
    )
    show_framework(selection)
    # The places come first, so that what is quickest can be filled first.
    numbers = st.container()
    tries = st.container()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        heading("Proxies among the embeddings", "map")
        map_place = st.container()
    with right:
        heading("Accuracy over k", "accuracy-over-k")
        curve_place = st.container()
        heading("Neural collapse (NC1) over n-shot", "nc1-over-shots")
        nc1_place = st.container()
    bottom_left, bottom_right = st.columns([3, 2], gap="medium")
    with bottom_left:
        heading("Confusion matrix", "confusion")
        confusion_place = st.container()
    sources_place = bottom_right.container()
    try:
        with numbers:
            _numbers(selection)
        with tries:
            show_tries(selection)
        with map_place:
            _map(selection)
        with confusion_place:
            _confusion(selection)
        with curve_place:
            show_over_k(selection)
        with nc1_place:
            show_over_shots(selection, "nc1-over-shots")
    except ImprintError as error:
        st.error(plain(error))
    with sources_place:
        _sources(selection)


def _range(run: Summary, shown: str) -> str:
    """The range over seeds, `shown` with the low and the high value, or that there is none."""
    if run.low < run.high:
        return shown.format(run.low, run.high, run.runs).replace("-", "−")
    return f"the same for {run.runs} seeds" if run.runs > 1 else "1 seed"


def _numbers(selection: Selection) -> None:
    """The headline."""
    # Shown only where it takes longer than a moment, as whitening 2048 dimensions does.
    with st.empty(), st.spinner("Imprinting …"):
        runs = accuracies(selection, selection.recipe)
    one_mean = accuracies(selection, ONE_MEAN)
    accuracy, baseline, gain = summarize(runs), summarize(one_mean), summarize(runs - one_mean)
    # A mean, as everywhere that differences are told: it is the difference of the means.
    mean = signed(float((runs - one_mean).mean()))
    shared = results.evaluator(selection.experiment)
    a, b, c = st.columns(3, gap="medium")
    collapse = nc1_at(selection, selection.n, "textbook")
    grey: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    a.metric(
        "Accuracy",
        f"{accuracy.median:.1f} %",
        _range(accuracy, "{:.1f} to {:.1f} % over {} seeds"),
        help=descriptions.accuracy_help(selection.recipe, len(shared.truth)),
        **grey,
    )
    b.metric(
        "Gain over one mean a class",
        f"{mean} points",
        "this is that recipe"
        if selection.recipe.canonical() == ONE_MEAN.canonical()
        else _range(gain, "{:+.1f} to {:+.1f}, seed by seed"),
        help="Mean over seeds, against the preset of Qi et al. (2018): the L2-normalised mean of each class's "
        "L2-normalised shots, on the same shots and test samples, seed by seed. It reaches "
        f"{baseline.median:.1f} % in the median.",
        **grey,
    )
    c.metric(
        "NC1 of the shots",
        "–" if collapse is None else f"{collapse.median:.2f}",
        "needs 2 classes of 2 shots" if collapse is None else "0: classes are points; above 1: spread out",
        help=descriptions.NC1_HELP,
        **grey,
    )
    remarks = descriptions.remarks(selection)
    if remarks:
        st.info(remarks[0] if len(remarks) == 1 else "\n".join(f"- {r}" for r in remarks), icon=":material/info:")


def _map(selection: Selection) -> None:
    experiment, recipe, n = selection.experiment, selection.recipe, selection.n
    base = base_maps.base_map(experiment, selection.layout)
    on = map_layers.ground(experiment, base, "test")
    label = MAP_METHODS[base.layout.method].label
    map_plot(
        "map",
        map_layers.picture(on, map_layers.plain_paint(experiment), map_layers.overlays(experiment, base)),
        alt=f"{label} map of {len(on.samples.y)} test samples by class, with the {n}-shot sets as rings and "
        "the proxies as stars",
        height=560,
        selected=selected(selection, on.samples).tolist(),
        on_pick=partial(pick, selection, recipe),
    )
    base_maps.show_progress()
    _to_the_map(selection, on.samples)
    st.caption(
        f"{label} of the embeddings{descriptions.stage(recipe)}: all {len(on.samples.y):,} test samples, and shots and "
        "proxies of the first seed. Two dimensions can't keep all distances; accuracy is computed in the full space. "
        f"A proxy stands at the median of {descriptions.near(recipe)}."
    )


def _to_the_map(selection: Selection, own: Samples) -> None:
    """A way from what was picked here to its images."""
    count, code = len(selected(selection, own)), chosen_sample(selection)
    if count or code is not None:
        part, number = id_of(code or 0)
        one = f"{part.capitalize()} sample {number} is chosen"
        what = one if not count else "1 sample is selected" if count == 1 else f"{count:,} samples are selected"
        left, right = st.columns([3, 2], vertical_alignment="center")
        left.markdown(f"{what}.")
        right.button("See why, on the Map", on_click=go_to, args=("map",), width="stretch")


def _confusion(selection: Selection) -> None:
    shared = results.evaluator(selection.experiment)
    evaluated = results.evaluation(selection.experiment)
    percent = confusion(shared.truth, evaluated.predictions, len(shared.classes))
    names = [shared.pool.names[c] for c in shared.classes]
    off = percent - np.diag(np.diag(percent))
    true, predicted = np.unravel_index(np.argmax(off), off.shape)
    sentence = (
        f"The most frequent mistake: {off[true, predicted]:.0f} % of class {names[true]} is taken for "
        f"{names[predicted]}."
        if off.any()
        else "No mistake."
    )
    plot(
        "confusion",
        charts.confusion_matrix(percent, names),
        alt=f"Confusion matrix of {len(names)} classes. {sentence}",
        height=460,
        on_click=partial(pick_cell, selection),
    )
    st.caption(
        f"Percent of each true class (row), over all seeds. {plain(sentence)} A click on a cell selects its samples of "
        "the first seed."
    )


def _sources(selection: Selection) -> None:
    meta = selection.info.meta
    fm, data, samples = meta["fm"], meta["dataset"], meta["samples"]
    drawn = ", drawn at random per class" if data.get("draw_seed") is not None else ""
    merged = descriptions.classes(selection)
    heading("What this stands on")
    st.markdown(
        f"- **Recipe** (NORM as pre / post / inf): {selection.recipe}\n"
        f"- **FM**: {plain(fm['label'])}, {fm['dim']} dimensions, frozen. Weights: {plain(fm['weights_origin'])}.\n"
        f"- **Data**: {plain(data['label'])}; {samples['train']['count']:,} training and "
        f"{samples['test']['count']:,} test samples embedded{drawn}. {plain(data['origin'])}\n"
        + (f"- **Classes**: {plain(merged)}\n" if merged else "")
        + f"- **Stored as** {plain(meta['encoding'])}.\n"
        "- **Seeds**: the paper's, "
        + ", ".join(map(str, selection.seeds))
        + ".\n- **Source**: Westerhoff et al., *Robust Weight Imprinting*, TMLR 2025, arXiv 2503.14572."
    )


if __name__ == "__main__":
    hand_over("explore")
