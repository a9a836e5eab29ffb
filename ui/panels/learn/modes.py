"""Lesson 2, classes of several kinds, and the toy that shows the same in two dimensions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from imprint_core.collapse.k_curves import elbow
from imprint_core.collapse.merged_tasks import KS
from imprint_core.evaluation.lesson_experiments import band
from imprint_core.evaluation.synthetic import Toy, ToyRun, make_toy, run_toy
from imprint_core.figures.lessons import Line, curves, toy_picture
from imprint_core.recipes.presets import PRESETS
from ui.charts.plot import plot
from ui.controls.control import Sets
from ui.panels.learn.frame import BAND, Lesson, Outcome, Question, Setting, at_work, setting, show_lesson, tried

_D = 5
_BENDS = (4, 7, 11)
_WHERE = ("at k = 2 or 3", "at k = 4 to 6", "at k = 7 to 10", "at k = 11 or later")


def show_modes(sets: Sets) -> None:
    """Lesson 2."""
    own = setting(sets, "vit_tiny_patch16_224", "tiny_imagenet_100", PRESETS["own"].recipe, classes=f"{_D}in1")
    own = replace(own, recipe=replace(own.recipe, k=_D))
    show_lesson(
        "lesson-2",
        Lesson(
            f"A class may be of several kinds. Here {own.name} shows that at its clearest: {_D} classes at random "
            f"count as one ([[d in 1|merged]]), so that a merged class has {_D} groups of embeddings, its "
            "[[modes|mode]]. One mean falls between them, where no image is. [[k-means|kmeans]] makes [[k]] "
            "proxies instead of one.",
            (
                Question(
                    f"Ten merged classes of {_D} each, k = 1 to {KS[-1]} proxies a class, n = {own.n} shots. Where "
                    "does accuracy stop rising steeply?",
                    _WHERE,
                ),
            ),
            "Move [[k]]. Every value you try joins the curve.",
            partial(_try_k, own),
            partial(_all_k, own),
            own,
        ),
    )


def _try_k(own: Setting) -> None:
    k = st.select_slider("k: proxies per class", KS, value=1, key="lesson-2-k")
    ks = tried("lesson-2", k)
    with at_work():
        runs = [own.accuracy(replace(own.recipe, k=at), own.n) for at in ks]
    st.metric(f"Accuracy with k = {k}", f"{runs[ks.index(k)].median:.1f} %")
    _draw("lesson-2-tried", Line("what you tried", ks, runs))


def _all_k(own: Setting) -> Outcome:
    with at_work():
        runs = own.over_k(KS)
    accuracy = [run.median for run in runs]
    bend = elbow(KS, accuracy)
    _draw("lesson-2-all", Line("k-means", KS, runs), bend)
    st.caption(BAND)
    at = dict(zip(KS, accuracy, strict=True))
    return Outcome(
        (
            (
                band(bend, _BENDS),
                f"Two straight lines fit the curve best if they meet at k = {bend}. Accuracy goes from {at[1]:.1f} % "
                f"at k = 1 to {at[_D]:.1f} % at k = {_D}, and is {at[KS[-1]]:.1f} % at k = {KS[-1]}.",
            ),
        ),
        f"A class needs about as many [[proxies|proxy]] as it has [[modes|mode]], here {_D}. More of them cost memory "
        "and bring little (paper, §5.3 and Figure 11).",
    )


def _draw(name: str, line: Line, bend: int | None = None) -> None:
    told = ", ".join(f"k = {k} {run.median:.1f} %" for k, run in zip(line.xs, line.runs, strict=True))
    plot(name, curves([line], KS, "proxies a class, k", bend), alt=f"Accuracy over k: {told}", height=300)


_TOY_KS = (1, 2, 3, 4)
_ENOUGH = 97.0
_ENOUGH_AT = (*(f"k = {k}" for k in _TOY_KS), "no k up to 4")


@st.cache_resource(show_spinner=False)
def _toy() -> Toy:
    return make_toy()


@st.cache_data(show_spinner=False)
def _run(k: int, normalised: bool) -> ToyRun:
    return run_toy(_toy(), k, normalised)


def show_toy(sets: Sets) -> None:
    """The toy."""
    ask = "From which k on is the accuracy above {:g} %, with every NORM {}?"
    show_lesson(
        "toy",
        Lesson(
            "Embeddings have hundreds of dimensions. These points have two, so that everything is in sight, and the "
            "right answer is known. One class lies in the middle, in one direction from the origin, and far out. The "
            "other lies on both sides of it, and nearer: it has two [[modes|mode]], whose mean points into the middle.",
            (Question(ask.format(_ENOUGH, "L2"), _ENOUGH_AT), Question(ask.format(_ENOUGH, "none"), _ENOUGH_AT)),
            "Move [[k]] and switch [[NORM]]. The colours behind say which class a point there would get.",
            _try_toy,
            _all_toy,
        ),
    )


def _try_toy() -> None:
    k = st.select_slider("k: proxies per class", _TOY_KS, value=1, key="toy-k")
    normalised = st.toggle("NORM: L2 everywhere", value=True, key="toy-norm")
    with at_work():
        run = _run(k, normalised)
    norm = "L2" if normalised else "none"
    st.metric(f"Accuracy with k = {k}, NORM {norm}", f"{run.accuracy:.1f} %")
    plot(
        "toy",
        toy_picture(_toy(), run),
        alt=f"Two classes of points, {len(run.proxies)} proxies and the regions that they win, with NORM {norm}: "
        f"{run.accuracy:.1f} % are right",
        height=440,
    )


def _all_toy() -> Outcome:
    answers = []
    for norm, normalised in (("L2", True), ("none", False)):
        with at_work():
            found = [_run(k, normalised).accuracy for k in _TOY_KS]
        enough = next((i for i, value in enumerate(found) if value > _ENOUGH), len(_TOY_KS))
        told = ", ".join(f"{value:.1f}" for value in found)
        answers.append((enough, f"With NORM {norm} and k = {_TOY_KS[0]} to {_TOY_KS[-1]} it is {told} %."))
    return Outcome(
        tuple(answers),
        "One mean of two [[modes|mode]] points where the other class is. Two [[proxies|proxy]] point where the images "
        "are. Without [[NORM]] similarity counts length, too: the longer proxies in the middle win nearly everything, "
        "however many proxies stand on either side.",
    )
