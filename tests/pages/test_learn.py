"""The Learn page without a browser: every lesson to its end, with the numbers of the core."""

from __future__ import annotations

import html
import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.collapse.k_curves import elbow
from imprint_core.collapse.merged_tasks import KS, curve_key, merged_tasks
from imprint_core.collapse.precomputed import precomputed_results
from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import confusion
from imprint_core.evaluation.synthetic import NAMES, imprint_data, make_data
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.export.handout import handout
from imprint_core.figures.lessons import PREDICTION
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.recognition.recorded_frames import RECORDED_OBJECTS, classify_frames
from tests.conftest import ROOT
from tests.pages.browser_events import components, send
from tests.pages.test_camera import jpeg
from ui.compute import map_layers, results
from ui.panels.learn import frame
from ui.panels.learn.controls import LESSONS
from ui.panels.learn.teaching import recorded_embeddings
from ui.text.glossary import GLOSSARY, linked, linked_terms, unlinked
from ui.widgets.fm_choice import load_fm

VIT, LITE = "vit_tiny_patch16_224", "tf_efficientnet_lite0"


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


def predicted(view, option=0, **query):
    """The app with a lesson after the prediction."""
    app = opened(None, view=view, **query)
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
    assert "Summary" not in [s.value for s in app.subheader]
    return app


def finished(view, option=0, **query):
    """The app with a lesson whose result is shown."""
    app = predicted(view, option, **query)
    button(app, f"{view}-reveal").click()
    app.run()
    assert not app.exception
    assert [s.value for s in app.subheader] == ["Predict", "Try it", "Result", "Summary"]
    return app


def verdicts(app):
    return [*(s.value for s in app.success), *(i.value for i in app.main.info)]


def drawn_data(app, name):
    """What the page's script gets for a figure."""
    data = [json.loads(e.proto.json) for e in app.get("bidi_component")]
    return next(d for d in data if d.get("name") == name)


def traces_of(app, name):
    return [trace["name"] for trace in json.loads(drawn_data(app, name)["figure"])["data"]]


def marks_of(app, name):
    """The predictions marked in a figure, and those in its text alternative."""
    data = drawn_data(app, name)
    shapes = [s for s in json.loads(data["figure"])["layout"].get("shapes", []) if s.get("name") == PREDICTION]
    return shapes, re.findall(f"{PREDICTION}: ([^;]+)", data["alt"])


def images_of(app):
    """Descriptions of the images on the page."""
    return [
        html.unescape(alt)
        for e in app.get("html")
        for alt in re.findall('<img src="data:[^"]+" alt="([^"]+)"', e.proto.body)
    ]


def curves_of(app, name):
    figure = json.loads(drawn_data(app, name)["figure"])
    return {t["name"]: dict(zip(t["x"], t["y"], strict=True)) for t in figure["data"] if t.get("fill") != "toself"}


def accuracy_of(bundled, fm, data, recipe, n, classes="all"):
    evaluator = Evaluator(choose_classes(open_set(bundled[fm, data]), classes), recipe.space)
    return float(np.median(evaluator.evaluate(recipe.canonical(), n, SEEDS[:5]).accuracy))


def test_lesson_1_has_the_accuracy_of_the_core(bundled):
    app = finished("lesson-1")
    medians = {n: accuracy_of(bundled, LITE, "digits", PRESETS["qi"].recipe, n) for n in (1, 5, 20, 100)}
    assert curves_of(app, "lesson-1-tried") == {"tried values": {1: pytest.approx(medians[1])}}
    curve = curves_of(app, "lesson-1-all")["one mean per class"]
    assert {n: curve[n] for n in medians} == pytest.approx(medians)
    answers = " ".join(verdicts(app))
    assert f"With one image of each digit the accuracy is {medians[1]:.1f} %" in answers
    assert f"from {medians[20]:.1f} % with 20 images to {medians[100]:.1f} % with 100" in answers
    # Tried values are added to the curve.
    app.select_slider(key="lesson-1-n").set_value(20).run()
    assert set(curves_of(app, "lesson-1-tried")["tried values"]) == {1, 20}
    assert app.metric[0].value == f"{medians[20]:.1f} %"


