"""Adding a class to the task, without a browser; a browser test opens the dialog."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.embeddings import find_sets
from tests.conftest import ROOT
from tests.pages.test_library import button, home, page_text  # noqa: F401
from tests.pages.test_own_data import adding, on_tab, own_data

VIT = "vit_tiny_patch16_224"


def explore(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def with_class(app, number, data="fashion_mnist"):
    """Add a class of another dataset, which needs no weights."""
    on_tab(app, "Add a class")
    app.session_state["add_source_dialog"] = "set"
    adding(app).run()
    adding(app)
    app.selectbox(key="add_data_dialog").set_value(data).run()
    adding(app)
    app.selectbox(key=f"add_class_dialog_{data}").set_value(number).run()
    adding(app)
    button(app, "Imprint class").click().run()
    assert not app.exception
    return app


def test_an_added_class_joins_the_task_and_is_removed(home):  # noqa: F811
    app = with_class(own_data(fm=VIT, data="mnist", n="20"), 8)
    assert "20 shots gave 5 proxies in" in page_text(app)
    ((_, data),) = find_sets(home)[0]
    assert app.query_params["data"] == data
    # A link to it, as after a reload.
    explored = explore(fm=VIT, data=data, n="20")
    assert "**bag**: 20 shots gave 5 proxies in" in page_text(explored)
    assert {s.label: s.value for s in explored.selectbox}["Dataset"] == data
    with_class(app, 5)
    # A set with both replaces the other.
    (info,) = find_sets(home)[0].values()
    assert info.class_names[10:] == ("bag", "sandal")
    for name in ("bag", "sandal"):
        app.button(key=f"remove_{name}").click().run()
        assert not app.exception
    assert "No classes added" in page_text(app)
    assert not find_sets(home)[0]
    assert app.query_params["data"] == "mnist"


@pytest.mark.parametrize(("classes", "expected"), [("0-2", "0-2, 10"), ("short", "0, 1, 2, 10"), ("5in1", ", 10")])
def test_the_selected_classes_are_extended(home, classes, expected):  # noqa: F811
    app = with_class(own_data(fm=VIT, data="digits", n="20", classes=classes), 8)
    assert app.query_params["classes"].endswith(expected)
    assert not app.warning


def test_a_class_of_the_same_name_gets_its_datasets_name(home):  # noqa: F811
    app = with_class(own_data(fm=VIT, data="mnist", n="20"), 0, "digits")
    (info,) = find_sets(home)[0].values()
    assert info.class_names[10] == "0 (Digits (scikit-learn))"
    app.button(key=f"remove_{info.class_names[10]}").click().run()
    assert not find_sets(home)[0]


def test_an_added_class_stands_beside_the_fms_own(home):  # noqa: F811
    app = with_class(own_data(fm="tf_efficientnet_lite0", data="digits", n="5"), 8)
    assert "With the FM's own 1,000 classes" not in page_text(app)
    app.toggle(key="own_classes_added").set_value(True).run()
    assert not app.exception
    text = page_text(app)
    beside = re.search(r"With the FM's own 1,000 classes: (\d+) of (\d+) test samples correct", text)
    assert 0.5 * int(beside[2]) < int(beside[1]) <= int(beside[2])
    without, with_it = map(float, re.search(r"own classes: ([\d.]+) % without bag, ([\d.]+) % with it", text).groups())
    assert 15 < with_it <= without < 40
