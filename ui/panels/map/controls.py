"""The controls of the map: those that every page heeds, and those that the Map page draws itself."""

from __future__ import annotations

import numpy as np

from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes
from imprint_core.figures.embedding_map import COLORINGS
from imprint_core.maps.layouts import MAP_METHODS, MIN_DISTS, N_NEIGHBORS
from imprint_core.maps.samples import SHOWN, id_of, parse_sample, sample_text
from imprint_core.recipes.presets import PRESETS
from ui.compute import results
from ui.controls.control import Control, Sets, Values, described, label_in
from ui.controls.second_recipe import ALONE, WITHOUT_NORMS, canonical_changes, show_changes

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
    """A sample that the set has, as it is written."""
    info = sets[values["fm"], values["data"]]
    code = parse_sample(text)
    part, number = id_of(code)
    opened = results.embeddings(info)
    ids, y = (opened.id_test, opened.y_test) if part == "test" else (opened.id_train, opened.y_train)
    row = np.flatnonzero(ids == number)
    if not len(row):
        raise ImprintError(f"there is no {part} sample {number} among those at hand.")
    names = results.class_names(info)
    if names and int(y[row[0]]) not in parse_classes(values["classes"], names).number_of:
        raise ImprintError(f"{part} sample {number} is of class {names[int(y[row[0]])]}, which doesn't take part.")
    return sample_text(code)


def _no_umap(values: Values) -> bool:
    return bool(values["map"] != "umap")


def _switched(value: bool) -> str:
    # A link's text that is neither must not look like one of them.
    return {True: "on", False: "off"}[value]


MAP_CONTROLS = (
    Control(
        "map",
        "Runs",
        "Map",
        described(MAP_METHODS, "How the embeddings are laid out in two dimensions."),
        lambda sets, values: list(MAP_METHODS),
        "umap",
        label_in(MAP_METHODS),
        "segments",
    ),
    Control(
        "neighbors",
        "Map",
        "Neighbours that UMAP keeps together (n_neighbors)",
        "With few, UMAP draws many small groups; with many, it looks at the whole.",
        lambda sets, values: list(N_NEIGHBORS),
        15,
        hidden=_no_umap,
        page="map",
    ),
    Control(
        "min_dist",
        "Map",
        "How close points may lie (min_dist)",
        "With 0 groups are tight; larger values spread them evenly. It changes the picture, not the embeddings.",
        lambda sets, values: list(MIN_DISTS),
        0.1,
        lambda value: f"{value:g}",
        hidden=_no_umap,
        page="map",
    ),
    Control(
        "map_seed",
        "Map",
        "Seed of UMAP",
        "UMAP draws random numbers; with another seed the same embeddings give another picture.",
        lambda sets, values: list(_MAP_SEEDS),
        0,
        hidden=_no_umap,
        page="map",
    ),
    Control(
        "color",
        "Map",
        "Colour by",
        described(COLORINGS, "What the samples' colours tell."),
        _colorings,
        "true",
        label_in(COLORINGS),
        page="map",
    ),
    Control(
        "shown",
        "Map",
        "Show",
        "Test samples are what is classified. Training samples are what shots are drawn from.",
        lambda sets, values: list(SHOWN),
        "test",
        lambda value: SHOWN[value],
        page="map",
    ),
    Control(
        "only",
        "Map",
        "Only classes",
        "Hides the samples, shots and proxies of the other classes. Predictions stay what they are.",
        _class_numbers,
        (),
        kind="many",
        empty="all",
        about=("data", "classes"),
        page="map",
    ),
    Control(
        "shots",
        "Map",
        "Shots",
        "The training samples that the proxies are made of, as rings.",
        lambda sets, values: [False, True],
        True,
        _switched,
        "toggle",
        page="map",
    ),
    Control(
        "regions",
        "Map",
        "Decision regions",
        "Each spot takes the colour of what the samples nearest to it on the map are taken for. Decisions are made in "
        "the full space; the regions only show them here.",
        lambda sets, values: [False, True],
        False,
        _switched,
        "toggle",
        page="map",
    ),
    Control(
        "lines",
        "Map",
        "Lines to what each won",
        "A line from each proxy to every sample that it won.",
        lambda sets, values: [False, True],
        False,
        _switched,
        "toggle",
        page="map",
    ),
    Control(
        "against",
        "Map",
        "Compare with",
        "A second recipe beside the sidebar's, on the same map. Choose a preset, or write what is to differ: "
        "k=1 · gen=mean, pre=none · transform=whitening. The names are those in the page's link.",
        lambda sets, values: [ALONE, WITHOUT_NORMS, *PRESETS],
        ALONE,
        show_changes,
        accepts=lambda text, sets, values: canonical_changes(text, sets, values),
        page="map",
    ),
    Control(
        "sample",
        "Map",
        "Why this sample?",
        "The number of a test sample, or “training” and the number of a training sample. A click on the map or on a "
        "thumbnail puts it here.",
        lambda sets, values: [""],
        "",
        kind="text",
        accepts=_sample,
        about=("data",),
        page="map",
    ),
)
