"""Samples of a lesson: on a map, with or without proxies, as images, and on its handout."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.export.handout import SketchMap
from imprint_core.figures.lessons import name_classes
from imprint_core.figures.plotly_json import Figure
from imprint_core.figures.static_map import static_map
from imprint_core.figures.style import class_color, shortened
from imprint_core.maps.layouts import MAP_METHODS, Layout
from imprint_core.maps.samples import split_and_id
from imprint_core.maps.store import GRID_NORM, BaseMap
from ui.charts.plot import plot
from ui.compute import map_layers, results, stored_maps
from ui.text.labels import count_text, label_of_dataset
from ui.text.markdown import plain
from ui.widgets.gallery import data_uri, image_of

LAYOUT = Layout("umap", 15, 0.1)
_MAP_HEIGHT = 330
# Images in total, and edge of an image in pixels.
_IMAGES, _EDGE = 30, 34
# Images in a row of a handout.
_PRINTED = 20


class Group(NamedTuple):
    """Samples whose images are displayed together: a label, the colour of their class, and their codes."""

    label: str
    color: str
    codes: Sequence[int]


def base_map(info: SetInfo, layout: Layout = LAYOUT) -> BaseMap:
    """Return a bundled map; an error if it is missing."""
    base = stored_maps.stored_map(info, GRID_NORM, layout)
    if base is None:
        raise ImprintError(
            "This lesson needs the bundled maps, which are missing. Restore imprint_core/bundled from the repository."
        )
    return base


def show_samples(view: str, experiment: Experiment, *, proxies: bool, kinds: bool = False) -> None:
    """Draw test samples and shots, proxies if they may be known, and images of the shots.

    With `kinds`, names on the map are those of merged classes' members, and images are grouped by proxy, if known.
    """
    show_map(f"{view}-map", experiment, proxies=proxies, kinds=kinds)
    show_images(experiment.info, shot_groups(experiment, by_proxy=proxies and kinds))


def show_map(
    name: str,
    experiment: Experiment,
    *,
    proxies: bool,
    kinds: bool = False,
    coloring: str = "true",
    shots: bool = True,
) -> None:
    """Draw the test samples and the first seed's shots on the map, and proxies if they may be known."""
    tested = count_text(len(results.evaluator(experiment).truth), experiment.info)
    color = "predicted" if coloring == "predicted" else "true"
    text = f"{MAP_METHODS[LAYOUT.method].label} map of {tested}: colours are {color} classes"
    text += f", rings are shots (n = {experiment.n_shot})" if shots else ""
    stars = "stars are proxies" if proxies else "proxies are hidden until you predict"
    plot(
        name,
        without_webgl(_figure(experiment, proxies, kinds, coloring, shots)),
        alt=f"{text}, {stars}",
        height=_MAP_HEIGHT,
    )
    st.caption(f"{text}; {stars}.")


def show_classes(name: str, experiment: Experiment, title: str, height: int = _MAP_HEIGHT) -> None:
    """Draw the test samples on the map, without names, shots and proxies, and a caption that starts with a title."""
    layer = map_layers.base_layer(experiment, base_map(experiment.info), "test")
    figure = static_map(map_layers.combine(layer, map_layers.class_color_layer(experiment, "test"), ()))
    classes = len(np.unique(layer.samples.y))
    layout = {key: value for key, value in figure["layout"].items() if key != "annotations"}
    figure = {**figure, "layout": {**layout, "showlegend": False}}
    text = f"{title}: {count_text(len(layer.samples.y), experiment.info)} of {classes} classes"
    plot(name, without_webgl(figure), alt=f"{MAP_METHODS[LAYOUT.method].label} map, {text}", height=height)
    st.caption(f"{plain(text)}.")


def without_webgl(figure: Figure) -> Figure:
    """Return a figure of SVG traces: so few samples are drawn sooner than WebGL starts."""
    traces = [{**trace, "type": trace["type"].removesuffix("gl")} for trace in figure["data"]]
    return {**figure, "data": traces}


