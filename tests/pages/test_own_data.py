"""The page “Your own data” without a browser."""

from __future__ import annotations

import io
import json
import time
import tomllib
import zipfile

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from imprint_core.background.process import find_jobs
from imprint_core.datasets import dataset
from imprint_core.datasets.own_images import find_own_images
from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.explanation import explain_sample, nearest_proxies
from imprint_core.framework.recipe import Recipe
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.models.download import weights_download
from imprint_core.paths import data_folder, images_folder
from imprint_core.uploads.example_files import example_npz, example_zip
from tests.conftest import ROOT
from tests.pages.reading import pictures
from tests.pages.test_library import button, home, page_text, wait_for, weights  # noqa: F401
from tests.uploads.files import X, Y, csv, npy
from ui.server.visitor_uploads import upload_limit


def own_data(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = "own_data"
    return app.run()


def on_tab(app, title):
    app.session_state["own_tab"] = title
    return app.run()


def adding(app):
    """Press the button that opens the dialog in the next run, which closes it otherwise."""
    return app.button(key="own_add_class").click()


def upload(app, key, name, content):
    app.file_uploader(key=key).upload(name, content)
    return app.run()


def test_zip_is_checked_saved_embedded_and_explored_on_a_fresh_machine(home):  # noqa: F811
    app = upload(own_data(), "own_zip", "numerals.zip", example_zip())
    assert not app.exception
    assert "Saved 36 images of 3 classes" in " ".join(s.value for s in app.success)
    (uploaded,), problems = find_own_images(images_folder())
    assert (uploaded.label, uploaded.class_names, problems) == ("numerals", ("one", "two", "zero"), [])
    button(app, "Embed images").click().run()
    wait_for(lambda: ("tf_efficientnet_lite0", uploaded.name) in find_sets(home)[0])
    wait_for(lambda: not find_jobs(home))
    app.run()
    assert "Embedded by EfficientNet\\-Lite0." in page_text(app)
    button(app, "Explore it").click().run()
    assert not app.exception
    assert app.title[0].value == "Explore weight imprinting"
    assert {s.key: s.value for s in app.selectbox}["data"] == uploaded.name
    assert float(app.metric[0].value.split()[0]) > 30
    # No more shots than there are, without a warning.
    assert app.select_slider(key="n").value == 9
    assert not app.warning
    assert "of 36 images; 95 % interval" in page_text(app)
    assert "These 36 images are few, so each is classified in turn by proxies from the others" in page_text(app)


def archive(*names):
    file = io.BytesIO()
    picture = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(picture, "PNG")
    with zipfile.ZipFile(file, "w") as archive_:
        for name in names:
            archive_.writestr(name, picture.getvalue())
    return file.getvalue()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no zip at all", "zip"),
        (archive("../cat/1.png", "dog/2.png"), ".."),
        (archive("cat/1.png", "cat/2.png"), "class"),
        (archive("a.png"), "class"),
        (archive("cat/1.png", "dog/inner.zip"), "archive"),
    ],
)
def test_invalid_zip_is_one_error_and_nothing_is_saved(content, sentence):
    app = upload(own_data(), "own_zip", "../x.zip", content)
    assert not app.exception
    assert len(app.error) == 1
    assert sentence in app.error[0].value.replace("\\", "")
    assert not images_folder().exists() or not list(images_folder().iterdir())


@pytest.mark.usefixtures("home")
def test_images_are_uploaded_per_class():
    app = own_data()
    app.session_state["own_source"] = "classes"
    app.run()
    for i, (name, color) in enumerate((("<b>red</b>", "red"), ("синий", "blue"))):
        app.text_input(key=f"class_name_{i}").set_value(name).run()
        files = []
        for shade in range(4):
            picture = io.BytesIO()
            Image.new("RGB", (20 + shade, 20), color).save(picture, "PNG")
            files.append((f"{shade}.png", picture.getvalue(), "image/png"))
        app.file_uploader(key=f"class_files_{i}").set_value(files).run()
    button(app, "Save images").click().run()
    assert not app.exception
    (images,), _ = find_own_images(images_folder())
    assert set(images.class_names) == {"<b>red</b>", "синий"}
    # Displayed as typed.
    assert "\\<b\\>red\\</b\\>" in page_text(app)


