"""Explanation of one prediction: nearest proxies, their shots, nearest samples and the recipe's steps."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import streamlit as st

from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures import explanation
from imprint_core.figures.map_overlays import sample_overlay
from imprint_core.figures.style import shortened
from imprint_core.framework.explanation import SampleExplanation, describe, explain_sample
from imprint_core.framework.explanation_steps import Step, explanation_steps
from imprint_core.maps.neighbours import nearest_samples
from imprint_core.maps.samples import sample_code, split_and_id
from imprint_core.maps.store import BaseMap
from ui.charts.plot import plot
from ui.compute import map_layers, results
from ui.compute.results import BY_FIRST_SEED, BY_SPACE
from ui.compute.sample_images import image_of
from ui.controls.sample_selection import choose_sample
from ui.controls.sidebar import Selection
from ui.server.shared_cache import shared_cache
from ui.text.markdown import plain
from ui.widgets.gallery import gallery, neighbour_tiles, sample_title

_NEIGHBOURS, _SHOTS = 8, 6


@shared_cache(16, BY_FIRST_SEED)
def _explain(experiment: Experiment, code: int) -> SampleExplanation:
    samples = map_layers.samples(experiment, "all")
    model, _ = results.classifier(experiment)
    return explain_sample(model, samples.X[samples.rows_of(np.array([code]))[0]])


@shared_cache(16, BY_FIRST_SEED)
def _steps(experiment: Experiment, code: int) -> list[Step]:
    samples = map_layers.samples(experiment, "all")
    model, _ = results.classifier(experiment)
    x = samples.X[samples.rows_of(np.array([code]))[0]]
    return explanation_steps(model, x, _explain(experiment, code), samples.names)


@shared_cache(8, BY_SPACE)
def _nearest(experiment: Experiment, code: int) -> tuple[list[int], list[float]]:
    """Codes of the samples nearest to one in the space of the map, and their distances."""
    X, codes = map_layers.normalized_samples(experiment)
    row = int(np.flatnonzero(codes == code)[0])
    rows, distances = nearest_samples(X[row], X, _NEIGHBOURS, exclude=row)
    return codes[rows].tolist(), distances.tolist()


def _proxies(explained: SampleExplanation) -> list[tuple[str, int]]:
    """Label and row of the nearest proxy of the predicted class, and of the runner-up's if there is one."""
    return [("winner", explained.winner)] + ([("runner-up", explained.second)] if explained.second is not None else [])


def sample_marks(experiment: Experiment, code: int, base: BaseMap) -> str:
    """The sample on a map with lines to its nearest samples and proxies; JSON of traces."""
    layer = map_layers.base_layer(experiment, base, "all")
    rows = layer.samples.rows_of(np.array([code, *_nearest(experiment, code)[0]]))
    proxies = [row for _, row in _proxies(_explain(experiment, code))]
    positions = map_layers.placed_proxies(experiment, base).positions[proxies]
    return json.dumps(sample_overlay(layer.positions[rows[0]], layer.positions[rows[1:]], positions))


def show_summary(selection: Selection, code: int) -> None:
    """Draw the sample, its true and predicted class, and the reason in a sentence."""
    samples = map_layers.samples(selection.experiment, "all")
    truth = int(samples.y[samples.rows_of(np.array([code]))[0]])
    heading, close = st.columns([4, 1], vertical_alignment="center")
    heading.markdown(f"##### Explanation: {sample_title(code, samples.names, truth)}")
    close.button("Close", on_click=choose_sample, args=(None,), width="stretch", key="close_explanation")
    image = image_of(results.pictures(selection.experiment.info), code)
    text = st.container()
    if image is not None:
        picture, text = st.columns([1, 3], vertical_alignment="center")
        picture.image(thumbnail(image, 96), alt="The sample")
    recipe, other = selection.experiment.recipe, selection.other
    recipes = {"**A:** ": recipe, "**B:** ": other} if other else {"": recipe}
    with text:
        for side, recipe in recipes.items():
            explained = _explain(selection.experiment.with_(recipe=recipe), code)
            st.markdown(side + plain(describe(explained, samples.names, truth)))
        if code < 0:
            st.caption(_training_note(selection, code))


