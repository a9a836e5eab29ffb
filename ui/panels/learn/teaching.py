"""Lesson 7: classes that a visitor teaches with a camera or recorded frames."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import streamlit as st

from imprint_core.evaluation.lesson_experiments import MIN_DIFFERENCE, band, band_limits, higher_of
from imprint_core.evaluation.metrics import signed
from imprint_core.export.handout import Drawings, SketchAxes
from imprint_core.figures.lessons import Line, Mark
from imprint_core.figures.style import class_color
from imprint_core.framework.normalization import Array
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.recognition.recorded_frames import FRAMES, RECORDED_OBJECTS, FrameSummary, classify_frames
from ui.camera.live import live_state, show_live
from ui.camera.shots import ShotList
from ui.controls.control import Sets
from ui.panels.learn import frame, samples
from ui.server.classroom import is_teacher
from ui.server.shared_cache import shared_cache
from ui.server.turns import long_computation
from ui.text.glossary import linked
from ui.text.labels import label_of_fm
from ui.text.markdown import plain
from ui.widgets.fm_choice import load_fm
from ui.widgets.gallery import data_uri

_FM = frame.FM
_KS, _NS = (1, 2), (1, 2, 3, 5, 8)
_FEW = 5
_N_AXIS = "shots per object, n"
_BAND_EDGES = (70.0, 85.0, 95.0)
_OPTIONS = ("k = 1", "k = 2", f"neither, within {MIN_DIFFERENCE:g} point")
_BANDS = ("below 70 %", "70 to 85 %", "85 to 95 %", "95 % or more")
# Recorded objects: two that look alike, one that is added to the first one's class, and one unlike all others.
_FIRST, _SECOND, _ADDED, _UNLIKE = "spoon", "saucer", "cat", "rocket"
_A, _B = "Class A", "Class B"
# Displayed frames of each object: every how many of them, and their edge in pixels.
_FRAME_STEP, _FRAME_EDGE = 4, 64


class _Step(NamedTuple):
    """A step: its title, what to do, shots of both classes that it needs, and what to do with them."""

    title: str
    text: str
    shots: tuple[int, int]
    observe: str


_STEPS = (
    _Step(
        "1. One shot each",
        "Show two things that look alike. Press *Hold to record* briefly for one [[shot]] of the first in class A and "
        "one of the second in class B. With one shot, the shot itself is the [[proxy]].",
        (1, 1),
        "Show both things from other sides: is the predicted class always correct?",
    ),
    _Step(
        "2. Five shots each",
        "Record four more [[shots|shot]] of each while the picture moves. The [[proxy]] is now the mean of five "
        "[[embeddings|embedding]], and leave-one-out can measure the accuracy.",
        (_FEW, _FEW),
        "Show both things again: are fewer frames misclassified, and how sure are the probabilities?",
    ),
    _Step(
        "3. Two objects in one class",
        "Record five [[shots|shot]] of a third thing, which looks different, in class A as well. The class now has two "
        "[[modes|mode]]. Compare [[k]] = 1 with k = 2.",
        (2 * _FEW, _FEW),
        "Show the first thing again, with k = 1 and with k = 2: which class is predicted?",
    ),
)


def show(sets: Sets) -> None:
    """Draw the lesson."""
    first, second, added = (_name((name,)) for name in (_FIRST, _SECOND, _ADDED))
    machine = "this" if is_teacher() else "the teacher's"
    frame.show_lesson(
        "lesson-7",
        frame.Lesson(
            "In this lesson you record the [[shots|shot]] of two classes yourself: with a camera, or from recorded "
            "frames. The [[FM]] stays frozen, so a class is learned as soon as its shots are embedded.\n\n"
            f"This lesson: {plain(label_of_fm(_FM))}, [[k-means|kmeans]], all "
            f"[[NORMs|norm]] L2. The questions are about the recorded frames, {FRAMES} of each object: a {first} on a "
            f"saucer in class A, and the other side of the {second} in class B. Frames that are not shots are tested.",
            (
                frame.Question("With one shot per class, how many frames are classified correctly?", _BANDS),
                frame.Question(
                    f"Five shots of a {added} are added to the five of the {first} in class A. Which has the higher "
                    "accuracy?",
                    _OPTIONS,
                ),
            ),
            "Start your camera, or choose *Recorded frames* and an object below the picture. Shots of this lesson are "
            "separate from those of the Camera page, stay from step to step, and are in the memory of "
            f"{machine} machine until this tab is closed.",
            _show_attempt,
            _show_result,
            show_first=_show_first,
            drawings=lambda: Drawings(
                [(label, [uri for _, uri in images]) for label, _, images in _frames()], axes=SketchAxes(_N_AXIS, _NS)
            ),
        ),
    )


@st.cache_data(show_spinner=False)
def _frames() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return for each object of the questions its label, a colour, and frames as descriptions and data URIs."""
    classes = {_FIRST: 0, _ADDED: 0, _SECOND: 1}
    return [
        (
            f"{RECORDED_OBJECTS[name].label} (class {'AB'[c]})",
            class_color(c),
            [
                (f"frame {i + 1}", data_uri(image))
                for i, image in enumerate(RECORDED_OBJECTS[name].frames())
                if i % _FRAME_STEP == 0
            ],
        )
        for name, c in classes.items()
    ]


