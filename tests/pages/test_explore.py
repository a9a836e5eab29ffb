"""The Explore page without a browser: every number and picture against the core."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.collapse.measures import nc1
from imprint_core.embeddings import open_set
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.k_selection import suggest_k
from imprint_core.evaluation.metrics import signed, summarize
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import POST_NORMALIZATIONS, l2
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS
from imprint_core.recognition.calibration import reliability
from tests.conftest import ROOT
from tests.pages.reading import page_text, pictures
from ui.charts import progressive
from ui.text.markdown import plain

PICTURES = ["map", "confusion", "accuracy-over-k", "nc1-over-shots"]


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def metrics(app):
    return {m.label: m for m in app.metric}


def test_opens_on_real_embeddings(bundled):
    app = opened()
    assert not app.exception
    assert not app.warning
    # Without an FM and a dataset in the link.
    data = open_set(bundled["tf_efficientnet_lite0", "digits"])
    evaluator = Evaluator(choose_classes(data), Recipe().space)
    runs = evaluator.evaluate(Recipe("kmeans", 5), 100, SEEDS[:5]).accuracy
    mean = evaluator.evaluate(Recipe("mean", 1), 100, SEEDS[:5]).accuracy
    shown = metrics(app)
    accuracy = summarize(runs)
    assert shown["Accuracy"].value == f"{accuracy.median:.1f} %"
    assert shown["Accuracy"].delta == f"{accuracy.low:.1f} to {accuracy.high:.1f} % over 5 seeds"
    gain = round(accuracy.median, 1) - round(summarize(mean).median, 1)
    assert shown["Gain over one mean"].value == f"{signed(gain)} points"
    assert shown["NC1 of the shots"].delta == f"all training samples: {nc1(l2(data.X_train), data.y_train):.2f}"
    assert sorted(pictures(app)) == sorted(PICTURES)
    assert all(p["alt"] for p in pictures(app).values())


def test_k_slider_moves_the_proxies_and_nothing_else_on_the_map():
    app = opened()
    before = pictures(app)["map"]
    app.select_slider(key="k").set_value(20).run()
    after = pictures(app)["map"]
    assert before["base"] == after["base"]
    stars = json.loads(after["overlays"][1])[0]
    assert len(stars["text"]) == 200
    marks = json.loads(pictures(app)["accuracy-over-k"]["figure"])["data"]
    assert any(t["name"] == "k = 20" for t in marks)


def test_confusion_matrix_agrees_with_the_accuracy():
    # Its classes have equally many test samples.
    app = opened(data="mnist", seeds="1")
    figure = json.loads(pictures(app)["confusion"]["figure"])["data"][0]
    import base64

    z = np.frombuffer(base64.b64decode(figure["z"]["bdata"]), dtype=figure["z"]["dtype"]).reshape(10, 10)
    np.testing.assert_allclose(z.sum(axis=1), 100, rtol=1e-5)
    assert metrics(app)["Accuracy"].value == f"{np.diag(z).mean():.1f} %"


@pytest.mark.parametrize("gen", GENERATORS)
@pytest.mark.parametrize("norms", [{}, {"norm_pre": "none", "norm_post": "none", "norm_inf": "none"}])
def test_every_method_and_norm_draws_everything(gen, norms):
    app = opened(gen=gen, n="10", data="digits", fm="vit_tiny_patch16_224", **norms)
    assert not app.exception
    assert not app.error
    assert sorted(pictures(app)) == sorted(PICTURES + ["calibration"] * GENERATORS[gen].calibrated)
    assert app.select_slider(key="k").disabled == (not GENERATORS[gen].uses_k)


def test_calibration_is_that_of_the_predictions_of_all_seeds(vit_digits):
    query = {"data": "digits", "fm": "vit_tiny_patch16_224", "n": "5"}
    app = opened(gen="auto", seeds="3", **query)
    assert not app.exception
    probability, correct = [], []
    for seed in SEEDS[:3]:
        split = Experiment(vit_digits.info, n_shot=5).split(seed, vit_digits)
        model = ImprintingClassifier.auto(seed).fit(split.X_train, split.y_train)
        probability.append(model.predict_proba(split.X_test).max(axis=1))
        correct.append(model.predict(split.X_test) == split.y_test)
    bins = reliability(np.concatenate(probability), np.concatenate(correct), 10)
    assert metrics(app)["Expected calibration error"].value == f"{100 * bins.error:.1f} points"
    _, curve, counts = json.loads(pictures(app)["calibration"]["figure"])["data"]
    assert counts["y"] == bins.sizes[bins.sizes > 0].tolist()
    np.testing.assert_allclose(curve["y"], 100 * bins.accuracy[bins.sizes > 0])
    best = int(np.argmax(bins.sizes))
    assert (
        f"Of the {bins.sizes[best]:,} predictions with probability {10 * best} to {10 * best + 10} %, "
        f"{100 * bins.accuracy[best]:.1f} % are correct" in page_text(app)
    )
    assert "over predictions of 3 seeds" in page_text(app)
    assert "is a default" not in page_text(app)
    # A report has the figure; a recipe without probabilities has none.
    assert app.session_state.headings["calibration"] == "Calibration"
    assert {"calibration", "calibration-text"} <= app.session_state.drawn.keys()
    plain_recipe = opened(gen="mean", seeds="3", **query)
    assert "calibration" not in pictures(plain_recipe)
    assert "Calibration" not in page_text(plain_recipe)


@pytest.mark.parametrize(("classes", "n"), [("0", "5"), ("0, 1", "5"), ("all", "1"), ("0+1+2+3+4+5+6+7+8+9", "1")])
def test_calibration_of_few_classes_or_shots(classes, n):
    app = opened(gen="auto", classes=classes, n=n, data="digits", seeds="3")
    assert not app.exception
    assert not app.error
    assert "calibration" in pictures(app)
    # With one class or one shot per class, nothing is validated.
    assert ("is a default" in page_text(app)) == (n == "1" or classes == "0")


def test_every_bundled_set_opens_in_the_page(bundled):
    for fm, dataset in bundled:
        app = opened(fm=fm, data=dataset, n="5", seeds="1")
        assert not app.exception, (fm, dataset)
        assert not app.error
        assert not app.warning
        assert sorted(pictures(app)) == sorted(PICTURES)


def test_link_is_followed_and_written_back():
    app = opened(fm="resnet50", data="cifar10", classes="even", n="50", gen="random", k="7", map="pca", seeds="3")
    assert not app.warning
    assert (app.selectbox(key="fm").value, app.selectbox(key="data").value) == ("resnet50", "cifar10")
    assert (app.select_slider(key="n").value, app.select_slider(key="k").value) == (50, 7)
    assert "PCA of the embeddings" in " ".join(c.value for c in app.caption)
    app.select_slider(key="k").set_value(9).run()
    assert app.query_params["k"] == "9"
    assert app.query_params["fm"] == "resnet50"


def test_labels_are_understood_in_a_link():
    app = opened(fm="ViT-Ti/16", data="fashion-mnist", gen="K-MEANS")
    assert not app.warning
    assert app.selectbox(key="fm").value == "vit_tiny_patch16_224"
    assert app.query_params["data"] == "fashion_mnist"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"k": "999"}, "k = 999 is out of range (1–50). Using 50."),
        ({"k": "-4"}, "k = -4 is out of range (1–50). Using 1."),
        ({"k": "11"}, "k = 11 is not available. Using the nearest value, 10."),
        ({"data": "mnist", "n": "nan"}, "n = nan is out of range (1–300)."),
        ({"data": "mnist", "n": "1e999"}, "n = 1e999 is out of range (1–300)."),
        ({"fm": "<script>"}, "Foundation model (FM) = <script> is not available. Available:"),
        (
            {"fm": "resnet50", "data": "tiny_imagenet_100"},
            "Dataset = Tiny-ImageNet (100 classes) is not available. Available: Digits",
        ),
        (
            {"gen": ""},
            "GEN = empty is not available. Available: mean, k-means, k-medoids, k-medoids (cosine),",
        ),
        ({"foo": "1"}, "Unknown parameters in the link: foo. Ignored."),
    ],
)
def test_bad_link_falls_back_and_says_so(query, sentence):
    app = opened(**query)
    assert not app.exception
    assert len(app.warning) == 1
    assert app.warning[0].value.startswith(plain(sentence))
    assert sorted(pictures(app)) == sorted(PICTURES)
    app.select_slider(key="k").set_value(3).run()
    assert not app.warning


def test_n_above_a_smaller_dataset_is_corrected():
    app = opened(fm="vit_tiny_patch16_224", data="mnist", n="300", seeds="1")
    app.selectbox(key="data").set_value("tiny_imagenet_100").run()
    assert app.select_slider(key="n").value == 60
    assert app.warning[0].value == plain("n = 300 is out of range (1–60). Using 60.")


def test_n_larger_than_a_class_and_k_larger_than_n_are_reported():
    app = opened(data="digits", n="122", k="20")
    assert "classes have fewer than 122 training samples" in app.info[0].value
    app.select_slider(key="n").set_value(5).run()
    assert app.info[0].value.startswith("k = 20 exceeds the 5 shots per class, so every shot is a proxy")
    accuracy = metrics(app)["Accuracy"].value
    app.selectbox(key="gen").set_value("all").run()
    assert metrics(app)["Accuracy"].value == accuracy


def test_one_shot_has_no_nc1():
    app = opened(n="1")
    assert metrics(app)["NC1 of the shots"].value == "–"
    assert not app.error


@pytest.mark.parametrize("how", ["damaged", "missing", "sidecar"])
def test_damaged_set_is_reported_and_the_page_stays_usable(how, tmp_path, monkeypatch):
    for file in bundled_folder().glob("tf_efficientnet_lite0__digits.*"):
        shutil.copy(file, tmp_path)
    tensors = tmp_path / "tf_efficientnet_lite0__digits.safetensors"
    if how == "damaged":
        tensors.write_bytes(tensors.read_bytes()[:1000])
    elif how == "missing":
        tensors.unlink()
    else:
        tensors.with_suffix(".json").write_text("{")
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    app = opened(data="digits")
    assert not app.exception
    text = [e.value for e in [*app.error, *app.warning]]
    assert len(text) == 1
    assert "Restore it or embed the set again" in text[0]
    app.selectbox(key="data").set_value("mnist").run()
    assert not app.error
    assert sorted(pictures(app)) == sorted(PICTURES)


def test_without_any_set_the_page_says_what_to_do(tmp_path, monkeypatch):
    from ui.compute import results

    monkeypatch.setattr(results, "sets", lambda: ({}, []))
    app = opened()
    assert not app.exception
    assert "There are no embeddings to explore" in app.error[0].value


def test_one_class_is_explored_as_far_as_it_goes(tmp_path, monkeypatch, vit_digits):
    from imprint_core.embeddings.store import write_set
    from imprint_core.embeddings.tensors import read_tensors

    tensors = read_tensors(vit_digits.info.path)
    for split in ("train", "test"):
        keep = tensors[f"y_{split}"] == 0
        tensors |= {f"{name}_{split}": tensors[f"{name}_{split}"][keep] for name in ("X", "y", "id")}
    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("sha256", "format")}
    meta["dataset"] = {**meta["dataset"], "name": "single", "class_names": ["<b>only</b>"]}
    write_set(tmp_path, tensors, meta)
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    app = opened(fm="vit_tiny_patch16_224", data="single", n="20")
    assert not app.exception
    assert not app.error
    assert metrics(app)["Accuracy"].value == "100.0 %"
    assert metrics(app)["NC1 of the shots"].value == "–"
    assert sorted(pictures(app)) == [p for p in sorted(PICTURES) if p != "nc1-over-shots"]


def test_a_folder_that_cannot_be_written_is_reported(tmp_path, monkeypatch):
    from ui.charts import plot

    plot.serve_plotly.clear()
    (tmp_path / "static").write_text("a file, where a folder is wanted")
    monkeypatch.setattr(plot, "_ROOT", tmp_path)
    app = opened()
    assert not app.exception
    assert "Plotly's script could not be copied to" in app.error[0].value
    monkeypatch.undo()
    plot.serve_plotly.clear()


def test_a_set_of_the_users_own_appears(tmp_path, monkeypatch, vit_digits):
    from imprint_core.embeddings.store import write_set
    from imprint_core.embeddings.tensors import read_tensors

    tensors = read_tensors(vit_digits.info.path)
    for name in ("X_train", "y_train", "id_train"):
        tensors[name] = tensors[name][1:]
    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("sha256", "format")}
    meta["dataset"] = {**meta["dataset"], "name": "mine", "label": "Mine"}
    info = write_set(tmp_path, tensors, meta)
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    app = opened(fm="vit_tiny_patch16_224", data="mine", n="20")
    assert not app.exception
    assert not app.warning
    assert not app.error
    assert "PCA" in pictures(app)["map"]["alt"]
    # It has no kept maps yet, so the page shows PCA and says so.
    assert any(c.value.startswith("PCA of the embeddings") for c in app.caption)
    assert open_set(info).info.dataset == "mine"


def test_what_may_surprise_is_said():
    app = opened(n="1")
    assert app.info[0].value == "With one shot per class, that shot is the only proxy for every k."
    text = " ".join(c.value for c in app.caption)
    assert "NORM inf changes no prediction of AGG max" in text
    assert "longer ones win more samples" not in text
    app = opened(norm_post="none")
    assert "longer ones win more samples" in " ".join(c.value for c in app.caption)
    app = opened(gen="mean")
    assert metrics(app)["Gain over one mean"].delta == "this is that recipe"


def test_norm_inf_changes_no_prediction():
    """What the sidebar says of it."""
    shown = [opened(norm_inf=inf, norm_pre="none", norm_post=post) for post in ("none", "l2") for inf in ("none", "l2")]
    accuracy = [metrics(app)["Accuracy"].value for app in shown]
    assert accuracy[0] == accuracy[1]
    assert accuracy[2] == accuracy[3]


def test_several_mistakes_in_a_link_make_one_box():
    app = opened(k="abc", n="-1", fm="<script>", data="../../etc", gen="", seeds="99", foo="bar")
    assert len(app.warning) == 1
    assert app.warning[0].value.count("\n- ") == 6


def test_a_k_off_the_grid_is_a_point_of_the_curve():
    app = opened(k="6", seeds="1")
    curve = json.loads(pictures(app)["accuracy-over-k"]["figure"])["data"]
    line = next(t for t in curve if t["name"] == "k-means")
    mark = next(t for t in curve if t["name"] == "k = 6")
    assert dict(zip(line["x"], line["y"], strict=True))[6] == mark["y"][0]


# --- the whole framework in the sidebar -----------------------------------------------------


def small(**query):
    return opened(fm="vit_tiny_patch16_224", data="digits", n="10", seeds="3", **query)


def captions(app):
    return " ".join(c.value for c in app.caption)


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_sets_everything_and_says_whose_it_is(preset, vit_digits):
    app = small()
    assert app.selectbox(key="preset").value == "custom"
    app.selectbox(key="preset").set_value(preset).run()
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert app.selectbox(key="preset").value == preset
    assert PRESETS[preset].citation in captions(app)
    recipe = replace(PRESETS[preset].recipe, lam=0.1)
    evaluator = Evaluator(choose_classes(vit_digits), recipe.space)
    median = summarize(evaluator.evaluate(recipe, 10, SEEDS[:3]).accuracy).median
    assert metrics(app)["Accuracy"].value == f"{median:.1f} %"
    # The link alone gives the same.
    again = opened(**app.query_params)
    assert again.selectbox(key="preset").value == preset
    assert metrics(again)["Accuracy"].value == metrics(app)["Accuracy"].value


@pytest.mark.parametrize("gen", ["kmeans", "mean"])
def test_the_suggested_k_is_answered_in_words_and_used_by_its_button(gen, monkeypatch, bundled):
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    app = opened(fm="vit_tiny_patch16_224", data="mnist", n="10", gen=gen, k="2")
    shots = Experiment(bundled["vit_tiny_patch16_224", "mnist"], n_shot=10).split()
    ks = (1, 2, 3, 5, 7, 10)
    suggested = suggest_k(shots.X_train, shots.y_train, Recipe("kmeans"), ks, SEEDS[0])
    assert f"From the shots alone: **k = {suggested}** (within 1 point" in " ".join(m.value for m in app.markdown)
    assert suggested != 2
    app.button(key="accuracy-over-k-use-k").click().run()
    assert not app.exception
    assert app.session_state["gen"] == "kmeans"
    assert app.session_state["k"] == suggested
    assert app.button(key="accuracy-over-k-use-k").disabled


def test_preset_can_be_named_in_a_link_and_differed_from():
    app = small(preset="own", k="3")
    assert app.select_slider(key="k").value == 3
    assert app.selectbox(key="preset").value == "custom"
    assert "preset" not in app.query_params
    app = small(preset="janson")
    assert app.selectbox(key="preset").value == "janson"
    assert app.query_params["agg"] == "mnn"
    app = small(preset="OURS: Whitened Mean")
    assert app.selectbox(key="preset").value == "whitened"
    app = small(preset="nobody")
    assert app.warning[0].value.startswith(
        plain("Preset “nobody” is not available. Available: qi, hosoda, janson, own, oracle, whitened")
    )


def test_a_manual_change_leaves_the_preset():
    app = small(preset="qi")
    app.selectbox(key="gen").set_value("random").run()
    assert app.selectbox(key="preset").value == "custom"
    app.selectbox(key="gen").set_value("mean").run()
    assert app.selectbox(key="preset").value == "qi"


@pytest.mark.parametrize(
    ("query", "shown", "absent"),
    [
        ({}, [], ["shrinkage", "lam_from", "lam", "m", "distance", "vote", "ties"]),
        ({"pretransform": "whiten"}, ["shrinkage"], ["lam", "m"]),
        ({"gen": "ls"}, ["lam_from"], ["lam", "m", "shrinkage"]),
        ({"gen": "kls", "lam_from": "own"}, ["lam_from", "lam"], ["m"]),
        ({"agg": "mnn"}, ["m", "distance", "vote", "ties"], ["lam"]),
        ({"agg": "mnn", "vote": "distance"}, ["m", "distance", "vote"], ["ties"]),
    ],
)
def test_controls_show_where_they_mean_something(query, shown, absent):
    app = small(**query)
    widgets = {w.key for kind in ("selectbox", "select_slider", "button_group") for w in app.get(kind)}
    assert set(shown) <= widgets
    assert not set(absent) & widgets


def test_a_hidden_control_keeps_its_value():
    app = small(agg="mnn")
    app.select_slider(key="m").set_value(9).run()
    app.get("button_group")[[w.key for w in app.get("button_group")].index("agg")].set_value("max").run()
    assert "m" not in app.query_params
    app.get("button_group")[[w.key for w in app.get("button_group")].index("agg")].set_value("mnn").run()
    assert app.select_slider(key="m").value == 9
    assert app.query_params["m"] == "9"


@pytest.mark.parametrize("pretransform", TRANSFORMS)
@pytest.mark.parametrize("norm_post", POST_NORMALIZATIONS)
def test_every_transform_and_post_norm_draws_everything(pretransform, norm_post):
    app = small(pretransform=pretransform, norm_post=norm_post, norm_pre="none")
    assert not app.exception
    assert not app.error
    assert sorted(pictures(app)) == sorted(PICTURES)


@pytest.mark.parametrize("distance", DISTANCES)
def test_every_distance_draws_everything(distance):
    for more in ({}, {"vote": "distance"}, {"ties": "published", "gen": "all"}):
        app = small(agg="mnn", distance=distance, **more)
        assert not app.exception
        assert not app.error
        assert sorted(pictures(app)) == sorted(PICTURES)


def test_whitening_says_which_shrinkage_is_used():
    text = small(preset="whitened").info[0].value
    assert text.startswith("Whitening with shrinkage 0.")
    assert "chosen by left-out shots" in text
    assert "Ledoit and Wolf" in small(pretransform="whiten", shrinkage="ledoit_wolf").info[0].value
    single = opened(fm="vit_tiny_patch16_224", data="digits", n="1", preset="whitened")
    assert not single.error
    assert single.info[0].value.startswith("No class has two different shots, so whitening uses the covariance")
    assert metrics(single)["Accuracy"].value.endswith(" %")


def test_lambda_is_the_fms_or_a_chosen_value():
    app = small(gen="ls", norm_pre="none", norm_post="none", norm_inf="none")
    assert "λ = 0.1" in captions(app)
    assert app.selectbox(key="preset").value == "oracle"
    changed = small(gen="ls", norm_pre="none", norm_post="none", norm_inf="none", lam_from="own", lam="5")
    assert changed.select_slider(key="lam").value == 5
    assert changed.selectbox(key="preset").value == "custom"
    assert "least squares, λ = 5" in " ".join(m.value for m in changed.markdown)
    assert metrics(changed)["Accuracy"].value != metrics(app)["Accuracy"].value
    app.selectbox(key="fm").set_value("resnet50").run()
    assert "λ = 0.0001" in captions(app)


def test_senseless_recipes_say_what_to_change():
    app = small(agg="mnn", m="50", norm_inf="none", k="3")
    text = app.info[0].value
    assert text.count("\n- ") == 1
    assert "Set NORM inf to L2" in text
    assert "Choose m of at most 3" in text


def test_a_shrinkage_between_two_becomes_the_nearest():
    app = small(pretransform="whiten", shrinkage="0.33")
    assert app.selectbox(key="shrinkage").value == 0.3
    assert app.warning[0].value.startswith(
        plain("Shrinkage of whitening = 0.33 is not available. Available: auto, Ledoit–Wolf, 0.01")
    )


@pytest.mark.parametrize(
    ("query", "control", "value", "sentence"),
    [
        ({"gen": "ls", "lam": "1e-3"}, "lam", 0.001, ""),
        ({"preset": "oracle", "lam": "10"}, "lam", 10.0, ""),
        (
            {"gen": "ls", "lam_from": "own", "lam": "abc"},
            "lam",
            0.01,
            "λ = abc is out of range (1e-06–50). Using 0.01.",
        ),
        ({"gen": "ls", "lam": "3"}, "lam", 2.0, "λ = 3 is not available. Using the nearest value, 2."),
        ({"pretransform": "whiten", "shrinkage": "0.50"}, "shrinkage", 0.5, ""),
        (
            {"pretransform": "whiten", "shrinkage": "nan"},
            "shrinkage",
            "auto",
            "Shrinkage of whitening = nan is not available.",
        ),
        ({"k": "inf"}, "k", 50, "k = inf is out of range"),
        ({"k": "-inf"}, "k", 1, "k = -inf is out of range"),
        ({"agg": "mnn", "m": "9999"}, "m", 50, "m = 9999 is out of range (1–50). Using 50."),
    ],
)
def test_numbers_in_a_link_however_they_are_written(query, control, value, sentence):
    app = small(**query)
    assert not app.exception
    widgets = {w.key: w for kind in ("selectbox", "select_slider") for w in app.get(kind)}
    assert widgets[control].value == value
    assert [w.value.startswith(plain(sentence)) for w in app.warning] == ([True] if sentence else [])


def test_a_link_that_is_wrong_all_over_still_opens():
    app = small(shrinkage="-1", lam="abc", m="9999", preset="zzz", pretransform="whiten", lam_from="x", agg="")
    assert not app.exception
    assert not app.error
    assert len(app.warning) == 1
    assert sorted(pictures(app)) == sorted(PICTURES)


# --- classes: subsets, remappings, and what a person writes ----------------------------------

TINY = {"fm": "vit_tiny_patch16_224", "data": "tiny_imagenet_100"}
MARKUP = "<script>alert(1)</script> :red[x] $y$ **z** [a](http://b.c) :material/home:"


def written(app, text):
    """A user types a value; the browser sends it as text."""
    box = app.selectbox(key="classes")
    box.options.append(box.format_func(text))
    return box.set_value(text).run()


def confusion_names(app):
    return json.loads(pictures(app)["confusion"]["figure"])["data"][0]["x"]


def test_d_in_1_is_ten_classes_of_three(bundled):
    app = opened(**TINY, classes="3in1", seeds="3")
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert sorted(pictures(app)) == sorted(PICTURES)
    names = confusion_names(app)
    assert len(names) == 10
    assert all(" + " in name for name in names)
    pool = choose_classes(open_set(bundled["vit_tiny_patch16_224", "tiny_imagenet_100"]), "3in1")
    runs = Evaluator(pool, Recipe().space).evaluate(Recipe("kmeans", 5), 100, SEEDS[:3]).accuracy
    assert metrics(app)["Accuracy"].value == f"{np.median(runs):.1f} %"
    # Three classes have three times the training samples of one.
    assert app.select_slider(key="n").options[-1] == "180"
    traces = json.loads(pictures(app)["map"]["base"])["data"]
    assert [t["name"] for t in traces] == list(pool.names)
    assert sum(len(ids) for ids in (pool.id_test[pool.y_test == c] for c in range(10))) == 900
    assert "Draw 1 of 10" in captions(app)
    text = " ".join(m.value for m in app.markdown)
    assert "**Classes**: 30 of the dataset's 100, drawn at random \\(draw 1 of 10\\), make 10" in text
    assert app.query_params["classes"] == "3in1"


def test_a_draw_is_in_the_link_and_comes_back():
    app = written(opened(**TINY, seeds="1"), "3 in 1 - 2")
    assert not app.warning
    assert app.query_params["classes"] == "3in1-2"
    assert "Draw 2 of 10" in captions(app)
    again = opened(**app.query_params)
    assert again.selectbox(key="classes").value == "3in1-2"
    assert metrics(again)["Accuracy"].value == metrics(app)["Accuracy"].value
    first = opened(**TINY, seeds="1", classes="3in1", n="60")
    assert confusion_names(first) != confusion_names(again)


def test_a_remapping_is_written_by_link_and_by_widget():
    spec = "animals=cat+Dog+bird, vehicles=ship+truck, 0"
    link = opened(data="cifar10", classes=spec, seeds="1", n="100")
    assert not link.warning
    assert confusion_names(link) == ["animals", "vehicles", "airplane"]
    assert link.selectbox(key="classes").value == spec
    assert link.query_params["classes"] == spec
    assert link.select_slider(key="n").options[-1] == "900"
    app = written(opened(data="cifar10", seeds="1"), spec)
    assert not app.warning
    assert metrics(app)["Accuracy"].value == metrics(link)["Accuracy"].value
    assert app.query_params["classes"] == spec
    text = " ".join(m.value for m in app.markdown)
    assert "animals = bird \\+ cat \\+ dog; vehicles = ship \\+ truck; airplane" in text
    # It stays while something else changes, and goes with a dataset that knows no cat.
    app.select_slider(key="k").set_value(3).run()
    assert app.selectbox(key="classes").value == spec
    app.selectbox(key="data").set_value("digits").run()
    assert app.selectbox(key="classes").value == "all"
    assert plain("There is no class 'cat' here; write a number from 0 to 9, or a") in app.warning[0].value
    assert app.warning[0].value.endswith("Using all.")
    assert "classes" not in app.query_params


def test_a_plus_that_the_browser_took_for_a_space_is_understood():
    app = opened(data="cifar10", seeds="1", classes="animals=cat Dog, ship truck,0")
    assert not app.warning
    assert app.query_params["classes"] == "animals=cat+Dog, ship+truck,0"


def test_a_class_set_may_be_written_too():
    app = written(opened(data="digits", seeds="1"), " EVEN ")
    assert app.selectbox(key="classes").value == "even"
    assert confusion_names(app) == ["0", "2", "4", "6", "8"]
    assert not app.warning


@pytest.mark.parametrize(
    "spec", ["", "0,0", "6in1", "2in1-99", "0+", MARKUP, f"{MARKUP}=0+1", "x" * 10_000, "0," * 5_000, "9" * 10_000]
)
def test_a_wrong_spec_is_reported_and_replaced_by_all_classes(spec):
    for app in (opened(data="digits", seeds="1", classes=spec), written(opened(data="digits", seeds="1"), spec)):
        assert not app.exception
        assert not app.error
        assert len(app.warning) == 1
        assert app.warning[0].value.endswith("Using all.")
        assert len(app.warning[0].value) < 400
        assert app.selectbox(key="classes").value == "all"
        assert sorted(pictures(app)) == sorted(PICTURES)


def test_names_that_a_person_gives_are_shown_as_they_are():
    given = ":red[x] $y$ <b> %{x}"
    app = opened(data="digits", seeds="1", classes=f"{given}=0+8, 1")
    assert not app.exception
    assert not app.warning
    assert confusion_names(app) == [":red[x] $y$ &lt;b&gt; %&#123;x}", "1"]
    shown = " ".join([*(m.value for m in app.markdown), *(c.value for c in app.caption)])
    assert plain(given) in shown
    assert given not in shown


def test_help_explains_with_the_datasets_own_classes(bundled):
    from app import CONTROLS

    control = next(c for c in CONTROLS if c.key == "classes")
    for fm, data in bundled:
        text = control.help(bundled, {"fm": fm, "data": data})
        spec = text.rsplit("For example: ", 1)[1].replace("\\", "")
        assert control.accepts(spec, bundled, {"fm": fm, "data": data}) == spec


def test_nameless_classes_are_called_by_their_numbers(tmp_path, monkeypatch, vit_digits):
    from imprint_core.embeddings.store import write_set
    from imprint_core.embeddings.tensors import read_tensors

    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("sha256", "format")}
    meta["dataset"] = {**meta["dataset"], "name": "nameless", "label": "**mine**", "class_names": []}
    tensors = read_tensors(vit_digits.info.path)
    write_set(tmp_path, tensors, meta)
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    app = opened(fm="vit_tiny_patch16_224", data="nameless", n="20", seeds="1", classes="0+1, 2")
    assert not app.exception
    assert not app.error
    assert confusion_names(app) == ["0 + 1", "2"]
    assert "\\*\\*mine\\*\\*" in " ".join(m.value for m in app.markdown)
    meta["dataset"]["name"] = "broken"
    path = write_set(tmp_path, tensors | {"X_test": -tensors["X_test"]}, meta).path
    path.write_bytes(path.read_bytes()[:1000])
    app = opened(fm="vit_tiny_patch16_224", data="broken", n="20", seeds="1")
    assert not app.exception
    assert "Restore it or embed the set again" in app.error[0].value


def test_a_written_spec_is_extended_and_an_error_keeps_the_one_before():
    """Streamlit's box gives only what was added, when what it held is extended."""
    app = written(opened(data="mnist", classes="a=0+1"), ", b=2")
    assert not app.exception
    assert not app.warning
    assert app.query_params["classes"] == "a=0+1, b=2"
    written(app, "nonsense")
    assert app.query_params["classes"] == "a=0+1, b=2"
    assert app.warning[0].value.startswith("“nonsense”")
    assert "Using a" in app.warning[0].value
