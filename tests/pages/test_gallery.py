"""Galleries: the data sent to a browser, and the validation of its answers."""

import json

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from tests.pages.browser_events import components, decoded, send
from ui.widgets.gallery import data_uri


def script():
    import streamlit as st
    from PIL import Image

    from ui.widgets.gallery import Frame, Tile, gallery

    state = st.session_state

    def take(code):
        state.taken = [*state.get("taken", []), code]

    st.write(f"taken before the script ran: {state.get('taken', [])}")
    hostile = "<b onclick='x'>$x$ **7** `\u202e" + "long " * 100
    picture = Image.new("L", (8, 8), 90)
    tiles = [Tile(code, picture, str(code), "", "#3f90da", False, f"test sample {code}") for code in (0, 7, 123)]
    gallery("plain", tiles, label="Some samples", chosen=7, on_click=take)
    frames = (None, Frame("1", "0.031", "#ffa90e"))
    bare = [
        Tile(code, None, hostile, "→ 1 · 0.031", "#bd1f01", True, hostile, frame)
        for code, frame in zip((7, 8), frames, strict=True)
    ]
    gallery("bare", bare, label="Others", on_click=lambda code: take(-code))


@pytest.fixture
def app():
    return AppTest.from_function(script).run()


def test_tiles_are_sent_to_the_browser(app):
    assert not app.exception
    _, shown = components(app)["plain"]
    assert (shown["kind"], shown["label"], shown["chosen"]) == ("gallery", "Some samples", 7)
    assert [tile["code"] for tile in shown["tiles"]] == [0, 7, 123]
    assert all(tile["pixelated"] and decoded(tile["image"]).size == (8, 8) for tile in shown["tiles"])
    bare = components(app)["bare"][1]["tiles"]
    assert [tile["image"] for tile in bare] == [None, None]
    assert [tile["frame"] for tile in bare] == [
        None,
        {"title": "1", "value": "0.031", "color": "#ffa90e", "ink": "#000000"},
    ]


def test_markup_in_titles_is_sent_as_data_only(app):
    assert components(app)["bare"][1]["tiles"][0]["title"].startswith("<b onclick='x'>$x$ **7** `\u202e")
    assert not any("onclick" in m.value for m in app.markdown)


def test_click_is_reported_before_the_script_runs(app):
    assert app.markdown[0].value.endswith("[]")
    send(app, "plain", {"code": 123})
    assert app.markdown[0].value.endswith("[123]")
    send(app, "plain", {"code": 123})
    assert app.session_state.taken == [123, 123]
    app.run()
    assert app.session_state.taken == [123, 123]


def test_galleries_report_to_separate_callbacks(app):
    send(app, "plain", {"code": 7})
    send(app, "bare", {"code": 7})
    assert app.session_state.taken == [7, -7]


@pytest.mark.parametrize(
    "value",
    [{"code": c} for c in (8, -1, "7", 7.0, True, False, None, [7], {"code": 7}, 10**400)] + [{}, [], 7, "7", None],
    ids=lambda v: str(v)[:20],
)
def test_values_other_than_codes_of_tiles_are_ignored(app, value):
    send(app, "plain", value)
    assert not app.exception
    assert "taken" not in app.session_state


def test_other_events_are_ignored(app):
    send(app, "plain", {"code": 7}, event="other")
    assert not app.exception
    assert "taken" not in app.session_state


def test_a_lasting_value_is_validated_like_a_click(app):
    """A browser may also send `clicked` as a lasting value, which Streamlit puts before a click's."""
    for code, taken in ((8, []), (7, [7])):
        states = app._tree.get_widget_states()
        states.widgets.append(
            WidgetState(id=components(app)["plain"][0], json_value=json.dumps({"clicked": {"code": code}}))
        )
        app._run(states)
        assert not app.exception
        assert (app.session_state.taken if taken else []) == taken


@pytest.mark.parametrize("size", [(500, 300), (65, 1), (3, 900)])
def test_large_images_are_reduced(size):
    small = decoded(data_uri(Image.new("RGBA", size, (200, 30, 30, 255))))
    assert max(small.size) == 56
    assert small.mode == "RGB"


def test_two_dozen_tiles_have_few_bytes():
    """A photograph has less detail than this: smooth, with grain."""
    rng = np.random.default_rng(0)
    total = 0
    for _ in range(24):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((64, 64), 3)
        grain = np.asarray(coarse, dtype=float) + rng.normal(0, 6, (64, 64, 3))
        total += len(data_uri(Image.fromarray(grain.clip(0, 255).astype(np.uint8))))
    assert total < 60_000
