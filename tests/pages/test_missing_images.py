"""Pages on a machine without a set's images: frames with text, and the button that fetches the images."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.background import download
from imprint_core.background.locks import lock_job
from imprint_core.background.process import job_folder
from imprint_core.background.progress import ProgressReporter
from imprint_core.datasets import dataset
from imprint_core.errors import ImprintError
from imprint_core.paths import data_folder
from tests.conftest import ROOT
from tests.pages.reading import pictures, read
from ui.server import classroom
from ui.widgets import downloads, missing_images

MNIST = {"fm": "vit_tiny_patch16_224", "data": "mnist", "n": "5", "seeds": "1"}
MISSING = "The images of MNIST are not on this machine."
FETCH = "Fetch images (12 MB)"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    monkeypatch.delenv("IMPRINT_DATA", raising=False)


def opened(page, **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = page
    app.run()
    assert not app.exception
    return app


def button(app, label):
    return next((b for b in app.button if b.label == label), None)


def tiles(app, name):
    return pictures(app)[name]["tiles"]


@pytest.mark.parametrize(("page", "galleries"), [("map", ["selected"]), ("compare", ["changed-A", "changed-B"])])
def test_default_pages_of_a_fresh_machine_show_images(page, galleries):
    app = opened(page)
    for name in galleries:
        assert len(tiles(app, name)) > 4
        assert all(tile["image"] and not tile["frame"] for tile in tiles(app, name))
    assert button(app, FETCH) is None
    assert "not on this machine" not in read(app)


def test_frames_show_the_predicted_class_and_the_margin():
    app = opened("map", **MNIST)
    assert read(app).count(MISSING) == 1
    first = tiles(app, "selected")[0]
    assert first["image"] is None
    assert first["note"] == f"→ {first['frame']['title']}"
    assert first["description"].endswith(f"margin {first['frame']['value']}")
    app.text_input(key="sample").set_value(str(first["code"])).run()
    for tile in tiles(app, "neighbours"):
        assert (
            f"sample {tile['title']}, class {tile['frame']['title']}, {tile['frame']['value']}" in tile["description"]
        )
    # The button is there once, also with an explanation.
    assert [b.label for b in app.button].count(FETCH) == 1


def test_images_are_fetched_and_shown(shared, monkeypatch):
    """A download that is started, seen to be running, stopped, fails, and ends with the files in their folder."""
    started, stopped = [], []
    monkeypatch.setattr(download, "start_job", lambda *arguments: started.append(arguments))
    monkeypatch.setattr(downloads, "stop_job", lambda job: stopped.append(job.name))
    app = opened("map", **MNIST)
    button(app, FETCH).click().run()
    folder = data_folder() / "torchvision"
    assert started == [(folder, "MNIST", ("--dataset", "mnist", "--data-root", str(data_folder())), "fetch")]
    with lock_job(folder, "MNIST", "fetch"):
        part = job_folder(folder, "MNIST") / "files" / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
        part.parent.mkdir(parents=True)
        part.write_bytes(bytes(3_000_000))
        app.run()
        assert [p.proto.text for p in app.get("progress")] == ["Downloading … 3.0 of 12 MB"]
        assert button(app, FETCH) is None
        button(app, "Stop").click().run()
        assert stopped == ["MNIST"]

    def fail():
        with ProgressReporter(job_folder(folder, "MNIST")):
            raise ImprintError("no route, so put x into 'y'.")

    with pytest.raises(ImprintError):
        fail()
    app.run()
    assert [e.value for e in app.error] == ["no route, so put x into 'y'."]
    assert MISSING not in read(app)
    assert "Tiles show the class of the nearest proxy" in read(app)
    assert button(app, FETCH)
    (folder / "MNIST").symlink_to(shared / "data" / "torchvision" / "MNIST")
    app.run()
    assert not app.error
    assert button(app, FETCH) is None
    assert all(tile["image"] and not tile["frame"] for tile in tiles(app, "selected"))


def test_students_cannot_fetch_images(monkeypatch):
    monkeypatch.setenv(classroom.KEY_VARIABLE, "key")
    monkeypatch.setattr(download, "start_job", lambda *arguments: pytest.fail("a student started a download"))
    app = opened("compare", **MNIST)
    assert button(app, FETCH) is None
    assert f"{MISSING} Tiles show the predictions of A and B instead of images. In classroom mode" in read(app)
    # A message as of a teacher's browser.
    monkeypatch.setattr(missing_images, "is_teacher", lambda: True)
    app.run()
    button(app, FETCH).click().run()
    assert ["Fetching images needs the teacher's key" in error.value for error in app.error] == [True]


def test_what_cannot_be_downloaded_has_a_folder():
    app = opened("compare", fm="vit_tiny_patch16_224", data="tiny_imagenet_100", n="1", seeds="1")
    assert dataset("tiny_imagenet_100").image_download(data_folder()) is None
    assert f"To see them, put tiny_imagenet_100.zip into '{data_folder()}'." in read(app)
    assert not [b for b in app.button if b.label.startswith("Fetch")]
