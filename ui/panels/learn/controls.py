"""The controls of the Learn page and its sandbox, the text form of the sandbox in links, and the table of lessons."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.evaluation.synthetic import EXAMPLES, HIGHEST, LOWEST, PER_UNIT, make_example
from ui.controls.control import Control, Sets, Values, controls_of


class LessonEntry(NamedTuple):
    """An entry of the table: title, question, and the module with the function `show(sets)`."""

    title: str
    question: str
    module: str


OVERVIEW = "lessons"
LESSONS = {
    "lesson-1": LessonEntry(
        "One mean per class",
        "How accurate is a classifier made from a single image of each class?",
        "ui.panels.learn.one_mean",
    ),
    "lesson-2": LessonEntry(
        "Classes with several modes",
        "How many proxies does a class need that consists of five kinds of images?",
        "ui.panels.learn.modes",
    ),
    "lesson-3": LessonEntry(
        "Normalisation",
        "What happens if some proxies are longer than others?",
        "ui.panels.learn.norms",
    ),
    "lesson-4": LessonEntry(
        "Few shots",
        "Do more proxies help with any number of images?",
        "ui.panels.learn.few_shots",
    ),
    "lesson-5": LessonEntry(
        "Neural collapse and proxies",
        "Can NC1 predict whether more proxies help?",
        "ui.panels.learn.collapse",
    ),
    "lesson-6": LessonEntry(
        "Maps and confusion",
        "Are classes that touch on a map the ones that are confused?",
        "ui.panels.learn.maps",
    ),
    "lesson-7": LessonEntry(
        "Teach it yourself",
        "How many shots does a class need that you record, and what if it has two kinds of objects?",
        "ui.panels.learn.teaching",
    ),
    "lesson-8": LessonEntry(
        "Let the shots decide",
        "Can shots alone show how many proxies are needed?",
        "ui.panels.learn.selected_k",
    ),
    "toy": LessonEntry(
        "Two dimensions",
        "How do k and NORM act on data that can be drawn completely?",
        "ui.panels.learn.synthetic",
    ),
}
_SANDBOX = LessonEntry(
    "Sandbox",
    "What happens if you move points and proxies yourself?",
    "ui.panels.learn.sandbox",
)


def entry_of(view: str) -> LessonEntry:
    """Return the entry of a lesson, or of the sandbox."""
    return LESSONS.get(view, _SANDBOX)


def title_of(view: str) -> str:
    """Return the title of a lesson with its number, or that of the sandbox."""
    number = f"{view.rpartition('-')[2]}. " if "-" in view else ""
    return number + entry_of(view).title


SANDBOX = "sandbox"
# Value of `points` or `proxies` without any.
EMPTY = "none"
MOST_POINTS, MOST_CLASSES, MOST_K = 500, 4, 8
MOST_PROXIES = MOST_CLASSES * MOST_K
# Six bits per character, none of which a link escapes. The last character separates classes.
DIGITS, SEPARATOR = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", "."
_LETTERS, _POSITIONS = 3, HIGHEST - LOWEST + 1


def encode(points: Sequence[tuple[int, int, int]]) -> str:
    """Return positions (x, y) and classes as a text: three characters per point, classes separated by dots."""
    parts = [""] * MOST_CLASSES
    for x, y, number in points:
        code = (x - LOWEST) * _POSITIONS + y - LOWEST
        parts[number] += "".join(DIGITS[code // 64**power % 64] for power in (2, 1, 0))
    return SEPARATOR.join(parts).rstrip(SEPARATOR) or EMPTY


def decode(text: str, most: int = MOST_POINTS, noun: str = "points") -> list[tuple[int, int, int]]:
    """Return the positions and classes of a text of `encode`.

    Raises
    ------
    ImprintError
        If the text is of another form or has too many points or classes.
    """
    parts = [] if text == EMPTY else text.split(SEPARATOR)
    if len(parts) > MOST_CLASSES:
        raise ImprintError(f"This text has {len(parts):,} classes; the sandbox has at most {MOST_CLASSES}.")
    if any(len(part) % _LETTERS or not set(part) <= set(DIGITS) for part in parts) or text == "":
        raise ImprintError(f"This text does not describe {noun} of the sandbox. Copy the whole link.")
    count = sum(map(len, parts)) // _LETTERS
    if count > most:
        raise ImprintError(f"This text has {count:,} {noun}; the sandbox has at most {most}.")
    points = []
    for number, part in enumerate(parts):
        for start in range(0, len(part), _LETTERS):
            code = 0
            for letter in part[start : start + _LETTERS]:
                code = 64 * code + DIGITS.index(letter)
            points.append((code // _POSITIONS + LOWEST, code % _POSITIONS + LOWEST, number))
    return points


def coordinates(points: Sequence[tuple[int, int, int]]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return points (n, 2) and classes (n,) of positions and classes."""
    array = np.array(points, dtype=np.intp).reshape(-1, 3)
    return array[:, :2] / PER_UNIT, array[:, 2]