@pytest.mark.usefixtures("home")
def test_embeddings_become_a_task(home):  # noqa: F811
    app = upload(own_data(), "own_embeddings", "mine.npz", example_npz())
    button(app, "Save embeddings").click().run()
    assert not app.exception
    assert "Saved 72 training and 72 test embeddings of 3 classes, 192 dimensions." in app.success[0].value
    ((fm, data),) = find_sets(home)[0]
    assert fm == "own_192d"
    button(app, "Explore it").click().run()
    assert not app.exception
    assert {s.key: s.value for s in app.selectbox}["data"] == data
    assert float(app.metric[0].value.split()[0]) > 80


@pytest.mark.usefixtures("home")
def test_columns_are_listed_before_they_are_saved(home):  # noqa: F811
    table = csv({"id": np.arange(20), **{f"f{i}": X[:, i] for i in range(6)}, "a|b *c*": X[:, 0], "label": Y})
    app = upload(own_data(), "own_embeddings", "mine.csv", table.getvalue())
    text = page_text(app)
    assert "| Embedding | f0, f1 … f5 \\(6 columns\\), 6 dimensions |" in text
    assert "| Samples | 16 training and 4 test |" in text
    assert "| Classes | 4: 0, 1, 2, 3 |" in text
    assert "| Left out | id (named like an id, a size, a time or a label) |" in text
    assert "| Left out | a\\|b \\*c\\* (not numbered like 'f0') |" in text
    assert any("A quarter of each class, 4 of 20 samples, is the test split" in i.value for i in app.info)
    assert not find_sets(home)[0]
    button(app, "Save embeddings").click().run()
    assert "Saved 16 training and 4 test embeddings of 4 classes, 6 dimensions." in app.success[0].value
    assert len(find_sets(home)[0]) == 1


@pytest.mark.usefixtures("home")
def test_labels_are_a_second_file(home):  # noqa: F811
    app = upload(own_data(), "own_embeddings", "x.npy", npy(X).getvalue())
    assert not [b for b in app.button if b.label == "Save embeddings"]
    assert app.file_uploader(key="own_embeddings_second").label == "Labels (.npy)"
    upload(app, "own_embeddings_second", "y.npy", npy(Y).getvalue())
    button(app, "Save embeddings").click().run()
    assert not app.exception
    assert "Saved 16 training and 4 test embeddings of 4 classes, 6 dimensions." in app.success[0].value


@pytest.mark.usefixtures("home")
def test_boxes_offer_what_the_server_accepts(monkeypatch):
    accepted = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]["maxUploadSize"]
    app = own_data()
    limits = {box.key: box.proto.max_upload_size_mb for box in app.file_uploader}
    assert limits["own_embeddings"] == limits["own_zip"] == accepted
    assert f"client_max_body_size {accepted + 1}m;" in (ROOT / "docs" / "deploy" / "nginx.conf").read_text()
    monkeypatch.setattr(st, "get_option", lambda name: 70 if name == "server.maxUploadSize" else None)
    assert (upload_limit(1500), upload_limit(50)) == (70, 50)


@pytest.mark.usefixtures("home")
def test_embeddings_must_have_the_dimensions_of_the_model():
    app = upload(own_data(), "own_embeddings", "mine.npz", example_npz())
    app.selectbox(key="own_embeddings_fm").select("resnet50").run()
    button(app, "Save embeddings").click().run()
    assert "These embeddings have 192 dimensions, but ResNet\\-50 has 2,048" in app.error[0].value
    pickled = io.BytesIO()
    np.savez(pickled, X=np.array([{}], dtype=object), y=np.zeros(1))
    upload(app, "own_embeddings", "evil.npz", pickled.getvalue())
    button(app, "Save embeddings").click().run()
    assert len(app.error) == 1
    assert "holds Python objects, which are never loaded" in app.error[0].value
    assert not find_sets(data_folder())[0]


def near(app):
    return json.loads(pictures(app)["near-proxies"]["figure"])["data"][0]


@pytest.mark.usefixtures("home")
def test_test_sample_is_compared_with_the_sidebars_proxies(bundled):
    app = own_data(fm="vit_tiny_patch16_224", data="digits", n="20", k="3")
    app.session_state["try_row"] = 7
    on_tab(app, "Try an image")
    assert not app.exception
    opened = open_set(bundled["vit_tiny_patch16_224", "digits"])
    split = Experiment(opened.info, "all", 20).split(SEEDS[0], opened)
    model = ImprintingClassifier.from_recipe(Recipe("kmeans", 3), random_state=SEEDS[0]).fit(
        split.X_train, split.y_train
    )
    expected = explain_sample(model, opened.X_test[7])
    assert {m.label: m.value for m in app.metric}["Predicted class"] == str(expected.label)
    np.testing.assert_allclose(
        np.array(near(app)["x"], float), [p.similarity for p in nearest_proxies(model, expected)], rtol=1e-5
    )
    # The numerals come with scikit-learn, so that they can always be shown.
    assert len(app.get("image")) >= 5


