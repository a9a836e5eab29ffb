"""The app: pages, the shared sidebar, and what goes wrong before any page."""

from pathlib import Path

import streamlit as st

from imprint_core.errors import ImprintError
from pages import explore, library, own_data
from ui.charts.plot import serve_plotly
from ui.charts.progressive import clear_running_figures, note_page_switch, rerun_after_switch
from ui.charts.record import clear_record
from ui.compute import results
from ui.controls.sidebar import keep_controls, sidebar
from ui.navigation.links import asked_for, leave_lessons, lesson_asked_for
from ui.share.dialog import share

# An image of our own: the browser would fetch a named icon from the internet.
_ICON = Path(__file__).parent / "ui/assets/icon.png"
st.set_page_config(page_title="Imprint", page_icon=str(_ICON), layout="wide")


# Streamlit leaves a hand's breadth above the page, the sidebar and at both sides.
st.html(
    "<style>.stMainBlockContainer { padding: 3rem clamp(1rem, 3vw, 4rem) }"
    "[data-testid=stSidebarHeader] { height: 2rem }"
    # A table wider than the screen scrolls by itself, instead of the whole page.
    "[data-testid=stMarkdownContainer]:has(> table) { overflow-x: auto }</style>"
)
st.html(Path(__file__).parent / "ui/assets/legible.css")


def explore_page() -> None:
    """Draw Explore for the sidebar's selection."""
    explore.show(selection)


def learn_page() -> None:
    """Draw the lessons."""
    # As below.
    from pages import learn

    learn.show(selection)


def embedding_map_page() -> None:
    """Draw the map for the sidebar's selection."""
    # Here, for it imports scikit-learn, which the first page does without.
    from pages import map as map_page

    map_page.show(selection)


def collapse_page() -> None:
    """Draw neural collapse for the sidebar's selection."""
    # As above.
    from pages import collapse

    collapse.show(selection)


def curves_page() -> None:
    """Draw curves for the sidebar's selection."""
    # As above.
    from pages import curves

    curves.show(selection)


def compare_page() -> None:
    """Draw the comparison of the sidebar's selection with another."""
    # As above.
    from pages import compare

    compare.show(selection)


def leaderboard_page() -> None:
    """Draw the leaderboard."""
    # As above.
    from pages import leaderboard

    leaderboard.show(selection)


def library_page() -> None:
    """Draw the Library, which offers the sidebar's FM first."""
    library.show(selection)


def own_data_page() -> None:
    """Draw the page of one's own data, beside the sidebar's selection."""
    own_data.show(selection)


PAGES = {
    "explore": st.Page(explore_page, title="Explore", icon=":material/explore:", url_path="explore", default=True),
    "learn": st.Page(learn_page, title="Learn", icon=":material/school:", url_path="learn"),
    "map": st.Page(embedding_map_page, title="Map", icon=":material/scatter_plot:", url_path="map"),
    "collapse": st.Page(collapse_page, title="Collapse", icon=":material/compress:", url_path="collapse"),
    "curves": st.Page(curves_page, title="Curves", icon=":material/show_chart:", url_path="curves"),
    "compare": st.Page(compare_page, title="Compare", icon=":material/compare_arrows:", url_path="compare"),
    "leaderboard": st.Page(
        leaderboard_page, title="Leaderboard", icon=":material/leaderboard:", url_path="leaderboard"
    ),
    "library": st.Page(library_page, title="Library", icon=":material/library_books:", url_path="library"),
    "own_data": st.Page(
        own_data_page, title="Your own data", icon=":material/add_photo_alternate:", url_path="own_data"
    ),
}
page = st.navigation(list(PAGES.values()), position="top")
asked = asked_for() or lesson_asked_for(page is PAGES["explore"])
if asked in PAGES and PAGES[asked] is not page:
    keep_controls()
    note_page_switch()
    st.switch_page(PAGES[asked], query_params=st.query_params.to_dict())
try:
    serve_plotly()
except ImprintError as error:
    st.error(str(error))
    st.stop()
sets, problems = results.sets()
for problem in problems:
    st.warning(problem, icon=":material/warning:")
if not sets:
    st.error(
        "There are no embeddings to explore: imprint_core/bundled is empty. Restore it from the repository, or "
        "make a set with `python -m imprint_core embed --fm resnet50 --dataset mnist`."
    )
    st.stop()
name = next(name for name, one in PAGES.items() if one is page)
if name != "learn":
    leave_lessons()
selection, notes = sidebar(sets, name)
share(selection, name, page)
if notes:
    st.warning(notes[0] if len(notes) == 1 else "\n".join(f"- {note}" for note in notes), icon=":material/info:")
clear_running_figures()
clear_record()
page.run()
rerun_after_switch()
