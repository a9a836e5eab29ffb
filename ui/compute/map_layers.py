"""Cached layers of a map: samples, predictions, shots and proxies, decision regions."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.datasets import DATASETS
from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures import embedding_map
from imprint_core.figures.embedding_map import Verdict
from imprint_core.figures.style import CLASS_COLORS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, Array, l2
from imprint_core.maps.layouts import MAP_METHODS, place
from imprint_core.maps.samples import Samples, samples_of, sources_of
from imprint_core.maps.store import BaseMap
from ui.compute import results
from ui.compute.results import BY_FIRST_SEED, BY_SAMPLES, HashFuncs

if TYPE_CHECKING:
    from imprint_core.maps.decision_regions import Grid


@dataclass(frozen=True)
class Ground:
    """Where and what the samples of a map are: everything that doesn't depend on the recipe.

    Attributes
    ----------
    samples : Samples
    positions : ndarray of shape (n, 2)
        Of the samples.
    pool : ndarray of shape (N, 2)
        Of all training samples of the classes that take part.
    figure : str
        JSON of `map_figures.base_map`.
    extent : (ndarray of shape (2,), ndarray of shape (2,))
        Corners of what the map shows.
    key : str
        Which map it is.
    """

    samples: Samples
    positions: NDArray[np.float32]
    pool: NDArray[np.float32]
    figure: str
    extent: tuple[NDArray[np.float64], NDArray[np.float64]]
    key: str


_BY_BASE: HashFuncs = {BaseMap: lambda base: (base.norm, base.layout)}


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_SAMPLES)
def samples(experiment: Experiment, shown: str) -> Samples:
    """Return the samples that a map shows."""
    return samples_of(results.pool(experiment), shown)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_SAMPLES | _BY_BASE)
def ground(experiment: Experiment, base: BaseMap, shown: str) -> Ground:
    """Return what of a map doesn't depend on the recipe."""
    displayed = samples(experiment, shown)
    opened = results.embeddings(experiment.info)
    count = len(opened.y_train)
    classes = np.unique(displayed.origin[: displayed.test])
    pool = base.positions[:count][np.isin(opened.y_train, classes)]
    test = base.positions[count:][np.isin(opened.y_test, classes)]
    positions = test if shown == "test" else np.concatenate([test, pool])
    everything = np.concatenate([test, pool])
    extent = everything.min(axis=0), everything.max(axis=0)
    figure = embedding_map.base_map(
        positions, displayed.y, displayed.codes, displayed.names, extent, MAP_METHODS[base.layout.method].to_scale
    )
    low, high = embedding_map.shown_range(extent)
    key = f"{experiment.info.digest}-{experiment.classes}-{base.norm}-{base.layout.key}"
    return Ground(displayed, positions, pool, str(figure.to_json()), (np.array(low), np.array(high)), key)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FIRST_SEED)
def verdict(experiment: Experiment, shown: str) -> Verdict:
    """Return the predictions, margins and winning proxies of the samples, with the first seed's proxies."""
    model, _ = results.classifier(experiment)
    explained = model.explain(samples(experiment, shown).X)
    labels = model.classes_[model.proxy_class_[explained.winner]]
    return Verdict(labels.astype(np.int16), explained.margin.astype(np.float32), explained.winner.astype(np.int32))


def sources(info: SetInfo, displayed: Samples) -> tuple[NDArray[np.int32], Sequence[str]] | None:
    """Return the samples' sources: a merged dataset's parts, or the original classes of merged ones."""
    parts, names = sources_of(displayed.codes, info.meta["dataset"])
    if names:
        return parts, [DATASETS[name].label if name in DATASETS else name for name in names]
    original_names = results.class_names(info)
    present = np.unique(displayed.origin)
    return np.searchsorted(present, displayed.origin).astype(np.int32), [original_names[c] for c in present]


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FIRST_SEED)
def _paint(experiment: Experiment, coloring: str, shown: str, top: float | None) -> str:
    displayed = samples(experiment, shown)
    origins = sources(experiment.info, displayed) if coloring == "source" else None
    return json.dumps(
        embedding_map.paint(coloring, displayed.y, displayed.names, verdict(experiment, shown), origins, top)
    )


def paint(experiment: Experiment, shown: str, coloring: str, beside: Experiment | None = None) -> str:
    """Return the samples' colours and hover texts, as JSON; margins on one scale with those of `beside`."""
    top = None
    if coloring == "margin" and beside is not None:
        top = embedding_map.top_margin(*(verdict(one, shown) for one in (experiment, beside)))
    return _paint(experiment, coloring, shown, top)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_SAMPLES)
def plain_paint(experiment: Experiment) -> str:
    """Return the test samples in their classes' colours, without predictions."""
    displayed = samples(experiment, "test")
    return json.dumps(embedding_map.paint("true", displayed.y, displayed.names, None, None, None))


