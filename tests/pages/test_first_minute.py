"""The framework picture and the three things to try, without a browser."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.evaluation.evaluator import Evaluator, TransformDiagnostics
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.selection import Selection
from imprint_core.recipes.presets import PRESETS
from tests.conftest import ROOT
from tests.pages.reading import pictures
from ui.charts import progressive
from ui.panels.explore.numbers import _selected
from ui.text.markdown import plain

QUICK = {"fm": "vit_tiny_patch16_224", "data": "digits", "n": "20", "seeds": "3"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    for name, value in {**QUICK, **query}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def picture(app):
    components = [json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.json]
    return next(component for component in components if "boxes" in component)


def values(app):
    return {box["control"]: box["value"] for box in picture(app)["boxes"]}


def lit(app):
    return [box["control"] for box in picture(app)["boxes"] if box["lit"]]


def test_boxes_say_what_is_chosen_and_light_up_where_that_changed():
    app = opened(k="3")
    assert values(app) == {
        "fm": "ViT-Ti/16",
        "pretransform": "none",
        "norm_pre": "L2",
        "gen": "k-means, k = 3",
        "norm_post": "L2",
        "norm_inf": "L2",
        "agg": "max",
    }
    assert lit(app) == []
    app.selectbox(key="preset").set_value("janson").run()
    assert lit(app) == ["norm_pre", "gen", "norm_post", "norm_inf", "agg"]
    assert values(app)["agg"] == "1-NN"
    # What was lit stays so until something else changes.
    app.run()
    assert lit(app) == ["norm_pre", "gen", "norm_post", "norm_inf", "agg"]
    app.segmented_control(key="norm_pre").set_value("l2").run()
    assert lit(app) == ["norm_pre"]


def test_presets_show_what_they_would_change():
    presets = {preset["name"]: preset for preset in picture(opened(preset="own"))["presets"]}
    assert list(presets) == list(PRESETS)
    assert [name for name, preset in presets.items() if preset["current"]] == ["own"]
    assert presets["qi"]["values"]["gen"] == "mean"
    assert presets["whitened"]["values"]["pretransform"] != "none"
    assert presets["own"]["values"] == values(opened(preset="own"))


def test_auto_says_which_k_the_shots_selected(vit_digits):
    app = opened(preset="auto", n="10")
    assert next(preset for preset in picture(app)["presets"] if preset["name"] == "auto")["current"]
    recipe = PRESETS["auto"].recipe
    evaluator = Evaluator(choose_classes(vit_digits), recipe.space)
    selections = [evaluator.fit_of(recipe, 10, seed).selection for seed in SEEDS[:3]]
    assert {selection.k for selection in selections} == {1}
    (remark,) = (box.value for box in app.info if "The shots selected" in box.value)
    assert plain(f"The shots selected k = 1. First seed: {selections[0].reason}") in plain(remark)
    assert app.metric[0].value == f"{evaluator.evaluate(recipe, 10, SEEDS[:3]).summary.median:.1f} %"


def test_different_k_of_the_seeds_are_listed():
    fits = [TransformDiagnostics(0.1, "", Selection(k, 0.1, 10.0)) for k in (3, 1)]
    (sentence,) = _selected(fits)
    assert sentence.startswith("The shots selected for each seed, k = 3, 1. First seed: k = 3: ")


def test_slow_recipes_show_the_first_seed_until_all_are_evaluated(vit_digits, monkeypatch):
    app = opened(preset="auto", n="30")
    recipe = PRESETS["auto"].recipe
    evaluator = Evaluator(choose_classes(vit_digits), recipe.space)

    def accuracy(seeds):
        return f"{evaluator.evaluate(recipe, 30, seeds).summary.median:.1f} %"

    assert (app.metric[0].value, app.metric[0].delta) == (accuracy(SEEDS[:1]), "1 draw")
    assert "Evaluating further seeds …" in [caption.value for caption in app.caption]
    assert "The accuracy at each k follows." in [caption.value for caption in app.caption]
    # What the browser requests in slices.
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    app.run()
    assert app.metric[0].value == accuracy(SEEDS[:3])
    assert app.metric[0].delta.endswith("over 3 seeds")
    assert "Evaluating further seeds …" not in [caption.value for caption in app.caption]
    traces = json.loads(pictures(app)["accuracy-over-k"]["figure"])["data"]
    (curve,) = [trace for trace in traces if trace.get("name") == "k-means"]
    expected = evaluator.accuracy_over_k(recipe.with_k(), [1, 2, 3, 5, 7, 10, 14, 20, 30], 30, SEEDS[:3])
    np.testing.assert_allclose(curve["y"], np.median(expected, axis=1), atol=1e-4)


def button(app, label):
    return next(b for b in app.button if b.label == label)


@pytest.mark.parametrize(
    ("label", "changed"),
    [
        ("20 proxies per class", {"k": 20}),
        ("Only 5 shots", {"n": 5}),
        ("No normalisation", {"norm_pre": "none", "norm_post": "none", "norm_inf": "none"}),
    ],
)
def test_what_is_tried_says_what_it_did_and_can_be_undone(label, changed):
    app = opened(k="3")
    before = app.metric[0].value
    button(app, label).click().run()
    assert not app.exception
    assert {key: app.session_state[key] for key in changed} == changed
    after = app.metric[0].value
    text = next(m.value for m in app.markdown if m.value.startswith(f"**{label}**"))
    assert f"from {before.removesuffix(' %')} to {after}" in text
    assert button(app, label).disabled
    button(app, "Undo").click().run()
    assert app.metric[0].value == before
    assert not [b for b in app.button if b.label == "Undo"]


def test_after_another_change_nothing_is_claimed_any_more():
    app = opened(k="3")
    button(app, "20 proxies per class").click().run()
    app.select_slider(key="n").set_value(50).run()
    assert not [m for m in app.markdown if m.value.startswith("**20 proxies")]
    assert not [b for b in app.button if b.label == "Undo"]
    app = opened(k="3")
    button(app, "20 proxies per class").click().run()
    app.selectbox(key="norm_post").set_value("none").run()
    assert not [m for m in app.markdown if m.value.startswith("**20 proxies")]