@pytest.mark.usefixtures("home")
def test_without_images_shots_are_listed_by_number():
    app = on_tab(own_data(fm="vit_tiny_patch16_224", data="mnist", n="5"), "Try an image")
    assert not app.exception
    assert "The images of MNIST are not on this machine" in page_text(app)
    assert "training samples " in page_text(app)


def numeral(label):
    images = dataset("digits").read(None).test
    png = io.BytesIO()
    images.load(int(np.flatnonzero(images.labels == label)[0])).resize((64, 64)).save(png, "PNG")
    return png.getvalue()


def with_images(app):
    app.session_state["add_source_dialog"] = "images"
    return app


@pytest.mark.usefixtures("home")
def test_uploaded_image_needs_the_models_weights():
    app = own_data(fm="squeezenet1_1", data="digits")
    app.session_state["try_source"] = "upload"
    app.session_state["add_source_dialog"] = "images"
    for title, box in (("Try an image", "try"), ("Add a class", "add_dialog")):
        on_tab(app, title)
        if title == "Add a class":
            adding(app).run()
        assert not app.exception
        # Before anything is uploaded, and with the ways to get them.
        assert [i for i in app.info if "must be embedded by SqueezeNet 1.1" in i.value and "Caffe" in i.value]
        assert "Offline, put squeezenet1_1.safetensors or squeezenet1_1.pth into" in page_text(app).replace("\\", "")
        assert button(app, "Download weights (5 MB)")
        assert f"weights_squeezenet1_1{box}" in {box.key for box in app.file_uploader}
    assert not {box.key for box in app.file_uploader} & {"try_file", "added_files_dialog_0"}


