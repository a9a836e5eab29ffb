"""NC1 over n-shot of an experiment's classes."""

from __future__ import annotations

import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures import charts
from ui.charts.plot import cached_figure, plot
from ui.compute import collapse, results

_NS = (2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def show_nc1_over_shots(experiment: Experiment, name: str, variant: str = "textbook") -> None:
    """Draw the curve under the name `name`."""
    n = experiment.n_shot
    most = results.most_shots(experiment.info, experiment.classes)
    ns = sorted({*(shots for shots in _NS if shots < most), most, n})
    runs = {shots: run for shots in ns if (run := collapse.nc1(experiment.with_(n_shot=shots), variant)) is not None}
    if not runs:
        st.caption("NC1 needs at least two classes with two shots each.")
        return
    current = (n, runs[n]) if n in runs else None
    first, last = min(runs), max(runs)
    plot(
        name,
        cached_figure(
            ("over-n", collapse.shots_key(experiment), variant, most),
            lambda: charts.nc1_over_shots(list(runs), list(runs.values()), current),
        ),
        alt=f"NC1 of the shots over n-shot: {runs[first].median:.2f} at {first}, {runs[last].median:.2f} at {last}",
        height=240,
    )
    st.caption(
        "NC1: variance of the shots within classes relative to the variance between class means. The mean of few shots "
        "is close to them, so NC1 is underestimated; it rises towards its value for all training samples."
    )
