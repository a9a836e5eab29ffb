"""Why one sample was classified so: its proxies, the shots behind them, its neighbours, and the arithmetic."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import streamlit as st

from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures import explanation
from imprint_core.figures.embedding_map import focus_marks
from imprint_core.figures.style import shortened
from imprint_core.framework.explanation import Why, why
from imprint_core.framework.explanation_text import in_words
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.neighbours import nearest_samples
from imprint_core.maps.samples import code_of, id_of
from ui.charts.plot import plot
from ui.compute import map_layers, results
from ui.compute.results import BY_FIRST_SEED, BY_SPACE
from ui.controls.sample_selection import choose_sample
from ui.controls.sidebar import Selection
from ui.text.markdown import plain
from ui.widgets.gallery import gallery
from ui.widgets.sample_tiles import image_of, near_tiles, title_of, without_images

_NEIGHBOURS, _SHOTS = 8, 6


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FIRST_SEED)
def _why(experiment: Experiment, code: int) -> Why:
    every = map_layers.samples(experiment, "all")
    model, _ = results.classifier(experiment)
    return why(model, every.X[every.rows_of(np.array([code]))[0]], every.names)


def _of(selection: Selection, recipe: Recipe, code: int) -> Why:
    return _why(selection.experiment.with_(recipe=recipe), code)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_SPACE)
def _near(experiment: Experiment, code: int) -> tuple[list[int], list[float]]:
    X, codes = map_layers.space(experiment)
    row = int(np.flatnonzero(codes == code)[0])
    rows, distances = nearest_samples(X[row], X, _NEIGHBOURS, exclude=row)
    return codes[rows].tolist(), distances.tolist()


def neighbours(selection: Selection, code: int) -> tuple[list[int], list[float]]:
    """Numbers of the samples nearest to one in the space that the map is of, and their distances."""
    return _near(selection.experiment, code)


def marks(selection: Selection, recipe: Recipe, code: int, base: map_layers.BaseMap) -> str:
    """The sample on a recipe's map, with lines to its neighbours and to the proxies that count; JSON of traces."""
    experiment = selection.experiment.with_(recipe=recipe)
    on = map_layers.ground(experiment, base, "all")
    found = _of(selection, recipe, code)
    proxies = [found.winner] + ([found.second] if found.second is not None else [])
    near, _ = neighbours(selection, code)
    at = map_layers.placed(experiment, base).at
    where = on.positions[on.samples.rows_of(np.array([code]))[0]]
    return json.dumps(focus_marks(where, on.positions[on.samples.rows_of(np.array(near))], at[proxies]))


def show_brief(selection: Selection, code: int) -> None:
    """Draw what is said about the sample at once: what it is, what it is taken for, and why, in a sentence."""
    every = map_layers.samples(selection.experiment, "all")
    truth = int(every.y[every.rows_of(np.array([code]))[0]])
    names = every.names
    heading, close = st.columns([4, 1], vertical_alignment="center")
    heading.markdown(f"##### Why? {title_of(code, names, truth)}")
    close.button("Close", on_click=choose_sample, args=(None,), width="stretch", key="close_why")
    image = image_of(results.pictures(selection.info), code)
    picture, words = st.columns([1, 3], vertical_alignment="center") if image is not None else (None, st.container())
    if image is not None and picture is not None:
        picture.image(thumbnail(image, 96), alt="The sample")
    with words:
        sign = "" if selection.other is None else "**A:** "
        st.markdown(sign + plain(in_words(_of(selection, selection.recipe, code), names, truth)))
        if selection.other is not None:
            st.markdown("**B:** " + plain(in_words(_of(selection, selection.other, code), names, truth)))
        shot = _shot_of(selection, code)
        if shot:
            st.caption(shot)


