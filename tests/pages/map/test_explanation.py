"""Explanations of predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from imprint_core.framework.explanation import describe, explain_sample
from imprint_core.framework.explanation_steps import explanation_steps
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.layouts import Layout
from imprint_core.maps.store import load_map
from tests.pages.browser_events import components, numbers
from tests.pages.map.helpers import NAMES, digits, fine, opened, reference, sent, stars
from tests.pages.reading import page_text
from ui.text.markdown import plain


def test_explanations_equal_the_core():
    ref = reference()
    predicted, _, winner = ref.predictions()
    misclassified = int(ref.codes[np.flatnonzero((predicted != ref.y)[: ref.test])[3]])
    correct = int(ref.codes[np.flatnonzero((predicted == ref.y)[: ref.test])[7]])
    app = digits(sample=str(misclassified))
    model = ref.model()
    for code in (misclassified, correct):
        app.text_input(key="sample").set_value(str(code)).run()
        row = ref.row[code]
        explained = explain_sample(model, ref.X[row])
        assert (explained.label, explained.winner) == (predicted[row], winner[row])
        true = int(ref.y[row])
        assert f"##### Explanation: test sample {code} · class {true}" in page_text(fine(app))
        assert plain(describe(explained, NAMES, true)) in page_text(app)
        assert ("Incorrect" in page_text(app)) == (code == misclassified)
        check_bars(app, model, ref.X[row], explained)
        expected = explanation_steps(model, ref.X[row], explained, NAMES)
        steps = [m.value for m in app.markdown if m.value.startswith("**") and ". " in m.value[:6]]
        assert steps == [f"**{i}. {plain(step.name)}**" for i, step in enumerate(expected, 1)]
        assert [c.value for c in app.code] == [step.formula for step in expected]
        assert all(plain(step.text) in page_text(app) for step in expected)
        tables = [step for step in expected if step.values]
        for step, table in zip(tables, app.dataframe, strict=True):
            values = [f"{value:.4g}".replace("-", "−") for _, value in step.values]
            assert table.value["value"].tolist() == values
        for role, proxy in (("winner", explained.winner), ("runner-up", explained.second)):
            shots = model.shots_of(proxy)
            assert f"The {role}: proxy {explained.numbers[proxy]} of class {explained.labels[proxy]}" in page_text(app)
            assert f"It represents {len(shots)} shot" in page_text(app)
            ids = ref.pool.id_train[ref.shots()[shots]]
            assert [t["code"] for t in sent(app, f"shots-{role}")["tiles"]] == (-1 - ids[:6]).tolist()
        check_neighbours(app, ref, code)
        check_marks(app, ref, code, explained)


def check_bars(app, model, x, explained):
    """Bars show every proxy's cosine by brute force; winner and runner-up are annotated."""
    figure = json.loads(sent(app, "why")["figure"])
    cosine = l2(model.proxies_) @ l2(x)
    bars, at_x = {}, {}
    for trace, c in zip(figure["data"], np.unique(explained.labels), strict=True):
        assert trace["name"] == NAMES[c]
        heights = numbers(trace["y"])
        assert (np.diff(heights) <= 0).all()
        for x_, y, number in zip(numbers(trace["x"]), heights, numbers(trace["customdata"]), strict=True):
            bars[int(c), int(number)], at_x[float(x_)] = float(y), (int(c), int(number))
    assert len(bars) == len(cosine)
    for proxy, value in enumerate(cosine):
        assert bars[int(explained.labels[proxy]), int(explained.numbers[proxy])] == pytest.approx(value, abs=1e-5)
    marked = {a["text"]: at_x[a["x"]] for a in figure["layout"]["annotations"]}
    rows = {"<b>winner</b>": explained.winner, "<b>runner-up</b>": explained.second}
    assert marked == {sign: (explained.labels[r], explained.numbers[r]) for sign, r in rows.items()}


def check_neighbours(app, ref, code):
    """Nearest samples by brute force in the space of the map."""
    space = l2(ref.X).astype(float)
    distance = np.linalg.norm(space - space[ref.row[code]], axis=1)
    distance[ref.row[code]] = np.inf
    nearest = np.argsort(distance, kind="stable")[:8]
    tiles = sent(app, "neighbours")["tiles"]
    assert [t["code"] for t in tiles] == ref.codes[nearest].tolist()
    assert [t["note"] for t in tiles] == [f"{d:.3f}" for d in distance[nearest]]
    assert [t["title"] for t in tiles] == [NAMES[c] for c in ref.y[nearest]]


