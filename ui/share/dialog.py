"""Share: the link, the settings, Python, a report and the proxies, to take what is on screen elsewhere."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st
from streamlit.navigation.page import Page

from imprint_core.errors import ImprintError
from imprint_core.evaluation.metrics import summarize
from imprint_core.export.code_snippet import python_snippet
from imprint_core.export.report import report
from ui.charts.nc1_over_shots import nc1_at
from ui.charts.plot import stamp_of
from ui.charts.record import record_stamp, recorded_items
from ui.compute import results
from ui.controls.sidebar import TAKEN, Selection
from ui.share import settings_file
from ui.share.copy_link import copy_link
from ui.share.report_metadata import facts, only_here
from ui.text.markdown import plain

# Pages that show nothing of the sidebar's task and recipe.
_WITHOUT_RECIPE = ("library", "own_data", "learn")
_OPEN, _MADE, _WRONG, _FILE = "share_open", "share_made", "share_wrong", "share_file"


def share(selection: Selection, page: str, of: Page) -> None:
    """Draw the button at the sidebar's foot, and the dialog as long as it is open.

    Parameters
    ----------
    selection : Selection
    page : str
        Key of the page.
    of : Page
        Which has its title; not where a process that a page begins runs the app's file, without Streamlit.
    """
    with st.sidebar:
        st.button("Share", key="share", icon=":material/share:", width="stretch", on_click=_open, args=(page,))
    # Not the button alone: pictures that fill in have the page drawn anew, and the dialog has to stay.
    if st.session_state.get(_OPEN, page) != page:
        _close()
    if _OPEN in st.session_state:
        st.dialog("Share", width="medium", on_dismiss=_close)(_dialog)(selection, page, of.title)


def _open(page: str) -> None:
    st.session_state[_OPEN] = page


def _close() -> None:
    for name in (_OPEN, _MADE, _WRONG):
        st.session_state.pop(name, None)


def _dialog(selection: Selection, page: str, title: str) -> None:
    if page in _WITHOUT_RECIPE:
        _link_and_settings(selection, page)
        return
    # Known here, for a page that is drawn anew would open the first one.
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
        "The link has everything that you chose. "
        + (
            "**It opens on this machine only**, where the app runs; to someone else send the settings or a report."
            if only_here()
            else "Whoever can reach this app sees the same with it."
        )
    )
    copy_link("share-link")
    st.markdown("The same as a file, which any Imprint takes that has the same sets:")
    st.download_button(
        "Download settings",
        # Which lesson is open is no setting.
        settings_file.written(selection.panel.values, [key for key in st.query_params if key != "view"], page),
        "imprint-settings.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )
    st.file_uploader(
        "Take settings from a file",
        "json",
        key=_FILE,
        on_change=_take,
        max_upload_size=1,
        help="A file that was downloaded here; its page is opened. Controls that it lacks get their usual values.",
    )
    wrong = st.session_state.get(_WRONG)
    if wrong:
        st.error(plain(wrong))
    if TAKEN in st.session_state:
        # The dialog runs alone; what the file says is for the whole page.
        st.rerun()


def _take() -> None:
    # Pictures that fill in tell of the file once more, after the dialog has gone with it.
    if _OPEN not in st.session_state:
        return
    file = st.session_state[_FILE]
    st.session_state.pop(_WRONG, None)
    if file is not None:
        try:
            settings, notes, page = settings_file.read(file.getvalue())
            st.session_state[TAKEN] = settings, notes
            # To the page that it was made on; one that this app doesn't have is passed over there.
            st.session_state.goto = page
            # Gone with the dialog, the file can't take back what is changed next.
            _close()
        except ImprintError as error:
            st.session_state[_WRONG] = str(error)


def _python(selection: Selection) -> None:
    st.markdown(
        "Prints the accuracy of the sidebar's task and recipe: the median over the seeds, with the range. Run it in "
        "the project's folder."
    )
    experiment = selection.experiment
    snippet = python_snippet(
        experiment.info, experiment.classes, experiment.recipe, experiment.n_shot, experiment.seeds
    )
    st.code(snippet, "python")


def _report(selection: Selection, page: str, title: str) -> None:
    st.markdown(
        "This page as one HTML file: what is chosen, numbers, tables and charts, without images of samples. It opens "
        "without a network, in light and dark, and can be printed."
    )
    # What was drawn since is in no file that was made before.
    stamp = stamp_of("report", page, st.query_params, record_stamp())
    if st.button("Make the report", key="share_report"):
        with st.spinner("Making the report …"):
            unfinished = ["Some pictures were not finished when this report was made."]
            notes = unfinished if st.session_state.get("filling") else []
            html = report(f"Imprint: {title}", facts(selection), recorded_items(), notes)
            _made()["report"] = (stamp, html.encode())
    _offer("report", stamp, f"imprint-{page}.html", "text/html", "Download the report")


def _proxies(selection: Selection) -> None:
    info, seed = selection.info, selection.seeds[0]
    st.markdown(
        f"The proxies of the first seed ({seed}) as a torch head that goes behind the frozen FM, with a model card: a "
        "zip of `head.safetensors`, `MODEL_CARD.md` and `load.py`."
    )
    stamp = stamp_of("head", selection.experiment.key)
    if st.button("Make the head", key="share_head"):
        with st.spinner("Imprinting …"):
            _made()["head"] = (stamp, _head(selection))
    _offer("head", stamp, f"imprint-{info.path.stem}.zip", "application/zip", "Download the head")


def _head(selection: Selection) -> bytes:
    # Here, for it imports scikit-learn, which the first page does without.
    from imprint_core.export.model_card import Card, head_package

    experiment = selection.experiment
    model, _ = results.classifier(experiment)
    evaluated = results.evaluation(experiment)
    names = results.pool(experiment).names
    card = Card(
        experiment.info,
        tuple(names[c] for c in model.classes_),
        selection.n,
        experiment.recipe,
        experiment.seeds,
        summarize(evaluated.accuracy),
        float(evaluated.accuracy[0]),
        evaluated.predictions.shape[1],
        nc1_at(selection, selection.n, "textbook"),
        date.today(),
    )
    return head_package(model, card)


def _made() -> dict[str, Any]:
    """Files that were made while the dialog is open, with what they are of.

    Bytes, for what Streamlit makes at a click is lost where the page is drawn anew meanwhile.
    """
    return st.session_state.setdefault(_MADE, {})


def _offer(what: str, stamp: str, name: str, mime: str, label: str) -> None:
    made_of, data = _made().get(what, ("", b""))
    if made_of == stamp:
        st.download_button(
            f"{label} ({_size(data)})",
            data,
            name,
            mime,
            key=f"share_{what}_file",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )


def _size(data: bytes) -> str:
    return f"{len(data) / 1e6:.1f} MB" if len(data) >= 100_000 else f"{max(1, len(data) // 1000)} kB"
