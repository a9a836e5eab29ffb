"""The control of the Learn page: which lesson is open, so that a link restores it."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from ui.controls.control import Control


class View(NamedTuple):
    """What a lesson is called, and what it asks."""

    title: str
    asks: str


OVERVIEW = "lessons"
LESSONS = {
    "lesson-1": View("One mean a class", "How well can ten classes be told apart from a single image of each?"),
    "lesson-2": View("A class of several kinds", "How many proxies does a class need that has five kinds of images?"),
    "lesson-3": View("What normalising does", "What happens if some proxies are longer than others?"),
    "lesson-4": View("Few shots", "Do more proxies help, however few images there are?"),
    "lesson-5": View("Collapse and proxies", "Can one tell beforehand whether more proxies will pay?"),
    "lesson-6": View("Beware the map", "Are classes that touch on a map the ones that get confused?"),
    "toy": View("The whole in two dimensions", "A toy whose right answer is known, with everything in sight."),
}
VIEWS = (OVERVIEW, *LESSONS)

LEARN_CONTROLS = (
    Control(
        "view",
        "Learn",
        "Lesson",
        "Which lesson is open.",
        lambda sets, values: list(VIEWS),
        OVERVIEW,
        page="learn",
    ),
)


def linked_lesson(page: str) -> str:
    """Return this page's path where a new session's link to the app's default page names a lesson; else empty."""
    new = "followed" not in st.session_state
    return "learn" if new and page == "explore" and st.query_params.get("view") in VIEWS else ""


def close_lesson() -> None:
    """Close the open lesson when another page is displayed, in the session and in the link."""
    if "view" in st.session_state:
        st.session_state.view = OVERVIEW
    if st.query_params.get("view") in VIEWS:
        del st.query_params["view"]
