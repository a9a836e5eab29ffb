"""Controls of the map: one for every page, the others drawn by the Map page."""

from __future__ import annotations

import numpy as np

from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes
from imprint_core.figures.embedding_map import COLORINGS
from imprint_core.maps.layouts import MAP_METHODS, MIN_DISTS, N_NEIGHBORS
from imprint_core.maps.samples import DISPLAYED, parse_sample, sample_text, split_and_id
from imprint_core.recipes.presets import PRESETS
from ui.compute import results
from ui.controls.control import Control, Sets, Values, controls_of, described, label_in
from ui.controls.recipe import ALONE, WITHOUT_NORMS, canonical_changes, changes_label

_MAP_SEEDS = (0, 1, 2, 3, 4)


def _colorings(sets: Sets, values: Values) -> list[str]:
    info = sets[values["fm"], values["data"]]
    names = results.class_names(info)
    merged = bool(names) and parse_classes(values["classes"], names).remapped
    several = merged or len(info.meta["dataset"].get("parts", ())) > 1
    return [name for name in COLORINGS if name != "source" or several]


def _class_numbers(sets: Sets, values: Values) -> list[int]:
    names = results.class_names(sets[values["fm"], values["data"]])
    return list(parse_classes(values["classes"], names).numbers) if names else []


def _sample(text: str, sets: Sets, values: Values) -> str:
    """Validate the text of a sample, and return its canonical form.

    Raises
    ------
    ImprintError
        If the set has no such sample, or the task does not include its class.
    """
    info = sets[values["fm"], values["data"]]
    code = parse_sample(text)
    split, number = split_and_id(code)
    opened = results.embeddings(info)
    ids, y = (opened.id_test, opened.y_test) if split == "test" else (opened.id_train, opened.y_train)
    row = np.flatnonzero(ids == number)
    if not len(row):
        raise ImprintError(f"there is no {split} sample {number} in this set.")
    names = results.class_names(info)
    if names and int(y[row[0]]) not in parse_classes(values["classes"], names).number_of:
        name = names[int(y[row[0]])]
        raise ImprintError(f"{split} sample {number} is of class {name}, which is not in the task.")
    return sample_text(code)


def _no_umap(values: Values) -> bool:
    return bool(values["map"] != "umap")


def _switched(value: bool) -> str:
    # Any other value, such as a link's text, raises an error.
    return {True: "on", False: "off"}[value]


_PAGE_CONTROLS = controls_of(
    Control(
        "neighbors",
        "Neighbours (n_neighbors)",
        "Size of UMAP's local neighbourhood: few neighbours give many small groups, many show the global structure.",
        lambda sets, values: list(N_NEIGHBORS),
        15,
        hidden=_no_umap,
    ),
    Control(
        "min_dist",
        "Minimum distance (min_dist)",
        "Minimum distance of points on UMAP's map: 0 gives dense groups, larger values spread them evenly.",
        lambda sets, values: list(MIN_DISTS),
        0.1,
        lambda value: f"{value:g}",
        hidden=_no_umap,
    ),
    Control(
        "map_seed",
        "UMAP seed",
        "Seed of UMAP's random numbers: another seed gives another map of the same embeddings.",
        lambda sets, values: list(_MAP_SEEDS),
        0,
        hidden=_no_umap,
    ),
    Control(
        "color",
        "Colour by",
        described(COLORINGS, "What the colours of samples show."),
        _colorings,
        "true",
        label_in(COLORINGS),
    ),
    Control(
        "shown",
        "Samples",
        "Test samples are classified; shots are drawn from training samples.",
        lambda sets, values: list(DISPLAYED),
        "test",
        lambda value: DISPLAYED[value],
    ),
    Control(
        "only",
        "Only classes",
        "Hides samples, shots and proxies of other classes; predictions do not change.",
        _class_numbers,
        (),
        kind="many",
        empty="all",
        reset_by=("data", "classes"),
    ),
    Control(
        "shots",
        "Shots",
        "Shows the training samples that the proxies are computed from, as rings.",
        lambda sets, values: [False, True],
        True,
        _switched,
        "toggle",
    ),
    Control(
        "regions",
        "Decision regions",
        "Each pixel has the colour of the class that most of the nearest samples on the map are predicted as. "
        "Classification itself uses all dimensions.",
        lambda sets, values: [False, True],
        False,
        _switched,
        "toggle",
    ),
    Control(
        "lines",
        "Lines to assigned samples",
        "Draws a line from each sample to the nearest proxy of its predicted class.",
        lambda sets, values: [False, True],
        False,
        _switched,
        "toggle",
    ),
    Control(
        "against",
        "Compare with",
        "A second recipe on the same map. Choose a preset, or write what differs from the sidebar: "
        "k=1 · gen=mean norm_pre=none · qi norm_post=none. The names are those in the page's link.",
        lambda sets, values: [ALONE, WITHOUT_NORMS, *PRESETS],
        ALONE,
        changes_label,
        accepts=lambda text, sets, values: canonical_changes(text, sets, values),
    ),
    Control(
        "sample",
        "Explain sample",
        "Number of a test sample, or “training” and the number of a training sample. A click on the map or on a "
        "thumbnail sets it.",
        lambda sets, values: [""],
        "",
        kind="text",
        accepts=_sample,
        reset_by=("data",),
    ),
    page="map",
)

MAP_CONTROLS = (
    Control(
        "map",
        "Map",
        described(MAP_METHODS, "Two-dimensional layout of the embeddings."),
        lambda sets, values: list(MAP_METHODS),
        "umap",
        label_in(MAP_METHODS),
        "segments",
        group="Runs",
    ),
    *_PAGE_CONTROLS,
)
