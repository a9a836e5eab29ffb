"""Pages on a few samples without a test split: repeated splits, and the number of test samples beside accuracies."""

import io
import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.cli.main import main
from imprint_core.embeddings import open_set
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import summarize, wilson_interval
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe
from imprint_core.uploads.embedding_sets import add_embeddings
from tests.conftest import ROOT
from tests.pages.test_library import home, page_text  # noqa: F401


@pytest.fixture
def few(home, squeezenet_mnist, tmp_path):  # noqa: F811
    """36 uploaded embeddings of three classes that are hard to distinguish."""
    rows = np.concatenate([np.flatnonzero(squeezenet_mnist.y_train == c)[:12] for c in (4, 7, 9)])
    file = io.BytesIO()
    np.savez(file, X=squeezenet_mnist.X_train[rows], y=squeezenet_mnist.y_train[rows])
    path = tmp_path / "few.npz"
    path.write_bytes(file.getvalue())
    return add_embeddings([path], "npz", "few", None, home)


def opened(page, **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = page
    app.run()
    assert not app.exception
    assert not app.error
    return app


def test_explore_tests_every_sample_and_shows_how_sure_that_is(few):
    task = {"fm": few.fm, "data": few.dataset, "n": "9", "k": "2"}
    app = opened("explore", **task)
    result = Experiment(few, n_shot=9, recipe=Recipe(k=2)).evaluate()
    assert result.predictions.shape == (5, 36)
    accuracy = summarize(result.accuracy)
    assert accuracy.median < 100
    shown = {metric.label: metric for metric in app.metric}["Accuracy"]
    assert shown.value == f"{accuracy.median:.1f} %"
    assert shown.delta == f"{accuracy.low:.1f} to {accuracy.high:.1f} % over 5 seeds"
    correct = round(0.36 * accuracy.median)
    low, high = wilson_interval(correct, 36)
    captions = " ".join(c.value for c in app.caption)
    assert f"{correct} of 36 samples; 95 % interval {low:.0f} to {high:.0f} %" in captions
    assert "all 36 samples, with shots and proxies of one split" in captions
    assert "over all seeds; 36 samples" in captions
    assert [
        i
        for i in app.info
        if "These 36 samples are few, so each is classified in turn by proxies from the others (4-fold "
        "cross-validation, another split for each seed)." in i.value
    ]
    # The script of the Share dialog prints the same accuracy.
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in task.items():
        app.query_params[name] = value
    app.session_state["share_open"] = "explore"
    app.run()
    lines = []
    exec(app.code[0].value, {"print": lines.append})  # noqa: S102
    assert lines == [f"Accuracy {accuracy.median:.1f} % ({accuracy.low:.1f} to {accuracy.high:.1f} over 5 seeds)"]


def test_compare_pairs_all_samples(few):
    app = opened("compare", fm=few.fm, data=few.dataset, n="5", k="2", b="gen=mean")
    a, b = (Experiment(few, n_shot=5, recipe=recipe).evaluate() for recipe in (Recipe(k=2), Recipe("mean")))
    assert [metric.value for metric in app.metric[:2]] == [f"{np.median(x.accuracy):.1f} %" for x in (a, b)]
    text = page_text(app)
    assert "exact McNemar test of equal error rates on 36 samples." in text
    assert "5 shots · tested on 36 samples" in text
    assert "each sample by proxies from other folds; the Map has one split" in text
    pool = Experiment(few).pool()
    correct = [x.predictions[0] == np.searchsorted(np.unique(pool.y_train), pool.evaluated.y_test) for x in (a, b)]
    labels = {tab.label for tab in app.tabs}
    assert f"only A correct: {(correct[0] & ~correct[1]).sum()}" in labels
    assert f"both misclassified: {(~correct[0] & ~correct[1]).sum()}" in labels


def test_curves_say_on_how_many_samples_and_what_differs_between_seeds(few, squeezenet_mnist, tmp_path, home):  # noqa: F811
    text = page_text(opened("curves", fm=few.fm, data=few.dataset, n="9"))
    assert "Tested on 36 samples of few." in text
    assert "All training samples are shots" not in text
    rows = np.concatenate([np.flatnonzero(squeezenet_mnist.y_train == c)[:12] for c in (4, 7, 9)])
    X, y = squeezenet_mnist.X_train[rows], squeezenet_mnist.y_train[rows]
    path = tmp_path / "split.npz"
    np.savez(path, X_train=X[::2], y_train=y[::2], X_test=X[1::2], y_test=y[1::2])
    split = add_embeddings([path], "npz", "split", None, home)
    text = page_text(opened("curves", fm=split.fm, data=split.dataset, n="6"))
    assert "Tested on 18 samples of split." in text
    assert "All training samples are shots, so only GEN's random numbers differ between seeds." in text
    assert "All training samples are shots" not in page_text(opened("curves", fm=split.fm, data=split.dataset, n="5"))


def test_map_says_that_it_shows_one_split(few):
    text = page_text(opened("map", fm=few.fm, data=few.dataset, n="5"))
    assert "This page shows the proxies of one split, with 9 test samples" in text
    assert "computed on all 36 samples in turn" in text
    assert "one split" not in page_text(opened("map", fm="vit_tiny_patch16_224", data="digits", n="5"))


def test_a_fixed_split_with_all_shots_is_one_draw(home):  # noqa: F811
    query = {"fm": "vit_tiny_patch16_224", "data": "digits", "gen": "mean"}
    app = opened("explore", **query, n="999")
    assert {m.label: m.delta for m in app.metric}["Accuracy"] == "1 draw"
    assert "over all seeds" not in page_text(app)
    assert "on 596 images" in page_text(app)
    assert {m.label: m.delta for m in opened("explore", **query, n="5").metric}["Accuracy"].endswith("over 5 seeds")


def test_command_evaluates_as_the_page_does(few, capsys):
    recipe = ["--recipe", "own", "--set", "k=2"]
    arguments = ["evaluate", "--fm", few.fm, "--task", few.dataset, *recipe, "--n-shot", "5", "--seeds", "2"]
    assert main([*arguments, "--predictions"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["task"]["test_samples"], output["task"]["folds"]) == (36, 4)
    result = Experiment(few, n_shot=5, recipe=Recipe(k=2), seeds=SEEDS[:2]).evaluate()
    assert [run["accuracy"] for run in output["runs"]] == pytest.approx(result.accuracy.tolist())
    opened_set = open_set(few)
    codes = {*opened_set.id_test.tolist(), *(-1 - opened_set.id_train).tolist()}
    assert set(output["runs"][0]["id"]) == codes
