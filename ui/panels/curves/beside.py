"""Accuracy of new classes and of the FM's own 1,000 in one layer, over n-shot."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.fm_classes import BesideAccuracy
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures.fm_classes import beside_chart
from imprint_core.models import foundation_model
from imprint_core.models.libraries import available_weights
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import heading
from ui.compute import fm_classes, results
from ui.compute.fm_classes import OLD_DATA
from ui.compute.progressive import Point
from ui.controls.sidebar import Selection
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain
from ui.widgets.fm_own_classes import check_classifier

_NS = (1, 2, 5, 10, 20, 50, 100)
_LINES = ("new", "old", "harmonic_mean")
Pair = tuple[BesideAccuracy, BesideAccuracy]


def show_beside(selection: Selection) -> None:
    """Draw the section."""
    heading("New classes beside the FM's own", "beside")
    experiment, info = selection.experiment, selection.experiment.info
    old_info = selection.panel.sets.get((info.fm, OLD_DATA))
    if old_info is None:
        st.info(
            f"The test samples of the old classes would be those of {plain(label_of_dataset(OLD_DATA))}, of which "
            f"there are no embeddings by {plain(label_of_fm(info.fm))}. Choose another FM.",
            icon=":material/info:",
        )
        return
    if info.dataset == OLD_DATA:
        st.info("These classes are among the FM's own. Choose another dataset.", icon=":material/info:")
        return
    if available_weights(foundation_model(info.fm)) is None:
        st.info(
            f"The classifier of {plain(label_of_fm(info.fm))} is part of its weights, which are missing. Choose "
            "another FM, or download the weights under Your own data, Try an image.",
            icon=":material/wifi_off:",
        )
        return
    try:
        with st.spinner("Reading the classifier …"):
            check_classifier(info)
        most = min(_NS[-1], results.most_shots(info, experiment.classes))
    except ImprintError as error:
        st.error(plain(error))
        return
    ns = sorted({n for n in _NS if n < most} | {most, min(experiment.n_shot or most, most)})
    points = [_point(experiment.with_(n_shot=n), old_info, seed) for n in ns for seed in experiment.seeds]
    draw_progressively("beside", points, partial(_draw, experiment, old_info, ns), "Beside the FM's classes")
    _show_download(experiment)


def _point(experiment: Experiment, old_info: SetInfo, seed: int) -> Point:
    key = ("beside", experiment.with_(seeds=(seed,)).key, old_info.key)
    return Point(key, partial(fm_classes.beside_point, experiment, old_info, seed), float(experiment.n_shot or 1) + 5)


def _draw(experiment: Experiment, old_info: SetInfo, ns: Sequence[int], values: list[Any]) -> None:
    seeds = len(experiment.seeds)
    by_n: dict[int, list[Pair]] = {n: values[i * seeds : (i + 1) * seeds] for i, n in enumerate(ns)}
    complete = {n: pairs for n, pairs in by_n.items() if None not in pairs}
    if not complete:
        return
    unscaled, scaled = (
        {line: [_summary([pair[i] for pair in pairs], line) for pairs in complete.values()] for line in _LINES}
        for i in (0, 1)
    )
    computed = list(complete)
    position = max((i for i, n in enumerate(computed) if n <= (experiment.n_shot or n)), default=0)
    n, scale = computed[position], float(np.median([pair[1].scale for pair in complete[computed[position]]]))
    new, old, mean = (scaled[line][position].median for line in _LINES)
    lost = unscaled["old"][position].median
    plot(
        "beside",
        beside_chart(computed, scaled, unscaled),
        alt=f"Accuracy over n-shot. At n = {n} with the chosen scale: new classes {new:.1f} %, old classes {old:.1f} "
        f"%, harmonic mean {mean:.1f} %; with plain cosines, old classes {lost:.1f} %",
        height=340,
    )
    tested = f"{len(results.pool(experiment).y_test):,} test samples"
    st.markdown(
        f"At n = {n}: **{new:.1f} %** on the new classes and **{old:.1f} %** on the old ones, harmonic mean {mean:.1f} "
        f"%. With plain cosines the old classes have {lost:.1f} %. Medians over seeds; {tested} of the new classes."
    )
    st.caption(_explanation(experiment, old_info, scale))


def _explanation(experiment: Experiment, old_info: SetInfo, scale: float) -> str:
    _, y, near = fm_classes.old_test(old_info)
    alone = 100 * float((near.labels == y).mean())
    count = len(fm_classes.classifier_head(experiment.info.fm).class_names)
    return (
        f"One layer has the {count:,} weights of the FM's classifier, without their bias, and the imprinted proxies, "
        "all of length 1 (Qi et al., 2018); every sample is classified among all of them. Old classes: the test images "
        f"of {plain(label_of_dataset(OLD_DATA))} ({len(np.unique(y))} of its classes), {alone:.1f} % without new "
        "classes. **Bias**: proxies are means of embeddings and share their common direction, trained weights do not. "
        "So any image has a larger cosine with proxies, and old classes lose their samples to new ones. **Scale**: "
        f"proxies are multiplied by a factor, here {scale:.2f}, the smallest that assigns 95 % of left-out shots to "
        "new classes. GEN, k and NORM pre are the sidebar's; no transform, NORM post and inf L2, AGG max."
    )


def _summary(runs: Sequence[BesideAccuracy], line: str) -> Summary:
    return summarize([getattr(run, line) for run in runs])


def _show_download(experiment: Experiment) -> None:
    """Offer the layer with all classes, with proxies of the first seed's shots."""
    key = experiment.first_seed.key
    if st.button("Create torch head", icon=":material/build:", key="beside_create"):
        with st.spinner("Imprinting …"):
            # The session stores it, because a rerun during a click would lose a file that is created at that click.
            st.session_state.beside_file = key, _head_file(experiment)
    stored_key, data = st.session_state.get("beside_file", ("", b""))
    if stored_key == key:
        st.download_button(
            f"Download head ({len(data) / 1e6:.1f} MB)",
            data,
            "head-with-old-classes.safetensors",
            key="beside_download",
            icon=":material/download:",
            on_click="ignore",
        )


def _head_file(experiment: Experiment) -> bytes:
    from imprint_core.export.torch_head import save_head, to_joint_module

    head, layer = fm_classes.classifier_head(experiment.info.fm), fm_classes.joint(experiment)
    names = [results.pool(experiment).names[c] for c in layer.model.classes_]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.safetensors"
        save_head(to_joint_module(layer.model, layer.scale, head.weight, names, head.class_names), path)
        return path.read_bytes()
