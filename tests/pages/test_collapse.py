"""The Collapse page without a browser: its numbers and figures are those of the core."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.collapse import measures
from imprint_core.collapse.class_statistics import class_statistics
from imprint_core.collapse.k_curves import nc1_of_split
from imprint_core.collapse.merged_tasks import KS, curve_key, merged_tasks
from imprint_core.collapse.precomputed import PRECOMPUTED_DRAWS, precomputed_results
from imprint_core.collapse.spectra import spectra
from imprint_core.embeddings import open_set
from imprint_core.embeddings.store import class_sizes, write_set
from imprint_core.embeddings.tensors import read_tensors
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.k_selection import suggest_k
from imprint_core.evaluation.metrics import summarize
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps import paper_results
from tests.conftest import ROOT
from tests.pages.reading import pictures, read
from ui.charts import progressive
from ui.compute import collapse
from ui.compute.progressive import point_cache
from ui.text.markdown import plain

PICTURES = [
    "accuracy-by-merging",
    "accuracy-over-k-here",
    "gain-over-nc1",
    "nc1-by-merging",
    "nc1-of-classes",
    "nc1-of-sets",
    "nc1-of-split",
    "nc1-over-n",
    "spectra",
]
QUICK = {"fm": "vit_tiny_patch16_224", "data": "digits", "n": "20", "seeds": "1"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    point_cache().clear()
    return tmp_path / "home"


@pytest.fixture
def complete_figures(monkeypatch):
    """Figures are complete after one run: AppTest has no browser that requests the next slice."""
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = "collapse"
    return app.run()


def traces(app, name):
    return {t.get("name"): t for t in json.loads(pictures(app)[name]["figure"])["data"]}


def shots_of(bundled, classes="all", n=20, seed=SEEDS[0], fm="vit_tiny_patch16_224", data="digits"):
    pool = choose_classes(open_set(bundled[fm, data]), classes)
    rows = np.concatenate(Evaluator(pool, Recipe().space).shots(n, seed))
    return pool, pool.X_train[rows], pool.y_train[rows]


def test_all_figures_are_drawn_in_the_first_run():
    app = opened(fm="vit_tiny_patch16_224")
    assert not app.exception
    assert not app.error
    assert sorted(pictures(app)) == PICTURES
    assert all(picture["alt"] for picture in pictures(app).values())
    merged = traces(app, "accuracy-by-merging")
    assert {f"{d}" for d in range(2, 11)} | {"d = 1"} <= set(merged)


def test_merged_classes_match_the_core(bundled):
    app = opened(fm="squeezenet1_1")
    info = bundled["squeezenet1_1", "tiny_imagenet_100"]
    recipe = PRESETS["own"].recipe
    merged, over_d = traces(app, "accuracy-by-merging"), traces(app, "nc1-by-merging")
    for d in (3, 10):
        curves = [
            precomputed_results()[curve_key(t, recipe, None)]
            for t in merged_tasks(info, 100, PRECOMPUTED_DRAWS)
            if t.d == d
        ]
        np.testing.assert_allclose(merged[f"{d}"]["y"], np.median([curve.accuracy for curve in curves], axis=0))
        value = np.median([curve.nc1["textbook"] for curve in curves])
        assert over_d["NC1"]["y"][d - 1] == pytest.approx(value)
        assert f"{value:.2f} at d = 10" in read(app) or d != 10
    assert list(merged["d = 1"]["x"]) == list(KS)
    # Every curve has a mark at k = d.
    diamonds = next(
        t for t in json.loads(pictures(app)["accuracy-by-merging"]["figure"])["data"] if t["name"] == "k = d"
    )
    assert list(diamonds["x"]) == list(range(1, 11))


def test_published_results_are_overlaid_and_named():
    app = opened(fm="vit_tiny_patch16_224", nc1="published", published="swin_b")
    assert not app.exception
    data = json.loads(pictures(app)["accuracy-by-merging"]["figure"])["data"]
    dotted = [t for t in data if t.get("line", {}).get("dash") == "dot"]
    assert [tuple(t["y"]) for t in dotted] == [paper_results.accuracy_over_k("swin_b", f"{d}in1") for d in range(1, 11)]
    overlay = traces(app, "nc1-by-merging")["Swin-B, published"]
    assert list(overlay["y"]) == [paper_results.nc1("swin_b", f"{d}in1") for d in range(1, 11)]
    assert len(traces(app, "gain-over-nc1")["published"]["x"]) == 56
    usual = traces(opened(fm="vit_tiny_patch16_224"), "nc1-by-merging")["NC1"]["y"]
    assert (np.array(traces(app, "nc1-by-merging")["NC1"]["y"]) > usual).all()
    assert "as published, as the other points." in read(app)
    assert "Dotted: the paper's Swin-B on ImageNet, with NC1 as published." in read(app)


def test_measures_match_the_core(bundled):
    app = opened(**QUICK)
    _, x, y = shots_of(bundled)
    statistics = class_statistics(l2(x), y, covariance=True)
    table = next(m.value for m in app.markdown if m.value.startswith("| measure"))
    lines = {line.split("**")[1]: line.split("|")[2].strip() for line in table.splitlines()[2:]}
    assert lines["NC1"] == f"{measures.nc1(l2(x), y):.2f}"
    assert lines["CDNV"] == f"{measures.mean_cdnv(statistics):.2f}"
    # 200 shots in 192 dimensions.
    assert lines["VCI"] == "–"
    assert lines["NC2, angles"] == f"{measures.equiangularity(statistics):.2f}"
    assert lines["NC2, simplex"] == f"{measures.etf_distance(statistics):.2f}"
    assert float(lines["NC3"]) < 0.6
    assert lines["NC4"].endswith("%")
    app.selectbox(key="gen").set_value("mean").run()
    table = next(m.value for m in app.markdown if m.value.startswith("| measure"))
    nc4 = next(line for line in table.splitlines() if "NC4" in line)
    # One mean per class after L2 predicts almost as the nearest class mean.
    assert float(nc4.split("|")[2].strip().removesuffix(" %").split()[0]) > 95


def test_splits_classes_and_spectra_match_the_core(bundled, complete_figures):
    app = opened(**QUICK, classes="even")
    pool, x, y = shots_of(bundled, "even")
    split = traces(app, "nc1-of-split")["NC1 of the clusters"]
    assert list(split["x"]) == [1, 2, 3, 4, 5, 6, 7, 8, 10]
    for k, value in zip(split["x"], split["y"], strict=True):
        assert value == pytest.approx(nc1_of_split(l2(x), y, k, SEEDS[0]), rel=1e-5)
    bars = traces(app, "nc1-of-classes")
    per_class = measures.nc1_per_class(class_statistics(l2(x), y))
    np.testing.assert_allclose(sorted(bars["shots"]["y"]), sorted(per_class), rtol=1e-5)
    assert {row[0] for row in bars["shots"]["customdata"]} == set("02468")
    result = spectra(x, y, pool.X_test, pool.y_test, "l2")
    assert f"| L2 | {result.nc1:.2f} | {result.nc1_test:.2f} |" in read(app)
    assert "= 1.0000" in read(app)


def test_the_k_that_auto_selects_is_marked_on_split_classes(bundled, monkeypatch):
    # Long enough for this figure, and not for that of merged classes.
    monkeypatch.setattr(progressive, "FIRST_SLICE", 3.0)
    app = opened(**QUICK, classes="even", preset="auto")
    recipe = PRESETS["auto"].recipe
    evaluator = Evaluator(choose_classes(open_set(bundled["vit_tiny_patch16_224", "digits"]), "even"), recipe.space)
    k = evaluator.fit_of(recipe, 20, SEEDS[0]).selection.k
    assert traces(app, "nc1-of-split")["suggested k"]["x"] == [k]
    assert f"◯: Auto selects k = {k} from the first seed's shots." in read(app)


def test_the_suggested_k_matches_the_core_on_both_pages(bundled, complete_figures):
    app = opened(**QUICK)
    _, x, y = shots_of(bundled)
    k = suggest_k(x, y, Recipe("kmeans", 1), (1, 2, 3, 5, 7, 10, 14, 20), SEEDS[0])
    assert list(traces(app, "accuracy-over-k-here")["suggested k"]["x"]) == [k]
    assert f"the shots suggest k = {k}" in pictures(app)["accuracy-over-k-here"]["alt"]
    app.session_state["goto"] = "explore"
    app.run()
    assert list(traces(app, "accuracy-over-k")["suggested k"]["x"]) == [k]


def test_a_progressive_figure_stops_and_resumes(monkeypatch):
    """Slices are whole runs here; a clock under test control makes every point slow."""
    clock = [0.0]
    monkeypatch.setattr(progressive.time, "monotonic", lambda: clock[0])
    app = opened(**QUICK, classes="even")

    def point_count():
        return len(json.loads(pictures(app)["nc1-of-split"]["figure"])["data"][0]["x"])

    assert point_count() == 1
    clock[0] += 2
    app.run()
    (progress,) = [e for e in app.get("progress") if "Splitting classes" in e.proto.text]
    assert "1 of 9" in progress.proto.text
    app.button(key="nc1-of-split_stop").click().run()
    assert any("Splitting classes: stopped at 1 of 9." in c.value for c in app.caption)
    app.run()
    assert point_count() == 1
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    app.button(key="nc1-of-split_resume").click().run()
    app.run()
    assert point_count() == 9
    assert not [e for e in app.get("progress") if "Splitting classes" in e.proto.text]


def test_a_failed_point_is_reported_and_computed_again(monkeypatch, complete_figures):
    stage_spectra = collapse.stage_spectra

    def fails(experiment, stage, shrinkage, variant):
        if stage == "whiten":
            raise ImprintError("The disk is *gone*.")
        return stage_spectra(experiment, stage, shrinkage, variant)

    monkeypatch.setattr(collapse, "stage_spectra", fails)
    app = opened(**QUICK)
    assert not app.exception
    assert any(c.value == "The disk is \\*gone\\*." for c in app.caption)
    assert "| L2 |" in read(app)
    assert "| whitened |" not in read(app)
    monkeypatch.undo()
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    app.button(key="spectra_resume").click().run()
    app.run()
    assert "| whitened |" in read(app)


def test_sets_of_every_fm_and_kind_open(bundled):
    assert len({fm for fm, _ in bundled}) == 4
    for fm, dataset in (
        ("tf_efficientnet_lite0", "mnist"),
        ("resnet50", "cifar10"),
        ("squeezenet1_1", "tiny_imagenet_100"),
        ("vit_tiny_patch16_224", "fashion_mnist"),
    ):
        app = opened(fm=fm, data=dataset, n="5", seeds="1")
        assert not app.exception, (fm, dataset)
        assert not app.error
        assert not app.warning
        assert sorted(pictures(app)) == PICTURES


def test_merging_few_classes_is_explained():
    app = opened(fm="resnet50", data="digits", n="5", seeds="1", draws="1")
    assert any(plain("ResNet-50 has no set with many classes") in info.value for info in app.info)
    assert any(
        "A hundred classes can be merged with " + plain("EfficientNet-Lite0, SqueezeNet 1.1, ViT-Ti/16.") in info.value
        for info in app.info
    )
    app = opened(fm="vit_tiny_patch16_224", data="mnist", merge="mnist", n="5", seeds="1")
    assert app.selectbox(key="merge").value == "mnist"
    assert app.selectbox(key="merge").options == ["Tiny-ImageNet (100 classes)", "MNIST"]
    app.selectbox(key="fm").set_value("resnet50").run()
    assert not app.exception
    assert app.selectbox(key="merge").value == "mnist"


def test_merged_classes_use_n_shot_and_the_recipe_of_the_sidebar(bundled, monkeypatch):
    # The figures of other sets can stay incomplete.
    monkeypatch.setattr(progressive, "FIRST_SLICE", 2.0)
    app = opened(**QUICK, merge_n="n", merge="digits", draws="1", gen="mean")
    assert not app.exception
    merged = traces(app, "accuracy-by-merging")
    pool = choose_classes(open_set(bundled["vit_tiny_patch16_224", "digits"]), "2in1-1")
    accuracy = Evaluator(pool, Recipe().space).accuracy_over_k(Recipe("kmeans", 1), KS, 20, SEEDS[:1])[:, 0]
    np.testing.assert_allclose(merged["2"]["y"], accuracy)
    assert "20 shots per merged class" in read(app)


@pytest.mark.parametrize("query", [{"n": "1"}, {"classes": "3"}])
def test_too_few_classes_or_shots_for_nc1_are_reported(query):
    app = opened(**(QUICK | query))
    assert not app.exception
    assert not app.error
    assert any("NC1 needs at least two classes with two shots each." in info.value for info in app.info)
    assert "accuracy-by-merging" in pictures(app)
    assert "spectra" not in pictures(app)


def test_a_set_with_too_few_classes_to_merge(home, vit_digits, complete_figures):
    tensors = read_tensors(vit_digits.info.path)
    for split in ("train", "test"):
        few = tensors[f"y_{split}"] < 3
        tensors |= {f"{name}_{split}": tensors[f"{name}_{split}"][few] for name in ("X", "y", "id")}
    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("sha256", "format")}
    meta["fm"] = {**meta["fm"], "name": "mine", "label": "*Mine*"}
    meta["dataset"] = {**meta["dataset"], "name": "three", "label": "Three", "class_names": ["a", "<b>", "c"]}
    meta["samples"] = {"train": class_sizes(tensors["y_train"]), "test": class_sizes(tensors["y_test"])}
    write_set(home, tensors, meta)
    app = opened(fm="mine", data="three", n="20", seeds="1")
    assert not app.exception
    assert any("Merging needs at least four classes, and \\*Mine\\*" in info.value for info in app.info)
    assert "nc1-of-classes" in pictures(app)
    bars = traces(app, "nc1-of-sets")
    assert "*Mine*" in bars


def test_a_damaged_set_does_not_affect_the_others(home, vit_digits, complete_figures):
    """A damaged set and one with a single class, in addition to the bundled ones."""
    tensors = read_tensors(vit_digits.info.path)
    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("sha256", "format")}
    meta["fm"] = {**meta["fm"], "name": "mine", "label": "Mine"}
    path = write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], "name": "torn"}}).path
    path.write_bytes(path.read_bytes()[:-9])
    for split in ("train", "test"):
        single = tensors[f"y_{split}"] == 0
        tensors |= {f"{name}_{split}": tensors[f"{name}_{split}"][single] for name in ("X", "y", "id")}
    meta["samples"] = {"train": class_sizes(tensors["y_train"]), "test": class_sizes(tensors["y_test"])}
    write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], "name": "single", "class_names": ["only"]}})
    app = opened(**QUICK)
    assert not app.exception
    assert len([c for c in app.caption if "is damaged or doesn't match its sidecar" in c.value]) == 1
    assert {"EfficientNet-Lite0", "ResNet-50", "SqueezeNet 1.1", "ViT-Ti/16", "NC1 = 1"} == set(
        traces(app, "nc1-of-sets")
    )
    assert app.button(key="every-task_resume").label == "Try again"


def test_coinciding_classes_do_not_break_the_page(home, vit_digits, monkeypatch):
    """All samples are equal: there is no variance and no difference between classes."""
    monkeypatch.setattr(progressive, "FIRST_SLICE", 1.0)
    tensors = read_tensors(vit_digits.info.path)
    for split in ("train", "test"):
        few = np.concatenate([np.flatnonzero(tensors[f"y_{split}"] == c)[:6] for c in range(10)])
        tensors |= {f"{name}_{split}": tensors[f"{name}_{split}"][few] for name in ("X", "y", "id")}
        tensors[f"X_{split}"] = np.ones_like(tensors[f"X_{split}"])
    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("sha256", "format")}
    meta["dataset"] = {**meta["dataset"], "name": "flat", "label": "Flat"}
    meta["samples"] = {"train": class_sizes(tensors["y_train"]), "test": class_sizes(tensors["y_test"])}
    write_set(home, tensors, meta)
    app = opened(fm="vit_tiny_patch16_224", data="flat", n="5", seeds="1", draws="1", merge="flat")
    assert not app.exception
    assert "| **NC1** | 0.00 |" in read(app)


def test_the_link_has_the_controls_of_the_page():
    app = opened(fm="vit_tiny_patch16_224", draws="5", merge_n="n", nc1="published", published="resnet18", n="20")
    assert not app.warning
    assert app.query_params["draws"] == "5"
    assert app.query_params["merge_n"] == "n"
    app.segmented_control(key="nc1").set_value("textbook").run()
    assert "nc1" not in app.query_params
    app = opened(draws="7", published="vgg")
    assert len(app.warning) == 1
    assert "Draws = 7 is not available" in app.warning[0].value


def test_accuracy_of_suggestions_is_shown():
    from imprint_core.sweeps.k_selection_study import bundled_study, standing

    result = standing(bundled_study(), "smoothed")
    row = f"| **cross-validation, smoothed (displayed)** | **{100 * result.near:.0f} %** | **{result.mean:.2f}** |"
    assert row in read(opened(**QUICK))


def test_measures_have_the_range_over_seeds(bundled):
    app = opened(**(QUICK | {"seeds": "3"}))
    values = [measures.nc1(l2(x), y) for _, x, y in (shots_of(bundled, seed=seed) for seed in SEEDS[:3])]
    run = summarize(values)
    assert f"{run.median:.2f}\u00a0({run.low:.2f}\u00a0to\u00a0{run.high:.2f})" in read(app)


def test_missing_bundled_suggestions_are_reported(monkeypatch, tmp_path):
    from imprint_core.sweeps import k_selection_study

    monkeypatch.setattr(k_selection_study, "bundled_path", lambda: tmp_path / "suggested_k.json")
    k_selection_study.bundled_study.cache_clear()
    app = opened(**QUICK)
    assert not app.exception
    assert [e.value for e in app.error if "is missing or damaged" in e.value]
    k_selection_study.bundled_study.cache_clear()
