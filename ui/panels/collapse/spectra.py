"""What normalisation does to collapse: spectra within and between classes at each stage."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from imprint_core.collapse.spectra import STAGES, Spectra
from imprint_core.figures import collapse
from imprint_core.framework.transforms import TRANSFORMS
from ui.charts.plot import cached_figure, plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import table
from ui.compute import collapse as collapse_cached
from ui.compute.progressive import Point
from ui.controls.sidebar import Selection


def show_spectra(selection: Selection) -> None:
    """Draw the spectra of the first seed's shots; they fill in."""
    experiment = selection.experiment.first_seed.with_(norm_pre="none")
    shrinks = TRANSFORMS[selection.recipe.pretransform].shrinks
    variant = str(selection.panel.values["nc1"])
    shrinkage = selection.recipe.shrinkage if shrinks else "auto"

    def make(stage: str) -> Spectra:
        return collapse_cached.stage_spectra(experiment, stage, shrinkage, variant)

    key = ("spectra", collapse_cached.shots_key(experiment), variant)
    points = [
        Point((*key, stage, shrinkage if stage == "whiten" else ""), lambda stage=stage: make(stage))  # type: ignore[misc]
        for stage in STAGES
    ]
    draw_progressively("spectra", points, partial(_draw, selection), "Spectra")


def _draw(selection: Selection, found: list[Any], there: str) -> None:
    told: dict[str, Spectra] = {name: own for name, own in zip(STAGES, found, strict=True) if own is not None}
    if not told:
        return
    left, right = st.columns([1, 1], gap="medium")
    with left:
        plot(
            "spectra",
            cached_figure(("spectra", there), lambda: collapse.spectra_panels(told)),
            alt="Variances along principal directions within and between classes: "
            + "; ".join(f"{STAGES[name].label}, NC1 {own.nc1:.2f}" for name, own in told.items()),
            height=460,
        )
    with right:
        table(
            "traces",
            ["stage", "NC1 shots", "NC1 test", "Σ_W", "Σ_B", "‖μ_G‖²"],
            [
                [STAGES[name].label, f"{own.nc1:.2f}", f"{own.nc1_test:.2f}", *map(_short, own.traces)]
                for name, own in told.items()
            ],
        )
        if "l2" in told:
            within, between, center = told["l2"].traces
            st.markdown(
                "On vectors of length 1, in classes of one size, trace(Σ_W) + trace(Σ_B) + ‖μ_G‖² = 1: here "
                f"{within:.3f} + {between:.3f} + {center:.3f} = {within + between + center:.4f}. The paper's code "
                "breaks this identity, for its Σ_W holds ‖μ_G‖² once more."
            )
        st.caption(
            f"The {selection.n} shots a class of the first seed, in units of their mean variance within classes. A "
            "round spread is a line at 1, as after whitening, which makes all directions within classes alike; its "
            "shrinkage leaves a slope. Whitening has seen the shots, so their NC1 flatters it; that of the test "
            "samples, around their own class means, doesn't. Centring alone changes neither spectrum. Columns of Σ are "
            "traces."
        )


def _short(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:,.0f}"