def show_explanation(selection: Selection, code: int) -> None:
    """Draw the similarities to all proxies, the shots behind the nearest ones, neighbours, and the recipe's steps."""
    names = map_layers.samples(selection.experiment, "all").names
    explained = _explain(selection.experiment, code)
    split, number = split_and_id(code)
    side = "" if selection.other is None else " (A)"
    st.markdown(f"##### Decision on {split} sample {number}{side}")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _show_neighbours(selection, code)
    with right:
        _show_similarities(explained, names)
        _show_shots(selection, explained, names)
    with st.expander("Steps from the embedding to the class"):
        _show_steps(_steps(selection.experiment, code))


def _training_note(selection: Selection, code: int) -> str:
    shared = results.evaluator(selection.experiment)
    shots = np.concatenate(shared.shots(selection.experiment.n_shot, selection.experiment.seeds[0]))
    if split_and_id(code)[1] in shared.pool.id_train[shots]:
        return "This sample is one of the shots that the proxies are computed from, so its prediction is no test."
    return "A training sample that is not a shot of the first seed."


def _show_neighbours(selection: Selection, code: int) -> None:
    samples = map_layers.samples(selection.experiment, "all")
    codes, distances = _nearest(selection.experiment, code)
    if not codes:
        return
    classes = samples.y[samples.rows_of(np.array(codes))].tolist()
    st.caption("Nearest samples in the original space, with distances (dotted lines on the map).")
    gallery(
        "neighbours",
        neighbour_tiles(selection, codes, classes, samples.names, [f"{d:.3f}" for d in distances]),
        label="nearest samples in the original space",
        on_click=choose_sample,
    )


def _show_similarities(explained: SampleExplanation, names: tuple[str, ...]) -> None:
    proxies = _proxies(explained)
    labels = [
        f"{role} is proxy {explained.numbers[row]} of class {names[explained.labels[row]]}" for role, row in proxies
    ]
    plot(
        "why",
        explanation.all_proxies(
            explained.similarity,
            explained.labels,
            explained.numbers,
            names,
            [(row, role) for role, row in proxies],
            explained.measure,
            explained.by_votes,
        ),
        alt=f"{explained.measure} of {len(explained.similarity)} proxies by class; " + "; ".join(labels),
        height=260,
    )


def _show_shots(selection: Selection, explained: SampleExplanation, names: tuple[str, ...]) -> None:
    """Draw the shots behind the winner and the runner-up, those nearest to the proxy first."""
    model, rows = results.classifier(selection.experiment)
    pool = results.pool(selection.experiment)
    for column, (role, proxy) in zip(st.columns(2, gap="medium"), _proxies(explained), strict=False):
        shots = model.shots_of(proxy)
        label = int(explained.labels[proxy])
        count = f"{len(shots)} {'shot' if len(shots) == 1 else 'shots'}"
        nearest = f"; the {min(len(shots), _SHOTS)} nearest to it:" if len(shots) > 1 else ":" if len(shots) else "."
        with column:
            st.caption(
                f"The {role}: proxy {explained.numbers[proxy]} of class {plain(shortened(names[label]))}, "
                f"{float(explained.similarity[proxy]):.3f}. It represents {count}{nearest}"
            )
            codes = sample_code(pool.id_train[rows[shots[:_SHOTS]]], True).tolist()
            if codes:
                gallery(
                    f"shots-{role}",
                    neighbour_tiles(selection, codes, [label] * len(codes), names, [""] * len(codes)),
                    label=f"shots of the {role}",
                    on_click=choose_sample,
                )


def _show_steps(steps: list[Step]) -> None:
    for number, step in enumerate(steps, 1):
        left, right = st.columns([3, 2], gap="medium")
        left.markdown(f"**{number}. {plain(step.name)}**")
        left.code(step.formula, language=None, wrap_lines=True)
        left.markdown(plain(step.text))
        if step.values:
            table = pd.DataFrame(
                [(name, f"{value:.4g}".replace("-", "−")) for name, value in step.values], columns=["", "value"]
            )
            right.dataframe(table, hide_index=True, width="stretch")
