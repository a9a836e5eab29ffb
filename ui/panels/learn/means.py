"""Lessons 1 and 4: one mean a class over shots, and shots against proxies."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from imprint_core.evaluation.lesson_experiments import NEAR, ahead, band
from imprint_core.evaluation.metrics import signed
from imprint_core.figures.lessons import Line, curves
from imprint_core.recipes.presets import PRESETS
from ui.charts.plot import plot
from ui.controls.control import Sets
from ui.panels.learn.frame import (
    BAND,
    Lesson,
    Outcome,
    Question,
    Setting,
    at_work,
    progress,
    setting,
    show_lesson,
    tried,
)

_ONE, _SHOTS = PRESETS["qi"].recipe, (1, 2, 3, 5, 10, 20, 50, 100)
_OVER = "shots a class, n"

_FIRST = (40.0, 60.0, 80.0)
_BANDS = ("below 40 %", "40 to 60 %", "60 to 80 %", "80 % or more")
_MORE = (2.0, 6.0)
_GAINS = ("less than 2 points", "2 to 6 points", "6 points or more")


def show_one_mean(sets: Sets) -> None:
    """Lesson 1."""
    own = setting(sets, "squeezenet1_1", "mnist", _ONE)
    show_lesson(
        "lesson-1",
        Lesson(
            "A [[foundation model|fm]] has seen many photographs, and no handwritten digits. It stays "
            "as it is. It turns each image into a vector, its [[embedding]]. Take a few images of each digit, its "
            "[[shots|shot]], and average their embeddings: that mean is the digit's [[proxy]]. A new image gets the "
            "digit whose proxy is most similar. This is [[imprinting]], and no training takes place.\n\n"
            f"Here: {own.name}, ten digits. Guessing would be right in one case of ten.",
            (
                Question("With a single image of each digit (n = 1), what is the accuracy?", _BANDS),
                Question("And what do 100 images of each bring over 20?", _GAINS),
            ),
            "Move [[n]], the number of shots. Every value you try joins the curve.",
            partial(_try_shots, own),
            partial(_all_shots, own),
            own,
        ),
    )


def _try_shots(own: Setting) -> None:
    n = st.select_slider("n: shots of each digit", _SHOTS, value=5, key="lesson-1-n")
    ns = tried("lesson-1", n)
    with at_work():
        runs = [own.accuracy(_ONE, at) for at in ns]
    now = runs[ns.index(n)].median
    st.metric(f"Accuracy with n = {n}", f"{now:.1f} %")
    _draw("lesson-1-tried", [Line("what you tried", ns, runs)], _SHOTS)


def _all_shots(own: Setting) -> Outcome:
    with at_work():
        runs = {n: own.accuracy(_ONE, n) for n in _SHOTS}
    _draw("lesson-1-all", [Line("one mean a class", _SHOTS, list(runs.values()))], _SHOTS)
    st.caption(BAND)
    first, twenty, hundred = (runs[n].median for n in (1, 20, 100))
    more = hundred - twenty
    return Outcome(
        (
            (band(first, _FIRST), f"With one image of each digit the accuracy is {first:.1f} %."),
            (
                band(more, _MORE),
                f"It goes from {twenty:.1f} % with 20 to {hundred:.1f} % with 100: {signed(more)} points.",
            ),
        ),
        "A few shots place a [[proxy]] well; many more hardly move it, for a mean soon stands still. What is then "
        "still wrong is not for want of images. It is that one mean can't say what a class looks like: lesson 2.",
    )


_MANY, _NS = (1, 20), (5, 10, 20, 50, 100, 200)


def show_few_shots(sets: Sets) -> None:
    """Lesson 4."""
    own = setting(sets, "vit_tiny_patch16_224", "mnist", replace(PRESETS["own"].recipe, k=20), 200)
    options = ("k = 1", "k = 20", f"neither, by {NEAR:g} point")
    show_lesson(
        "lesson-4",
        Lesson(
            "More [[proxies|proxy]] can follow the shape of a class. But each of them is then made of fewer "
            "[[shots|shot]]. With 20 shots and [[k]] = 20, every proxy is a single image, with all that is odd "
            f"about it.\n\nHere: {own.name}, [[k-means|kmeans]].",
            (
                Question("With n = 20 shots a class, which has the higher accuracy?", options),
                Question("And with n = 200?", options),
            ),
            "Move [[n]] for either [[k]]. What you try joins its curve.",
            partial(_try_both, own),
            partial(_both, own),
            own,
        ),
    )


def _try_both(own: Setting) -> None:
    n = st.select_slider("n: shots a class", _NS, value=20, key="lesson-4-n")
    k = st.segmented_control("k: proxies per class", _MANY, default=1, required=True, key="lesson-4-k")
    ns = {at: tried("lesson-4", n, str(at)) if at == k else _before(at) for at in _MANY}
    with at_work():
        lines = [_line(own, at, ns[at]) for at in _MANY]
        now = own.accuracy(replace(own.recipe, k=k), n).median
    st.metric(f"Accuracy with n = {n}, k = {k}", f"{now:.1f} %")
    _draw("lesson-4-tried", lines, _NS)


def _before(k: int) -> list[int]:
    return sorted(progress("lesson-4").tried.get(str(k), ()))


def _line(own: Setting, k: int, ns: list[int]) -> Line:
    return Line(f"k = {k}", ns, [own.accuracy(replace(own.recipe, k=k), n) for n in ns])


def _both(own: Setting) -> Outcome:
    with at_work():
        lines = [_line(own, k, list(_NS)) for k in _MANY]
    _draw("lesson-4-all", lines, _NS)
    st.caption(BAND)
    answers = []
    for n in (20, 200):
        one, many = (line.runs[_NS.index(n)].median for line in lines)
        answers.append((ahead(one, many), f"With n = {n}, k = 1 reaches {one:.1f} % and k = 20 {many:.1f} %."))
    first = next((n for n, a, b in zip(_NS, *(line.runs for line in lines), strict=True) if b.median > a.median), None)
    overtakes = (
        f"Of the values here, k = 20 is ahead from n = {first} on. " if first else "Here k = 20 never is ahead. "
    )
    return Outcome(
        tuple(answers),
        f"{overtakes}A [[proxy]] is worth no more than the shots behind it: with few, one mean averages out what is "
        "odd about each; with many, more proxies say more (paper, §5.2).",
    )


def _draw(name: str, lines: list[Line], span: tuple[int, ...]) -> None:
    told = "; ".join(
        f"{line.name}: " + ", ".join(f"n = {n} {run.median:.1f} %" for n, run in zip(line.xs, line.runs, strict=True))
        for line in lines
        if line.xs
    )
    plot(name, curves(lines, span, _OVER), alt=f"Accuracy over n. {told}", height=300)
