"""Learn: short lessons, each with a question, a prediction, something to try, and the result."""

from __future__ import annotations

from importlib import import_module

import streamlit as st

from imprint_core.errors import ImprintError
from ui.controls.control import Panel
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import go_to, hand_over
from ui.panels.learn.controls import LESSONS, OVERVIEW, SANDBOX, entry_of, title_of
from ui.panels.learn.frame import progress
from ui.text.glossary import show_glossary
from ui.text.markdown import plain

# In pixels: two columns, or the sandbox.
_WIDTH, _SANDBOX_WIDTH = 1200, 860
_SHORT_NAMES = {"toy": "example", SANDBOX: "sandbox"}


def show(selection: Selection) -> None:
    """Draw the page."""
    view = selection.panel.values["view"]
    if view == OVERVIEW:
        _show_overview()
        show_glossary()
        return
    # A lesson is shown without the sidebar and the links to other pages, which would distract.
    st.html(
        "<style>[data-testid=stSidebar], [data-testid=stExpandSidebarButton], [data-testid=stTopNavLinkContainer],"
        " [data-testid=stToolbar] .rc-overflow { display: none }</style>"
    )
    with st.container(horizontal_alignment="center"), st.container(width=_SANDBOX_WIDTH if view == SANDBOX else _WIDTH):
        _show_lesson(view, selection.panel)
        show_glossary()


def _show_overview() -> None:
    st.title("Learn weight imprinting", anchor=False)
    st.caption(
        "Short lessons on real embeddings: make a prediction, try it, and compare it with the result. To share a "
        "lesson, copy its address while it is open."
    )
    finished = [view for view in LESSONS if progress(view).correct is not None]
    if finished:
        st.progress(len(finished) / len(LESSONS), text=f"{len(finished)} of {len(LESSONS)} finished")
    views = [*LESSONS, SANDBOX]
    for row in range(0, len(views), 2):
        columns = st.columns(2, gap="small")
        for column, view in zip(columns, views[row : row + 2], strict=False):
            with column.container(border=True, height="stretch"):
                mark = " :material/check_circle:" if view in finished else ""
                st.markdown(f"##### {title_of(view)}{mark}")
                st.markdown(entry_of(view).question)
                label = f"Open lesson {view[-1]}" if "-" in view else f"Open {_SHORT_NAMES[view]}"
                st.button(label, on_click=_open, args=(view,), key=f"open-{view}")


def _show_lesson(view: str, panel: Panel) -> None:
    # A presentation has its own buttons.
    if not panel.values["present"]:
        with st.container(horizontal=True, gap="small", horizontal_alignment="distribute"):
            st.button("All lessons", icon=":material/school:", on_click=_open, args=(OVERVIEW,), key="all_lessons")
            st.button("Open the app", icon=":material/open_in_full:", on_click=_leave, key="whole_app")
    st.title(title_of(view), anchor=False)
    try:
        module = import_module(entry_of(view).module)
        module.show(panel if view == SANDBOX else panel.sets)
    except ImprintError as error:
        st.error(plain(error))
    if view == SANDBOX:
        return
    views = list(LESSONS)
    position = views.index(view)
    st.divider()
    with st.container(horizontal=True, gap="small", horizontal_alignment="distribute"):
        if position:
            _show_step(views[position - 1], "Previous", ":material/arrow_back:")
        if position + 1 < len(views):
            _show_step(views[position + 1], "Next", ":material/arrow_forward:")


def _show_step(view: str, direction: str, icon: str) -> None:
    label = f"{direction}: {LESSONS[view].title}"
    st.button(label, icon=icon, on_click=_open, args=(view,), key=f"step-{direction.lower()}")


def _open(view: str) -> None:
    st.session_state.view = view


def _leave() -> None:
    st.session_state.view = OVERVIEW
    go_to("explore")


if __name__ == "__main__":
    hand_over("learn")
