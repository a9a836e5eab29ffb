"""Spectra of the variance within and between classes at each stage of normalisation."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from imprint_core.collapse.spectra import STAGES, Spectra
from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures.collapse import spectra_panels
from imprint_core.framework.transforms import TRANSFORMS
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import table
from ui.compute import collapse
from ui.compute.progressive import Point


def show_spectra(experiment: Experiment, variant: str) -> None:
    """Draw the spectra of the first seed's shots."""
    recipe = experiment.recipe
    shrinkage = recipe.shrinkage if TRANSFORMS[recipe.pretransform].shrinks else "auto"
    shots = experiment.first_seed.with_(norm_pre="none")
    key = ("spectra", collapse.shots_key(shots), variant)

    def compute(stage: str) -> Spectra:
        return collapse.stage_spectra(shots, stage, shrinkage, variant)

    points = [Point((*key, stage, shrinkage if stage == "whiten" else ""), partial(compute, stage)) for stage in STAGES]
    draw_progressively("spectra", points, partial(_draw, experiment.n_shot), "Spectra")


def _draw(n_shot: int, values: list[Any]) -> None:
    spectra: dict[str, Spectra] = {
        stage: value for stage, value in zip(STAGES, values, strict=True) if value is not None
    }
    if not spectra:
        return
    left, right = st.columns([1, 1], gap="medium")
    with left:
        plot(
            "spectra",
            spectra_panels(spectra),
            alt="Variances along principal directions within and between classes: "
            + "; ".join(f"{STAGES[stage].label}, NC1 {value.nc1:.2f}" for stage, value in spectra.items()),
            height=460,
        )
    with right:
        table(
            "traces",
            ["stage", "NC1 shots", "NC1 test", "Σ_W", "Σ_B", "‖μ_G‖²"],
            [
                [STAGES[stage].label, f"{value.nc1:.2f}", f"{value.nc1_test:.2f}", *map(_short, value.traces)]
                for stage, value in spectra.items()
            ],
        )
        if "l2" in spectra:
            within, between, center = spectra["l2"].traces
            st.markdown(
                "For vectors of length 1 in classes of equal size, trace(Σ_W) + trace(Σ_B) + ‖μ_G‖² = 1. Measured: "
                f"{within:.3f} + {between:.3f} + {center:.3f} = {within + between + center:.4f}. With the paper's code "
                "the sum is larger, because its Σ_W contains ‖μ_G‖² again."
            )
        st.caption(
            f"{n_shot} shots per class of the first seed. Variances are relative to the mean variance within classes. "
            "Whitening makes the variance within classes equal in all directions, a line at 1; shrinkage leaves a "
            "slope. Whitening is fitted to the shots, so their NC1 is too low. NC1 of the test samples, around their "
            "own class means, is not affected. Centring alone changes neither spectrum. Columns of Σ are traces."
        )


def _short(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:,.0f}"
