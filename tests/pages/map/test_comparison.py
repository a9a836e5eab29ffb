"""Two recipes on one map."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imprint_core.framework.explanation import describe, explain_sample
from imprint_core.recipes.presets import PRESETS
from tests.pages.browser_events import components
from tests.pages.map.helpers import (
    DEFAULT,
    NAMES,
    button,
    check_tiles,
    digits,
    fine,
    layer,
    opened,
    pick,
    reference,
    sent,
    stars,
)
from tests.pages.reading import page_text
from ui.text.markdown import plain


def compared(app):
    """Accuracies in the headings of A and B."""
    headings = [m.value for m in app.markdown if m.value.startswith(("**A** ·", "**B** ·"))]
    assert all(" images · " in head for head in headings)
    return [float(head.split(" · ")[1].partition(" %")[0]) for head in headings]


def written(app, text):
    """Enter changes of the recipe as text."""
    box = app.selectbox(key="against")
    box.options.append(box.format_func(text))
    return box.set_value(text).run()


def accuracy(ref, recipe):
    return 100 * float((ref.predictions(recipe)[0] == ref.y)[: ref.test].mean())


def test_every_preset_can_be_compared():
    app, ref = digits(), reference()
    base = sent(app)["base"]
    for name, preset in PRESETS.items():
        app.selectbox(key="against").set_value(name).run()
        assert app.query_params["against"] == name
        assert not fine(app).warning
        assert sent(app)["base"] == sent(app, "map-b")["base"] == base
        recipe = replace(preset.recipe, lam=0.1)
        expected = [round(accuracy(ref, r), 1) for r in (DEFAULT, recipe)]
        assert compared(app) == pytest.approx(expected, abs=0.051)
    app.selectbox(key="against").set_value("none").run()
    assert "map-b" not in components(fine(app))
    assert "against" not in app.query_params


def test_buttons_select_the_samples_that_differ():
    app, ref = fine(digits(against="k=1")), reference()
    other = replace(DEFAULT, k=1)
    a, b = ((ref.predictions(r)[0] == ref.y)[: ref.test] for r in (DEFAULT, other))
    for label, rows in (("only A correct", a & ~b), ("only B correct", b & ~a), ("both misclassified", ~a & ~b)):
        choice = next(x for x in app.button if x.label.endswith(label))
        assert choice.label == f"{rows.sum()} samples: {label}"
        choice.click().run()
        codes = sorted(ref.pool.id_test[rows].tolist())
        assert sent(fine(app))["selected"] == sent(app, "map-b")["selected"] == codes
        check_tiles(ref, sent(app, "selected")["tiles"], codes, ref.predictions())
    # A star of B selects the samples assigned to it by B.
    pick(app, "proxy", [4], "map-b")
    winner = ref.predictions(other)[2][: ref.test]
    assert sent(fine(app))["selected"] == sorted(ref.pool.id_test[winner == 4].tolist())
    assert len(stars(app, "map-b")[1]["text"]) == 10
    # Both predictions are explained.
    code = int(ref.codes[9])
    pick(app, "one", [code], "map-b")
    explained = explain_sample(ref.model(other), ref.X[ref.row[code]])
    assert f"**B:** {plain(describe(explained, NAMES, int(ref.y[ref.row[code]])))}" in page_text(fine(app))


def test_changes_can_be_entered_as_text():
    app, ref = digits(), reference()
    written(app, "GEN = mean;  norm_pre=none")
    assert not fine(app).warning
    assert app.query_params["against"] == "gen=mean norm_pre=none"
    expected = [accuracy(ref, DEFAULT), accuracy(ref, replace(DEFAULT, gen="mean", norm_pre="none"))]
    assert compared(app) == pytest.approx(expected, abs=0.051)
    for text in ("nonsense", "k=", "gen=<b>", "fm=resnet50", "a=1," * 200):
        written(app, text)
        assert len(fine(app).warning) == 1, text
        assert "\n" not in app.warning[0].value
        assert compared(app) == pytest.approx(expected, abs=0.051)
    app.select_slider(key="k").set_value(1).run()
    assert not fine(app).warning
    assert compared(app)[1] == pytest.approx(expected[1], abs=0.051)
    written(app, "k=999")
    assert plain("it must be a whole number from 1 to 50 on pages. Using 50.") in fine(app).warning[0].value
    assert app.query_params["against"] == "k=50"


@pytest.mark.parametrize(
    "query",
    [{"agg": "mnn", "m": "3"}, {"gen": "ls", "lam": "1.0"}, {"pretransform": "whitening", "gen": "mean"}],
    ids=str,
)
def test_the_current_recipe_can_be_kept_as_b(query):
    app = digits(k="3", **query)
    before = layer(app, "proxies")
    button(app, "Keep recipe as B").click().run()
    assert not fine(app).warning
    assert not [b for b in app.button if b.label.startswith("Keep")]
    a, b = compared(app)
    assert a == b
    assert layer(app, "proxies", "map-b") == before
    if "gen" in query:
        app.selectbox(key="gen").set_value("kmeans").run()
    app.select_slider(key="k").set_value(2).run()
    assert not fine(app).warning
    assert compared(app)[1] == b
    assert layer(app, "proxies", "map-b") == before
    assert layer(app, "proxies") != before
    # The link restores both.
    restored = opened(**app.query_params)
    assert compared(restored) == compared(app)