def test_lesson_2_has_the_elbow_of_the_core(bundled):
    app = finished("lesson-2", 0)
    pool = choose_classes(open_set(bundled[LITE, "digits"]), "1+9, 8")
    recipe, ks = Recipe("kmeans", 1), range(1, 9)
    curve = np.median(Evaluator(pool, recipe.space).accuracy_over_k(recipe, ks, 50, SEEDS[:5]), axis=1)
    assert curves_of(app, "lesson-2-all")["k-means"] == pytest.approx(dict(zip(ks, curve, strict=True)))
    assert elbow(ks, curve) == 2
    # What the lesson says: two proxies are much better than one, and further ones hardly improve.
    assert curve[1] - curve[0] > 10
    assert curve[2:].max() - curve[1] < 3
    assert app.success[0].value.startswith("You predicted **at k = 2**: correct.")
    assert f"if they meet at k = 2. Accuracy is {curve[0]:.1f} %" in app.success[0].value


def test_lesson_3_has_the_predictions_of_the_core(bundled):
    app = finished("lesson-3", 2)
    none = Recipe("mean", 1, "none", "none", "none")
    evaluator = Evaluator(choose_classes(open_set(bundled[LITE, "digits"])), none.space)
    counts = np.bincount(evaluator.evaluate(none, 100, SEEDS[:1]).predictions[0], minlength=10)
    longest = int(np.argmax(np.linalg.norm(evaluator.imprint(none, 100, SEEDS[0]).proxies, axis=1)))
    assert f"to class {longest}: {counts[longest]:,} of {len(evaluator.truth):,} test images" in verdicts(app)[0]
    # What the question is about: a proxy that is hardly longer attracts far too many.
    assert 0.3 * len(evaluator.truth) < counts[longest] < 0.5 * len(evaluator.truth)
    assert app.success
    summary = " ".join(m.value for m in app.main.markdown)
    for post in ("none", "l2"):
        accuracy = accuracy_of(bundled, LITE, "digits", Recipe("mean", 1, "none", post, "none"), 100)
        assert f"{accuracy:.1f} %" in summary
        app.segmented_control(key="lesson-3-post").set_value(post).run()
        assert app.metric[0].value == f"{accuracy:.1f} %"


def test_lesson_4_has_the_accuracies_of_the_core(bundled):
    app = finished("lesson-4")
    for n, answer in ((5, 0), (100, 1)):
        few, many = (accuracy_of(bundled, LITE, "digits", Recipe("kmeans", k), n) for k in (1, 5))
        assert (few < many) == answer
        assert f"With n = {n}, the accuracy is {few:.1f} % with k = 1 and {many:.1f} % with k = 5." in " ".join(
            verdicts(app)
        )
    assert (len(app.success), len(app.main.info)) == (1, 1)


def test_lesson_5_has_gains_and_correlations_of_the_core(bundled):
    app = finished("lesson-5", 1)
    first, second = verdicts(app)
    recipe = PRESETS["own"].recipe
    for d in (1, 5):
        tasks = [t for t in merged_tasks(bundled[LITE, "tiny_imagenet_100"], 100, 3) if t.d == d]
        curves = [precomputed_results()[curve_key(task, recipe, None)] for task in tasks]
        gain = float(np.median([c.accuracy[KS.index(5)] - c.accuracy[0] for c in curves]))
        assert f"{d} in 1 {gain:+.1f} points".replace("-", "−") in first
        app.select_slider(key="lesson-5-d").set_value(d).run()
        assert app.metric[0].value == f"{np.median([c.nc1['textbook'] for c in curves]):.2f}"
    # The dataset with the larger NC1 gains less.
    assert second.startswith("You predicted **Digits")
    question = next(m.value for m in app.main.markdown if "datasets without merging:" in m.value)
    larger, smaller = map(float, re.findall(r"has NC1 (\d+\.\d+)", question))
    assert larger > smaller
    table = next(m.value for m in app.main.markdown if "Spearman" in m.value)
    values = [float(row.split("|")[3].replace("−", "-")) for row in table.splitlines()[2:]]
    # Merged classes with enough proxies, with too few, and datasets without merging.
    up_to_five, above, datasets = values[0:4:2], values[1:4:2], values[4]
    assert min(up_to_five) > 0.8
    assert max(above) < 0
    assert datasets < 0.3