def _figure(experiment: Experiment, proxies: bool, kinds: bool, coloring: str, shots: bool) -> Figure:
    base = base_map(experiment.info)
    layer = map_layers.base_layer(experiment, base, "test")
    if coloring == "true":
        colors = map_layers.class_color_layer(experiment, "test")
    else:
        colors = map_layers.color_layer(experiment, "test", coloring)
    rings, stars = map_layers.overlays(experiment, base)
    rings = rings if shots else "[]"
    figure = static_map(map_layers.combine(layer, colors, (rings, stars) if proxies else (rings,)))
    if kinds:
        names = results.class_names(experiment.info)
        figure = name_classes(figure, layer.positions, layer.samples.origin, names)
    return figure


def shot_groups(experiment: Experiment, by_proxy: bool = False) -> list[Group]:
    """Return some of the first seed's shots of each class, or those that are nearest to each proxy of their class."""
    evaluator, pool = results.evaluator(experiment), results.pool(experiment)
    draw = experiment.n_shot, experiment.seeds[0]
    imprinted = evaluator.imprint(experiment.recipe.canonical(), *draw) if by_proxy else None
    groups = []
    for c, rows in zip(evaluator.classes, evaluator.shots(*draw), strict=True):
        parts = {pool.names[c]: rows}
        if imprinted is not None:
            proxies, owners, _ = imprinted
            nearest = np.argmax(evaluator.embedded[rows] @ proxies[evaluator.classes[owners] == c].T, axis=1)
            parts = {f"{pool.names[c]} ★{i + 1}": rows[nearest == i] for i in np.unique(nearest)}
        groups += [Group(label, class_color(c), (-1 - pool.id_train[part]).tolist()) for label, part in parts.items()]
    most = max(1, _IMAGES // len(groups))
    return [group._replace(codes=group.codes[:most]) for group in groups]


def show_images(info: SetInfo, groups: Sequence[Group]) -> None:
    """Draw the images of groups of samples, or say that they are missing."""
    pictures = results.pictures(info)
    if pictures is None:
        st.caption(f"Images of {plain(label_of_dataset(info.dataset))} are not on this machine.")
        return
    rows = [
        (group, [(_name(code), data_uri(image)) for code in group.codes if (image := image_of(pictures, code))])
        for group in groups
    ]
    show_image_rows([(group.label, group.color, images) for group, images in rows])


def show_image_rows(rows: Sequence[tuple[str, str, Sequence[tuple[str, str]]]], edge: int = _EDGE) -> None:
    """Draw labels, their colours "#rrggbb", and below each label images: their descriptions and data URIs."""
    groups = "".join(
        f'<figure style="border-color: {color}"><figcaption>{html.escape(shortened(label, 60))}</figcaption><div>'
        + "".join(f'<img src="{uri}" alt="{html.escape(f"{label}: {text}")}">' for text, uri in images)
        + "</div></figure>"
        for label, color, images in rows
    )
    st.html(
        "<style>.imprint-images { display: flex; flex-wrap: wrap; gap: 6px }"
        ".imprint-images figure { margin: 0; border-top: 3px solid; padding-top: 1px }"
        ".imprint-images figcaption { font-size: 0.75rem; text-align: center }"
        ".imprint-images div { display: flex; flex-wrap: wrap; gap: 2px; justify-content: center }"
        f".imprint-images img {{ width: {edge}px; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated }}"
        # Few groups are rows, many are columns, which become narrower on a phone.
        f".imprint-images.many figure {{ flex: 1 1 28px; max-width: {edge}px }}"
        ".imprint-images.many img { width: 100% }"
        f'</style><div class="imprint-images{" many" if len(rows) > 6 else ""}">{groups}</div>'
    )


def _name(code: int) -> str:
    split, number = split_and_id(code)
    return f"{split} image {number}"


def sketch(experiment: Experiment, task: str) -> SketchMap:
    """Return the map of a handout, with what to draw on it; samples are printed as the names of their classes."""
    layer = map_layers.base_layer(experiment, base_map(experiment.info), "test")
    names = results.class_names(experiment.info)
    return SketchMap(layer.positions, [shortened(names[c], 2) for c in layer.samples.origin], task)


def printed_images(info: SetInfo, groups: Sequence[Group]) -> list[tuple[str, list[str]]]:
    """Return the images of groups as data URIs with their labels; empty if the images are missing."""
    pictures = results.pictures(info)
    if pictures is None:
        return []
    most = _PRINTED // len(groups)
    return [
        (group.label, [data_uri(image) for code in group.codes[:most] if (image := image_of(pictures, code))])
        for group in groups
    ]