def show_why(selection: Selection, code: int) -> None:
    """Draw what decided: the proxies, the shots behind them, the neighbours, and each step with its numbers."""
    names = map_layers.samples(selection.experiment, "all").names
    found = _of(selection, selection.recipe, code)
    part, number = id_of(code)
    recipe = "" if selection.other is None else " with A"
    st.markdown(f"##### What decided about {part} sample {number}{recipe}")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _neighbours(selection, code)
    with right:
        _bars(selection, found, names)
        _shots_behind(selection, found, names)
    with st.expander("Step by step: from the embedding to the class"):
        _steps(found)


def _shot_of(selection: Selection, code: int) -> str:
    part, number = id_of(code)
    if part == "test":
        return ""
    shared = results.evaluator(selection.experiment)
    shots = np.concatenate(shared.shots(selection.n, selection.seeds[0]))
    if number in shared.pool.id_train[shots]:
        return "It is one of the shots that the proxies are made of, so that it is no test of them."
    return "A training sample that is no shot of the first seed."


def _neighbours(selection: Selection, code: int) -> None:
    every = map_layers.samples(selection.experiment, "all")
    codes, distances = neighbours(selection, code)
    if not codes:
        return
    classes = every.y[every.rows_of(np.array(codes))].tolist()
    st.caption("Its nearest samples in the full space, with distances; on the map, dotted lines lead there.")
    gallery(
        "neighbours",
        near_tiles(selection, codes, classes, every.names, [f"{d:.3f}" for d in distances]),
        label="nearest samples in the full space",
        on_click=choose_sample,
    )
    if without_images(selection):
        st.caption(without_images(selection))


def _bars(selection: Selection, found: Why, names: tuple[str, ...]) -> None:
    marked = [(found.winner, "winner")]
    if found.second is not None:
        marked.append((found.second, "runner-up"))
    figure = explanation.all_proxies(
        found.similarity, found.labels, found.numbers, names, marked, found.measure, found.by_votes
    )
    told = [f"{sign} is proxy {found.numbers[row]} of class {names[found.labels[row]]}" for row, sign in marked]
    plot(
        "why",
        figure,
        alt=f"{found.measure} of {len(found.similarity)} proxies by class; " + "; ".join(told),
        height=260,
    )


def _shots_behind(selection: Selection, found: Why, names: tuple[str, ...]) -> None:
    """The shots that the winner and the runner-up stand for, those nearest to the sample's proxy first."""
    model, rows = results.classifier(selection.experiment)
    pool = results.pool(selection.experiment)
    pairs = [("winner", found.winner)] + ([("runner-up", found.second)] if found.second is not None else [])
    for column, (sign, proxy) in zip(st.columns(2, gap="medium"), pairs, strict=False):
        own = model.shots_of(proxy)
        label = int(found.labels[proxy])
        name = plain(shortened(names[label]))
        with column:
            st.caption(
                f"The {sign}: proxy {found.numbers[proxy]} of class {name}, {float(found.similarity[proxy]):.3f}. It "
                f"stands for {len(own)} {'shot' if len(own) == 1 else 'shots'}"
                + (f"; the {min(len(own), _SHOTS)} nearest to it:" if len(own) > 1 else ":" if len(own) else ".")
            )
            shown = code_of(pool.id_train[rows[own[:_SHOTS]]], True).tolist()
            if shown:
                gallery(
                    f"shots-{sign}",
                    near_tiles(selection, shown, [label] * len(shown), names, [""] * len(shown)),
                    label=f"shots of the {sign}",
                    on_click=choose_sample,
                )


def _steps(found: Why) -> None:
    for number, step in enumerate(found.steps, 1):
        left, right = st.columns([3, 2], gap="medium")
        left.markdown(f"**{number}. {plain(step.name)}**")
        left.code(step.formula, language=None, wrap_lines=True)
        left.markdown(plain(step.told))
        if step.values:
            table = pd.DataFrame(
                [(name, f"{value:.4g}".replace("-", "−")) for name, value in step.values], columns=["", "value"]
            )
            right.dataframe(table, hide_index=True, width="stretch")
