"""NC1 over n-shot of an experiment's classes."""

from __future__ import annotations

import streamlit as st

from imprint_core.figures import charts
from ui.charts.plot import cached_figure, plot
from ui.compute.collapse import shots_key
from ui.compute.experiment_results import ExperimentResults


def show_nc1_over_shots(view: ExperimentResults, name: str, variant: str = "textbook") -> None:
    """Draw the curve under the name `name`."""
    curve, n = view.nc1_over_shots(variant), view.experiment.n_shot
    if not curve:
        st.caption("NC1 needs at least two classes with two shots each.")
        return
    ns, runs = list(curve), list(curve.values())
    current = (n, curve[n]) if n in curve else None
    plot(
        name,
        cached_figure(
            ("over-n", shots_key(view.experiment), variant, ns[-1]), lambda: charts.nc1_over_shots(ns, runs, current)
        ),
        alt=f"NC1 of the shots over n-shot: {runs[0].median:.2f} at {ns[0]}, {runs[-1].median:.2f} at {ns[-1]}",
        height=240,
    )
    st.caption(
        "NC1: variance of the shots within classes relative to the variance between class means. The mean of few shots "
        "is close to them, so NC1 is underestimated; it rises towards its value for all training samples."
    )