def _show_first() -> None:
    samples.show_image_rows(_frames(), _FRAME_EDGE)
    st.caption(f"Every {_FRAME_STEP}th recorded frame. The cat is added in the second question.")


def _marks() -> list[Mark]:
    """Return the predicted accuracy with one shot, and which k was predicted to be more accurate."""
    predicted = frame.predictions("lesson-7")
    marks = [Mark(f"{_BANDS[i]} at n = 1", y=band_limits(i, _BAND_EDGES, 50, 100)) for i in predicted[:1]]
    options = [_OPTIONS[i].split(",")[0] for i in predicted[1:]]
    return marks + [Mark(f"n = {_FEW}, two objects: {text}", (0.87 * _FEW, 1.15 * _FEW)) for text in options]


def _show_attempt() -> None:
    # Below an element that comes and goes, the panel would start again.
    with st.container():
        step = st.segmented_control(
            "Step",
            range(len(_STEPS)),
            default=0,
            required=True,
            format_func=lambda i: _STEPS[i].title,
            key="lesson-7-step",
        )
        st.markdown(linked(_STEPS[step].text))
        k = 1
        if step == len(_STEPS) - 1:
            k = st.segmented_control("k: proxies per class", _KS, default=1, required=True, key="lesson-7-k")
    state = live_state("lesson-7-live", (_A, _B))
    show_live("lesson-7-live", state, _FM, _recipe(k), task=partial(_task, _STEPS[step]))


def _recipe(k: int) -> Recipe:
    return replace(PRESETS["own"].recipe, k=k)


def _task(step: _Step, shots: ShotList) -> str:
    """What to record next, or to observe."""
    classes = {c.number: c for c in shots.classes}
    if not {0, 1} <= set(classes):
        return "A class of the lesson was removed. Restart the lesson after its result."
    for number, needed in enumerate(step.shots):
        missing = needed - len(classes[number].shots)
        if missing > 0:
            return f"Next: {missing} more shot{'s' * (missing > 1)} of {classes[number].name}."
    return step.observe


@shared_cache(8)
def recorded_embeddings(fm: str, weights_digest: str) -> dict[str, Array]:
    """Embed the recorded frames of each object, (FRAMES, d)."""
    model = load_fm(fm)
    with long_computation():
        return {name: model.embed(recorded.frames()) for name, recorded in RECORDED_OBJECTS.items()}