def test_lesson_6_compares_the_map_with_confusion_in_the_full_space(bundled):
    app = finished("lesson-6", 2)
    recipe = PRESETS["qi"].recipe
    evaluator = Evaluator(choose_classes(open_set(bundled[LITE, "digits"])), recipe.space)
    percent = confusion(evaluator.truth, evaluator.evaluate(recipe, 100, SEEDS[:5]).predictions, 10)
    answer = app.success[0].value
    first, second, rank = map(int, re.search(r"(\d) and (\d) have rank (\d+) of 45", answer).groups())
    confused = (percent + percent.T) / 2
    assert f"{confused[first, second]:.1f} % of either" in answer
    assert rank == 1 + (confused[np.triu_indices(10, 1)] > confused[first, second]).sum()
    # The highlighted bar is at the pair's rank.
    bars = json.loads(drawn_data(app, "lesson-6-ranks")["figure"])["data"][0]
    assert bars["text"].index(f"{first} and {second}") + 1 == rank
    app.selectbox(key="lesson-6-map").set_value("UMAP, 50 neighbours").run()
    assert not app.exception
    assert f"**{first} and {second}**" not in " ".join(m.value for m in app.main.markdown)


def selected_by_shots(bundled, kinds, n):
    """Evaluator and selection of lesson 8, of the first seed."""
    recipe = PRESETS["auto"].recipe.canonical()
    pool = choose_classes(open_set(bundled[VIT, "tiny_imagenet_100"]), f"{kinds}in1")
    return pool, Evaluator(pool, recipe.space).fit_of(recipe, n, SEEDS[0]).selection


def test_lesson_8_has_the_selection_of_the_core(bundled):
    app = finished("lesson-8", 0)
    recipe = PRESETS["auto"].recipe.canonical()
    for kinds in (1, 5):
        pool, selection = selected_by_shots(bundled, kinds, 20)
        # What the lesson is about: several kinds need several proxies, one kind does not.
        assert (selection.k > 1) == (kinds > 1)
        losses = curves_of(app, f"lesson-8-loss-{kinds}")["log-loss of held-out shots"]
        assert losses == pytest.approx({each.k: selection.tried[0].loss - each.gain for each in selection.tried})
        accuracy = curves_of(app, f"lesson-8-accuracy-{kinds}")["test accuracy"]
        auto = Evaluator(pool, recipe.space).evaluate(recipe, 20, SEEDS[:1]).accuracy[0]
        assert accuracy[selection.k] == pytest.approx(auto)
        assert list(accuracy) == list(losses)
        assert f"Selected: k = {selection.k}" in drawn_data(app, f"lesson-8-accuracy-{kinds}")["alt"]
        assert any(selection.reason in text.replace("\\", "") for text in verdicts(app))
    assert f"{accuracy[selection.k]:.1f} % with the selected k = {selection.k}" in " ".join(verdicts(app))
    assert app.success[0].value.startswith("You predicted **k = 1**: correct.")
    assert "correct is **k = 5**" in app.main.info[0].value


def test_lesson_8_selects_again_for_other_shots_and_kinds(bundled):
    app = predicted("lesson-8", 1)
    # Only the chart of a question has its prediction.
    assert marks_of(app, "lesson-8-tried")[1] == ["k = 2 or 3"]
    app.select_slider(key="lesson-8-n").set_value(5).run()
    assert app.metric[0].value == "k = 1"
    assert "too few shots per class" in " ".join(caption.value for caption in app.caption)
    assert marks_of(app, "lesson-8-tried")[1] == []
    app.select_slider(key="lesson-8-n").set_value(50)
    app.segmented_control(key="lesson-8-kinds").set_value(2).run()
    assert not app.exception
    assert app.metric[0].value == f"k = {selected_by_shots(bundled, 2, 50)[1].k}"


