"""The app: the page table, the control table, and one run of a page."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.paths import check_folders
from ui.charts.plot import serve_plotly
from ui.charts.progressive import clear_running_figures, note_page_switch, rerun_after_switch
from ui.charts.record import clear_record
from ui.compute import results
from ui.controls.control import Control
from ui.controls.sidebar import sidebar
from ui.controls.table import SHARED_CONTROLS
from ui.navigation.page_switches import apply_selected_set, requested_page
from ui.navigation.to_top import to_top
from ui.panels.collapse.controls import COLLAPSE_CONTROLS
from ui.panels.compare.controls import COMPARE_CONTROLS
from ui.panels.curves.controls import CURVE_CONTROLS
from ui.panels.leaderboard.controls import LEADERBOARD_CONTROLS
from ui.panels.learn.controls import LEARN_CONTROLS, close_lesson, linked_lesson
from ui.panels.map.controls import MAP_CONTROLS
from ui.server import classroom
from ui.server.process import prepare_process
from ui.server.start import prepare_server, report_forged_value
from ui.server.turns import note_run
from ui.share.dialog import share
from ui.share.presentation import PRESENTATION_CONTROLS, requested_presentation, show_presentation
from ui.text.markdown import plain


class PageRow(NamedTuple):
    """A page: `pages/<URL path>.py` with a function `show(selection)`."""

    title: str
    icon: str
    # Groups, or keys of controls, that have an effect on the page; None for all.
    sidebar: tuple[str, ...] | None = None
    # Controls that the page draws.
    controls: tuple[Control, ...] = ()


# By URL path. The first one is the default.
PAGES = {
    "explore": PageRow("Explore", "explore", controls=PRESENTATION_CONTROLS),
    "learn": PageRow("Learn", "school", (), LEARN_CONTROLS),
    "camera": PageRow("Camera", "photo_camera", ("fm", "n", "Recipe")),
    "map": PageRow("Map", "scatter_plot", controls=MAP_CONTROLS),
    "collapse": PageRow("Collapse", "compress", controls=COLLAPSE_CONTROLS),
    "curves": PageRow("Curves", "show_chart", controls=CURVE_CONTROLS),
    "compare": PageRow("Compare", "compare_arrows", controls=COMPARE_CONTROLS),
    "leaderboard": PageRow("Leaderboard", "leaderboard", controls=LEADERBOARD_CONTROLS),
    "library": PageRow("Library", "library_books", ("fm",)),
    "own_data": PageRow("Your own data", "add_photo_alternate", ("Task", "Recipe")),
}
# A control's options may depend on the controls before it.
CONTROLS = (*SHARED_CONTROLS, *(control for row in PAGES.values() for control in row.controls))
_ASSETS = Path(__file__).parent / "ui/assets"


def main() -> None:
    """Run the current page for the sidebar's selection."""
    prepare_process()
    note_run()
    # A file: the browser would load a named icon from the internet.
    st.set_page_config(page_title="Imprint", page_icon=str(_ASSETS / "icon.png"), layout="wide")
    st.logo(str(_ASSETS / "logo.svg"))
    st.html(_ASSETS / "layout.css")
    st.html(_ASSETS / "legible.css")

    key_error = classroom.read_key_of_link()
    if key_error:
        # It outlasts reruns that no visitor caused.
        st.toast(plain(key_error), icon=":material/key_off:")

    def page_of(path: str, row: PageRow) -> st.Page:
        def run() -> None:
            # Imported here: the first page does without what others import, such as scikit-learn.
            try:
                import_module(f"pages.{path}").show(selection)
            except ImprintError as error:
                st.error(plain(error))

        icon, default = f":material/{row.icon}:", row is next(iter(PAGES.values()))
        return st.Page(run, title=row.title, icon=icon, url_path=path, default=default)

    pages = {path: page_of(path, row) for path, row in PAGES.items()}
    page = st.navigation(list(pages.values()), position="top")
    path = next(path for path, other in pages.items() if other is page)
    requested_presentation()
    requested = requested_page() or linked_lesson(path)
    if requested in pages and requested != path:
        st.switch_page(pages[requested], query_params=st.query_params.to_dict())
    if st.session_state.get("page_path", path) != path:
        note_page_switch()
    st.session_state.page_path = path
    try:
        check_folders()
        serve_plotly()
    except ImprintError as error:
        st.error(str(error))
        st.stop()
    sets, problems = results.sets()
    for problem in problems:
        st.warning(problem, icon=":material/warning:")
    if not sets:
        st.error(
            "There are no embeddings to explore: the folder imprint_core/bundled is empty. Restore it from the "
            "repository, or create a set (see the guide, Command line)."
        )
        st.stop()
    apply_selected_set()
    if path != "learn":
        close_lesson()
    selection, notes = sidebar(sets, CONTROLS, path, PAGES[path].sidebar)
    share(selection, path, page)
    show_presentation(selection, PAGES)
    to_top(" ".join([path, *(st.query_params.get(name, "") for name in ("view", "present"))]))
    if notes:
        st.warning(notes[0] if len(notes) == 1 else "\n".join(f"- {note}" for note in notes), icon=":material/info:")
    clear_running_figures()
    clear_record()
    page.run()
    rerun_after_switch()


if __name__ == "__main__":
    main()
else:
    from contextlib import suppress

    from starlette.middleware import Middleware

    from ui.charts.plot import SOURCE, copy_plotly
    from ui.compute.sample_images import image_route
    from ui.server.preload import PreloadScript
    from ui.server.request_rate import LimitRequestRate

    # Before the first page, whose browser requests it at once. An error is displayed there.
    with suppress(ImprintError):
        copy_plotly()
    # `streamlit run app.py` finds this name, imports the file once, and then runs it for each visitor.
    app = st.App(
        __file__,
        lifespan=prepare_server,
        routes=[image_route()],
        middleware=[Middleware(LimitRequestRate), Middleware(PreloadScript, script=SOURCE)],
        on_script_error=report_forged_value,
    )
