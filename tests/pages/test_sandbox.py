"""The sandbox without a browser: its text in the link, corrections of what a browser sends, and numbers of the core."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from imprint_core.errors import ImprintError
from imprint_core.evaluation.synthetic import EXAMPLES, HIGHEST, LOWEST, imprint_points, make_example
from tests.conftest import ROOT
from tests.pages.browser_events import components, send
from ui.panels.learn.controls import (
    DIGITS,
    EMPTY,
    MOST_CLASSES,
    MOST_POINTS,
    MOST_PROXIES,
    SEPARATOR,
    coordinates,
    decode,
    encode,
    points_text,
)

POSITION = st.integers(LOWEST, HIGHEST)
POINTS = st.lists(st.tuples(POSITION, POSITION, st.integers(0, MOST_CLASSES - 1)), max_size=MOST_POINTS)


@given(POINTS)
def test_a_text_gives_its_points_back_by_class(points):
    text = encode(points)
    # Of equal class, in the same order, which the start of k-means depends on.
    assert decode(text) == sorted(points, key=lambda point: point[2])
    assert encode(decode(text)) == text
    assert re.fullmatch(r"[\w.-]+", text, re.ASCII)
    assert len(text) <= max(4, 3 * len(points) + MOST_CLASSES - 1)
    X, y = coordinates(decode(text))
    assert X.shape == (len(points), 2)
    assert len(y) == len(points)


@given(st.one_of(st.text(), st.text(DIGITS + SEPARATOR, max_size=40)))
def test_any_other_text_is_an_error_or_points_in_range(text):
    try:
        points = decode(text)
    except ImprintError:
        return
    assert all(LOWEST <= value <= HIGHEST for x, y, _ in points for value in (x, y))
    assert {number for *_, number in points} <= set(range(MOST_CLASSES))
    # Only empty classes at the end are left out.
    assert encode(points) == (text.rstrip(SEPARATOR) or EMPTY)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "This text does not describe points of the sandbox."),
        ("AAAA", "This text does not describe points of the sandbox."),
        ("AA ", "This text does not describe points of the sandbox."),
        ("AAA....", "This text has 5 classes; the sandbox has at most 4."),
        ("AAA" * (MOST_POINTS + 1), "This text has 501 points; the sandbox has at most 500."),
    ],
)
def test_an_error_says_what_is_wrong(text, sentence):
    with pytest.raises(ImprintError, match=f"^{re.escape(sentence)}"):
        decode(text)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=100)
    for name, value in {"view": "sandbox", **query}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def link(app):
    return {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}


def payload(app):
    """What the component gets."""
    return components(app)["sandbox"][1]


def check(app):
    """The sentence on the numbers of the core."""
    return next((c.value for c in app.main.caption if "ImprintingClassifier" in c.value), "")


def changed(app, number, points, proxies=""):
    send(app, "sandbox", {"number": number, "points": points, "proxies": proxies}, "changed")
    assert not app.exception
    return app


def test_the_sandbox_has_the_numbers_of_the_core_and_stores_changes_in_the_link():
    app = opened(points="moons", sandbox_k="6", sandbox_norm="none", sandbox_agg="nearest", sandbox_seed="3")
    assert not app.warning
    data = make_example("moons")
    model = imprint_points(data.X_train, data.y_train, 6, False, True, 3)
    correct = int((model.predict(data.X_train) == data.y_train).sum())
    accuracy = 100 * model.score(data.X_test, data.y_test)
    assert f"predicts {correct} of 80 points correctly, and {accuracy:.1f} % of 200 test points." in check(app)
    assert payload(app)["points"] == points_text("moons")
    np.testing.assert_array_equal(payload(app)["uniform"], np.random.RandomState(3).uniform(size=29))

    # A point is removed, then a proxy is moved; then it is generated again because k has changed.
    fewer = points_text("moons")[3:]
    changed(app, 1, fewer)
    assert link(app)["points"] == fewer
    assert "of 79 points correctly." in check(app)
    changed(app, 2, fewer, "gAg.AAA")
    assert link(app)["proxies"] == "gAg.AAA"
    assert check(app).startswith("With the proxies where you moved them")
    assert payload(app)["number"] == 2
    again = opened(**link(app))
    assert (payload(again)["points"], payload(again)["proxies"]) == (fewer, "gAg.AAA")
    assert check(again) == check(app)
    app.select_slider(key="sandbox_k").set_value(2).run()
    assert "proxies" not in link(app)
    assert check(app).startswith("After k-means has converged")
    # The points of an example are written as its name, the default's not at all.
    changed(app, 3, points_text("rings"))
    assert link(app)["points"] == "rings"
    changed(app, 4, points_text(next(iter(EXAMPLES))))
    assert "points" not in link(app)
    # Closed, it leaves no trace in the link.
    changed(app, 5, "gAg")
    next(b for b in app.button if b.key == "all_lessons").click().run()
    assert link(app) == {}
    next(b for b in app.button if b.key == "open-sandbox").click().run()
    assert link(app)["points"] == "gAg"


def test_what_is_wrong_is_corrected_with_one_sentence():
    app = opened(points="AAAA", sandbox_k="99", proxies="gAg." * 9)
    warning = app.warning[0].value.replace("\\", "")
    assert "does not describe points of the sandbox. Copy the whole link. Using Two islands." in warning
    assert "k = 99 is out of range (1–8). Using 8." in warning
    assert "the sandbox has at most 4. Ignored." in warning
    assert link(app) == {"view": "sandbox", "sandbox_k": "8"}
    # What a browser sends is checked as a link is; the points stay.
    changed(app, 1, "gAgiAi")
    changed(app, 2, "gAg" * 501)
    (warning,) = [w.value for w in app.warning]
    assert "501 points" in warning
    assert payload(app)["points"] == "gAgiAi"
    message = {"number": 3, "points": "gAg", "proxies": ""}
    forged = [{"number": True}, {"number": 3.5}, {"points": ["gAg"]}, {"points": None}, {"proxies": {}}]
    for value in (None, 7, [], {"number": 3}, *(message | change for change in forged)):
        send(app, "sandbox", value, "changed")
        assert not app.exception
        assert payload(app)["points"] == "gAgiAi"


@pytest.mark.parametrize(
    ("points", "options", "sentence"),
    [
        (EMPTY, {}, ""),
        (EMPTY, {"proxies": "gAg"}, ""),
        ("gAg", {"proxies": EMPTY}, ""),
        # One class, and another one without points before it; k above the number of points.
        (".gAgiAi", {"sandbox_k": "8"}, "2 of 2 points"),
        # Zero vectors stay zero, and the lowest class wins.
        (encode([(0, 0, 0), (0, 0, 0), (50, 0, 0), (0, 0, 1)]), {}, "3 of 4 points"),
        (encode([(0, 0, 1)] * 3), {"sandbox_agg": "nearest"}, "3 of 3 points"),
        # A class with proxies and without points.
        ("gAgiAi", {"proxies": ".gAg"}, "0 of 2 points"),
        (encode([(i % 500 - 250, i // 2 - 100, i % 4) for i in range(MOST_POINTS)]), {}, "of 500 points"),
        (encode([(9, 0, 0)]), {"proxies": encode([(i, 9, i % 4) for i in range(MOST_PROXIES)])}, "of 1 point "),
    ],
)
def test_unusual_points_and_proxies_are_accepted(points, options, sentence):
    app = opened(points=points, **options)
    assert not app.warning
    assert not app.error
    assert sentence in check(app)
    assert bool(sentence) == bool(check(app))
    assert link(app) == {"view": "sandbox", "points": points, **options}


def test_the_lesson_opens_its_points_in_the_sandbox():
    app = opened(view="toy")
    for radio in app.main.radio:
        radio.set_value(1)
    app.run()
    for key in ("toy-predict", "toy-reveal"):
        next(b for b in app.button if b.key == key).click().run()
    app.select_slider(key="toy-k").set_value(3).run()
    app.toggle(key="toy-norm").set_value(False).run()
    next(b for b in app.button if b.key == "lesson-sandbox").click().run()
    assert not app.exception
    assert app.title[0].value == "Sandbox"
    assert link(app) == {"view": "sandbox", "points": "lengths", "sandbox_k": "3", "sandbox_norm": "none"}
    # An example is loaded without moved proxies.
    changed(app, 1, points_text("lengths"), "gAg")
    app.button_group(key="sandbox_example").set_value("rings").run()
    assert link(app)["points"] == "rings"
    assert "proxies" not in link(app)