def test_lesson_7_has_the_results_of_the_core_and_two_modes_need_two_proxies():
    app = finished("lesson-7", 1)
    model = load_fm("tf_efficientnet_lite0")
    X = recorded_embeddings("tf_efficientnet_lite0", model.weights_digest)
    np.testing.assert_allclose(X["cat"][:2], model.embed(RECORDED_OBJECTS["cat"].frames()[:2]), atol=1e-4)

    def run(first, second, k, n=5):
        return classify_frames(X, first, [second], Recipe("kmeans", k), n, SEEDS[:5])

    one_shot, both = run(["spoon"], "saucer", 1, 1), ["spoon", "cat"]
    answers = " ".join(verdicts(app))
    assert f"With one shot per class the accuracy is {one_shot.accuracy.text('{:.1f} %')}" in answers
    near, far = ([run(both, other, k) for k in (1, 2)] for other in ("saucer", "rocket"))
    for k, value in enumerate(near, 1):
        assert f"{value.accuracy.text('{:.1f} %')} with k = {k}" in answers
    # What the summary says: two proxies are needed beside a similar class, and not beside a different one.
    assert near[1].accuracy.median - near[0].accuracy.median > 10
    assert near[0].margin.median < 0 < near[1].margin.median
    assert far[0].accuracy.median == far[1].accuracy.median == 100
    assert far[1].margin.median > far[0].margin.median + 0.1
    assert near[0].nc1.median > 10 * far[0].nc1.median
    table = next(m.value for m in app.main.markdown if "margin" in m.value and "|--:|" in m.value)
    assert f"| 5 | spoon and cat | rocket | 2 | 100.0 % | {far[1].margin.median:+.2f} |" in table
    assert "lesson-explore" not in keys(app)


def test_lesson_7_counts_shots_and_keeps_them_between_steps():
    app = finished("lesson-7")
    panel = "lesson-7-live"

    def message(**values):
        data = components(app)[panel][1]
        sent = {"number": data["answer"] + 1, "version": data["version"], "shot": 0}
        send(app, panel, sent | values, event="sent")
        assert not app.exception
        return components(app)[panel][1]

    assert components(app)[panel][1]["task"] == "Next: 1 more shot of Class A."
    recordings = message(action="recordings")["recordings"]
    assert [recorded["name"] for recorded in recordings["objects"]] == ["Spoon", "Saucer", "Cat", "Rocket"]
    frames = {name: recorded.frames() for name, recorded in RECORDED_OBJECTS.items()}
    for c, name in enumerate(("spoon", "saucer")):
        data = message(image=jpeg(frames[name][0]), record=c)
    assert data["task"].startswith("Show both things")
    app.segmented_control(key="lesson-7-step").set_value(2).run()
    assert components(app)[panel][1]["task"] == "Next: 9 more shots of Class A."
    for i in range(1, 6):
        message(image=jpeg(frames["cat"][i]), record=0)
    assert message(image=jpeg(frames["spoon"][3]))["result"]["bars"][0]["name"] == "Class A"
    app.segmented_control(key="lesson-7-k").set_value(2).run()
    assert len(message(version=-1)["shots"]["map"]["proxies"]) == 3
    # The shots are not those of the Camera page; a restart removes them.
    button(app, "lesson-over").click().run()
    assert not app.exception
    assert panel not in components(app)
    assert f"{panel}-state" not in app.session_state


def test_the_example_has_the_accuracies_of_the_core():
    app = opened(None, view="toy")
    assert traces_of(app, "toy") == list(NAMES)
    app = finished("toy", 1)
    assert [(shape["x0"], shape["x1"]) for shape in marks_of(app, "toy-all")[0]] == [(1.75, 2.25)] * 2
    data = make_data()
    answers = " ".join(verdicts(app))
    for norm, normalised in (("L2", True), ("none", False)):
        values = ", ".join(f"{imprint_data(data, k, normalised).accuracy:.1f}" for k in (1, 2, 3, 4))
        assert f"With NORM {norm} and k = 1 to 4 the accuracy is {values} %." in answers
    app.select_slider(key="toy-k").set_value(2).run()
    assert app.metric[0].value == f"{imprint_data(data, 2, True).accuracy:.1f} %"
    # Explore can't show this data.
    assert "lesson-explore" not in keys(app)


