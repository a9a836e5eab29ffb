"""Learn: short lessons, each a question, a prediction, something to try, and what is so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from imprint_core.errors import ImprintError
from ui.controls.control import Sets
from ui.controls.sidebar import Selection
from ui.navigation.links import go_to, hand_over
from ui.panels.learn.collapse import show_collapse
from ui.panels.learn.controls import LESSONS, OVERVIEW
from ui.panels.learn.frame import progress
from ui.panels.learn.maps import show_maps
from ui.panels.learn.means import show_few_shots, show_one_mean
from ui.panels.learn.modes import show_modes, show_toy
from ui.panels.learn.norms import show_norms
from ui.text.glossary import show_glossary
from ui.text.markdown import plain

_SHOWN: dict[str, Callable[[Sets], None]] = {
    "lesson-1": show_one_mean,
    "lesson-2": show_modes,
    "lesson-3": show_norms,
    "lesson-4": show_few_shots,
    "lesson-5": show_collapse,
    "lesson-6": show_maps,
    "toy": show_toy,
}
# Wider lines are hard to read.
_WIDTH = 860
_to_top = st.components.v2.component(
    "imprint_to_top",
    js=(Path(__file__).resolve().parents[1] / "ui" / "panels" / "learn" / "to_top.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def show(selection: Selection) -> None:
    """Draw the page."""
    view = selection.panel.values["view"]
    _to_top(key="to_top", data={"view": view})
    if view == OVERVIEW:
        _overview()
        show_glossary()
        return
    # The lesson alone: what else there is would be in its way.
    st.html(
        "<style>[data-testid=stSidebar], [data-testid=stExpandSidebarButton], [data-testid=stTopNavLinkContainer],"
        " [data-testid=stToolbar] .rc-overflow { display: none }</style>"
    )
    with st.container(horizontal_alignment="center"), st.container(width=_WIDTH):
        _lesson(view, selection.panel.sets)
        show_glossary()


def _overview() -> None:
    st.title("Learn weight imprinting", anchor=False)
    st.caption(
        "Short lessons on real embeddings. Each asks you to predict first, then to try, and then shows what is so. To "
        "hand one on, copy its address while it is open: others see that lesson alone."
    )
    done = [view for view in LESSONS if progress(view).right is not None]
    if done:
        st.progress(len(done) / len(LESSONS), text=f"{len(done)} of {len(LESSONS)} finished")
    for row in range(0, len(LESSONS), 2):
        columns = st.columns(2, gap="small")
        for column, view in zip(columns, list(LESSONS)[row : row + 2], strict=False):
            with column.container(border=True, height="stretch"):
                mark = " :material/check_circle:" if view in done else ""
                st.markdown(f"##### {_number(view)}{LESSONS[view].title}{mark}")
                st.markdown(LESSONS[view].asks)
                label = f"Open lesson {view[-1]}" if _number(view) else "Open the toy"
                st.button(label, on_click=_open, args=(view,), key=f"open-{view}")


def _lesson(view: str, sets: Sets) -> None:
    with st.container(horizontal=True, gap="small", horizontal_alignment="distribute"):
        st.button("All lessons", icon=":material/school:", on_click=_open, args=(OVERVIEW,), key="all_lessons")
        st.button("Open the whole app", icon=":material/open_in_full:", on_click=_leave, key="whole_app")
    st.title(f"{_number(view)}{LESSONS[view].title}", anchor=False)
    try:
        _SHOWN[view](sets)
    except ImprintError as error:
        st.error(plain(error))
    views = list(LESSONS)
    here = views.index(view)
    st.divider()
    with st.container(horizontal=True, gap="small", horizontal_alignment="distribute"):
        if here:
            _step(views[here - 1], "Previous", ":material/arrow_back:")
        if here + 1 < len(views):
            _step(views[here + 1], "Next", ":material/arrow_forward:")


def _step(view: str, way: str, icon: str) -> None:
    label = f"{way}: {LESSONS[view].title}"
    st.button(label, icon=icon, on_click=_open, args=(view,), key=f"step-{way.lower()}")


def _number(view: str) -> str:
    return f"{view.rpartition('-')[2]}. " if "-" in view else ""


def _open(view: str) -> None:
    st.session_state.view = view


def _leave() -> None:
    st.session_state.view = OVERVIEW
    go_to("explore")


if __name__ == "__main__":
    hand_over("learn")