@dataclass(frozen=True)
class Placed:
    """Shots and proxies of one draw on the map.

    Attributes
    ----------
    rows : ndarray of shape (s,)
        Rows of the shots in the evaluator's pool.
    at : ndarray of shape (p, 2)
        Positions of the proxies.
    classes, numbers : ndarray of shape (p,)
        Their class numbers, and which of its class's proxies each is, from 1.
    """

    rows: NDArray[np.intp]
    at: NDArray[np.float32]
    classes: NDArray[np.intp]
    numbers: NDArray[np.intp]


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_SAMPLES)
def _squares(experiment: Experiment, norm: str, _embedded: Array) -> Array:
    return np.asarray(np.einsum("nd,nd->n", _embedded, _embedded))


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FIRST_SEED | _BY_BASE)
def placed(experiment: Experiment, base: BaseMap) -> Placed:
    """Return the positions of the first seed's proxies on a map, and its shots."""
    shared, recipe, seed = results.evaluator(experiment), experiment.recipe.canonical(), experiment.seeds[0]
    proxies, proxy_classes, embedded = shared.imprint(recipe, experiment.n_shot, seed)
    if GENERATORS[recipe.gen].ridge:
        # Their lengths are not those of embeddings; they are placed by direction.
        proxies, embedded, squares = l2(proxies), l2(embedded), None
    else:
        squares = _squares(experiment, base.norm, embedded)
    numbers = np.concatenate([np.arange(1, count + 1) for count in np.bincount(proxy_classes)])
    return Placed(
        np.concatenate(shared.shots(experiment.n_shot, seed)),
        place(proxies, embedded, ground(experiment, base, "test").pool, squares),
        shared.classes[proxy_classes],
        numbers,
    )


def overlays(
    experiment: Experiment,
    base: BaseMap,
    only: Sequence[int] = (),
    lines: str = "",
    shots: bool = True,
    colored: bool = True,
) -> tuple[str, str]:
    """Return shots with lines to samples, and proxies; each as JSON of traces.

    Parameters
    ----------
    experiment : Experiment
    base : BaseMap
    only : sequence of int
        Numbers of the classes whose shots and proxies are shown; empty for all.
    lines : str
        Which samples are joined to the proxy that won them: a key of `SHOWN`, or empty for none.
    shots : bool
        Whether shots are shown.
    colored : bool
        Whether shots have their classes' colours.
    """
    pool = results.pool(experiment)
    marks = placed(experiment, base)
    on = ground(experiment, base, lines or "test")
    rows = marks.rows[np.isin(pool.y_train[marks.rows], only)] if only else marks.rows
    rows = rows if shots else rows[:0]
    proxies = np.flatnonzero(np.isin(marks.classes, only)) if only else np.arange(len(marks.at))
    assigned = None
    if lines:
        predicted = verdict(experiment, lines)
        joined = np.isin(on.samples.y, only) if only else np.ones(len(on.samples.y), dtype=bool)
        joined &= np.isin(predicted.winner, proxies)
        winner = predicted.winner[joined]
        assigned = on.positions[joined], marks.at[winner], marks.classes[winner]
    under = embedding_map.under_proxies(
        (on.pool[rows], pool.y_train[rows], pool.id_train[rows]), pool.names, assigned, colored
    )
    stars = embedding_map.proxy_stars(
        marks.at[proxies], marks.classes[proxies], marks.numbers[proxies], proxies, pool.names
    )
    return json.dumps(under), json.dumps(stars)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_SAMPLES | _BY_BASE)
def _grid(experiment: Experiment, base: BaseMap, shown: str) -> Grid:
    from imprint_core.maps.decision_regions import grid_of

    on = ground(experiment, base, shown)
    return grid_of(on.positions, on.extent)


def regions(experiment: Experiment, base: BaseMap, shown: str) -> str:
    """Return the decision regions as a picture, in a data URL."""
    # Imported here because it loads SciPy's spatial part, which the first page does without.
    from imprint_core.maps.decision_regions import region_classes, region_png

    classes = region_classes(_grid(experiment, base, shown), verdict(experiment, shown).predicted)
    png = region_png(classes, CLASS_COLORS, 0.28)
    return "data:image/png;base64," + base64.b64encode(png).decode()


@dataclass(frozen=True)
class MapPicture:
    """What a map shows.

    Attributes
    ----------
    base : str
        JSON of `map_figures.base_map`.
    paint : str
        JSON of `map_figures.paint`.
    overlays : tuple of str
        JSON of lists of traces: what lies on the samples, the proxies, and what marks one sample.
    regions : str
        Picture of the decision regions, as a data address; empty for none.
    place : tuple of float
        Left, top, width and height of that picture on the map.
    key : str
        Which base map it is; zoom is kept as long as it stays.
    """

    base: str
    paint: str
    overlays: tuple[str, ...] = ()
    regions: str = ""
    place: tuple[float, float, float, float] = (0, 0, 1, 1)
    key: str = ""


def picture(on: Ground, paint_json: str, overlays: Sequence[str], regions_png: str = "") -> MapPicture:
    """Put the layers of a map together."""
    (left, bottom), (right, top) = on.extent
    return MapPicture(
        on.figure,
        paint_json,
        tuple(overlays),
        regions_png,
        (float(left), float(top), float(right - left), float(top - bottom)),
        on.key,
    )


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_SAMPLES)
def _space(experiment: Experiment, norm: str) -> tuple[Array, NDArray[np.int32]]:
    every = samples(experiment, "all")
    return NORMALIZATIONS[norm].function(every.X), every.codes


def space(experiment: Experiment) -> tuple[Array, NDArray[np.int32]]:
    """Return all samples in the space that the map shows, (n, d), and their numbers."""
    return _space(experiment, experiment.recipe.space.shown)
