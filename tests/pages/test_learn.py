"""The Learn page without a browser: every lesson to its end, and every figure against the core."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.collapse.k_curves import elbow
from imprint_core.collapse.merged_tasks import KS, curve_key, merged_tasks
from imprint_core.collapse.precomputed import kept
from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.metrics import confusion
from imprint_core.evaluation.synthetic import make_toy, run_toy
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from tests.conftest import ROOT
from ui.compute import results
from ui.panels.learn.controls import LESSONS
from ui.text.glossary import GLOSSARY, linked

VIT, SQUEEZE = "vit_tiny_patch16_224", "squeezenet1_1"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))


def opened(page="learn", **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    for name, value in query.items():
        app.query_params[name] = value
    if page:
        app.session_state["goto"] = page
    app.run()
    assert not app.exception
    return app


def button(app, key):
    return next(b for b in app.button if b.key == key)


def keys(app):
    return {b.key for b in app.button}


def finished(view, option=0):
    """A lesson predicted and revealed."""
    app = opened(None, view=view)
    assert not app.error
    radios = app.main.radio
    assert radios
    assert button(app, f"{view}-predict").disabled
    for radio in radios:
        radio.set_value(option)
    app.run()
    button(app, f"{view}-predict").click()
    app.run()
    assert not app.exception
    assert not app.main.radio
    assert "To take away" not in [s.value for s in app.subheader]
    button(app, f"{view}-reveal").click()
    app.run()
    assert not app.exception
    assert [s.value for s in app.subheader] == ["Predict", "Try it", "What is so", "To take away"]
    return app


def verdicts(app):
    return [*(s.value for s in app.success), *(i.value for i in app.main.info)]


def lines(app, name):
    data = [json.loads(e.proto.json) for e in app.get("bidi_component")]
    figure = json.loads(next(d["figure"] for d in data if d.get("name") == name))
    return {t["name"]: dict(zip(t["x"], t["y"], strict=True)) for t in figure["data"] if t.get("fill") != "toself"}


def reached(bundled, fm, data, recipe, n, classes="all"):
    evaluator = Evaluator(choose_classes(open_set(bundled[fm, data]), classes), recipe.space)
    return float(np.median(evaluator.evaluate(recipe.canonical(), n, SEEDS[:5]).accuracy))


def test_one_mean_says_what_the_core_says(bundled):
    app = finished("lesson-1")
    one = {n: reached(bundled, SQUEEZE, "mnist", PRESETS["qi"].recipe, n) for n in (1, 5, 20, 100)}
    assert lines(app, "lesson-1-tried") == {"what you tried": {5: pytest.approx(one[5])}}
    drawn = lines(app, "lesson-1-all")["one mean a class"]
    assert {n: drawn[n] for n in one} == pytest.approx(one)
    said = " ".join(verdicts(app))
    assert f"With one image of each digit the accuracy is {one[1]:.1f} %" in said
    assert f"from {one[20]:.1f} % with 20 to {one[100]:.1f} % with 100" in said
    # What is tried joins the curve.
    app.select_slider(key="lesson-1-n").set_value(20).run()
    assert set(lines(app, "lesson-1-tried")["what you tried"]) == {5, 20}
    assert app.metric[0].value == f"{one[20]:.1f} %"


def test_modes_bend_where_the_core_says(bundled):
    app = finished("lesson-2", 1)
    pool = choose_classes(open_set(bundled[VIT, "tiny_imagenet_100"]), "5in1")
    recipe = Recipe("kmeans", 1)
    curve = np.median(Evaluator(pool, recipe.space).accuracy_over_k(recipe, KS, 100, SEEDS[:5]), axis=1)
    assert lines(app, "lesson-2-all")["k-means"] == pytest.approx(dict(zip(KS, curve, strict=True)))
    bend = elbow(KS, curve)
    assert 4 <= bend <= 6
    assert app.success[0].value.startswith("You predicted **at k = 4 to 6**, and so it is.")
    assert f"if they meet at k = {bend}. Accuracy goes from {curve[0]:.1f} %" in app.success[0].value


def test_the_longest_proxy_wins_what_the_core_says(bundled):
    app = finished("lesson-3", 3)
    none = Recipe("mean", 1, "none", "none", "none")
    evaluator = Evaluator(choose_classes(open_set(bundled["resnet50", "mnist"])), none.space)
    won = np.bincount(evaluator.evaluate(none, 100, SEEDS[:1]).predictions[0], minlength=10)
    longest = int(np.argmax(np.linalg.norm(evaluator.imprint(none, 100, SEEDS[0]).proxies, axis=1)))
    assert f"that of {longest}, wins {won[longest]:,} of {len(evaluator.truth):,} test images" in verdicts(app)[0]
    takeaway = " ".join(m.value for m in app.main.markdown)
    for post in ("none", "l2"):
        accuracy = reached(bundled, "resnet50", "mnist", Recipe("mean", 1, "none", post, "none"), 100)
        assert f"{accuracy:.1f} %" in takeaway
        app.segmented_control(key="lesson-3-post").set_value(post).run()
        assert app.metric[0].value == f"{accuracy:.1f} %"


def test_few_shots_say_who_is_ahead(bundled):
    app = finished("lesson-4")
    for n, who in ((20, 0), (200, 1)):
        one, many = (reached(bundled, VIT, "mnist", Recipe("kmeans", k), n) for k in (1, 20))
        assert (one < many) == who
        assert f"With n = {n}, k = 1 reaches {one:.1f} % and k = 20 {many:.1f} %." in " ".join(verdicts(app))
    assert (len(app.success), len(app.main.info)) == (1, 1)


def test_collapse_is_told_of_merged_classes_and_honestly_of_datasets(bundled):
    app = finished("lesson-5", 1)
    first, second = verdicts(app)
    recipe = PRESETS["own"].recipe
    for d in (1, 5):
        tasks = [t for t in merged_tasks(bundled[VIT, "tiny_imagenet_100"], 100, 3) if t.d == d]
        curves = [kept()[curve_key(task, recipe, None)] for task in tasks]
        gain = float(np.median([c.accuracy[KS.index(5)] - c.accuracy[0] for c in curves]))
        assert f"{d} in 1 {gain:+.1f} points".replace("-", "−") in first
        app.select_slider(key="lesson-5-d").set_value(d).run()
        assert app.metric[0].value == f"{np.median([c.nc1['textbook'] for c in curves]):.2f}"
    # The dataset with the larger NC1 gains less.
    assert second.startswith("You predicted **Digits")
    asked = next(m.value for m in app.main.markdown if "datasets as they are:" in m.value)
    larger, smaller = map(float, re.findall(r"has NC1 (\d+\.\d+)", asked))
    assert larger > smaller
    table = next(m.value for m in app.main.markdown if "Spearman" in m.value)
    values = [float(row.split("|")[3].replace("−", "-")) for row in table.splitlines()[2:]]
    # What is said of merged classes with enough proxies, with too few, and of datasets as they are.
    up_to_five, above, datasets = values[0:4:2], values[1:4:2], values[4]
    assert min(up_to_five) > 0.8
    assert max(above) < 0
    assert datasets < 0.3


def test_the_map_is_held_against_the_full_space(bundled):
    app = finished("lesson-6", 2)
    recipe = PRESETS["qi"].recipe
    evaluator = Evaluator(choose_classes(open_set(bundled[SQUEEZE, "digits"])), recipe.space)
    percent = confusion(evaluator.truth, evaluator.evaluate(recipe, 100, SEEDS[:5]).predictions, 10)
    said = app.success[0].value
    one, other, at = map(int, re.search(r"(\d) and (\d) are at place (\d+) of 45", said).groups())
    both = (percent + percent.T) / 2
    assert f"{both[one, other]:.1f} % of either" in said
    assert at == 1 + (both[np.triu_indices(10, 1)] > both[one, other]).sum()
    app.selectbox(key="lesson-6-map").set_value("UMAP, 50 neighbours").run()
    assert not app.exception
    assert f"**{one} and {other}**" not in " ".join(m.value for m in app.main.markdown)


def test_the_toy_is_the_classifiers():
    app = finished("toy", 1)
    toy = make_toy()
    told = " ".join(verdicts(app))
    for norm, normalised in (("L2", True), ("none", False)):
        values = ", ".join(f"{run_toy(toy, k, normalised).accuracy:.1f}" for k in (1, 2, 3, 4))
        assert f"With NORM {norm} and k = 1 to 4 it is {values} %." in told
    app.select_slider(key="toy-k").set_value(2).run()
    assert app.metric[0].value == f"{run_toy(toy, 2, True).accuracy:.1f} %"
    # It is nothing that Explore could be set to.
    assert "lesson-explore" not in keys(app)


def test_a_link_on_the_root_opens_its_lesson_and_the_way_out_clears_it():
    app = opened(None, view="lesson-3", fm=VIT)
    assert app.title[0].value == "3. What normalising does"
    assert (app.query_params["view"], app.query_params["fm"]) == ("lesson-3", VIT)
    button(app, "whole_app").click()
    app.run()
    assert app.title[0].value == "Explore weight imprinting"
    app.run()
    assert "view" not in app.query_params
    assert app.query_params["fm"] == VIT


def test_a_view_that_there_is_not_is_named_and_ignored():
    for page in (None, "learn"):
        app = opened(page, view="lesson-9")
        (warning,) = [w.value for w in app.warning]
        assert "lesson\\-9" in warning
        assert "Using lessons." in warning
        assert "view" not in app.query_params
    assert app.title[0].value == "Learn weight imprinting"


def test_lessons_go_on_and_keep_how_far_a_person_is():
    app = finished("lesson-4")
    button(app, "step-previous").click()
    app.run()
    assert app.title[0].value == "3. What normalising does"
    button(app, "all_lessons").click()
    app.run()
    assert "view" not in app.query_params
    assert app.get("progress")[0].proto.text == f"1 of {len(LESSONS)} finished"
    button(app, "open-lesson-4").click()
    app.run()
    assert app.query_params["view"] == "lesson-4"
    assert [s.value for s in app.subheader][-1] == "To take away"
    button(app, "lesson-over").click()
    app.run()
    assert [s.value for s in app.subheader] == ["Predict"]


def test_explore_gets_the_lessons_task_and_nothing_else_of_the_sidebar_changes():
    app = finished("lesson-2")
    assert app.selectbox(key="data").value == "mnist"
    button(app, "lesson-explore").click()
    app.run()
    assert app.title[0].value == "Explore weight imprinting"
    chosen = {key: app.query_params[key] for key in ("fm", "data", "classes")}
    assert chosen == {"fm": VIT, "data": "tiny_imagenet_100", "classes": "5in1"}
    assert (app.select_slider(key="k").value, app.select_slider(key="n").value) == (5, 100)


def test_a_missing_set_is_one_sentence(monkeypatch):
    found, _ = find_sets()
    monkeypatch.setattr(results, "sets", lambda: ({k: v for k, v in found.items() if k[0] != "resnet50"}, []))
    app = opened(None, view="lesson-3")
    (error,) = [e.value for e in app.error]
    assert "needs the embeddings resnet50\\_\\_mnist" in error
    assert "step-next" in keys(app)


def test_every_word_that_lessons_link_to_is_in_the_glossary():
    files = (ROOT / "ui" / "panels" / "learn").glob("*.py")
    words = {
        key for file in files for key in re.findall(r"\[\[(?:[^\]|]+\|)?([^\]]+)\]\]", file.read_text(encoding="utf-8"))
    }
    assert {word.casefold() for word in words} <= set(GLOSSARY)
    assert {"fm", "proxy", "shot", "n", "k", "norm", "nc1"} <= {word.casefold() for word in words}
    assert linked("[[means|proxy]]") == f'[means](#term-proxy "{GLOSSARY["proxy"].text}")'
    with pytest.raises(KeyError):
        linked("[[wings]]")
    assert not [entry for entry in GLOSSARY.values() if '"' in entry.text]