@cache
def _texts_of_examples() -> dict[str, str]:
    texts = {}
    for name in EXAMPLES:
        data = make_example(name)
        positions = np.rint(data.X_train * PER_UNIT).astype(int).tolist()
        texts[name] = encode([(x, y, c) for (x, y), c in zip(positions, data.y_train.tolist(), strict=True)])
    return texts


def points_text(value: str) -> str:
    """Return the text of the points of a value of the control: an example's, or the value itself."""
    return _texts_of_examples().get(value, value)


def _accept_points(text: str, sets: Sets, values: Values) -> str:
    text = encode(decode(text))
    return next((name for name, points in _texts_of_examples().items() if points == text), text)


def _accept_proxies(text: str, sets: Sets, values: Values) -> str:
    return encode(decode(text, MOST_PROXIES, "proxies"))


def _closed(values: Values) -> bool:
    return bool(values["view"] != SANDBOX)


SANDBOX_CONTROLS = (
    Control(
        "points",
        "Points",
        "An example, or positions and classes of up to 500 points as the sandbox writes them into the link.",
        lambda sets, values: [*EXAMPLES, EMPTY],
        next(iter(EXAMPLES)),
        lambda value: EXAMPLES[value].label if value in EXAMPLES else "no points" if value == EMPTY else "",
        kind="text",
        accepts=_accept_points,
        hidden=_closed,
    ),
    Control(
        "sandbox_k",
        "k: proxies per class",
        "Number of proxies that k-means generates per class (default: 2). With k at or above the number of points of "
        "a class, each point is a proxy.",
        lambda sets, values: list(range(1, MOST_K + 1)),
        2,
        kind="slider",
        hidden=_closed,
    ),
    Control(
        "sandbox_norm",
        "NORM",
        "Normalisation before k-means, of proxies, and at inference: L2 (default) or none everywhere.",
        lambda sets, values: ["l2", "none"],
        "l2",
        lambda value: {"l2": "L2", "none": "none"}[value],
        "segments",
        hidden=_closed,
    ),
    Control(
        "sandbox_agg",
        "AGG",
        "“Max” (default) predicts the class of the proxy with the largest inner product. “Nearest” predicts the class "
        "of the proxy at the smallest Euclidean distance (m-NN with m = 1). With L2, both predict the same.",
        lambda sets, values: ["max", "nearest"],
        "max",
        kind="segments",
        hidden=_closed,
    ),
    Control(
        "sandbox_seed",
        "Seed",
        "Seed of the start of k-means (default: 0). Another start can lead to other clusters.",
        lambda sets, values: list(range(10)),
        0,
        kind="slider",
        hidden=_closed,
    ),
    Control(
        "proxies",
        "Moved proxies",
        "Empty (default): k-means generates the proxies. Otherwise their positions, as the sandbox writes them into "
        "the link.",
        lambda sets, values: [""],
        "",
        kind="text",
        accepts=_accept_proxies,
        reset_by=("sandbox_k", "sandbox_seed"),
        hidden=_closed,
    ),
)


LEARN_CONTROLS = controls_of(
    Control(
        "view",
        "Lesson",
        "The open lesson (default: the overview).",
        lambda sets, values: [OVERVIEW, *LESSONS, SANDBOX],
        OVERVIEW,
    ),
    *SANDBOX_CONTROLS,
    page="learn",
)


def _link_has_view() -> bool:
    return st.query_params.get("view") in (OVERVIEW, *LESSONS, SANDBOX)


def linked_lesson(page: str) -> str:
    """Return this page's path where a new session's link to the app's default page names a lesson; else empty."""
    new = "followed" not in st.session_state
    return "learn" if new and page == "explore" and _link_has_view() else ""


def close_lesson() -> None:
    """Close the open lesson when another page is displayed, in the session and in the link."""
    if "view" in st.session_state:
        st.session_state.view = OVERVIEW
    if _link_has_view():
        del st.query_params["view"]
