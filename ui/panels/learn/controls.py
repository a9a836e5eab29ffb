"""The controls of the Learn page, and the table of lessons."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from ui.controls.control import Control, controls_of
from ui.panels.learn.sandbox_controls import SANDBOX, SANDBOX_CONTROLS


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
