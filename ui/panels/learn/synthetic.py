"""An example in two dimensions that shows modes and normalisation."""

from __future__ import annotations

import streamlit as st

from imprint_core.evaluation.metrics import summarize
from imprint_core.evaluation.synthetic import SyntheticData, SyntheticResult, imprint_data, make_data
from imprint_core.export.handout import Drawings, SketchAxes, SketchMap
from imprint_core.figures.lessons import Line, Mark, synthetic_figure
from ui.charts.plot import plot
from ui.controls.control import Sets
from ui.panels.learn import frame
from ui.panels.learn.controls import SANDBOX
from ui.panels.learn.frame import Lesson, Outcome, Question, computing, show_lesson

_KS = (1, 2, 3, 4)
_THRESHOLD = 97.0
_ANSWERS = (*(f"k = {k}" for k in _KS), "no k up to 4")
_NORMS = {"L2": True, "none": False}
_K_AXIS = "proxies per class, k"


@st.cache_resource(show_spinner=False)
def _data() -> SyntheticData:
    return make_data()


@st.cache_data(show_spinner=False)
def _result(k: int, normalised: bool) -> SyntheticResult:
    return imprint_data(_data(), k, normalised)


def show(sets: Sets) -> None:
    """Draw the example."""
    show_lesson(
        "toy",
        Lesson(
            "Embeddings have hundreds of dimensions. These points have two, so everything is visible. One class lies "
            "in one direction from the origin and has longer vectors. The other lies on both sides of it, with shorter "
            "vectors: it has two [[modes|mode]], whose mean points towards the first class.",
            tuple(
                Question(
                    f"From which k on is the accuracy above {_THRESHOLD:g} % with NORM {norm} everywhere?", _ANSWERS
                )
                for norm in _NORMS
            ),
            "Change [[k]] and [[NORM]]. The background shows the predicted class of every point.",
            _show_attempt,
            _show_result,
            show_end=_show_sandbox_button,
            show_first=_show_first,
            drawings=_drawings,
        ),
    )


def _drawings() -> Drawings:
    data = _data()
    texts = ["○" if c == 0 else "×" for c in data.y_test]
    task = "Draw a star where the proxy of each class will be for k = 1. The origin is at the left."
    return Drawings(sketch=SketchMap(data.X_test, texts, task), axes=SketchAxes(_K_AXIS, _KS))


def _show_first() -> None:
    plot("toy", synthetic_figure(_data(), None), alt="Points of two classes in two dimensions", height=400)
    st.caption("Proxies are hidden until you predict.")


def _show_attempt() -> None:
    left, right = frame.two_columns()
    with right:
        k = st.select_slider("k: proxies per class", _KS, value=1, key="toy-k")
        normalised = st.toggle("NORM: L2 everywhere", value=True, key="toy-norm")
        norm = "L2" if normalised else "none"
        with computing():
            lines = [_line(name, frame.tried("toy", k, name) if name == norm else _tried_ks(name)) for name in _NORMS]
            result = _result(k, normalised)
        st.metric(f"Accuracy with k = {k}, NORM {norm}", f"{result.accuracy:.1f} %")
        frame.draw_curves("toy-tried", lines, _KS, _K_AXIS, marks=_marks())
    with left:
        plot(
            "toy",
            synthetic_figure(_data(), result),
            alt=f"Points of two classes, {len(result.proxies)} proxies and their decision regions, with NORM {norm}: "
            f"{result.accuracy:.1f} % correct",
            height=440,
        )


def _tried_ks(norm: str) -> list[int]:
    return sorted(frame.progress("toy").tried.get(norm, ()))


def _line(norm: str, ks: list[int]) -> Line:
    return Line(f"NORM {norm}", ks, [summarize([_result(k, _NORMS[norm]).accuracy]) for k in ks])


def _marks() -> list[Mark]:
    """Return the predicted k for each NORM; after the last k, if none was predicted."""
    predicted = zip(_NORMS, frame.predictions("toy"), strict=False)
    return [
        Mark(f"NORM {norm}: {_ANSWERS[i]}", (i + 0.75, i + 1.25 if i < len(_KS) else i + 0.5)) for norm, i in predicted
    ]


def _show_result() -> Outcome:
    with computing():
        lines = [_line(norm, list(_KS)) for norm in _NORMS]
    frame.draw_curves("toy-all", lines, _KS, _K_AXIS, marks=_marks())
    answers = []
    for norm, normalised in _NORMS.items():
        accuracies = [_result(k, normalised).accuracy for k in _KS]
        answer = next((i for i, value in enumerate(accuracies) if value > _THRESHOLD), len(_KS))
        numbers = ", ".join(f"{value:.1f}" for value in accuracies)
        answers.append((answer, f"With NORM {norm} and k = {_KS[0]} to {_KS[-1]} the accuracy is {numbers} %."))
    return Outcome(
        answers,
        "The mean of two [[modes|mode]] points towards the other class. Two [[proxies|proxy]] point towards the "
        "images. Without [[NORM]] the similarity also depends on length: the longer proxies of the class in the middle "
        "win nearly everywhere, for any number of proxies.",
    )


def _show_sandbox_button() -> None:
    st.button(
        "Open sandbox",
        icon=":material/gesture:",
        on_click=_open_sandbox,
        help="The points of the lesson at two thirds of their lengths, with the current k and NORM.",
        key="lesson-sandbox",
    )


def _open_sandbox() -> None:
    state = st.session_state
    norm = "l2" if state.get("toy-norm", True) else "none"
    state.update(view=SANDBOX, points="lengths", proxies="", sandbox_k=state.get("toy-k", 1), sandbox_norm=norm)