def _show_result() -> frame.Outcome:
    digest = load_fm(_FM).weights_digest
    with st.empty(), st.spinner("Embedding the recorded frames …"):
        X = recorded_embeddings(_FM, digest)

    def run(objects: tuple[str, ...], other: str, k: int, n: int) -> FrameSummary:
        return classify_frames(X, objects, (other,), _recipe(k), n, frame.LESSON_SEEDS)

    alone, both, unlike = (_FIRST,), (_FIRST, _ADDED), _UNLIKE
    first, second, added, far_name = (_name((name,)) for name in (_FIRST, _SECOND, _ADDED, _UNLIKE))
    lines = {
        f"{_name(objects)}, k = {k}": {n: run(objects, _SECOND, k, n) for n in _NS}
        for objects, k in ((alone, 1), (both, 1), (both, 2))
    }
    with frame.computing():
        frame.draw_curves(
            "lesson-7-all",
            [Line(name, _NS, [runs[n].accuracy for n in _NS]) for name, runs in lines.items()],
            _NS,
            _N_AXIS,
            marks=_marks(),
        )
    st.caption(f"Objects in class A; class B is the {second}. {frame.SEEDS_CAPTION}")
    two, one_proxy, two_proxies = lines.values()
    rows = {f"1 | {_name(alone)} | {_name((_SECOND,))} | 1": two[1]}
    rows[f"{_FEW} | {_name(alone)} | {_name((_SECOND,))} | 1"] = two[_FEW]
    for k, runs in ((1, one_proxy), (2, two_proxies)):
        rows[f"{_FEW} | {_name(both)} | {_name((_SECOND,))} | {k}"] = runs[_FEW]
    far = {k: run(both, unlike, k, _FEW) for k in _KS}
    rows |= {f"{_FEW} | {_name(both)} | {_name((unlike,))} | {k}": value for k, value in far.items()}
    st.markdown(linked(_table(rows)))
    st.caption(
        f"n: shots per object. A, B: objects of the classes. Margin: median of the {first}'s frames, negative if most "
        "are misclassified. NC1: of class A."
    )
    return frame.Outcome(
        (
            (
                band(two[1].accuracy.median, _BAND_EDGES),
                f"With one shot per class the accuracy is {two[1].accuracy.text('{:.1f} %')}, with five "
                f"{two[_FEW].accuracy.text('{:.1f} %')}.",
            ),
            (
                higher_of(one_proxy[_FEW].accuracy.median, two_proxies[_FEW].accuracy.median),
                f"The accuracy is {one_proxy[_FEW].accuracy.text('{:.1f} %')} with k = 1 and "
                f"{two_proxies[_FEW].accuracy.text('{:.1f} %')} with k = 2.",
            ),
        ),
        f"One [[shot]] can suffice, depending on which one. With the {added} in class A its single [[proxy]] is "
        f"between two [[modes|mode]]: less similar to the {first} than the {second} is, which lies beside it. Two "
        "proxies, one per mode, solve this. But two objects in one class don't always need two proxies: against the "
        f"{far_name}, which resembles neither, k = 1 reaches {far[1].accuracy.median:.1f} % and k = 2 "
        f"{far[2].accuracy.median:.1f} %, and only the [[margin]] of the {first} grows, from "
        f"{far[1].margin.median:.2f} to {far[2].margin.median:.2f}. [[NC1]] of class A shows the difference: it "
        "compares the spread within the class with the distance to the other class. The Camera page "
        "teaches more classes, with any FM and recipe.",
    )


def _name(objects: tuple[str, ...]) -> str:
    return " and ".join(RECORDED_OBJECTS[name].label.lower() for name in objects)


def _table(rows: dict[str, FrameSummary]) -> str:
    lines = [
        "| n | A | B | [[k]] | [[accuracy]] | [[margin]] | [[NC1]] |",
        "|--:|:--|:--|--:|--:|--:|--:|",
    ]
    for name, result in rows.items():
        spread = "–" if result.nc1 is None else f"{result.nc1.median:.2f}"
        lines.append(f"| {name} | {result.accuracy.median:.1f} % | {signed(result.margin.median, 2)} | {spread} |")
    return "\n".join(lines)
