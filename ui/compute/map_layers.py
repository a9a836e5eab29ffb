"""Cached layers of a map: samples, predictions, shots and proxies, decision regions."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets import DATASETS
from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures import embedding_map, map_overlays
from imprint_core.figures.plotly_json import figure_json
from imprint_core.figures.static_map import MapLayers
from imprint_core.figures.style import CLASS_COLORS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, Array, l2
from imprint_core.maps.layouts import MAP_METHODS
from imprint_core.maps.neighbours import place_points
from imprint_core.maps.samples import Predictions, Samples, map_samples, predict_samples, sample_sources
from imprint_core.maps.store import BaseMap
from ui.compute import results
from ui.compute.results import BY_FIRST_SEED, BY_SAMPLES, BY_SPACE
from ui.server.shared_cache import Keys, shared_cache

if TYPE_CHECKING:
    from imprint_core.maps.decision_regions import PixelGrid


@dataclass(frozen=True)
class BaseLayer:
    """Samples (n) of a map and their positions (n, 2): everything that does not depend on the recipe."""

    samples: Samples
    positions: NDArray[np.float32]
    # Positions (N, 2) of all training samples of the task's classes.
    pool: NDArray[np.float32]
    # JSON of `embedding_map.base_layer`.
    figure: str
    # Lower left and upper right corner of the map.
    corners: tuple[NDArray[np.float64], NDArray[np.float64]]
    key: str


_BY_BASE: Keys = {BaseMap: lambda base: (base.norm, base.layout)}


@shared_cache(100, BY_SAMPLES)
def samples(experiment: Experiment, displayed: str) -> Samples:
    """Return the samples that a map displays; `displayed` is a key of `DISPLAYED`."""
    return map_samples(results.pool(experiment), displayed)


@shared_cache(100, BY_SAMPLES | _BY_BASE)
def base_layer(experiment: Experiment, base: BaseMap, displayed: str) -> BaseLayer:
    """Return the base layer of a map."""
    points = samples(experiment, displayed)
    opened = results.embeddings(experiment.info)
    count = len(opened.y_train)
    # Not those of the test samples: a class may have none.
    classes = np.unique(results.pool(experiment).origin_train)
    pool = base.positions[:count][np.isin(opened.y_train, classes)]
    test = base.positions[count:][np.isin(opened.y_test, classes)]
    both = np.concatenate([test, pool])
    positions = test if displayed == "test" else both
    extent = both.min(axis=0), both.max(axis=0)
    to_scale = MAP_METHODS[base.layout.method].to_scale
    figure = embedding_map.base_layer(positions, points.y, points.codes, points.names, extent, to_scale)
    low, high = np.array(embedding_map.axis_ranges(extent)).T
    key = f"{experiment.info.digest}-{experiment.classes}-{base.norm}-{base.layout.key}"
    return BaseLayer(points, positions, pool, figure_json(figure), (low, high), key)


@shared_cache(32, BY_FIRST_SEED)
def predictions(experiment: Experiment, displayed: str) -> Predictions:
    """Return the samples' predictions with the first seed's proxies."""
    model, _ = results.classifier(experiment)
    points = samples(experiment, displayed)
    if displayed == "test":
        return predict_samples(model, points.X)
    test, training = predictions(experiment, "test"), predict_samples(model, points.X[points.test :])
    return Predictions(*(np.concatenate([getattr(part, name) for part in (test, training)]) for name in vars(test)))


def sources(info: SetInfo, points: Samples) -> embedding_map.Sources:
    """Return the samples' sources: a merged dataset's parts, or the original classes of merged ones."""
    parts, names = sample_sources(points.codes, info.meta["dataset"])
    if names:
        return parts, [DATASETS[name].label if name in DATASETS else name for name in names]
    original_names = results.class_names(info)
    present = np.unique(points.origin)
    return np.searchsorted(present, points.origin).astype(np.int32), [original_names[c] for c in present]


@shared_cache(64, BY_FIRST_SEED)
def _color_layer(experiment: Experiment, coloring: str, displayed: str, limit: float | None) -> str:
    points = samples(experiment, displayed)
    origins = sources(experiment.info, points) if coloring == "source" else None
    predicted = predictions(experiment, displayed)
    listed = np.unique(results.pool(experiment).y_train)
    return json.dumps(embedding_map.color_layer(coloring, points.y, points.names, predicted, origins, limit, listed))


def color_layer(experiment: Experiment, displayed: str, coloring: str, other: Experiment | None = None) -> str:
    """Return the samples' colours and hover data, as JSON; margins on one scale with those of `other`."""
    limit = None
    if coloring == "margin" and other is not None:
        limit = embedding_map.margin_limit(predictions(experiment, displayed), predictions(other, displayed))
    return _color_layer(experiment, coloring, displayed, limit)


@shared_cache(32, BY_SAMPLES)
def class_color_layer(experiment: Experiment, displayed: str) -> str:
    """Return the displayed samples in class colours, without predictions, as JSON."""
    points = samples(experiment, displayed)
    listed = np.unique(results.pool(experiment).y_train)
    return json.dumps(embedding_map.color_layer("true", points.y, points.names, listed=listed))


