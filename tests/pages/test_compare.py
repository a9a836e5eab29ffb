"""The Compare page without a browser: its numbers against the core."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.embeddings import open_set
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import signed, summarize
from imprint_core.evaluation.paired_tests import mcnemar, paired_difference, unpaired_difference
from imprint_core.evaluation.ranking import wilcoxon
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable, TaskKey, bundled_sweep
from tests.conftest import ROOT
from tests.pages.reading import page_text, pictures, read
from ui.charts import progressive
from ui.compute import sweeps
from ui.text.markdown import plain

QUICK = {"fm": "vit_tiny_patch16_224", "data": "digits", "n": "20", "seeds": "3"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))


@pytest.fixture
def complete_figures(monkeypatch):
    """Figures are complete after one run: AppTest has no browser that requests the next slice."""
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    for name, value in {**QUICK, **query}.items():
        app.query_params[name] = value
    app.session_state["goto"] = "compare"
    app.run()
    assert not app.exception
    return app


def right(bundled, recipe, fm="vit_tiny_patch16_224", data="digits", n=20, seeds=SEEDS[:3]):
    """Which test samples the estimator classifies correctly, for each seed."""
    correct = []
    for seed in seeds:
        split = Experiment(bundled[fm, data], "all", n).split(seed)
        model = ImprintingClassifier.from_recipe(recipe, random_state=seed).fit(split.X_train, split.y_train)
        correct.append(model.predict(split.X_test) == split.y_test)
    return np.array(correct)


def gap_of(a, b):
    first, second = (round(summarize(100 * side.mean(axis=1)).median, 1) for side in (a, b))
    return f"{signed(first - second)} points"


def mean_difference(difference):
    interval = f"{signed(difference.low)} to {signed(difference.high)}"
    return f"Mean difference {signed(difference.mean)} points, 95 % interval {interval} "


def test_the_headline_and_mcnemar_are_the_estimators(bundled):
    app = opened(k="3", b="oracle")
    a = right(bundled, Recipe(k=3))
    b = right(bundled, sweep_recipe(PRESETS["oracle"].recipe).for_fm("vit_tiny_patch16_224"))
    difference = paired_difference(a, b)
    medians = [summarize(100 * side.mean(axis=1)).median for side in (a, b)]
    # The displayed numbers add up.
    assert [m.value for m in app.metric] == [*(f"{value:.1f} %" for value in medians), gap_of(a, b)]
    text = read(app)
    assert mean_difference(difference) in text
    assert ("is better" in text) == difference.significant
    for seed, of_a, of_b in zip(SEEDS[:3], a, b, strict=True):
        test = mcnemar(of_a, of_b)
        p = f"{test.p:.2g}" if test.p >= 1e-4 else "< 0.0001"
        assert f"| {test.only_a} | {test.only_b} | {p} |" in text
        assert f"| {seed} | {100 * of_a.mean():.1f} |" in text
    # Samples with different results, with the first seed.
    labels = [tab.label for tab in app.tabs]
    assert labels == [
        f"only A correct: {(a[0] & ~b[0]).sum()}",
        f"only B correct: {(b[0] & ~a[0]).sum()}",
        f"both misclassified: {(~a[0] & ~b[0]).sum()}",
    ]


@pytest.mark.usefixtures("complete_figures")
def test_classes_tasks_and_presets_are_the_cores(bundled):
    app = opened(n="100", k="20", seeds="5")
    figure = json.loads(pictures(app)["compare-classes"]["figure"])["data"][0]
    a, b = (right(bundled, PRESETS[name].recipe, n=100, seeds=SEEDS[:5]) for name in ("own", "qi"))
    y = open_set(bundled["vit_tiny_patch16_224", "digits"]).y_test
    # Recalls are rounded as displayed.
    recalls = [[round(100 * float(side[:, y == c].mean()), 1) for c in range(10)] for side in (a, b)]
    gains = np.subtract(*recalls)
    np.testing.assert_allclose(figure["x"], sorted(gains), atol=1e-9)
    # Over tasks: the bundled table has runs of every set.
    table = SweepTable.read(bundled_sweep(), bundled)
    gaps = []
    for info in bundled.values():
        runs = [table.runs(TaskKey(info.fm, info.dataset, "all", 100), PRESETS[p].recipe) for p in ("own", "qi")]
        if None not in runs:
            gaps.append(np.mean(runs[0].values["accuracy"] - runs[1].values["accuracy"]))
    bars = json.loads(pictures(app)["compare-tasks"]["figure"])["data"][0]
    np.testing.assert_allclose(bars["x"], sorted(gaps), atol=0.05)
    text = read(app)
    p = wilcoxon(np.array(gaps), np.zeros(len(gaps)))
    assert f"on {sum(g > 0 for g in gaps)} and B on {sum(g < 0 for g in gaps)} of {len(gaps)} tasks" in text
    assert f"p = {p:.2g}" in text
    gap = paired_difference(b, a)
    median = summarize(100 * b.mean(axis=1)).median
    gaps = f"{gap_of(b, a).removesuffix(' points')} | {signed(gap.low)} to {signed(gap.high)}"
    assert f"| {median:.1f} | {gaps} | worse |" in text
    assert text.count("same as A") == 1


def test_another_fm_is_paired_by_the_images(bundled):
    app = opened(b="same", b_fm="resnet50", k="2")
    a, b = right(bundled, Recipe(k=2)), right(bundled, Recipe(k=2), fm="resnet50")
    assert app.metric[2].value == gap_of(a, b)
    assert mean_difference(paired_difference(a, b)) in page_text(app)
    assert len(app.tabs) == 3
    assert f"{plain('ResNet-50')} on Digits" in page_text(app)


def test_another_dataset_is_not_paired(bundled):
    app = opened(b="same", b_data="mnist", k="1", b_n="10")
    a, b = right(bundled, Recipe(k=1)), right(bundled, Recipe(k=1), data="mnist", n=10)
    difference = unpaired_difference(a, b)
    assert app.metric[2].value == gap_of(a, b)
    assert mean_difference(difference) in page_text(app)
    assert [i for i in app.info if "different test samples" in i.value]
    assert not app.tabs


def test_the_same_on_both_sides_says_so():
    app = opened(b="same")
    assert [i for i in app.info if "A and B are the same" in i.value]
    assert app.metric[2].value == "+0.0 points"
    assert "No difference: A and B are the same." in page_text(app)
    assert "Not significant" not in page_text(app)


def button(app, label):
    return next(b for b in app.button if b.label == label)


def test_swapping_twice_is_as_before():
    app = opened(k="7", norm_pre="none", b="k=2, norm_post=none", b_fm="resnet50", b_n="10")
    before = [m.value for m in app.metric]
    button(app, "Swap A and B").click().run()
    assert not app.exception
    after = [m.value for m in app.metric]
    assert after[:2] == before[1::-1]
    assert float(after[2].split()[0].replace("−", "-")) == -float(before[2].split()[0].replace("−", "-"))
    assert (app.query_params["fm"], app.query_params["n"]) == ("resnet50", "10")
    button(app, "Swap A and B").click().run()
    assert [m.value for m in app.metric] == before


def test_copied_to_b_it_stays_while_a_changes():
    app = opened(k="7", b_fm="resnet50")
    button(app, "Copy A to B").click().run()
    assert app.metric[2].value == "+0.0 points"
    assert "No difference: A and B are the same." in page_text(app)
    assert "Not significant" not in page_text(app)
    seven = app.metric[0].value
    app.select_slider(key="k").set_value(1).run()
    assert app.metric[1].value == seven
    assert app.metric[0].value != seven


def test_all_of_them_on_the_map():
    app = opened(k="1", norm_pre="none", norm_post="none", b="own")
    next(b for b in app.button if b.key == "map-changed-B").click().run()
    assert not app.exception
    assert app.title[0].value == "Proxies among embeddings"
    assert app.query_params["against"] == "own"
    assert [m for m in app.markdown if "selected" in m.value]


def test_bad_links_are_said():
    app = opened(b="vgg", b_fm="alexnet", b_n="0")
    warnings = " ".join(w.value for w in app.warning)
    for part in ("vgg", "alexnet"):
        assert part in warnings
    app = opened(b="k=2, norm_post=none", b_n="50")
    assert not [w for w in app.warning if "can't" in w.value]
    assert app.query_params["b"] == "k=2 norm_post=none"


@pytest.mark.usefixtures("complete_figures")
def test_one_class_and_few_shots_do_not_break():
    app = opened(classes="3", n="1", seeds="1", b="own")
    assert app.metric[0].value == "100.0 %"
    app = opened(n="1", seeds="1", b="whitened")
    assert len(app.metric) == 3


def test_least_squares_has_the_fms_own_lambda(bundled):
    app = opened(gen="ls", norm_pre="none", norm_post="none", norm_inf="none", b="same", b_fm="resnet50")
    b = right(bundled, sweep_recipe(PRESETS["oracle"].recipe).for_fm("resnet50"), fm="resnet50")
    assert app.metric[1].value == f"{summarize(100 * b.mean(axis=1)).median:.1f} %"


@pytest.mark.usefixtures("complete_figures")
def test_without_the_bundled_table_all_tasks_are_computed(monkeypatch, tmp_path):
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(sweeps, "bundled_sweep", lambda: tmp_path / "damaged.parquet")
    app = opened(n="5", seeds="1", k="2")
    assert not app.error
    assert read(app).count("'damaged.parquet' is not a readable Parquet file.") == 1
    assert "of 19 tasks" in read(app)
