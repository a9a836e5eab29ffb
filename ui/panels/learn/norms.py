"""Lesson 3: what normalisation does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from imprint_core.evaluation.lesson_experiments import Wins, band, wins
from imprint_core.figures.lessons import wins_by_length
from imprint_core.framework.recipe import Recipe
from ui.charts.plot import plot
from ui.compute import results
from ui.controls.control import Sets
from ui.panels.learn.frame import LESSON_SEEDS, Lesson, Outcome, Question, Setting, at_work, setting, show_lesson
from ui.text.markdown import plain

_NONE = Recipe("mean", 1, "none", "none", "none")
_L2 = replace(_NONE, norm_post="l2")
_SHARES = (15.0, 30.0, 50.0)
_WON = ("less than 15 %", "15 to 30 %", "30 to 50 %", "half or more")


@st.cache_data(show_spinner=False)
def _wins(key: str, n: int, _own: Setting) -> Wins:
    return wins(results.evaluator(_own.experiment), _NONE, _L2, n, LESSON_SEEDS[0])


def show_norms(sets: Sets) -> None:
    """Lesson 3."""
    own = setting(sets, "resnet50", "mnist", _NONE)
    show_lesson(
        "lesson-3",
        Lesson(
            "A test image gets the class of the most similar [[proxy]], and similarity is an inner product: it grows "
            "the smaller the angle is, and the longer the proxy. Means of embeddings differ in length by "
            f"accident. [[NORM]] post L2 makes all proxies of length 1.\n\nHere: {own.name}, ten digits with about as "
            f"many test images each, one mean a class of n = {own.n} shots, the other NORMs none.",
            (Question("Without NORM post, how many of all test images does the longest of ten proxies win?", _WON),),
            "Switch [[NORM]] post. What does it do to [[accuracy]]?",
            partial(_try_post, own),
            partial(_lengths, own),
            own,
        ),
    )


def _try_post(own: Setting) -> None:
    post = st.segmented_control(
        "NORM post", ("none", "l2"), default="none", required=True, format_func=_label, key="lesson-3-post"
    )
    with at_work():
        now = own.accuracy(_L2 if post == "l2" else _NONE, own.n).median
    st.metric(f"Accuracy with NORM post {_label(post)}", f"{now:.1f} %")


def _label(norm: str) -> str:
    return "L2" if norm == "l2" else norm


def _lengths(own: Setting) -> Outcome:
    with at_work():
        found = _wins(results.key_of(own.info), own.n, own)
        none, scaled = (own.accuracy(recipe, own.n).median for recipe in (_NONE, _L2))
    shared = results.evaluator(own.experiment)
    names = [shared.pool.names[shared.classes[c]] for c in found.classes]
    total, won, after, true = (int(v) for v in (found.true.sum(), found.none[0], found.l2[0], found.true[0]))
    longest, shortest = found.lengths[0], found.lengths[-1]
    plot(
        "lesson-3-wins",
        wins_by_length(found, names),
        alt=f"Test images won by each class's proxy, the longest first: {names[0]} wins {won} without NORM post and "
        f"{after} with L2, of {true}",
        height=340,
    )
    st.caption(f"Shots of the first of {len(LESSON_SEEDS)} seeds.")
    return Outcome(
        (
            (
                band(100 * won / total, _SHARES),
                f"The longest proxy, that of {plain(names[0])}, wins {won:,} of {total:,} test images, {true} of which "
                f"are its own. With L2 it wins {after}.",
            ),
        ),
        f"The longest proxy is only {longest / shortest:.2f} times as long as the shortest ({longest:.1f} against "
        f"{shortest:.1f}), and that is enough: without [[NORM]] post the accuracy is {none:.1f} %, with L2 "
        f"{scaled:.1f} %. Of all choices for NORM the one after [[GEN]] decides (paper, §5.1).",
    )
