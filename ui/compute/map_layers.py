"""Cached pieces of a map: its samples, what a recipe makes of them, and what lies over them."""

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
from imprint_core.figures import embedding_map
from imprint_core.figures.embedding_map import Verdict
from imprint_core.figures.style import CLASS_COLORS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, Array, l2
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.layouts import MAP_METHODS, Layout, place
from imprint_core.maps.samples import Samples, samples_of, sources_of
from imprint_core.maps.store import BaseMap
from ui.charts.map_plot import MapPicture
from ui.compute import results

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


@st.cache_resource(max_entries=8, show_spinner=False)
def _samples(key: str, classes: str, shown: str, _info: SetInfo) -> Samples:
    return samples_of(results.pool(_info, classes), shown)


def samples(info: SetInfo, classes: str, shown: str) -> Samples:
    """The samples that a map shows."""
    return _samples(results.key_of(info), classes, shown, info)


@st.cache_resource(max_entries=8, show_spinner=False)
def _ground(key: str, classes: str, shown: str, norm: str, layout: Layout, _base: BaseMap, _info: SetInfo) -> Ground:
    own = _samples(key, classes, shown, _info)
    opened = results.embeddings(_info)
    count = len(opened.y_train)
    part = np.unique(own.origin[: own.test])
    pool = _base.positions[:count][np.isin(opened.y_train, part)]
    test = _base.positions[count:][np.isin(opened.y_test, part)]
    positions = test if shown == "test" else np.concatenate([test, pool])
    everything = np.concatenate([test, pool])
    extent = everything.min(axis=0), everything.max(axis=0)
    figure = embedding_map.base_map(
        positions, own.y, own.codes, own.names, extent, MAP_METHODS[_base.layout.method].to_scale
    )
    low, high = embedding_map.shown_range(extent)
    key = f"{_info.digest}-{classes}-{norm}-{layout.key}"
    return Ground(own, positions, pool, str(figure.to_json()), (np.array(low), np.array(high)), key)


def ground(info: SetInfo, classes: str, base: BaseMap, shown: str) -> Ground:
    """Where and what the samples of a map are."""
    return _ground(results.key_of(info), classes, shown, base.norm, base.layout, base, info)


@st.cache_data(max_entries=64, show_spinner=False)
def _verdict(key: str, classes: str, recipe: Recipe, n: int, seed: int, shown: str, _info: SetInfo) -> Verdict:
    model, _ = results.classifier(_info, classes, recipe, n, seed)
    found = model.explain(samples(_info, classes, shown).X)
    labels = model.classes_[model.proxy_class_[found.winner]]
    return Verdict(labels.astype(np.int16), found.margin.astype(np.float32), found.winner.astype(np.int32))


def verdict(info: SetInfo, classes: str, recipe: Recipe, n: int, seed: int, shown: str) -> Verdict:
    """What a recipe, imprinted on one draw, makes of the samples."""
    return _verdict(results.key_of(info), classes, recipe.canonical(), n, seed, shown, info)


def sources(info: SetInfo, own: Samples) -> tuple[NDArray[np.int32], Sequence[str]] | None:
    """Where the samples come from: a merged dataset's parts, or the dataset's own classes where those are merged."""
    parts, names = sources_of(own.codes, info.meta["dataset"])
    if names:
        return parts, [DATASETS[name].label if name in DATASETS else name for name in names]
    own_names = results.class_names(info)
    present = np.unique(own.origin)
    return np.searchsorted(present, own.origin).astype(np.int32), [own_names[c] for c in present]


@st.cache_data(max_entries=64, show_spinner=False)
def _paint(
    key: str,
    coloring: str,
    classes: str,
    recipe: Recipe,
    n: int,
    seed: int,
    shown: str,
    top: float | None,
    _info: SetInfo,
    _told: bool,
) -> str:
    own = samples(_info, classes, shown)
    judged = verdict(_info, classes, recipe, n, seed, shown) if _told else None
    from_where = sources(_info, own) if coloring == "source" else None
    return json.dumps(embedding_map.paint(coloring, own.y, own.names, judged, from_where, top))


def paint(
    info: SetInfo,
    classes: str,
    recipe: Recipe,
    n: int,
    seed: int,
    shown: str,
    coloring: str,
    beside: Recipe | None = None,
) -> str:
    """The samples' colours and what their hover tells, as JSON; on one scale with those of the recipe `beside`."""
    top = None
    if coloring == "margin" and beside is not None:
        top = embedding_map.top_margin(*(verdict(info, classes, r, n, seed, shown) for r in (recipe, beside)))
    return _paint(results.key_of(info), coloring, classes, recipe.canonical(), n, seed, shown, top, info, True)


def plain_paint(info: SetInfo, classes: str, recipe: Recipe) -> str:
    """The test samples in their classes' colours, whatever the recipe makes of them."""
    same = Recipe(norm_pre=recipe.space.shown)
    return _paint(results.key_of(info), "true", classes, same, 0, 0, "test", None, info, False)


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


