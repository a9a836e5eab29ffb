"""Lesson 6: maps of embeddings and confusion of classes."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import (
    Matrix,
    band,
    band_limits,
    map_overlap,
    rank_of,
    ranked_pairs,
    symmetric,
    top_pair,
)
from imprint_core.evaluation.metrics import confusion
from imprint_core.export.handout import Drawings
from imprint_core.figures import embedding_map
from imprint_core.figures.charts import confusion_matrix
from imprint_core.figures.lessons import Mark, confused_pairs, enlarge_names, mark_predictions, with_predictions
from imprint_core.figures.plotly_json import Figure
from imprint_core.figures.style import class_color
from imprint_core.maps.layouts import LAYOUT_GRID, MAP_METHODS, Layout
from ui.charts.plot import plot
from ui.compute import results
from ui.compute.results import BY_SAMPLES, ONE_MEAN
from ui.controls.control import Sets
from ui.panels.learn import frame, samples
from ui.panels.learn.frame import Lesson, Outcome, Question, computing, lesson_experiment, name_of, show_lesson
from ui.server.shared_cache import shared_cache
from ui.text.markdown import plain

_LAYOUTS = {"PCA": Layout("pca")} | {f"UMAP, {n} neighbours": Layout("umap", n, 0.1) for n in (5, 15, 50)}
_RANK_EDGES = (6, 16)
# Test images of each class of a pair.
_IMAGES = 8
_RANKS = ("rank 1 to 5, among the most confused", "rank 6 to 15", "a later rank, seldom confused")


class _TestMap(NamedTuple):
    """Positions of test samples on a map, the classes that overlap most, their overlap, and the trustworthiness."""

    positions: NDArray[np.float32]
    pair: tuple[int, int]
    overlap: float
    trust: float | None


@shared_cache(8, BY_SAMPLES)
def _test_map(experiment: Experiment, layout: Layout) -> _TestMap:
    base = samples.base_map(experiment.info, layout)
    y = results.pool(experiment).y_test
    # Training samples come first.
    positions = base.positions[-len(y) :]
    overlap = map_overlap(positions, y)
    pair = top_pair(overlap)
    return _TestMap(positions, pair, float(overlap[pair]), base.trust)


def show(sets: Sets) -> None:
    """Draw the lesson."""
    experiment = lesson_experiment(sets, frame.FM, frame.DATASET, ONE_MEAN)
    with computing():
        pca = _test_map(experiment, _LAYOUTS["PCA"])
    names = results.class_names(experiment.info)
    first, second = (plain(names[c]) for c in pca.pair)
    pairs = len(names) * (len(names) - 1) // 2
    show_lesson(
        "lesson-6",
        Lesson(
            "A [[map]] draws embeddings with hundreds of dimensions in two dimensions. It suggests that "
            "classes which touch are hard to distinguish.\n\n"
            f"This lesson: {name_of(experiment)}. On the PCA map, {first} and {second} overlap "
            f"most: {pca.overlap:.0f} % of the nearest neighbours of either class belong to the other.",
            (
                Question(
                    f"All {pairs} pairs of classes are ranked by how often they are confused, with one mean per class "
                    f"of n = {experiment.n_shot} shots. Rank 1 is confused most often. What is the rank of {first} and "
                    f"{second}?",
                    _RANKS,
                ),
            ),
            "Choose another map of the same embeddings. Which classes overlap most?",
            partial(_show_attempt, experiment, names),
            partial(_show_result, experiment, names, pca, pairs),
            experiment,
            show_first=partial(_show_first, experiment, names),
            drawings=lambda: Drawings(
                samples.printed_images(experiment.info, _images_of(experiment, pca.pair)),
                samples.sketch(experiment, "A UMAP map. Surround the digits that will be confused most."),
            ),
        ),
    )


def _images_of(experiment: Experiment, pair: tuple[int, int]) -> list[samples.Group]:
    """Return some test images of both classes of a pair."""
    pool = results.pool(experiment)
    codes = [pool.id_test[pool.y_test == c][:_IMAGES].tolist() for c in pair]
    return [samples.Group(pool.names[c], class_color(c), some) for c, some in zip(pair, codes, strict=True)]


def _draw_map(experiment: Experiment, names: tuple[str, ...], name: str) -> _TestMap:
    """Draw a map, with the names of the classes that overlap most in large type, and return it."""
    layout = _LAYOUTS[name]
    with computing():
        test_map = _test_map(experiment, layout)
    first, second = (names[c] for c in test_map.pair)
    plot(
        "lesson-6-map",
        samples.without_webgl(_figure(experiment, test_map, names, MAP_METHODS[layout.method].to_scale)),
        alt=f"{name}: a map of the test samples by class; {first} and {second} overlap most",
        height=400,
    )
    return test_map


def _show_first(experiment: Experiment, names: tuple[str, ...]) -> None:
    test_map = _draw_map(experiment, names, "PCA")
    samples.show_images(experiment.info, _images_of(experiment, test_map.pair))


def _show_attempt(experiment: Experiment, names: tuple[str, ...]) -> None:
    left, right = frame.two_columns()
    with right:
        name = st.selectbox("Map", list(_LAYOUTS), key="lesson-6-map")
    with left:
        test_map = _draw_map(experiment, names, name)
    with right:
        first, second = (names[c] for c in test_map.pair)
        st.markdown(
            f"On this map **{plain(first)} and {plain(second)}** overlap most: {test_map.overlap:.0f} % of the nearest "
            "neighbours. Do their images look alike?"
        )
        samples.show_images(experiment.info, _images_of(experiment, test_map.pair))


def _figure(experiment: Experiment, test_map: _TestMap, names: tuple[str, ...], to_scale: bool) -> Figure:
    pool, positions = results.pool(experiment), test_map.positions
    extent = positions.min(axis=0), positions.max(axis=0)
    figure = embedding_map.base_layer(positions, pool.y_test, pool.id_test, names, extent, to_scale)
    for trace in figure["data"]:
        trace["hoverinfo"] = "name"
    return enlarge_names(figure, test_map.pair)


def _show_result(experiment: Experiment, names: tuple[str, ...], pca: _TestMap, pairs: int) -> Outcome:
    with computing():
        evaluator = results.evaluator(experiment)
        predictions = results.evaluation(experiment).predictions
        percent = confusion(evaluator.truth, predictions, len(evaluator.classes))
        confused = symmetric(percent)
        maps = {name: _test_map(experiment, layout) for name, layout in _LAYOUTS.items()}
        grid = [_test_map(experiment, layout) for layout in LAYOUT_GRID]
    _draw_ranks(confused, names, pca.pair)
    st.markdown(_table(maps, confused, names))
    plot(
        "lesson-6-confusion",
        confusion_matrix(percent, names),
        alt=f"Confusion matrix of {len(names)} classes in the embedding space",
        height=400,
    )
    st.caption("Confusion in the embedding space, in percent of each true class (row).")
    titles = [f"{layout.n_neighbors} neighbours, dist {layout.min_dist:g}" for layout in LAYOUT_GRID]
    small_maps = [(title, test_map.positions) for title, test_map in zip(titles, grid, strict=True)]
    plot(
        "lesson-6-nine",
        embedding_map.layout_panels(small_maps, results.pool(experiment).y_test, 3, -1),
        alt=f"{len(grid)} UMAP maps of the same samples with different settings",
        height=460,
    )
    different = len({test_map.pair for test_map in grid})
    st.caption(f"The same samples with {len(grid)} settings of UMAP; {different} different pairs overlap most.")
    rank, top = rank_of(confused, pca.pair), top_pair(confused)
    first, second, top_first, top_second = (plain(names[c]) for c in (*pca.pair, *top))
    trusts = ", ".join(f"{name.split(',')[0]} {_trust(test_map)}" for name, test_map in list(maps.items())[:2])
    return Outcome(
        (
            (
                band(rank, _RANK_EDGES),
                f"{first} and {second} have rank {rank} of {pairs}: {confused[pca.pair]:.1f} % of either class are "
                f"predicted as the other. The most confused are {top_first} and {top_second}, {confused[top]:.1f} %.",
            ),
        ),
        "Two dimensions can't preserve all distances. Classes that overlap on a [[map]] can be far apart in the full "
        "space, and which classes overlap depends on the map's settings. [[Trustworthiness|trust]] rates maps "
        f"({trusts}), but no map is a classifier. To find confused classes, use the [[confusion]] matrix.",
    )


def _draw_ranks(confused: Matrix, names: tuple[str, ...], pair: tuple[int, int]) -> None:
    """Draw all pairs of classes by how often they are confused, with the predicted ranks of one pair."""
    ranked, percent = ranked_pairs(confused, pair)
    marks = []
    for i in frame.predictions("lesson-6"):
        low, high = band_limits(i, _RANK_EDGES, 1, len(ranked) + 1)
        marks.append(Mark(_RANKS[i].split(",")[0], (low - 0.5, high - 0.5)))
    labels = [f"{names[a]} and {names[b]}" for a, b in ranked]
    position = ranked.index(pair)
    plot(
        "lesson-6-ranks",
        mark_predictions(confused_pairs(labels, percent.tolist(), position), marks),
        alt=with_predictions(
            f"{len(ranked)} pairs of classes by how often they are confused; {labels[position]} has rank "
            f"{position + 1} with {percent[position]:.1f} %",
            marks,
        ),
        height=260,
    )


def _table(maps: dict[str, _TestMap], confused: Matrix, names: tuple[str, ...]) -> str:
    lines = ["| map | trustworthiness | largest overlap | confused | rank |", "|:--|--:|:--|--:|--:|"]
    for name, test_map in maps.items():
        pair = " and ".join(plain(names[c]) for c in test_map.pair)
        values = f"{confused[test_map.pair]:.1f} % | {rank_of(confused, test_map.pair)}"
        lines.append(f"| {name} | {_trust(test_map)} | {pair} | {values} |")
    return "\n".join(lines)


def _trust(test_map: _TestMap) -> str:
    return "–" if test_map.trust is None else f"{test_map.trust:.2f}"
