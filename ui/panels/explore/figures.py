"""The map of the embeddings with proxies, the confusion matrix, the calibration, and the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from imprint_core.figures import charts
from imprint_core.maps.layouts import MAP_METHODS
from imprint_core.maps.samples import split_and_id
from ui.charts.map_plot import map_plot
from ui.charts.plot import plot
from ui.charts.record import caption, heading
from ui.compute.experiment_results import ExperimentResults
from ui.compute.sample_images import image_address
from ui.controls.sample_selection import chosen_sample, pick, select_cell, selected
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import go_to
from ui.text import descriptions
from ui.text.labels import count_text
from ui.text.markdown import plain
from ui.widgets import base_maps

_DEFAULT = " No shot can be held out here, so the temperature of the probabilities is a default."


def show_map(selection: Selection, view: ExperimentResults) -> None:
    """Draw the test samples with the first seed's shots and proxies."""
    recipe, n_shot = view.experiment.recipe, view.experiment.n_shot
    base = base_maps.current_map(view.experiment, selection.layout)
    points, label = view.map_points(base), MAP_METHODS[base.layout.method].label
    rows, code = selected(selection, points.samples), chosen_sample(selection)
    resplit, count = view.evaluator.pool.resplit, len(points.samples.y)
    shown = f"all {count_text(count, view.experiment.info)}" if resplit else f"all {count:,} test samples"
    draw = "one split" if resplit else "the first seed"
    map_plot(
        "map",
        view.map_figure(base, points),
        alt=f"{label} map of {shown} by class, with the {n_shot}-shot sets as rings and the proxies as stars",
        height=440,
        selected=rows.tolist(),
        on_pick=partial(pick, selection, recipe),
        images=image_address(view.experiment.info),
    )
    base_maps.show_progress()
    _link_to_map(len(rows), code)
    st.caption(
        f"{label} of the embeddings{descriptions.stage(recipe)}: {shown}, with shots and proxies of {draw}. Two "
        "dimensions cannot preserve all distances; accuracy is computed in the full space. A proxy is placed at the "
        f"median of {descriptions.near(recipe)}."
    )


def _link_to_map(count: int, code: int | None) -> None:
    """Offer the Map page for the samples that were picked: their count, and the code of a chosen one."""
    if count or code is not None:
        part, number = split_and_id(code or 0)
        single = f"{part.capitalize()} sample {number} is chosen"
        text = single if not count else "1 sample is selected" if count == 1 else f"{count:,} samples are selected"
        left, right = st.columns([3, 2], vertical_alignment="center")
        left.markdown(f"{text}.")
        right.button("Explain on the Map", on_click=go_to, args=("map",), width="stretch")


def show_confusion(selection: Selection, view: ExperimentResults) -> None:
    """Draw the confusion matrix over all seeds; a click on a cell selects its samples."""
    percent, names = view.confusion, [view.evaluator.pool.names[c] for c in view.evaluator.classes]
    errors = percent - np.diag(np.diag(percent))
    true, predicted = np.unravel_index(np.argmax(errors), errors.shape)
    sentence = (
        f"The most frequent error: {errors[true, predicted]:.0f} % of class {names[true]} are predicted as "
        f"{names[predicted]}."
        if errors.any()
        else "No sample is misclassified."
    )
    plot(
        "confusion",
        charts.confusion_matrix(percent, names),
        alt=f"Confusion matrix of {len(names)} classes. {sentence}",
        height=460,
        on_click=partial(_pick_cell, selection, view),
    )
    over = ", mean over all seeds" if view.evaluation.draws > 1 else ""
    tested = count_text(len(view.evaluator.truth), view.experiment.info)
    untested = [name for name, row in zip(names, percent, strict=True) if not row.any()]
    without = f" Without test samples: {plain(', '.join(untested))}." if untested else ""
    st.caption(
        f"Percent of each true class (row){over}; {tested}. {plain(sentence)}{without} A click on a cell selects its "
        "samples of the first seed."
    )