def test_a_link_to_the_root_opens_its_lesson_and_leaving_removes_it():
    app = opened(None, view="lesson-3", fm=VIT)
    assert app.title[0].value == "3. Normalisation"
    assert (app.query_params["view"], app.query_params["fm"]) == ("lesson-3", VIT)
    button(app, "whole_app").click()
    app.run()
    assert app.title[0].value == "Explore weight imprinting"
    app.run()
    assert "view" not in app.query_params
    assert app.query_params["fm"] == VIT


def test_an_unknown_lesson_is_reported_and_ignored():
    for page in (None, "learn"):
        app = opened(page, view="lesson-9")
        (warning,) = [w.value for w in app.warning]
        assert "lesson\\-9" in warning
        assert "Using lessons." in warning
        assert "view" not in app.query_params
    assert app.title[0].value == "Learn weight imprinting"


def test_progress_is_kept_when_another_lesson_is_opened():
    app = finished("lesson-4")
    button(app, "step-previous").click()
    app.run()
    assert app.title[0].value == "3. Normalisation"
    button(app, "all_lessons").click()
    app.run()
    assert "view" not in app.query_params
    assert app.get("progress")[0].proto.text == f"1 of {len(LESSONS)} finished"
    button(app, "open-lesson-4").click()
    app.run()
    assert app.query_params["view"] == "lesson-4"
    assert [s.value for s in app.subheader][-1] == "Summary"
    button(app, "lesson-over").click()
    app.run()
    assert [s.value for s in app.subheader] == ["Predict"]


def test_explore_opens_with_the_experiment_of_the_lesson():
    app = finished("lesson-2", fm=VIT, data="mnist")
    assert (app.query_params["fm"], app.query_params["data"]) == (VIT, "mnist")
    button(app, "lesson-explore").click()
    app.run()
    assert app.title[0].value == "Explore weight imprinting"
    # The lesson has the app's default FM and dataset, which are not in links.
    assert not {"fm", "data"} & set(app.query_params)
    assert (app.session_state.fm, app.session_state.data, app.query_params["classes"]) == (LITE, "digits", "1+9, 8")
    assert (app.select_slider(key="k").value, app.select_slider(key="n").value) == (2, 50)


def test_a_missing_set_is_reported(monkeypatch):
    sets, _ = find_sets()
    monkeypatch.setattr(results, "sets", lambda: ({k: v for k, v in sets.items() if k != (LITE, "digits")}, []))
    app = opened(None, view="lesson-3")
    (error,) = [e.value for e in app.error]
    assert "needs the bundled embeddings tf\\_efficientnet\\_lite0\\_\\_digits" in error
    assert "step-next" in keys(app)


@pytest.mark.parametrize("view", [f"lesson-{i}" for i in range(1, 5)])
def test_proxies_are_hidden_until_the_prediction(view):
    app = opened(None, view=view)
    samples = traces_of(app, f"{view}-map")
    assert len({"1 + 9", "8", *map(str, range(10))} & set(samples)) == (2 if view == "lesson-2" else 10)
    # NORM has no effect on shots, which would cover the map.
    assert ("shots" in samples) == (view != "lesson-3")
    assert "proxies" not in samples
    for radio in app.main.radio:
        radio.set_value(0)
    app.run()
    button(app, f"{view}-predict").click()
    app.run()
    assert "proxies" in traces_of(app, f"{view}-map")


def test_proxies_without_norm_are_placed_by_other_lengths_than_those_with_l2(bundled):
    info = bundled[LITE, "digits"]
    none, l2 = (Experiment(info, recipe=Recipe("mean", 1, norm, norm, norm)) for norm in ("none", "l2"))
    # Lessons draw both on the same map.
    lengths, unit = (map_layers._squares(experiment, "l2") for experiment in (none, l2))
    np.testing.assert_allclose(unit, 1, rtol=1e-5)
    assert lengths.min() > 2