@pytest.mark.usefixtures("home")
def test_another_fm_with_available_weights_is_suggested(shared, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vit_tiny_patch16_224.safetensors").touch()
    monkeypatch.setenv("IMPRINT_WEIGHTS", str(tmp_path / "weights"))
    app = on_tab(with_images(own_data(fm="squeezenet1_1", data="digits")), "Add a class")
    adding(app).run()
    assert [i for i in app.info if "Weights of EfficientNet\\-Lite0, ViT\\-Ti/16 are available: select" in i.value]


@pytest.mark.usefixtures("home")
def test_uploaded_weights_are_used(shared, monkeypatch, tmp_path):
    monkeypatch.setenv("IMPRINT_WEIGHTS", str(tmp_path / "weights"))
    app = on_tab(with_images(own_data(fm="squeezenet1_1", data="digits", n="20")), "Add a class")
    adding(app).run()
    adding(app)
    state_dict = (shared / "fm" / "squeezenet1_1.safetensors").read_bytes()
    upload(app, "weights_squeezenet1_1add_dialog", "x.safetensors", state_dict)
    adding(app)
    button(app, "Check and save weights").click().run()
    assert not app.exception
    adding(app).run()
    assert app.file_uploader(key="added_files_dialog_0")
    assert (tmp_path / "weights" / "squeezenet1_1.safetensors").is_file()


@pytest.mark.usefixtures("home")
def test_download_without_a_network_is_one_error(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    app = on_tab(with_images(own_data(fm="squeezenet1_1", data="digits")), "Add a class")
    adding(app).run()
    adding(app)
    button(app, "Download weights (5 MB)").click().run()
    assert not app.exception
    fm = FOUNDATION_MODELS["squeezenet1_1"]
    until = time.monotonic() + 60
    while (job := weights_download(fm).unfinished()) and job.running and time.monotonic() < until:
        time.sleep(0.2)
    # The sentence is read from the process a moment after its end.
    time.sleep(0.3)
    adding(app).run()
    assert [e.value for e in app.error if "could not be downloaded. Connect to a network once" in e.value]
    assert button(app, "Download weights (5 MB)")


@pytest.mark.usefixtures("weights")
def test_weights_that_differ_from_the_sets_are_refused():
    app = own_data(fm="squeezenet1_1", data="digits")
    app.session_state["try_source"] = "upload"
    on_tab(app, "Try an image")
    upload(app, "try_file", "x.png", numeral(3))
    assert not app.exception
    assert "differ from the weights of this embedding set" in page_text(app)


@pytest.mark.usefixtures("home")
def test_image_is_classified_and_class_added_on_a_fresh_machine():
    query = {"data": "digits", "classes": "0-6", "n": "20", "k": "2"}
    app = own_data(**query)
    app.session_state["try_source"] = "upload"
    on_tab(app, "Try an image")
    upload(app, "try_file", "x.png", numeral(3))
    assert not app.exception
    assert not app.error
    assert {m.label: m.value for m in app.metric}["Predicted class"] == "3"
    app.toggle(key="own_classes_try").set_value(True).run()
    assert not app.exception
    (ranking,) = [m.value for m in app.markdown if m.value.startswith("##### With the FM's own classes: 3")]
    assert "FM's own" in ranking.split("\n", 4)[4]
    upload(app, "try_file", "x.png", b"not an image")
    assert len(app.error) == 1

    on_tab(app, "Add a class")
    images = dataset("digits").read(None).train
    files = []
    for row in np.flatnonzero(images.labels == 8)[:6]:
        png = io.BytesIO()
        images.load(int(row)).resize((64, 64)).save(png, "PNG")
        files.append((f"{row}.png", png.getvalue(), "image/png"))
    adding(app).run()
    adding(app)
    app.text_input(key="added_name_dialog_0").set_value("*eight*").run()
    adding(app)
    app.file_uploader(key="added_files_dialog_0").set_value([*files, ("bad.png", b"damaged", "image/png")]).run()
    adding(app)
    button(app, "Imprint class").click().run()
    assert not app.exception
    assert "Left out 1 file:" in app.warning[0].value
    assert "6 shots gave 2 proxies in" in page_text(app)
    assert "\\*eight\\*" in page_text(app)
    # A second one of the same name is refused, and nothing is lost.
    adding(app).run()
    adding(app)
    app.text_input(key="added_name_dialog_1").set_value("*EIGHT*").run()
    adding(app)
    app.file_uploader(key="added_files_dialog_1").set_value(files).run()
    adding(app)
    button(app, "Imprint class").click().run()
    assert "There is already a class called" in page_text(app)

    app.session_state["try_source"] = "upload"
    on_tab(app, "Try an image")
    upload(app, "try_file", "y.png", numeral(8))
    assert {m.label: m.value for m in app.metric}["Predicted class"] == "\\*eight\\*"
    on_tab(app, "Add a class")
    button(app, "Remove class").click().run()
    assert "No classes added" in page_text(app)


@pytest.mark.usefixtures("home", "weights")
def test_class_needs_a_name():
    app = on_tab(own_data(fm="squeezenet1_1", data="digits"), "Add a class")
    adding(app).run()
    adding(app)
    app.file_uploader(key="added_files_dialog_0").set_value([("x.png", numeral(1), "image/png")]).run()
    adding(app)
    button(app, "Imprint class").click().run()
    assert app.error[0].value == "The class has no name; enter one above."


def test_damaged_set_is_one_error_on_every_tab(home):  # noqa: F811
    app = upload(own_data(), "own_embeddings", "mine.npz", example_npz())
    button(app, "Save embeddings").click().run()
    ((fm, data), info) = next(iter(find_sets(home)[0].items()))
    info.path.write_bytes(b"damaged")
    for title in ("Try an image", "Add a class"):
        app = on_tab(own_data(fm=fm, data=data), title)
        assert not app.exception
        errors = [e.value for e in app.error]
        assert title == "Add a class" or (len(errors) == 1 and "is damaged or doesn't match its sidecar" in errors[0])


@pytest.mark.usefixtures("home")
def test_no_image_can_be_uploaded_for_an_unknown_model(home):  # noqa: F811
    app = upload(own_data(), "own_embeddings", "mine.npz", example_npz())
    button(app, "Save embeddings").click().run()
    ((fm, data),) = find_sets(home)[0]
    app = on_tab(own_data(fm=fm, data=data), "Try an image")
    assert not app.exception
    assert "their model is unknown" in page_text(app)
    assert {m.label for m in app.metric} == {"Predicted class"}
    # The sidebar displays the user's dataset name.
    assert {s.label: s.options for s in app.selectbox}["Dataset"] == ["mine"]
    app = on_tab(own_data(fm=fm, data=data), "Add a class")
    adding(app).run()
    assert "their model is unknown" in " ".join(i.value for i in app.info)
    assert not [b for b in app.button if b.label == "Imprint class"]
    # After an invalid file the previous upload is not displayed beside the error.
    app = upload(own_data(), "own_embeddings", "mine.npz", example_npz())
    button(app, "Save embeddings").click().run()
    upload(app, "own_embeddings", "bad.npz", b"nothing")
    button(app, "Save embeddings").click().run()
    assert len(app.error) == 1
    assert not app.success
