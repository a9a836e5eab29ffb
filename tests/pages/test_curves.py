"""The Curves page without a browser: every number against the core."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.collapse.measures import nc1
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.fm_classes import beside_curve_point
from imprint_core.evaluation.metrics import macro_f1
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.models import ridge_of
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import parse_recipe, recipe_label
from imprint_core.sweeps import paper_results
from imprint_core.sweeps.run_measures import MEASURES
from tests.conftest import ROOT
from tests.pages.reading import pictures
from ui.charts import progressive
from ui.compute import fm_classes, results, sweeps
from ui.compute.progressive import point_cache
from ui.text.markdown import plain

VIT = "vit_tiny_patch16_224"
QUICK = {"fm": VIT, "data": "digits", "n": "20", "seeds": "1", "curve_fms": VIT}
LEAST_SQUARES = {"gen": "ls", "norm_pre": "none", "norm_post": "none", "norm_inf": "none", "lam": "0.02"}
DIGITS = f"curves-{VIT}-digits"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    # Figures are complete after one run: AppTest has no browser that requests the next slice.
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    point_cache().clear()


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = "curves"
    app.run()
    assert not app.exception
    assert not app.error
    return app


def figure(app, name=DIGITS):
    return json.loads(pictures(app)[name]["figure"])


def lines(app, name=DIGITS):
    """The x and y of each line of a chart."""
    traces = [t for t in figure(app, name)["data"] if t.get("fill") != "toself"]
    return {t["name"]: dict(zip(t["x"], t["y"], strict=True)) for t in traces}


def page_text(app):
    return " ".join([c.value for c in app.caption] + [i.value for i in app.info])


def reached(bundled, recipe, n=20, measure="accuracy", data="digits", classes="all", fm=VIT, seeds=SEEDS[:1]):
    pool = choose_classes(open_set(bundled[fm, data]), classes)
    evaluator = Evaluator(pool, recipe.canonical().space)
    evaluation = evaluator.evaluate(recipe.canonical(), n, seeds)
    if measure == "accuracy":
        return float(np.median(evaluation.accuracy))
    if measure == "macro_f1":
        return float(np.median([macro_f1(evaluator.truth, p, len(evaluator.classes)) for p in evaluation.predictions]))
    x = NORMALIZATIONS[recipe.norm_pre].function(pool.X_train)
    rows = [np.concatenate(evaluator.shots(n, seed)) for seed in seeds]
    return float(np.median([nc1(x[shots], pool.y_train[shots]) for shots in rows]))


def test_the_first_picture_has_every_fm_that_has_the_dataset():
    app = opened(data="mnist")
    fms = ("tf_efficientnet_lite0", "resnet50", "squeezenet1_1", VIT)
    assert list(pictures(app)) == [f"curves-{fm}-mnist" for fm in fms]
    alt = pictures(app)["curves-squeezenet1_1-mnist"]["alt"]
    assert alt.startswith("Accuracy over k, SqueezeNet 1.1 · MNIST: current: k-means: best ")
    assert "Whitened mean: " in alt
    ranges = [json.loads(p["figure"])["layout"]["yaxis"]["range"] for p in pictures(app).values()]
    assert ranges[1:] == ranges[:-1]
    # The same look in every panel, and the current selection in the sidebar's own only.
    looks = [
        [(t["name"], t["line"]["dash"]) for t in figure(app, name)["data"] if "dash" in t.get("line", {})]
        for name in pictures(app)
    ]
    assert looks[1:] == looks[:-1]
    assert ["k = 5" in lines(app, name) for name in pictures(app)] == [True, False, False, False]


@pytest.mark.parametrize("measure", ["accuracy", "macro_f1"])
def test_over_k_points_of_the_table_and_computed_ones_are_the_cores(bundled, measure):
    app = opened(**QUICK, measure=measure, k="7", curve_recipes="qi,own gen=kmedoids")
    series = lines(app)
    assert list(series) == ["current: k-means", "One mean (Qi)", "k-medoids", "k = 7"]
    assert list(series["current: k-means"]) == [1, 2, 3, 5, 7, 10, 20]
    # 5 is in the table, 7 and 3 of k-medoids are not.
    for k in (5, 7):
        assert series["current: k-means"][k] == pytest.approx(reached(bundled, Recipe("kmeans", k), measure=measure))
    assert series["k-medoids"][3] == pytest.approx(reached(bundled, Recipe("kmedoids", 3), measure=measure))
    assert set(series["k-medoids"]) == {1, 2, 3, 5, 10, 20}
    flat = reached(bundled, PRESETS["qi"].recipe, measure=measure)
    assert series["One mean (Qi)"] == pytest.approx({1: flat, 20: flat})
    assert series["k = 7"] == {7: series["current: k-means"][7]}
    assert MEASURES[measure].label in figure(app)["layout"]["yaxis"]["title"]["text"]


def test_over_shots_is_the_cores(bundled):
    app = opened(**(QUICK | {"seeds": "3", "n": "25"}), over="n", curve_recipes="janson,whitened")
    series = lines(app)
    assert list(series["Nearest mean (Janson)"]) == [1, 2, 3, 5, 10, 20, 25, 50, 100, 122]
    five = Recipe("kmeans", 5)
    for n in (20, 25):
        assert series["current: k-means, k = 5"][n] == pytest.approx(reached(bundled, five, n, seeds=SEEDS[:3]))
    whitened = reached(bundled, PRESETS["whitened"].recipe, 10, seeds=SEEDS[:3])
    assert series["Whitened mean"][10] == pytest.approx(whitened)
    assert series["n = 25"] == {25: series["current: k-means, k = 5"][25]}


def test_over_lambda_each_point_has_its_own_and_elsewhere_the_fms(bundled):
    oracle = PRESETS["oracle"].recipe
    app = opened(**QUICK, **LEAST_SQUARES, over="lam", curve_recipes="qi")
    series = lines(app)
    now = series["current: Least squares (oracle)"]
    assert len(now) == 9
    for lam in (1e-3, 0.02, 10.0):
        assert now[lam] == pytest.approx(reached(bundled, replace(oracle, lam=lam)))
    assert series["λ = 0.02"] == {0.02: now[0.02]}
    assert set(series["One mean (Qi)"]) == {1e-6, 10}
    # Over k: the sidebar's own λ, one that is written, and the FM's.
    app = opened(**QUICK, **LEAST_SQUARES, curve_recipes="oracle,oracle lam=1e-6")
    series = lines(app)
    for name, lam in (
        ("current: Least squares (oracle), λ = 0.02", 0.02),
        ("Least squares (oracle)", ridge_of(VIT)),
        ("Least squares (oracle), λ = 1e-06", 1e-6),
    ):
        assert series[name][1] == pytest.approx(reached(bundled, replace(oracle, lam=lam))), name


def test_nc1_is_drawn_over_shots_one_line_for_each_norm(bundled):
    app = opened(**QUICK, measure="nc1", curve_recipes="qi,janson,hosoda")
    assert "over" not in [c.key for c in app.segmented_control]
    series = lines(app)
    assert list(series) == ["after NORM pre L2", "after NORM pre none", "n = 20"]
    assert list(series["after NORM pre L2"]) == [2, 3, 5, 10, 20, 50, 100, 122]
    for n in (20, 50):
        l2, none = Recipe("mean"), Recipe("mean", norm_pre="none")
        assert series["after NORM pre L2"][n] == pytest.approx(reached(bundled, l2, n, "nc1"), rel=1e-5)
        assert series["after NORM pre none"][n] == pytest.approx(reached(bundled, none, n, "nc1"), rel=1e-5)
    assert "it depends on neither k nor λ" in page_text(app)


def test_the_link_keeps_every_control_and_says_recipes_in_their_usual_way():
    query = {
        "measure": "macro_f1",
        "over": "n",
        "curve_data": "digits,mnist",
        "curve_recipes": "own k=5,qi norm_post=none,own gen=kmedoids",
    }
    app = opened(**QUICK, **query)
    assert not app.warning
    assert {key: app.query_params[key] for key in query} == query
    assert app.query_params["curve_fms"] == VIT
    assert list(pictures(app)) == [DIGITS, f"curves-{VIT}-mnist"]
    app.segmented_control(key="measure").set_value("accuracy").run()
    app.toggle(key="curve_paper").set_value(True).run()
    assert "measure" not in app.query_params
    assert app.query_params["curve_paper"] == "True"
    app.segmented_control(key="over").set_value("lam").run()
    # It means nothing there.
    assert "curve_paper" not in app.query_params
    app.multiselect(key="curve_recipes").set_value(["QI NORM_POST=none".lower(), "gen=kmeans k=20"]).run()
    assert app.query_params["curve_recipes"] == "qi norm_post=none,own"


def test_names_that_mean_nothing_are_said_in_a_sentence_each():
    app = opened(**QUICK, curve_recipes="qi,nonsense,own k=many,own wings=2,own k=-3,oracle lam=-1")
    (warning,) = [w.value for w in app.warning]
    for part in ("nonsense", "many", "wings", "whole number from 1 to", "λ is", "Using 1."):
        assert part in warning, warning
    assert app.query_params["curve_recipes"] == "qi,qi gen=kmeans,oracle lam=1e-12"
    assert list(lines(app))[:2] == ["current: k-means", "One mean (Qi)"]
    app = opened(**(QUICK | {"curve_fms": "vgg"}), curve_data="martians", measure="beauty")
    assert len(app.warning) == 1
    assert "curves-resnet50-digits" in pictures(app)


def test_a_recipe_given_twice_is_drawn_once_and_the_others_keep_their_looks():
    def look(app, name):
        return next(t["line"] for t in figure(app)["data"] if t["name"] == name and "dash" in t["line"])

    app = opened(**QUICK, over="n", curve_recipes="own k=5,own,own k=20,qi")
    assert list(lines(app)) == ["current: k-means, k = 5", "k-means, k = 20 (IMPRINT)", "One mean (Qi)", "n = 20"]
    before = look(app, "One mean (Qi)")
    app.select_slider(key="k").set_value(20).run()
    assert list(lines(app)) == ["current: k-means, k = 20 (IMPRINT)", "k-means, k = 5", "One mean (Qi)", "n = 20"]
    assert look(app, "One mean (Qi)") == before
    # Over k, recipes of different k are one line.
    app.segmented_control(key="over").set_value("k").run()
    assert list(lines(app)) == ["current: k-means (IMPRINT)", "One mean (Qi)", "k = 20"]


def test_twenty_recipes():
    names = [f"own gen={g} norm_post={p}" for g in ("kmedoids", "random", "fps") for p in ("none", "l2", "quantile")]
    names += [f"qi norm_pre=none norm_post={p}" for p in ("none", "l2", "quantile")] + list(PRESETS)
    app = opened(**QUICK, curve_recipes=",".join(names))
    assert not app.warning
    series = [t for t in figure(app)["data"] if "dash" in t.get("line", {})]
    assert len(series) == len({(t["line"]["color"], t["marker"]["symbol"]) for t in series}) >= 17
    for name in ("hosoda", "janson"):
        assert recipe_label(parse_recipe(name)) in lines(app)


def test_published_curves_are_overlaid_on_matching_charts():
    app = opened(
        fm="resnet50",
        data="mnist",
        n="20",
        seeds="1",
        curve_paper="true",
        curve_data="mnist,digits",
        curve_fms=f"resnet50,{VIT}",
    )
    series = lines(app, "curves-resnet50-mnist")
    assert tuple(series["the paper's k-means"].values()) == paper_results.accuracy_over_k("resnet50", "mnist")
    for other in ("curves-resnet50-digits", f"curves-{VIT}-mnist"):
        assert "the paper's k-means" not in lines(app, other)
    assert "**all training samples**" in page_text(app)
    assert "the paper's results on ResNet\\-50 · MNIST (Figure 11b" in page_text(app)
    app.segmented_control(key="over").set_value("n").run()
    series = lines(app, "curves-resnet50-mnist")
    values = paper_results.accuracy_over_shots("resnet50", "mnist", "20")
    paper = list(series["the paper's k-means, k = 20"].values())
    assert (paper[0], tuple(paper[1:])) == (None, values[1:])
    assert sum("the paper's" in name for name in series) == 4
    # Of some classes the paper has no curves.
    app.selectbox(key="classes").set_value("even").run()
    assert not [name for name in lines(app, "curves-resnet50-mnist") if "the paper's" in name]
    assert "The paper has no curves of these charts" in page_text(app)
    app.segmented_control(key="measure").set_value("macro_f1").run()
    assert "curve_paper" not in [t.key for t in app.toggle]


def test_over_lambda_without_least_squares_there_is_an_offer_and_no_empty_panel():
    app = opened(**QUICK, over="lam")
    assert not pictures(app)
    assert "None of these recipes depends on λ" in page_text(app)
    app.button(key="add_oracle").click().run()
    assert app.query_params["curve_recipes"] == "oracle"
    assert len(lines(app)["Least squares (oracle)"]) == 8


def test_the_sidebars_classes_are_those_of_its_dataset_and_absent_sets_are_named(bundled):
    query = QUICK | {"classes": "even", "curve_data": "digits,mnist,tiny_imagenet_100", "curve_fms": f"{VIT},resnet50"}
    app = opened(**query, curve_recipes="qi", gen="mean")
    assert "resnet50-tiny" not in " ".join(pictures(app))
    assert plain("ResNet-50 has no embeddings of Tiny-ImageNet (100 classes).") in page_text(app)
    assert "classes even; the other datasets have all their classes" in page_text(app)
    for data, classes in (("digits", "even"), ("mnist", "all")):
        value = reached(bundled, PRESETS["qi"].recipe, data=data, classes=classes)
        series = lines(app, f"curves-{VIT}-{data}")
        assert list(series) == ["current: One mean (Qi)"]
        assert next(iter(series["current: One mean (Qi)"].values())) == pytest.approx(value)


@pytest.mark.parametrize("more", [{"classes": "3"}, {"n": "1"}, {"k": "50", "n": "5"}, {"n": "1", "measure": "nc1"}])
def test_few_shots_and_one_class_are_drawn(more):
    app = opened(**(QUICK | more))
    series = lines(app)
    if more.get("n") == "1" and "measure" not in more:
        assert list(series["current: k-means"]) == [1]
        assert series["k = 5: all 1 shots"]
    if "k" in more:
        assert series["k = 50: all 5 shots"] == {5: series["current: k-means"][5]}
    if "classes" in more:
        assert set(series["current: k-means"].values()) == {100.0}


def test_nc1_of_one_class_is_one_sentence():
    app = opened(**QUICK, classes="3", measure="nc1")
    assert not pictures(app)
    assert page_text(app).count("it needs two classes of two samples") == 1
    app = opened(**QUICK, classes="3", measure="nc1", curve_data="digits,mnist")
    assert list(pictures(app)) == [f"curves-{VIT}-mnist"]
    assert page_text(app).count("it needs two classes of two samples") == 1


def test_failed_points_are_reported_and_others_drawn(monkeypatch):
    compute = sweeps._measure_predictions

    def fails(experiment):
        if experiment.recipe.gen == "random":
            raise ImprintError("The disk is *gone*.")
        return compute(experiment)

    monkeypatch.setattr(sweeps, "_measure_predictions", fails)
    app = opened(**QUICK, curve_recipes="qi,own gen=random norm_post=none")
    assert "The disk is \\*gone\\*." in page_text(app)
    assert list(lines(app)) == ["current: k-means", "One mean (Qi)", "k = 5"]
    assert app.button(key="curves_resume").label == "Try again"


def test_panels_are_there_before_their_curves_and_every_line_begins_early(monkeypatch):
    monkeypatch.setattr(progressive, "FIRST_SLICE", 0.0)
    app = opened(**(QUICK | {"n": "25"}), curve_data="digits,mnist", gen="fps")
    assert list(pictures(app)) == [DIGITS, f"curves-{VIT}-mnist"]
    # The one point that a bare picture has is of the sidebar's panel.
    assert list(lines(app)) == ["current: farthest point", "k = 5"]
    assert not lines(app, f"curves-{VIT}-mnist")
    assert pictures(app)[f"curves-{VIT}-mnist"]["alt"].endswith("no point yet")


def test_without_the_bundled_table_all_points_are_computed(bundled, monkeypatch, tmp_path):
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(sweeps, "bundled_sweep", lambda: tmp_path / "damaged.parquet")
    app = opened(**QUICK, curve_recipes="qi")
    problem = "Bundled results are not used, all points are computed: 'damaged.parquet' is not a readable Parquet file."
    assert page_text(app).count(plain(problem)) == 1
    assert lines(app)["current: k-means"][20] == pytest.approx(reached(bundled, PRESETS["own"].recipe))


def test_nc1_needs_no_predictions(monkeypatch):
    def fail(experiments):
        raise AssertionError("Predictions are not needed.")

    monkeypatch.setattr(results, "evaluations", fail)
    monkeypatch.setattr(results, "evaluator", fail)
    app = opened(**QUICK, measure="nc1", curve_recipes="qi")
    assert len(lines(app)["after NORM pre L2"]) == 8


def test_new_classes_beside_the_fms_own_are_those_of_the_core(bundled):
    fm = "tf_efficientnet_lite0"
    settings = {"fm": fm, "data": "digits", "n": "2", "seeds": "1", "curve_fms": fm}
    app = opened(**settings, beside="True")
    classes, head = fm_classes.old_test(bundled[fm, "tiny_imagenet_100"]), fm_classes.classifier_head(fm)
    split = Experiment(bundled[fm, "digits"], n_shot=2, seeds=SEEDS[:1]).split()
    recipe = Recipe("kmeans", 5)
    unscaled, scaled = beside_curve_point(head.weight, split, classes, recipe, SEEDS[0])
    sentence = f"At n = 2: **{scaled.new:.1f} %** on the new classes and **{scaled.old:.1f} %** on the old ones"
    assert sentence in " ".join(m.value for m in app.markdown)
    assert f"With plain cosines the old classes have {unscaled.old:.1f} %" in " ".join(m.value for m in app.markdown)
    next(b for b in app.button if b.label == "Create torch head").click().run()
    assert not app.exception
    assert "Download head (5.2 MB)" in [d.proto.label for d in app.get("download_button")]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"fm": "resnet50", "data": "digits"}, "no embeddings by ResNet\\-50. Choose another FM"),
        ({"fm": "squeezenet1_1", "data": "digits"}, "part of its weights, which are missing"),
        ({"fm": "tf_efficientnet_lite0", "data": "tiny_imagenet_100"}, "These classes are among the FM's own"),
    ],
)
def test_reasons_why_there_are_no_old_classes(query, sentence, tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    app = opened(**query, n="2", seeds="1", curve_fms=query["fm"], beside="True")
    assert sentence in " ".join(i.value for i in app.info)
