"""The Share dialog: link, settings, Python snippet, report and torch head."""

from __future__ import annotations

from datetime import date

import streamlit as st
from streamlit.navigation.page import Page

from imprint_core.errors import ImprintError
from imprint_core.export.code_snippet import python_snippet
from imprint_core.export.report import report
from ui.charts.plot import stamp_of
from ui.charts.progressive import has_running_figures
from ui.charts.record import record_stamp, recorded_items
from ui.compute import collapse, results
from ui.controls.sidebar import TAKEN, Selection
from ui.share import settings_file
from ui.share.classroom import show_qr_code, show_teacher_key
from ui.share.copy_link import copy_link
from ui.share.links import is_local
from ui.share.report_metadata import report_metadata
from ui.text.markdown import plain

# Pages that don't show the experiment of the sidebar.
_WITHOUT_RECIPE = ("library", "own_data", "learn")
# Keys of the session: the page whose dialog is open, its files, the error of an upload, the upload.
_OPEN, _FILES, _ERROR, _UPLOAD = "share_open", "share_files", "share_error", "share_file"


def share(selection: Selection, page: str, of: Page) -> None:
    """Draw the button at the bottom of the sidebar, and the dialog while it is open.

    `of` gives the title, which is not available if a process runs the app's file without Streamlit.
    """
    with st.sidebar:
        st.button("Share", key="share", icon=":material/share:", width="stretch", on_click=_open, args=(page,))
    # The dialog is drawn at every run, because progressive figures rerun the page while it is open.
    if st.session_state.get(_OPEN, page) != page:
        _close()
    if _OPEN in st.session_state:
        st.dialog("Share", width="medium", on_dismiss=_close)(_dialog)(selection, page, of.title)


def _open(page: str) -> None:
    st.session_state[_OPEN] = page


def _close() -> None:
    for name in (_OPEN, _FILES, _ERROR):
        st.session_state.pop(name, None)


def _dialog(selection: Selection, page: str, title: str) -> None:
    if page in _WITHOUT_RECIPE:
        _link_and_settings(selection, page)
        return
    # The server stores the open tab; otherwise a rerun would open the first one.
    titles = ["Link and settings", "Python", "Report", "Proxies"]
    link, python, whole, proxies = st.tabs(titles, key="share_tab", on_change="rerun")
    with link:
        _link_and_settings(selection, page)
    try:
        with python:
            _python(selection)
        with whole:
            _report(selection, page, title)
        with proxies:
            _proxies(selection)
    except ImprintError as error:
        st.error(plain(error))


def _link_and_settings(selection: Selection, page: str) -> None:
    st.markdown(
        "The link contains all settings. "
        + (
            "**It works on this machine only**, where the app runs; to share, send the settings or a report."
            if is_local()
            else "It works for everyone who can reach this app."
        )
    )
    copy_link("share-link")
    show_qr_code()
    st.markdown("The settings as a file, for any Imprint app with the same embedding sets:")
    st.download_button(
        "Download settings",
        # The open lesson is not a setting.
        settings_file.written(selection.panel.values, [key for key in st.query_params if key != "view"], page),
        "imprint-settings.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )
    st.file_uploader(
        "Load settings",
        "json",
        key=_UPLOAD,
        on_change=_load,
        max_upload_size=1,
        help="A settings file of this app. Opens its page; controls that are not in the file get their defaults.",
    )
    error = st.session_state.get(_ERROR)
    if error:
        st.error(plain(error))
    show_teacher_key()
    if TAKEN in st.session_state:
        # The dialog is a fragment; the settings concern the whole page.
        st.rerun()


def _load() -> None:
    # Reruns of progressive figures report the upload again after the dialog has been closed.
    if _OPEN not in st.session_state:
        return
    file = st.session_state[_UPLOAD]
    st.session_state.pop(_ERROR, None)
    if file is not None:
        try:
            settings, notes, page = settings_file.read(file.getvalue())
            st.session_state[TAKEN] = settings, notes
            # `app.py` ignores unknown pages.
            st.session_state.goto = page
            # Closing the dialog discards the upload, so that it can't reset later changes.
            _close()
        except ImprintError as error:
            st.session_state[_ERROR] = str(error)


def _python(selection: Selection) -> None:
    st.markdown(
        "This script prints the accuracy of the current experiment: median and range over the seeds. Run it in the "
        "project's folder."
    )
    st.code(python_snippet(selection.experiment), "python")


def _report(selection: Selection, page: str, title: str) -> None:
    st.markdown(
        "This page as one HTML file: settings, numbers, tables and charts, without images of samples. It needs no "
        "network, follows the light or dark theme, and can be printed."
    )
    # A report is outdated as soon as a figure or table changes.
    stamp = stamp_of("report", page, st.query_params, record_stamp())
    if st.button("Create report", key="share_report"):
        with st.spinner("Creating the report …"):
            unfinished = ["Some figures were not finished when this report was created."]
            notes = unfinished if has_running_figures() else []
            html = report(f"Imprint: {title}", report_metadata(selection), recorded_items(), notes)
            _files()["report"] = (stamp, html.encode())
    _offer("report", stamp, f"imprint-{page}.html", "text/html", "Download report")


def _proxies(selection: Selection) -> None:
    experiment = selection.experiment
    st.markdown(
        f"The proxies of the first seed ({experiment.seeds[0]}) as a torch head to append to the frozen FM, with a "
        "model card: a zip of `head.safetensors`, `MODEL_CARD.md` and `load.py`."
    )
    stamp = stamp_of("head", experiment.key)
    if st.button("Create torch head", key="share_head"):
        try:
            with st.spinner("Imprinting …"):
                _files()["head"] = (stamp, _head(selection))
        except ImprintError as error:
            st.error(plain(error))
    _offer("head", stamp, f"imprint-{experiment.info.path.stem}.zip", "application/zip", "Download torch head")


def _head(selection: Selection) -> bytes:
    # Imported here because it loads scikit-learn, which the first page does without.
    from imprint_core.export.model_card import Card, head_package

    experiment = selection.experiment
    model, _ = results.classifier(experiment)
    evaluated = results.evaluation(experiment)
    pool = results.pool(experiment)
    card = Card(
        experiment,
        tuple(pool.names[c] for c in model.classes_),
        evaluated.summary,
        100 * float(model.score(pool.X_test, pool.y_test)),
        len(pool.y_test),
        evaluated.predictions.shape[1],
        collapse.nc1(experiment),
        date.today(),
        pool.resplit,
    )
    return head_package(model, card)


def _files() -> dict[str, tuple[str, bytes]]:
    """Return the files created while the dialog is open, with their stamps.

    The session stores them, because a rerun during a click would lose a file that Streamlit creates at that click.
    """
    return st.session_state.setdefault(_FILES, {})


def _offer(kind: str, stamp: str, name: str, mime: str, label: str) -> None:
    file_stamp, data = _files().get(kind, ("", b""))
    if file_stamp == stamp:
        st.download_button(
            f"{label} ({_size(data)})",
            data,
            name,
            mime,
            key=f"share_{kind}_file",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )


def _size(data: bytes) -> str:
    return f"{len(data) / 1e6:.1f} MB" if len(data) >= 100_000 else f"{max(1, len(data) // 1000)} kB"