def _pick_cell(selection: Selection, view: ExperimentResults, trace: int, cell: Sequence[int]) -> None:
    """Select the samples of a cell (row, column) of the confusion matrix, as the first seed predicts them."""
    classes = len(view.evaluator.classes)
    if len(cell) == 2 and min(cell) >= 0 and max(cell) < classes:
        inside = (view.evaluator.truth == cell[0]) & (view.evaluation.predictions[0] == cell[1])
        select_cell(selection, view.evaluator.tested.id_test[inside])


def show_calibration(view: ExperimentResults) -> None:
    """Draw the diagram and what it means; nothing if GEN has no calibrated probabilities."""
    bins = view.calibration
    if bins is None:
        return
    width = 100 / len(bins.sizes)
    fullest = int(np.argmax(bins.sizes))
    count, accuracy = bins.sizes[fullest], 100 * bins.accuracy[fullest]
    sentence = (
        f"Of the {count:,} predictions with probability {fullest * width:.0f} to {(fullest + 1) * width:.0f} %, "
        f"{accuracy:.1f} % are correct; their mean probability is {100 * bins.probability[fullest]:.1f} %."
    )
    error = f"{100 * bins.error:.1f} points"
    heading("Calibration", "calibration")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        plot(
            "calibration",
            charts.reliability_diagram(bins),
            alt=f"Reliability diagram of {len(bins.sizes)} bins. {sentence} Expected calibration error: {error}.",
            height=380,
        )
    with right:
        mean = 100 * np.average(bins.probability, weights=bins.sizes)
        correct = 100 * np.average(bins.accuracy, weights=bins.sizes)
        st.metric(
            "Expected calibration error",
            error,
            f"mean probability {mean:.1f} %, accuracy {correct:.1f} %",
            delta_color="off",
            delta_arrow="off",
            help="Mean over predictions of the difference between the accuracy and the mean probability of the "
            "prediction's bin (Naeini et al., AAAI 2015). 0 if of predictions with probability p a share p is correct.",
        )
        default = _DEFAULT if view.has_default_temperature else ""
        over = f" of {view.evaluation.draws} seeds" if view.evaluation.draws > 1 else ""
        caption(
            "calibration-text",
            f"{sentence} In each of the {len(bins.sizes)} bins, accuracy and mean probability differ by {error} on "
            f"average over predictions{over}. Points below the dotted line: probabilities are too high. Bars: number "
            f"of predictions in each bin.{default}",
        )


def show_sources(view: ExperimentResults) -> None:
    """Write the configuration, and where FM, data and recipe come from."""
    experiment, meta = view.experiment, view.experiment.info.meta
    fm, data, samples = meta["fm"], meta["dataset"], meta["samples"]
    sampling = ", drawn at random per class" if data.get("draw_seed") is not None else ""
    train, test = (samples[split]["count"] for split in ("train", "test"))
    split = " (held out)" if experiment.info.held_out else ""
    count = f"{train:,} training and {test:,} test samples{split}"
    if view.evaluator.pool.resplit:
        count = f"{train + test:,} samples, each tested in turn,"
    merged = descriptions.merged_classes(experiment.classes, view.class_names)
    heading("Configuration and sources")
    st.markdown(
        f"- **Recipe** (NORM as pre / post / inf): {experiment.recipe}\n"
        f"- **FM**: {plain(fm['label'])}, {fm['dim']} dimensions, frozen. Weights: {plain(fm['weights_origin'])}.\n"
        f"- **Data**: {plain(data['label'])}; {count} embedded{sampling}. {plain(data['origin'])}\n"
        + (f"- **Classes**: {plain(merged)}\n" if merged else "")
        + f"- **Stored as** {plain(meta['encoding'])}.\n"
        "- **Seeds**: the paper's, "
        + ", ".join(map(str, experiment.seeds))
        + ".\n- **Source**: Westerhoff et al., *Robust Weight Imprinting*, TMLR 2025, arXiv 2503.14572."
    )
