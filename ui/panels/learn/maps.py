"""Lesson 6: what a map of the embeddings says about confusion, and what it doesn't."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.evaluation.lesson_experiments import Matrix, band, mutual, place, top_pair, touching
from imprint_core.evaluation.metrics import confusion
from imprint_core.figures import embedding_map
from imprint_core.figures.charts import confusion_matrix
from imprint_core.figures.lessons import name_classes
from imprint_core.maps.layouts import LAYOUT_GRID, MAP_METHODS, Layout
from imprint_core.maps.store import GRID_NORM
from imprint_core.recipes.presets import PRESETS
from ui.charts.plot import cached_figure, plot
from ui.compute import results, stored_maps
from ui.controls.control import Sets
from ui.panels.learn.frame import Lesson, Outcome, Question, Setting, at_work, setting, show_lesson
from ui.text.markdown import plain

_ONE = PRESETS["qi"].recipe
_LAYOUTS = {"PCA": Layout("pca")} | {f"UMAP, {n} neighbours": Layout("umap", n, 0.1) for n in (5, 15, 50)}
_PLACES = ("among the most, at place 1 to 5", "at place 6 to 15", "at a later place: seldom")


class _Drawn(NamedTuple):
    """A map of the test samples: where they are, and the pair that touches most there, with how much."""

    positions: NDArray[np.float32]
    pair: tuple[int, int]
    touch: float
    trust: float | None


@st.cache_data(show_spinner=False)
def _drawn(key: str, layout: Layout, _own: Setting) -> _Drawn:
    base = stored_maps.stored_map(_own.info, GRID_NORM, layout)
    if base is None:
        raise ImprintError(
            "This lesson needs the maps that come with the bundled sets; they are not here. Restore "
            "imprint_core/bundled from the repository."
        )
    y = results.pool(_own.experiment).y_test
    # Training samples come first.
    positions = base.positions[-len(y) :]
    both = touching(positions, y)
    pair = top_pair(both)
    return _Drawn(positions, pair, float(both[pair]), base.trust)


def _confused(own: Setting) -> tuple[Matrix, Matrix]:
    """Percent of each true class, and of either class of a pair taken for the other."""
    shared = results.evaluator(own.experiment)
    predictions = results.evaluation(own.experiment).predictions
    percent = confusion(shared.truth, predictions, len(shared.classes))
    return percent, mutual(percent)


def show_maps(sets: Sets) -> None:
    """Lesson 6."""
    own = setting(sets, "squeezenet1_1", "digits", _ONE)
    with at_work():
        first = _drawn(results.key_of(own.info), _LAYOUTS["PCA"], own)
    names = results.class_names(own.info)
    one, other = (plain(names[c]) for c in first.pair)
    pairs = len(names) * (len(names) - 1) // 2
    show_lesson(
        "lesson-6",
        Lesson(
            "A [[map]] draws embeddings of hundreds of dimensions in two. It is tempting to read it: classes that "
            f"touch must be hard to tell apart.\n\nHere: {own.name}. On the PCA map no two classes touch more than "
            f"{one} and {other}: {first.touch:.0f} % of the nearest neighbours of either are of the other.",
            (
                Question(
                    f"Of all {pairs} pairs of classes, at which place are {one} and {other} by how often they are "
                    f"confused, with one mean a class of n = {own.n} shots?",
                    _PLACES,
                ),
            ),
            "Choose another map of the very same embeddings. Which two touch most there?",
            partial(_try_map, own, names),
            partial(_nine, own, names, first, pairs),
            own,
        ),
    )


def _try_map(own: Setting, names: tuple[str, ...]) -> None:
    name = st.selectbox("Map", list(_LAYOUTS), key="lesson-6-map")
    key = results.key_of(own.info)
    with at_work():
        here = _drawn(key, _LAYOUTS[name], own)
    a, b = (names[c] for c in here.pair)
    plot(
        "lesson-6-map",
        cached_figure(
            ("lesson-6", key, name), lambda: _figure(own, here, names, MAP_METHODS[_LAYOUTS[name].method].to_scale)
        ),
        alt=f"{name}: a map of the test samples by class; {a} and {b} touch most",
        height=420,
    )
    st.markdown(f"On this map **{plain(a)} and {plain(b)}** touch most: {here.touch:.0f} % of the nearest neighbours.")


def _figure(own: Setting, here: _Drawn, names: tuple[str, ...], to_scale: bool) -> go.Figure:
    pool, at = results.pool(own.experiment), here.positions
    extent = at.min(axis=0), at.max(axis=0)
    figure = embedding_map.base_layer(at, pool.y_test, pool.id_test, names, extent, to_scale)
    return name_classes(figure.update_traces(hoverinfo="name"), at, pool.y_test, names, here.pair)


def _nine(own: Setting, names: tuple[str, ...], first: _Drawn, pairs: int) -> Outcome:
    key = results.key_of(own.info)
    with at_work():
        percent, both = _confused(own)
        table = {name: _drawn(key, layout, own) for name, layout in _LAYOUTS.items()}
        nine = [_drawn(key, layout, own) for layout in LAYOUT_GRID]
    y = results.pool(own.experiment).y_test
    most = top_pair(both)
    st.markdown(_table(table, both, names))
    plot(
        "lesson-6-confusion",
        confusion_matrix(percent, names),
        alt=f"Confusion matrix of {len(names)} classes in the full space",
        height=400,
    )
    st.caption("Confusion in the full space, in percent of each true class (row).")
    titles = [f"{layout.n_neighbors} neighbours, dist {layout.min_dist:g}" for layout in LAYOUT_GRID]
    maps = [(title, drawn.positions) for title, drawn in zip(titles, nine, strict=True)]
    plot(
        "lesson-6-nine",
        embedding_map.layout_panels(maps, y, 3, -1),
        alt=f"{len(nine)} UMAP maps of the same samples with other settings",
        height=460,
    )
    differ = len({drawn.pair for drawn in nine})
    st.caption(f"The same samples under {len(nine)} settings of UMAP; {differ} different pairs touch most on them.")
    at = place(both, first.pair)
    mistaken, worst = both[first.pair], both[most]
    one, other, worse, worse_too = (plain(names[c]) for c in (*first.pair, *most))
    return Outcome(
        (
            (
                band(at, (6, 16)),
                f"{one} and {other} are at place {at} of {pairs}: {mistaken:.1f} % of either are taken for the other. "
                f"Most confused are {worse} and {worse_too}, {worst:.1f} %.",
            ),
        ),
        "Two dimensions can't keep all distances: what overlaps on a [[map]] may be far apart in the full space, and "
        f"which classes touch changes with the map's settings. [[Trustworthiness|trust]] tells maps apart "
        f"({_trusts(table)}), but no map classifies. Ask the full space: the [[confusion]] matrix.",
    )


def _table(table: dict[str, _Drawn], both: Matrix, names: tuple[str, ...]) -> str:
    lines = ["| map | trustworthiness | touch most | confused | place |", "|:--|--:|:--|--:|--:|"]
    for name, here in table.items():
        pair = " and ".join(plain(names[c]) for c in here.pair)
        lines.append(f"| {name} | {_trust(here)} | {pair} | {both[here.pair]:.1f} % | {place(both, here.pair)} |")
    return "\n".join(lines)


def _trust(here: _Drawn) -> str:
    return "–" if here.trust is None else f"{here.trust:.2f}"


def _trusts(table: dict[str, _Drawn]) -> str:
    return ", ".join(f"{name.split(',')[0]} {_trust(here)}" for name, here in list(table.items())[:2])
