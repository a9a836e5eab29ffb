"""The reliability diagram of recipes with calibrated probabilities, and the expected calibration error."""

from __future__ import annotations

import numpy as np
import streamlit as st

from imprint_core.figures import charts
from ui.charts.plot import plot
from ui.charts.record import caption, heading
from ui.compute.experiment_results import ExperimentResults


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
        over = f" of {view.evaluation.draws} seeds" if view.evaluation.draws > 1 else ""
        caption(
            "calibration-text",
            f"{sentence} In each of the {len(bins.sizes)} bins, accuracy and mean probability differ by {error} on "
            f"average over predictions{over}. Points below the dotted line: probabilities are too high. Bars: number "
            f"of predictions in each bin.{_default(view)}",
        )


def _default(view: ExperimentResults) -> str:
    """Whether the temperature of the first seed was not chosen by shots."""
    selection = view.fits[0].selection
    if selection is None or selection.tried:
        return ""
    return " No shot can be held out here, so the temperature of the probabilities is a default."
