"""A link has every control of every page, and gives it back."""

from __future__ import annotations

import importlib
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from app import CONTROLS
from imprint_core.embeddings import open_set
from imprint_core.paths import sweeps_folder
from imprint_core.sweeps.sweep_table import bundled_sweep
from tests.conftest import ROOT
from ui.controls.control import named_option
from ui.controls.validation import nearest
from ui.panels.learn.controls import SANDBOX, SANDBOX_CONTROLS
from ui.text.markdown import plain

QUICK = {"fm": "vit_tiny_patch16_224", "data": "mnist", "n": "20", "seeds": "1"}
# What has to be chosen for a control to mean something.
CONTEXTS = {
    "shrinkage": {"pretransform": "whiten"},
    "lam_from": {"gen": "ls"},
    "lam": {"gen": "ls", "lam_from": "own"},
    "m": {"agg": "mnn"},
    "distance": {"agg": "mnn"},
    "vote": {"agg": "mnn"},
    "ties": {"agg": "mnn"},
    **{control.key: {"view": SANDBOX} for control in SANDBOX_CONTROLS},
}
# What a person writes where there is nothing, or little, to choose from.
WRITTEN = {
    "classes": "first=0+1, 4-6, 9",
    "against": "k=7 norm_post=none",
    "b": "gen=random k=3",
    "curve_recipes": "own k=5 norm_post=none",
    "points": "gAgiAj.AAA",
    "proxies": ".___",
}
PAGES = sorted({c.page for c in CONTROLS if c.page} | {"camera", "explore", "library", "own_data"})
BY_KEY = {c.key: c for c in CONTROLS}


@pytest.fixture(autouse=True)
def only_controls(tmp_path, monkeypatch):
    """Pages that draw their controls and nothing else, with a separate sweep table in their home."""
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    sweeps_folder().mkdir(parents=True)
    shutil.copy(bundled_sweep(), sweeps_folder() / "mine.parquet")

    def stand_in(page):
        return lambda selection: [selection.panel.draw(c.key) for c in CONTROLS if c.page == page]

    for page in PAGES:
        monkeypatch.setattr(importlib.import_module(f"pages.{page}"), "show", stand_in(page))


def opened(page, query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = page
    app.run()
    assert not app.exception
    return app


def link(app):
    # AppTest gives each value in a list of one.
    return {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}


def values(app):
    return {c.key: app.session_state[c.key] for c in CONTROLS if c.key in app.session_state}


def chosen(control, context, bundled):
    """Another value of the control than it begins with, as the session has it."""
    before = {}
    for other in CONTROLS:
        options = list(other.options(bundled, before))
        if other.key == control.key:
            break
        default = () if other.kind == "many" else nearest(other.default, options, other.default)
        before[other.key] = named_option(other, context[other.key], options) if other.key in context else default
    if control.key == "sample":
        return str(open_set(bundled["vit_tiny_patch16_224", "mnist"]).id_test[7])
    if control.key == "board":
        return "mine"
    if control.key in WRITTEN:
        return [WRITTEN[control.key]] if control.kind == "many" else WRITTEN[control.key]
    if control.kind == "many":
        return options[1:3]
    default = nearest(control.default, options, control.default)
    return [o for o in options if o not in (default, QUICK.get(control.key))][-1]


@pytest.mark.parametrize("key", BY_KEY)
def test_a_control_goes_into_the_link_and_comes_back(key, bundled):
    control = BY_KEY[key]
    context = {**QUICK, **CONTEXTS.get(key, {})}
    context.pop(key, None)
    value = chosen(control, context, bundled)
    written = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    page = control.page or "explore"
    app = opened(page, {**context, key: written})
    assert not app.warning
    assert app.session_state[key] == value
    assert link(app) == {**context, key: written}
    # The control is displayed with that value.
    widgets = [w for kind in ("selectbox", "multiselect", "select_slider", "toggle", "text_input", "button_group")
             for w in app.get(kind) if w.key == key]  # fmt: skip
    assert [w.value for w in widgets] == [value]
    again = opened(page, link(app))
    assert not again.warning
    assert values(again) == values(app)
    assert link(again) == link(app)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_hands_the_whole_link_on(page, bundled):
    """Also the controls that other pages draw."""
    query = dict(QUICK)
    for control in CONTROLS:
        if control.page and control.key not in ("board", "board_n", "view"):
            value = chosen(control, query, bundled)
            query[control.key] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    # PCA would leave UMAP's settings out, and NC1 what curves go over.
    query["measure"] = "macro_f1"
    # The sandbox is closed.
    for name in ("curve_paper", "only", "sample", *(control.key for control in SANDBOX_CONTROLS)):
        query.pop(name)
    app = opened(page, query)
    assert not app.warning
    assert link(app) == query
    app.run()
    assert link(app) == query


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"gone": "1"}, "Unknown parameters in the link: gone. Ignored."),
        ({"data": "svhn"}, "Dataset = SVHN is not available. Available:"),
        ({"k": "77"}, "k = 77 is out of range (1–50). Using 50."),
        ({"gen": "magic"}, "GEN = magic is not available. Available:"),
    ],
)
def test_what_is_unknown_or_out_of_date_is_named_and_ignored(page, query, sentence):
    app = opened(page, {**QUICK, "norm_pre": "none", **query})
    (warning,) = [w.value for w in app.warning]
    assert warning.startswith(plain(sentence))
    assert "gone" not in link(app)
    assert link(app)["norm_pre"] == "none"


@pytest.mark.parametrize("undrawn", ["pages.curves.show", "ui.controls.sidebar._draw"])
def test_controls_outlive_a_run_that_did_not_draw_them(undrawn, monkeypatch):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    chosen = {**QUICK, "k": "7", "norm_pre": "none", "over": "n", "curve_recipes": "own"}
    for name, value in chosen.items():
        app.query_params[name] = value
    app.session_state["goto"] = "curves"
    app.run()
    link_before = link(app)
    with monkeypatch.context() as overtaken:
        overtaken.setattr(undrawn, lambda *_: None)
        app.run()
    app.run()
    assert not app.exception
    assert link(app) == link_before
    assert link_before.items() >= chosen.items() - QUICK.items()