@st.cache_resource(max_entries=8, show_spinner=False)
def _squares(key: str, classes: str, norm: str, _x: Array) -> Array:
    return np.asarray(np.einsum("nd,nd->n", _x, _x))


@st.cache_data(max_entries=64, show_spinner=False)
def _placed(
    key: str,
    classes: str,
    recipe: Recipe,
    n: int,
    seed: int,
    norm: str,
    layout: Layout,
    _info: SetInfo,
    _ground: Ground,
) -> Placed:
    shared = results.evaluator(_info, classes, recipe)
    proxies, proxy_classes, around = shared.imprint(recipe, n, seed)
    if GENERATORS[recipe.gen].ridge:
        # Their lengths are no embeddings'; they stand where they answer most strongly.
        proxies, around, squares = l2(proxies), l2(around), None
    else:
        squares = _squares(key, classes, norm, around)
    counts = np.bincount(proxy_classes)
    numbers = np.concatenate([np.arange(1, count + 1) for count in counts])
    return Placed(
        np.concatenate(shared.shots(n, seed)),
        place(proxies, around, _ground.pool, squares),
        shared.classes[proxy_classes],
        numbers,
    )


def placed(info: SetInfo, classes: str, recipe: Recipe, n: int, seed: int, base: BaseMap) -> Placed:
    """Shots and proxies of one draw on a map."""
    on = ground(info, classes, base, "test")
    return _placed(results.key_of(info), classes, recipe.canonical(), n, seed, base.norm, base.layout, info, on)


def overlays(
    info: SetInfo,
    classes: str,
    recipe: Recipe,
    n: int,
    seed: int,
    base: BaseMap,
    only: Sequence[int] = (),
    lines: str = "",
    shots: bool = True,
    colored: bool = True,
) -> tuple[str, str]:
    """What lies over a map: shots, unless they are left out, with lines; and proxies. JSON of traces.

    `only` are the class numbers whose shots and proxies are shown; all, where there are none. `lines` is which samples
    get a line from the proxy that won them: a key of `SHOWN`, or none. `colored` is whether shots have their classes'
    colours.
    """
    pool = results.pool(info, classes)
    here = placed(info, classes, recipe, n, seed, base)
    on = ground(info, classes, base, lines or "test")
    rows = here.rows[np.isin(pool.y_train[here.rows], only)] if only else here.rows
    rows = rows if shots else rows[:0]
    proxies = np.flatnonzero(np.isin(here.classes, only)) if only else np.arange(len(here.at))
    won = None
    if lines:
        judged = verdict(info, classes, recipe, n, seed, lines)
        seen = np.isin(on.samples.y, only) if only else np.ones(len(on.samples.y), dtype=bool)
        seen &= np.isin(judged.winner, proxies)
        winner = judged.winner[seen]
        won = on.positions[seen], here.at[winner], here.classes[winner]
    under = embedding_map.under_proxies(
        (on.pool[rows], pool.y_train[rows], pool.id_train[rows]), pool.names, won, colored
    )
    stars = embedding_map.proxy_stars(
        here.at[proxies], here.classes[proxies], here.numbers[proxies], proxies, pool.names
    )
    return json.dumps(under), json.dumps(stars)


@st.cache_resource(max_entries=8, show_spinner=False)
def _grid(key: str, shown: str, classes: str, norm: str, layout: Layout, _ground: Ground) -> Grid:
    from imprint_core.maps.decision_regions import grid_of

    return grid_of(_ground.positions, _ground.extent)


def regions(info: SetInfo, classes: str, recipe: Recipe, n: int, seed: int, base: BaseMap, shown: str) -> str:
    """The decision regions as a picture, in a data address."""
    # Here, for it imports SciPy's spatial part, which the first page does without.
    from imprint_core.maps.decision_regions import region_classes, region_png

    on = ground(info, classes, base, shown)
    grid = _grid(results.key_of(info), shown, classes, base.norm, base.layout, on)
    judged = verdict(info, classes, recipe, n, seed, shown)
    png = region_png(region_classes(grid, judged.predicted), CLASS_COLORS, 0.28)
    return "data:image/png;base64," + base64.b64encode(png).decode()


def picture(on: Ground, paint_json: str, overlays: Sequence[str], regions_png: str = "") -> MapPicture:
    """What a map shows, put together."""
    (left, bottom), (right, top) = on.extent
    return MapPicture(
        on.figure,
        paint_json,
        tuple(overlays),
        regions_png,
        (float(left), float(top), float(right - left), float(top - bottom)),
        on.key,
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def _space(key: str, classes: str, norm: str, _info: SetInfo) -> tuple[Array, NDArray[np.int32]]:
    every = _samples(key, classes, "all", _info)
    return NORMALIZATIONS[norm].function(every.X), every.codes


def space(info: SetInfo, classes: str, norm: str) -> tuple[Array, NDArray[np.int32]]:
    """All samples in the space that a map shows, (n, d), and their numbers."""
    return _space(results.key_of(info), classes, norm, info)
