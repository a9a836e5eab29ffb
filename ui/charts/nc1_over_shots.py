"""NC1 over n-shot of the classes in force."""

from __future__ import annotations

import streamlit as st

from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures import charts
from ui.charts.plot import kept_figure, plot
from ui.compute import collapse, results
from ui.controls.sidebar import Selection
from ui.controls.table import most_shots

_NS = (2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def nc1_at(selection: Selection, n: int, variant: str) -> Summary | None:
    """NC1 of the n-shot sets; None where there is nothing between classes or within them."""
    experiment = selection.experiment.with_(n_shot=n)
    if n < 2 or len(results.evaluator(experiment).classes) < 2:
        return None
    return summarize(collapse.nc1_per_class(experiment, variant).mean(axis=1))


def show_over_shots(selection: Selection, name: str, variant: str = "textbook") -> None:
    """Draw the curve under the identity `name`."""
    most = most_shots(selection.info, selection.experiment.classes)
    asked = sorted({*(n for n in _NS if n < most), most, selection.n})
    runs = {n: run for n in asked if (run := nc1_at(selection, n, variant)) is not None}
    if not runs:
        st.caption("NC1 compares how classes vary: it needs two classes of two training samples.")
        return
    now = (selection.n, runs[selection.n]) if selection.n in runs else None
    first, last = min(runs), max(runs)
    plot(
        name,
        kept_figure(
            ("over-n", collapse.shots_key(selection.experiment), variant, most),
            lambda: charts.nc1_over_shots(list(runs), list(runs.values()), now),
        ),
        alt=f"NC1 of the shots over n-shot: {runs[first].median:.2f} at {first}, {runs[last].median:.2f} at {last}",
        height=240,
    )
    st.caption(
        "How widely the shots of a class spread around their mean, measured by the distances between the class means. "
        "The mean of few shots lies among them, so they seem to spread less than their class does: NC1 rises towards "
        "its value for all training samples."
    )
