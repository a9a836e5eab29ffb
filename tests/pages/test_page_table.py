"""The page table and the control table: what a page displays, and what is computed for it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app import CONTROLS, PAGES
from tests.conftest import ROOT
from ui.charts import progressive
from ui.controls import sidebar

QUICK = {"fm": "vit_tiny_patch16_224", "data": "mnist", "n": "20", "seeds": "1"}


def test_every_file_of_pages_is_a_row_of_the_table():
    assert sorted(PAGES) == sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")


def test_every_control_has_another_key_and_belongs_to_a_page():
    assert len({control.key for control in CONTROLS}) == len(CONTROLS)
    assert {control.page for control in CONTROLS} <= {"", *PAGES}


@pytest.mark.parametrize(
    ("page", "displayed", "hidden"),
    [
        ("learn", set(), {"fm", "data", "n", "k", "seeds", "map", "preset"}),
        ("library", {"fm"}, {"data", "n", "k", "seeds", "map", "preset"}),
        ("own_data", {"fm", "data", "classes", "n", "k", "preset"}, {"seeds", "map"}),
    ],
)
def test_controls_without_an_effect_are_not_displayed_and_keep_their_values(
    page, displayed, hidden, tmp_path, monkeypatch
):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in QUICK.items():
        app.query_params[name] = value
    app.session_state["goto"] = page
    app.run()
    assert not app.exception
    kinds = ("selectbox", "select_slider", "button_group")
    keys = {widget.key for kind in kinds for widget in app.sidebar.get(kind)}
    assert displayed <= keys
    assert not hidden & keys
    link = {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
    assert QUICK.items() <= link.items()


@pytest.mark.parametrize(("query", "expanded"), [({}, False), ({"norm_pre": "none"}, True), ({"k": "9"}, False)])
def test_three_controls_come_first_and_a_link_with_others_opens_advanced(query, expanded, tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = "camera"
    app.run()
    assert not app.exception
    (advanced,) = app.sidebar.expander
    assert advanced.label == "Advanced"
    assert advanced.proto.expanded is app.session_state.advanced is expanded
    inside = {widget.key for widget in (*advanced.selectbox, *advanced.get("button_group"))}
    assert {"fm", "preset", "norm_pre", "gen", "norm_post"} <= inside
    assert [slider.key for slider in app.sidebar.select_slider] == ["n", "k"]
    assert not advanced.select_slider
    # It stays as it is while the user changes a setting in it.
    app.segmented_control(key="norm_pre").set_value("l2").run()
    assert app.sidebar.expander[0].proto.expanded is expanded
    # And on other pages, also after one without it.
    for page in ("library", "own_data"):
        app.session_state["goto"] = page
        app.run()
        assert not app.exception
    assert app.sidebar.expander[0].proto.expanded is expanded


def test_options_are_computed_for_displayed_controls_only(bundled, monkeypatch):
    computed = []

    def counted(control):
        def options(sets, values):
            computed.append(control.key)
            return control.options(sets, values)

        return replace(control, options=options)

    monkeypatch.setattr(sidebar.st, "session_state", {"nc1": "published"})
    controls = [counted(control) for control in CONTROLS]
    displayed = {control.key: control.page in ("", "map") for control in CONTROLS}
    values, defaults, choices, notes = sidebar._resolve(controls, bundled, displayed, followed=False)
    assert set(computed) == {control.key for control in CONTROLS if control.page in ("", "map")} | {"nc1"}
    assert len(computed) == len(choices) < len(CONTROLS)
    assert set(values) == set(defaults) == {control.key for control in CONTROLS}
    assert values["nc1"] == "published"
    assert notes == []


def test_a_page_is_run_again_after_figures_that_are_or_were_just_running(monkeypatch):
    class State(dict):
        __getattr__, __setattr__ = dict.get, dict.__setitem__

    state = State()
    monkeypatch.setattr(progressive.st, "session_state", state)
    for last_slice, running, expected in ((0, set(), False), (1, set(), True), (3, set(), False), (3, {"curve"}, True)):
        if last_slice:
            state.last_slice = time.monotonic() - last_slice
        state.running_figures = running
        progressive.note_page_switch()
        assert state.left_running is expected
