"""How collapsed the classes in force are: every measure, over n-shot, split into parts, and class by class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.collapse.k_curves import split_ks
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures import collapse
from ui.charts.accuracy_over_k import show_accuracy_over_k
from ui.charts.nc1_over_shots import show_nc1_over_shots
from ui.charts.plot import cached_figure, plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import heading, table
from ui.compute import collapse as collapse_cached
from ui.compute import results
from ui.compute.progressive import Point
from ui.controls.sidebar import Selection

_KS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)

# Name, what it says, where it comes from, and how it is written.
_MEASURES = {
    "nc1": ("NC1", "spread within classes by the spread of their means; 0: every class is a point", "{:.2f}"),
    "cdnv": ("CDNV", "the same for two classes at a time, mean of all pairs (Galanti et al., 2022)", "{:.2f}"),
    "traces": ("Trace ratio", "the same without regard to directions: trace Σ_W / trace Σ_B", "{:.2f}"),
    "vci": ("VCI", "from 0, collapsed, to 1; any linear map leaves it as it is (Xu and Liu, 2023)", "{:.3f}"),
    "equinorm": ("NC2, lengths", "how much the lengths of the class means differ; 0: not at all", "{:.2f}"),
    "equiangularity": ("NC2, angles", "how far angles between means are from the widest possible; 0: there", "{:.2f}"),
    "etf": ("NC2, simplex", "both in one: distance of the means to a simplex (Zhu et al., 2021)", "{:.2f}"),
    "nc3": ("NC3", "proxies against class means; 0: the same up to scale, √2: unrelated", "{:.2f}"),
    "nc4": ("NC4", "test samples to which the proxies give the class of the nearest mean, right or wrong", "{:.1f} %"),
}


def show_classes(selection: Selection) -> None:
    """Draw the curves of the classes in force."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        heading("NC1 over n-shot", "nc1-over-n")
        show_nc1_over_shots(selection.experiment, "nc1-over-n", _variant(selection))
    with right:
        heading("Accuracy over k", "accuracy-over-k-here")
        show_accuracy_over_k(selection.experiment, "accuracy-over-k-here")
    left, right = st.columns([1, 1], gap="large")
    with left:
        _split(selection)
    with right:
        _per_class(selection)


def _variant(selection: Selection) -> str:
    return str(selection.panel.values["nc1"])


def _key(selection: Selection) -> tuple[Hashable, ...]:
    """What every NC1 of the classes in force depends on."""
    return collapse_cached.shots_key(selection.experiment), _variant(selection)


def show_measures(selection: Selection) -> None:
    """Show every measure of the classes in force as a table."""
    heading("Every measure", "measures")
    experiment = selection.experiment
    variant = _variant(selection)
    with st.empty(), st.spinner("Measuring …"):
        runs = [
            collapse_cached.measures(experiment, place, variant, whole=False) for place in range(len(selection.seeds))
        ]
        whole = collapse_cached.measures(experiment, 0, variant, whole=True)
    rows = []
    for key, (label, says, shown) in _MEASURES.items():
        rows.append([label, _told(summarize([one[key] for one in runs]), shown), _one(whole[key], shown), says])
    # Wide enough to be read where the screen is not: tables scroll by themselves (app.py).
    st.html("<style>.st-key-measures td:last-child { min-width: 15rem }</style>")
    with st.container(key="measures"):
        table("measures", ["measure", "the shots", "all samples", "what it says"], rows, align="lrrl", names=True)
    vci = "" if np.isfinite(whole["vci"]) else " VCI needs more samples than dimensions to say anything."
    st.caption(
        f"Of {selection.n} shots a class, median and range over {len(selection.seeds)} seeds, and of all training "
        "samples, with the first seed's proxies; after NORM pre, before any transform. NC1 to NC4 are those of Papyan, "
        f"Han and Donoho (2020); classes count alike, whatever their sizes.{vci} Few shots make classes look more "
        "collapsed than they are."
    )


def _told(run: Summary, shown: str) -> str:
    middle = _one(run.median, shown)
    if not np.isfinite(run.low + run.high) or run.low == run.high:
        return middle
    text = f"{middle} ({shown.format(run.low).removesuffix(' %')} to {shown.format(run.high).removesuffix(' %')})"
    # So that it stays on one line.
    return text.replace(" ", "\u00a0")


def _one(value: float, shown: str) -> str:
    if np.isnan(value):
        return "–"
    return "∞" if np.isinf(value) else shown.format(value)


def _split(selection: Selection) -> None:
    heading("NC1 of classes split into k parts", "nc1-of-split")
    shared = results.evaluator(selection.experiment)
    sizes = np.minimum(np.bincount(shared.pool.y_train)[shared.classes], selection.n)
    ks = split_ks(sizes, shared.pool.X_train.shape[1], _KS)
    variant = _variant(selection)

    def make(k: int) -> Summary:
        return summarize(collapse_cached.nc1_of_parts(selection.experiment, k, variant))

    points = [Point(("split", *_key(selection), k), lambda k=k: make(k)) for k in ks]  # type: ignore[misc]
    draw_progressively("nc1-of-split", points, partial(_draw_split, ks), "Splitting classes")


def _draw_split(ks: Sequence[int], found: list[Any], which: str) -> None:
    there = {k: run for k, run in zip(ks, found, strict=True) if run is not None}
    if not there:
        return
    least = min(there, key=lambda k: there[k].median)
    plot(
        "nc1-of-split",
        cached_figure(("split", which), lambda: collapse.nc1_over_split(list(there), list(there.values()))),
        alt=f"NC1 of classes split into k parts, k from 1 to {max(there)}; least at k = {least}",
        height=300,
    )
    if len(there) < len(ks):
        return
    verdict = (
        "With so few shots no class can be split."
        if len(ks) == 1
        else "Splitting never lowers it: these classes have no parts that stand apart, each is one cloud."
        if least == 1
        else f"It is least at k = {least}: so far the parts stand apart; beyond, they are pieces of one cloud."
    )
    st.caption(
        f"{verdict} Each class is parted by k-means and every part counted as a class. More proxies may still help, "
        "for pieces of a cloud follow its shape. Parts have two shots or more; there are half as many as dimensions at "
        "most."
    )


def _per_class(selection: Selection) -> None:
    heading("NC1 class by class", "nc1-of-classes")
    variant = _variant(selection)
    experiment = selection.experiment
    found = collapse_cached.nc1_per_class(experiment, variant)
    every = collapse_cached.nc1_per_class(experiment.first_seed.with_(n_shot=None), variant)[0]
    shared = results.evaluator(experiment)
    names = [shared.pool.names[c] for c in shared.classes]
    widest, tightest = names[int(np.argmax(every))], names[int(np.argmin(every))]
    plot(
        "nc1-of-classes",
        cached_figure(
            ("classes", *_key(selection)),
            lambda: collapse.nc1_of_classes(names, [summarize(one) for one in found.T], every.tolist()),
        ),
        alt=f"NC1 of {len(names)} classes; of all training samples {widest} is the most spread out, {tightest} least",
        height=300,
    )
    st.caption(
        "Every class's own spread by the spread of all class means; NC1 is the mean. A class that is spread out asks "
        "for more proxies than one that isn't."
    )