def test_the_images_are_those_of_the_shots(bundled):
    evaluator = Evaluator(choose_classes(open_set(bundled[LITE, "digits"])), PRESETS["qi"].recipe.space)
    ids = evaluator.pool.id_train[np.concatenate(evaluator.shots(1, SEEDS[0]))]
    assert images_of(opened(None, view="lesson-1")) == [f"{c}: training image {i}" for c, i in enumerate(ids)]
    # Two proxies separate ones and nines, without knowing which is which.
    app = predicted("lesson-2")
    app.select_slider(key="lesson-2-k").set_value(2).run()
    merged = [text for text in images_of(app) if text.startswith("1 + 9")]
    groups = [[t for t in merged if t.startswith(f"1 + 9 ★{i}:")] for i in (1, 2)]
    assert sum(map(len, groups)) == len(merged)
    data = open_set(bundled[LITE, "digits"])
    digit = dict(zip(data.id_train.tolist(), data.y_train.tolist(), strict=True))
    kinds = [[digit[int(text.split()[-1])] for text in group] for group in groups]
    assert sorted(max(set(kind), key=kind.count) for kind in kinds) == [1, 9]
    assert all(kind.count(max(set(kind), key=kind.count)) / len(kind) > 0.7 for kind in kinds)


def test_a_lesson_without_images_says_so(monkeypatch):
    monkeypatch.setattr(results, "pictures", lambda info: None)
    app = opened(None, view="lesson-1")
    assert images_of(app) == []
    assert "Images of Digits \\(scikit\\-learn\\) are not on this machine." in [c.value for c in app.caption]


def test_predictions_are_marked_in_the_chart_that_they_are_about():
    app = predicted("lesson-1", 1)
    (band,), texts = marks_of(app, "lesson-1-tried")
    assert (band["y0"], band["y1"], texts) == (25, 50, ["25 to 50 % at n = 1"])
    assert band["label"]["text"].startswith(PREDICTION)
    button(app, "lesson-1-reveal").click().run()
    curve = curves_of(app, "lesson-1-all")["one mean per class"]
    (_, gain), texts = marks_of(app, "lesson-1-all")
    assert (gain["y0"], gain["y1"]) == pytest.approx((curve[20] + 5, curve[20] + 15))
    assert gain["x0"] < 100 < gain["x1"]
    assert texts[1] == "5 to 15 points more at n = 100"
    ((band,), texts) = marks_of(predicted("lesson-2", 1), "lesson-2-tried")
    assert (band["x0"], band["x1"], texts) == (2.5, 4.5, ["bend at k = 3 or 4"])


def test_the_handout_has_the_lesson_but_no_result(monkeypatch):
    contents = {}
    monkeypatch.setattr(frame, "handout_button", contents.__setitem__)
    app = finished("lesson-1")
    content = contents["lesson-1"]()
    text = handout(content, "http://class.example/learn?view=lesson-1", "<svg/>")
    assert content.title == app.title[0].value
    assert [len(options) for _, options in content.questions] == [4, 3]
    assert {"FM", "proxy", "n, n-shot"} <= {term for term, _ in content.terms}
    assert not re.search(r"\[\[|\\|\*", text.partition("<body>")[2])
    assert len(content.drawings.pictures) == 10
    # The accuracy with one shot.
    result = re.search(r"accuracy is (\d+\.\d) %", " ".join(verdicts(app)))[1]
    assert result not in text


def test_terms_that_lessons_link_to_are_in_the_glossary():
    files = (ROOT / "ui" / "panels" / "learn").glob("*.py")
    words = {
        key for file in files for key in re.findall(r"\[\[(?:[^\]|]+\|)?([^\]]+)\]\]", file.read_text(encoding="utf-8"))
    }
    assert {word.casefold() for word in words} <= set(GLOSSARY)
    assert {"fm", "proxy", "shot", "n", "k", "norm", "nc1"} <= {word.casefold() for word in words}
    assert linked("[[means|proxy]]") == f'[means](#term-proxy "{GLOSSARY["proxy"].text}")'
    text = r"*[[means|proxy]]* of [[k]] \[x\] and [[proxy]]"
    assert unlinked(text) == "means of k [x] and proxy"
    assert linked_terms(text) == [GLOSSARY["proxy"], GLOSSARY["k"]]
    with pytest.raises(KeyError):
        linked("[[wings]]")
    assert not [entry for entry in GLOSSARY.values() if '"' in entry.text]