@dataclass(frozen=True)
class PlacedProxies:
    """Proxies (p) of one draw on a map: positions (p, 2), class numbers, and numbers within the class from 1."""

    # Rows of the shots in the evaluator's pool.
    shots: NDArray[np.intp]
    positions: NDArray[np.float32]
    classes: NDArray[np.intp]
    numbers: NDArray[np.intp]


@shared_cache(8, BY_SPACE)
def _squares(experiment: Experiment, norm: str) -> Array:
    embedded = results.evaluator(experiment).embedded
    return np.asarray(np.einsum("nd,nd->n", embedded, embedded))


@shared_cache(32, BY_FIRST_SEED | _BY_BASE)
def placed_proxies(experiment: Experiment, base: BaseMap) -> PlacedProxies:
    """Return the first seed's proxies on a map."""
    shared, recipe, seed = results.evaluator(experiment), experiment.recipe.canonical(), experiment.seeds[0]
    proxies, proxy_classes, embedded = shared.imprint(recipe, experiment.n_shot, seed)
    if GENERATORS[recipe.gen].joint:
        # Their lengths are not those of embeddings; they are placed by direction.
        proxies, embedded, squares = l2(proxies), l2(embedded), None
    else:
        squares = _squares(experiment, base.norm)
    numbers = np.concatenate([np.arange(1, count + 1) for count in np.bincount(proxy_classes)])
    return PlacedProxies(
        np.concatenate(shared.shots(experiment.n_shot, seed)),
        place_points(proxies, embedded, base_layer(experiment, base, "test").pool, squares),
        shared.classes[proxy_classes],
        numbers,
    )


def overlays(
    experiment: Experiment,
    base: BaseMap,
    only: Sequence[int] = (),
    lines: Lines | None = None,
    shots: bool = True,
    colored: bool = True,
) -> tuple[str, str]:
    """Return shots with lines to samples, and proxies, of some classes or all; each as JSON of traces."""
    pool, layer = results.pool(experiment), base_layer(experiment, base, "test")
    placed = placed_proxies(experiment, base)
    rows = placed.shots[np.isin(pool.y_train[placed.shots], only)] if only else placed.shots
    rows = rows if shots else rows[:0]
    proxies = np.flatnonzero(np.isin(placed.classes, only)) if only else np.arange(len(placed.positions))
    below = map_overlays.shot_overlay(
        (layer.pool[rows], pool.y_train[rows], pool.id_train[rows]), pool.names, lines, colored
    )
    stars = map_overlays.proxy_overlay(
        placed.positions[proxies], placed.classes[proxies], placed.numbers[proxies], proxies, pool.names
    )
    return json.dumps(below), json.dumps(stars)


# Positions (m, 2) of samples and of their nearest proxies, and the proxies' classes (m,).
Lines = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]


def lines(experiment: Experiment, base: BaseMap, displayed: str, only: Sequence[int] = ()) -> Lines:
    """Return the lines from displayed samples to their nearest proxies, within some classes or all."""
    layer, placed = base_layer(experiment, base, displayed), placed_proxies(experiment, base)
    nearest = predictions(experiment, displayed).proxy
    classes = only or np.unique(layer.samples.y)
    inside = np.isin(layer.samples.y, classes) & np.isin(placed.classes[nearest], classes)
    nearest = nearest[inside]
    return layer.positions[inside], placed.positions[nearest], placed.classes[nearest]


@shared_cache(64, BY_SAMPLES | _BY_BASE)
def _grid(experiment: Experiment, base: BaseMap, displayed: str) -> PixelGrid:
    from imprint_core.maps.decision_regions import pixel_grid

    layer = base_layer(experiment, base, displayed)
    return pixel_grid(layer.positions, layer.corners)


def regions(experiment: Experiment, base: BaseMap, displayed: str) -> str:
    """Return the decision regions as an image, in a data URI."""
    # Imported here because it loads SciPy's spatial part, which the first page does without.
    from imprint_core.maps.decision_regions import region_classes, region_png

    classes = region_classes(_grid(experiment, base, displayed), predictions(experiment, displayed).predicted)
    png = region_png(classes, CLASS_COLORS, 0.28)
    return "data:image/png;base64," + base64.b64encode(png).decode()


def combine(layer: BaseLayer, colors: str, overlays: Sequence[str], regions_uri: str = "") -> MapLayers:
    """Combine the layers of a map."""
    (left, bottom), (right, top) = layer.corners
    box = (float(left), float(top), float(right - left), float(top - bottom))
    return MapLayers(layer.figure, colors, tuple(overlays), regions_uri, box, layer.key)


@shared_cache(100, BY_SPACE)
def normalized_samples(experiment: Experiment) -> tuple[Array, NDArray[np.int32]]:
    """Return all samples (n, d) in the space of the map, and their codes."""
    points = samples(experiment, "all")
    return NORMALIZATIONS[experiment.recipe.space.base_norm].function(points.X), points.codes