def check_marks(app, ref, code, explained):
    """The sample has a ring, and lines to its nearest samples and proxies."""
    base = load_map(ref.set, "l2", Layout()).positions
    count = len(ref.pool.y_train)
    position = np.concatenate([base[count:], base[:count]])[ref.row[code]]
    near, first, second, ring = json.loads(sent(app)["overlays"][2])
    assert (numbers(ring["x"])[0], numbers(ring["y"])[0]) == tuple(position)
    assert len(numbers(near["x"])) == 3 * 8
    star, _ = stars(app)
    for line, proxy in ((first, explained.winner), (second, explained.second)):
        np.testing.assert_array_equal([numbers(line["x"])[1], numbers(line["y"])[1]], star[proxy])


@pytest.mark.parametrize(
    "query",
    [
        {"agg": "mnn", "m": "5"},
        {"agg": "sum"},
        {"pretransform": "whiten", "gen": "mean", "norm_pre": "none"},
        {"gen": "ls"},
        {"norm_pre": "none", "norm_post": "none", "norm_inf": "none"},
    ],
    ids=str,
)
def test_explanations_of_other_recipes(query):
    ref = reference()
    code = int(ref.codes[40])
    app = fine(digits(sample=str(code), **query))
    assert not app.warning
    recipe = {"gen": "kmeans", "k": 5, **query}
    recipe = Recipe(
        recipe["gen"],
        recipe["k"],
        recipe.get("norm_pre", "l2"),
        recipe.get("norm_post", "l2"),
        recipe.get("norm_inf", "l2"),
        recipe.get("agg", "max"),
        m=int(recipe.get("m", 5)),
        pretransform=recipe.get("pretransform", "none"),
        lam=0.1,
    )
    explained = explain_sample(ref.model(recipe), ref.X[ref.row[code]])
    assert plain(describe(explained, NAMES, int(ref.y[ref.row[code]]))) in page_text(app)


def test_a_sample_is_entered_by_its_number():
    app, ref = digits(), reference()
    shots = ref.pool.id_train[ref.shots()]
    shot, other = int(shots[3]), int(np.setdiff1d(ref.pool.id_train, shots)[7])
    assert 12 not in shots
    for text, link, title in (
        ("429", "429", "test sample 429 · class"),
        (" #42 ", "42", "test sample 42 · class"),
        ("TRAIN 12", "training 12", "training 12 · class"),
        (f"training sample {shot}", f"training {shot}", f"training {shot} · class"),
        (f"training {other}", f"training {other}", f"training {other} · class"),
    ):
        app.text_input(key="sample").set_value(text).run()
        assert not fine(app).warning
        assert app.query_params["sample"] == link
        assert f"##### Explanation: {title}" in page_text(app)
        assert ("This sample is one of the shots" in page_text(app)) == (text == f"training sample {shot}")
        assert ("is not a shot of the first seed" in page_text(app)) == (link in ("training 12", f"training {other}"))
    before = {name: data for name, (_, data) in components(app).items()}
    for text in ("abc", "-3", "training 99999", "9" * 500, "<b>", "12 13", "²"):
        app.text_input(key="sample").set_value(text).run()
        assert len(fine(app).warning) == 1
        assert app.warning[0].value.startswith("“") or app.warning[0].value.startswith(plain("“"))
        assert "\n" not in app.warning[0].value
        assert app.query_params["sample"] == f"training {other}"
        assert {name: data for name, (_, data) in components(app).items()} == before
    app.text_input(key="sample").set_value("").run()
    assert not fine(app).warning
    assert "sample" not in app.query_params
    assert "Explanation:" not in page_text(app)


def test_samples_of_classes_outside_the_task_are_rejected():
    ref = reference()
    odd = int(ref.pool.id_test[ref.pool.y_test == 3][0])
    app = fine(digits(sample=str(odd), classes="even"))
    assert f"test sample {odd} is of class 3, which is not in the task" in app.warning[0].value.replace("\\", "")
    assert "sample" not in app.query_params
    app = digits(sample=str(odd))
    app.selectbox(key="classes").set_value("even").run()
    assert "which is not in the task" in fine(app).warning[0].value.replace("\\", "")
    assert "Explanation:" not in page_text(app)


def test_another_dataset_clears_the_explained_sample():
    app = opened(data="mnist", sample="7750")
    assert app.text_input(key="sample").value == "7750"
    app.selectbox(key="data").set_value("digits").run()
    assert not app.exception
    # The browser gets the cleared value too.
    assert app.text_input(key="sample").value == ""
    assert app.text_input(key="sample").proto.set_value
    assert "sample" not in app.query_params
