"""The presenter view: the sequence of twenty minutes, and other sequences from files."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from app import PAGES
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe
from tests.conftest import ROOT
from tests.pages.reading import page_text
from ui.compute.experiment_results import ExperimentResults
from ui.server.shared_cache import clear_shared_caches
from ui.share.presentation import MOST_STEPS, Step, default_steps, read_steps, store, written


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_the_sequence_opens_every_step_without_corrections():
    app = opened(view="present")
    steps = default_steps()
    assert sum(step.minutes for step in steps) == 20
    accuracies = {}
    for number, step in enumerate(steps, 1):
        assert not app.exception
        assert not app.warning
        assert f"Step {number} of {len(steps)}" in page_text(app)
        assert app.query_params["present"] == str(number)
        for key, value in step.query.items():
            assert app.query_params.get(key, value) == value
        accuracies[number] = next((m.value for m in app.metric if m.label == "Accuracy"), "")
        if number < len(steps):
            app.button(key="present-next").click().run()
    assert app.button(key="present-next").disabled
    values = [float(accuracies[number].split()[0]) for number in (1, 2, 3, 4)]
    assert values[1] > values[0] + 10
    # Two proxies describe a class of two kinds.
    assert values[3] > values[2] + 10
    app.button(key="present-back").click().run()
    assert app.query_params["present"] == str(len(steps) - 1)
    app.button(key="present-end").click().run()
    assert "present" not in app.query_params
    assert "Step " not in page_text(app)
    # It was started by a link.
    assert app.query_params == {}


def test_the_note_on_a_class_of_two_kinds_is_true(bundled):
    step = default_steps()[2]
    assert step.query == {"classes": "4+8, 7", "n": "20", "k": "1"}
    assert "many fours are more similar to the proxy of the sevens" in step.note
    experiment = Experiment(bundled["tf_efficientnet_lite0", "digits"], "4+8, 7", 20, Recipe("kmeans", 1), SEEDS[:5])
    results = ExperimentResults(experiment)
    wrong = results.evaluation.predictions != results.evaluator.truth
    digits = results.evaluator.pool.origin_test
    fours, eights = (wrong[:, digits == digit].mean(axis=1) for digit in (4, 8))
    assert (fours > 0.25).all()
    assert (eights < 0.1).all()


def test_end_returns_to_where_the_presentation_was_started():
    app = opened(n="10", data="mnist")
    start = dict(app.query_params)
    app.button(key="present-start").click().run()
    app.button(key="present-3").click().run()
    app.button(key="present-7").click().run()
    assert app.session_state.page_path == "collapse"
    app.button(key="present-end").click().run()
    assert not app.exception
    assert app.session_state.page_path == "explore"
    assert app.query_params == start
    assert not app.session_state.advanced


def test_a_link_opens_its_step_and_a_wrong_step_is_corrected():
    app = opened(present="2", n="5", k="1")
    assert f"Step 2 of {len(default_steps())}" in page_text(app)
    assert app.button(key="present-1")
    app = opened(present="99")
    assert len(app.warning) == 1
    assert not app.exception


def test_a_sequence_is_downloaded_edited_and_loaded_again():
    assert read_steps(written(default_steps()), PAGES) == default_steps()
    steps = [{"title": "<b>Own</b>", "link": "http://localhost:8501/map?k=3&data=mnist"}]
    (step,) = read_steps(json.dumps({"steps": steps}).encode(), PAGES)
    assert step == Step("<b>Own</b>", "", 0, steps[0]["link"])
    assert (step.page, step.query) == ("map", {"k": "3", "data": "mnist"})
    digest = store((step,))
    app = opened(present=f"1.{digest}")
    app.button(key="present-1").click().run()
    assert not app.exception
    assert "Step 1 of 1" in page_text(app)
    assert app.query_params["data"] == "mnist"
    assert "Proxies among embeddings" in [title.value for title in app.title]


def test_a_reload_keeps_a_loaded_sequence_until_the_server_is_restarted():
    first, second = (Step(f"Own {n}", "A note.", 0, f"explore?n={n}&k=1") for n in (1, 2))
    digest = store((first, second))
    app = opened(present=f"1.{digest}")
    app.button(key="present-next").click().run()
    link = app.query_params
    assert link["present"] == f"2.{digest}"
    # Another session, as after a reload.
    app = opened(**link)
    assert not app.warning
    assert "Step 2 of 2" in page_text(app)
    assert "Own 2" in [title.value for title in app.title]
    clear_shared_caches()
    app = opened(**link)
    assert not app.exception
    assert [warning.value for warning in app.warning] == [
        "The sequence of this presentation is no longer on the server: load its file again."
    ]
    assert "Step 2" not in page_text(app)
    assert app.get("file_uploader")
    app.button(key="present-end").click().run()
    assert not app.warning
    assert "present" not in app.query_params


@pytest.mark.parametrize("step", ["-1", "1.5", "x", "1.ABCDEF0123456789", "1.<b>", "9999", "٣"])
def test_other_texts_in_a_link_are_no_step(step):
    app = opened(present=step)
    assert not app.exception
    assert len(app.warning) == 1
    assert "present" not in app.query_params


@pytest.mark.parametrize(
    "link",
    [
        "http://localhost:8711/?n=5&k=1",
        "https://class.example.org/imprint/?n=5&k=1&present=2",
        "http://localhost:8711/explore?n=5&k=1&present=2.0123456789abcdef",
        "?n=5&k=1",
        "http://localhost:8711/",
        "http://localhost:8711",
    ],
)
def test_links_from_the_address_bar_of_explore_open_it(link):
    (step,) = read_steps(of_steps({"link": link}), PAGES)
    assert step.page == next(iter(PAGES))
    assert step.query in ({"n": "5", "k": "1"}, {})


def of_steps(*steps):
    return json.dumps({"steps": steps}).encode()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff", "not a sequence"),
        (b"[]", "not a sequence"),
        (b'{"steps": [\n {"link": "map"},\n]}', "Line [23] of the file is not valid JSON"),
        (written(default_steps())[:300], r"Line \d+ of the file is not valid JSON"),
        (b"[" * 10**5, "at most 65,536"),
        (b"[" * 10**4, "not a sequence"),
        (of_steps(), f"1 to {MOST_STEPS} steps"),
        (of_steps(*[{"link": "map"}] * (MOST_STEPS + 1)), f"1 to {MOST_STEPS} steps"),
        (of_steps("map"), "Step 1 has no title"),
        (of_steps({"link": "map"}, {"link": "nowhere?k=3"}), "The link of step 2 opens no page"),
        (of_steps({"title": "No link"}), "The link of step 1 opens no page"),
        (of_steps({"link": "http://[", "title": ""}), "The link of step 1 opens no page"),
        (of_steps({"link": "map", "title": 7}), "The title of step 1 is not a text"),
        (of_steps({"link": "map", "minutes": True}), "The minutes of step 1"),
        (of_steps({"link": "map", "minutes": -1}), "The minutes of step 1"),
    ],
)
def test_other_files_are_refused_in_one_sentence(data, sentence):
    with pytest.raises(ImprintError, match=sentence):
        read_steps(data, PAGES)
