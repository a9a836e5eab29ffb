"""The page Camera without a browser: what a script sends, shots, and answers."""

from __future__ import annotations

import base64
import io
import time
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from imprint_core.background.process import find_jobs
from imprint_core.datasets import dataset
from imprint_core.datasets.own_images import find_own_images
from imprint_core.embeddings import find_sets
from imprint_core.errors import ImprintError
from imprint_core.export.torch_head import load_head
from imprint_core.framework.recipe import Recipe
from imprint_core.paths import images_folder
from imprint_core.recognition.recognizer import fit_recognizer
from tests.conftest import ROOT
from tests.pages.browser_events import components, send
from tests.pages.test_library import button, home, page_text, wait_for, weights  # noqa: F401
from tests.recognition.test_drawings import drawing
from ui.camera.messages import MOST_BYTES, decode_image, read_message, thumbnail_uri
from ui.camera.results import MOST_POINTS, MOST_THUMBNAILS, describe_shots
from ui.camera.shots import MOST_CLASSES, MOST_IN_CLASS, MOST_SHOTS, ShotList
from ui.share import settings_file


def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def digit(label, position):
    images = dataset("digits").read(None).train
    return jpeg(images.load(int(np.flatnonzero(images.labels == label)[position])).resize((64, 64)))


def camera():
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["fm"] = "squeezenet1_1"
    app.query_params["data"] = "digits"
    app.session_state["goto"] = "camera"
    return app.run()


def answer(app):
    return components(app)["camera"][1]


def message(app, **values):
    """Send a message, as the script does after the last answer."""
    last = answer(app)
    send(app, "camera", {"number": last["answer"] + 1, "version": last["version"], "shot": 0} | values, event="sent")
    assert not app.exception
    return answer(app)


def recorded(app, count=4):
    for label in (0, 1):
        for i in range(count):
            message(app, image=digit(label, i), record=label)
    return app


def test_recorded_digits_are_recognized_and_follow_the_recipe(home, weights):  # noqa: F811
    app = recorded(camera())
    result = message(app, image=digit(1, 20), version=-1)
    assert result["result"]["label"] == "Class 2"
    assert sum(bar["share"] for bar in result["result"]["bars"]) == pytest.approx(1, abs=1e-3)
    assert result["result"]["bars"][1]["share"] > 0.5
    assert [len(c["shots"]) for c in result["shots"]["classes"]] == [4, 4]
    assert len(result["shots"]["thumbnails"]) == 8
    names = [row["name"] for row in result["shots"]["measures"]]
    assert names == ["Leave-one-out accuracy", "NC1", "NC1 of Class 1", "NC1 of Class 2", "Proxies"]
    assert len(result["shots"]["map"]["proxies"]) == 8
    # Without a new frame, k acts at once on the last one.
    app.select_slider(key="k").set_value(1).run()
    changed = answer(app)
    assert len(changed["shots"]["map"]["proxies"]) == 2
    assert changed["result"]["label"] == "Class 2"
    # So does n: two of the four shots of each class are used.
    app.select_slider(key="n").set_value(2).run()
    limited = answer(app)["shots"]
    assert len(limited["map"]["shots"]) == 4
    assert limited["measures"][-1]["note"] == "of 4 shots"
    assert [len(c["shots"]) for c in limited["classes"]] == [4, 4]


def test_classes_are_changed_by_messages_and_mistakes_get_one_sentence(home, weights):  # noqa: F811
    app = recorded(camera(), count=2)
    assert message(app, action="rename", target=0, name="zero")["shots"]["classes"][0]["name"] == "zero"
    assert "Another class is called 'zero'" in message(app, action="rename", target=1, name="ZERO")["notice"]
    assert "needs a name" in message(app, action="rename", target=1, name="  ")["notice"]
    first = message(app, version=-1)["shots"]["classes"][0]["shots"][0]
    changed = message(app, action="delete", target=0, item=first)
    assert first not in changed["shots"]["classes"][0]["shots"]
    assert "'zero' has one shot" in changed["shots"]["advice"]
    changed = message(app, action="remove", target=0)
    assert [c["name"] for c in changed["shots"]["classes"]] == ["Class 2"]
    assert "Only 'Class 2' has shots" in changed["shots"]["advice"]
    # Its frames are still recognized, or unknown.
    assert message(app, image=digit(1, 9))["result"]["bars"][0]["share"] == 1
    assert "was removed" in message(app, image=digit(0, 9), record=0)["notice"]
    assert "cannot be read" in message(app, image="data:image/jpeg;base64,AAAA")["notice"]


def test_shots_of_one_thing_under_two_names_are_reported(home, weights):  # noqa: F811
    app = camera()
    for i in range(5):
        for c in (0, 1):
            message(app, image=digit(3, i), record=c)
    assert "may show the same thing" in message(app, version=-1)["shots"]["advice"]


def test_forged_messages_change_nothing(home, weights):  # noqa: F811
    app = camera()
    before = answer(app)
    for value in (None, 3, {"number": "1"}, {"number": True, "version": 0, "shot": 0}, {"image": ["x"]}):
        send(app, "camera", value, event="sent")
        assert not app.exception
        assert answer(app) == before


def test_shots_are_kept_as_a_set_that_other_pages_explore(home, weights):  # noqa: F811
    app = camera()
    button(app, "Keep as a set").click().run()
    assert "No classes were found" in app.error[0].value
    recorded(app)
    button(app, "Keep as a set").click().run()
    assert not app.exception
    (saved,), _ = find_own_images(images_folder())
    assert (saved.label, saved.class_names) == ("My shots", ("Class 1", "Class 2"))
    wait_for(lambda: ("squeezenet1_1", saved.name) in find_sets(home)[0])
    wait_for(lambda: not find_jobs(home))
    app.run()
    assert "available on every page" in page_text(app) + " ".join(s.value for s in app.success)
    button(app, "Explore it").click().run()
    assert {s.key: s.value for s in app.selectbox}["data"] == saved.name


def test_without_weights_the_page_says_how_to_get_them(home, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setenv("IMPRINT_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    app = camera()
    assert not app.exception
    assert "which are missing" in app.info[0].value


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "data:image/jpeg;base64,!!!",
        "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff junk").decode(),
        jpeg(Image.new("RGB", (321, 20))),
        jpeg(Image.new("RGB", (320, 320), "red"))[:-400],
        "data:image/jpeg;base64," + base64.b64encode(b"\xff" * (MOST_BYTES + 1)).decode(),
    ],
    ids=["empty", "no base64", "no image", "too wide", "cut off", "too long"],
)
def test_images_that_are_not_small_jpegs_are_refused(uri):
    with pytest.raises(ImprintError, match="cannot be read"):
        decode_image(uri)


def test_image_and_thumbnail_have_the_sent_pixels():
    data, image = decode_image(jpeg(Image.new("RGB", (256, 192), (200, 30, 30))))
    assert data.startswith(b"\xff\xd8")
    assert image.size == (256, 192)
    small = decode_image(thumbnail_uri(image))[1]
    assert small.size == (48, 48)
    np.testing.assert_allclose(np.asarray(small).reshape(-1, 3).mean(axis=0), (200, 30, 30), atol=5)


def test_messages_with_values_out_of_range_are_refused():
    valid = {"number": 1, "version": 0, "shot": 0}
    assert read_message(valid) is not None
    for wrong in ({"number": 2**60}, {"record": -2}, {"name": "x" * 300}, {"image": "x" * 500_000}, {"target": 1.0}):
        assert read_message(valid | wrong) is None


def test_numbers_of_classes_and_shots_are_limited():
    shots = ShotList(["Class 1", "Class 2"])
    while len(shots.classes) < MOST_CLASSES:
        shots.add_class()
    assert len({c.number for c in shots.classes}) == len({c.name for c in shots.classes}) == MOST_CLASSES
    with pytest.raises(ImprintError, match="are the most"):
        shots.add_class()
    for _ in range(MOST_IN_CLASS):
        shots.record(3, b"", "", np.zeros(2, np.float32))
    with pytest.raises(ImprintError, match="shots per class are the most"):
        shots.record(3, b"", "", np.zeros(2, np.float32))
    for i in range(MOST_SHOTS - MOST_IN_CLASS):
        shots.record(4 + i % 10, b"", "", np.zeros(2, np.float32))
    with pytest.raises(ImprintError, match="1,000 shots are the most"):
        shots.record(0, b"", "", np.zeros(2, np.float32))


def test_as_many_shots_as_possible_are_recognized_and_described_quickly():
    rng, shots = np.random.default_rng(0), ShotList([f"c{i}" for i in range(MOST_CLASSES)])
    for i in range(MOST_SHOTS):
        shots.record(i % MOST_CLASSES, b"", "uri", rng.normal(i % MOST_CLASSES, 1, 64).astype(np.float32))
    X = np.stack([shot.x for _, shot in shots.shots])
    y = np.array([number for number, _ in shots.shots])
    start = time.process_time()
    recognizer = fit_recognizer(Recipe(), X, y)
    data = describe_shots(shots, recognizer, 0)
    assert time.process_time() - start < 3
    assert len(data["thumbnails"]) == MOST_THUMBNAILS
    assert len(data["map"]["shots"]) == MOST_POINTS
    assert sum(len(c["shots"]) for c in data["classes"]) == MOST_SHOTS


def test_two_tabs_record_at_once_and_do_not_mix_and_empty_classes_are_harmless(home, weights):  # noqa: F811
    first, second = camera(), camera()
    for i in range(2):
        for app, label in ((first, 0), (second, 1)):
            message(app, image=digit(label, i), record=label)
    assert [len(c["shots"]) for c in message(first, version=-1)["shots"]["classes"]] == [2, 0]
    assert [len(c["shots"]) for c in message(second, version=-1)["shots"]["classes"]] == [0, 2]
    # A class without shots among others.
    message(first, action="add")
    result = message(first, image=digit(3, 0), record=2)
    assert not result["notice"]
    assert [bar["name"] for bar in result["result"]["bars"]] == ["Class 1", "Class 3"]
    # A picture without any structure is embedded, too.
    for color in ("black", "white"):
        assert not message(first, image=jpeg(Image.new("RGB", (256, 256), color)))["notice"]


def head_of(app, folder):
    """Press the button and unpack the file that is offered."""
    button(app, "Create torch head").click().run()
    assert not app.exception
    with zipfile.ZipFile(io.BytesIO(app.session_state["camera_head_file"][1])) as archive:
        assert archive.namelist() == ["head.safetensors", "MODEL_CARD.md", "load.py", "settings.json"]
        archive.extractall(folder)
    return load_head(folder / "head.safetensors"), (folder / "MODEL_CARD.md").read_text()


def test_recorded_classes_are_downloaded_as_a_head_with_card_and_settings(home, weights, tmp_path):  # noqa: F811
    app = camera()
    button(app, "Create torch head").click().run()
    assert "no shots to download" in app.error[0].value
    message(app, action="rename", target=0, name="<b>zero</b>")
    recorded(app)
    head, card = head_of(app, tmp_path)
    state = app.session_state["camera-state"]
    X = np.stack([shot.x for _, shot in state.shots.shots])
    np.testing.assert_array_equal(head(torch.from_numpy(X)).argmax(1).numpy(), state.recognizer.model.predict(X))
    assert "# Imprinted head: Recorded classes on SqueezeNet 1.1" in card
    assert "2: \\<b\\>zero\\</b\\> (4), Class 2 (4)" in card
    settings, notes, page = settings_file.read((tmp_path / "settings.json").read_bytes())
    assert (settings["fm"], notes, page) == ("squeezenet1_1", [], "camera")
    # Another n makes the file outdated: proxies of fewer shots are another head.
    app.select_slider(key="n").set_value(2).run()
    assert not app.get("download_button")
    assert "2: \\<b\\>zero\\</b\\> (2), Class 2 (2)" in head_of(app, tmp_path)[1]
    # Another shot makes the file outdated.
    assert len(app.get("download_button")) == 1
    message(app, image=digit(1, 7), record=1)
    app.run()
    assert not app.get("download_button")


def test_a_drawing_is_compared_with_mnist_without_recorded_shots(home):  # noqa: F811
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["data"] = "mnist"
    app.session_state["goto"] = "camera"
    app.session_state["camera_digits"] = True
    app.run()

    def sent(**values):
        last = components(app)["digits"][1]
        values = {"number": last["answer"] + 1, "version": last["version"], "shot": 0} | values
        send(app, "digits", values, event="sent")
        assert not app.exception
        return components(app)["digits"][1]

    data = sent(image=jpeg(drawing(7, 40, 50, 1.5)), version=-1)
    assert data["given"] is True
    assert [c["name"] for c in data["shots"]["classes"]] == [str(c) for c in range(10)]
    assert {len(c["shots"]) for c in data["shots"]["classes"]} == {50}
    result = data["result"]
    assert result["proxies"][0]["name"].startswith("7 ·")
    assert result["bars"][7]["share"] == max(bar["share"] for bar in result["bars"]) > 0.5
    assert decode_image(data["prepared"])[1].size == (48, 48)
    # Their classes can't be changed, and the recorded ones remain.
    for change in ({"record": 7, "image": jpeg(drawing(7, 40, 50, 1.5))}, {"action": "remove", "target": 7}):
        assert "can't be changed" in sent(**change)["notice"]
    app.select_slider(key="k").set_value(1).run()
    assert len(sent(version=-1)["shots"]["map"]["proxies"]) == 10
    app.toggle(key="camera_digits").set_value(False).run()
    assert [c["name"] for c in message(app, version=-1)["shots"]["classes"]] == ["Class 1", "Class 2"]


def test_the_fms_own_classes_stand_beside_the_recorded_ones(home, tmp_path):  # noqa: F811
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["goto"] = "camera"
    app.session_state["own_classes_camera"] = True
    app.run()
    recorded(app, 3)
    result = message(app, image=digit(0, 5))["result"]
    assert result["label"] == "Class 1"
    names = [near["name"] for near in result["proxies"]]
    assert names[0] == "Class 1"
    assert any(name.endswith("(FM's own)") for name in names)
    # A photograph-like image of neither class is one of the FM's own.
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = (250, 240, 20)
    result = message(app, image=jpeg(Image.fromarray(stripes)))["result"]
    assert result["label"].endswith("(FM's own)")
    assert result["unknown"] is False
    head, card = head_of(app, tmp_path)
    assert head.classes[1000:] == ["Class 1", "Class 2"]
    state = app.session_state["camera-state"]
    scores = head(torch.from_numpy(state.x[None]))[0]
    (best, *_) = state.joint.rank(state.x, 1)
    assert int(scores.argmax()) == best.label
    assert float(scores.max()) == pytest.approx(best.score, rel=1e-4)
    assert "2: Class 1 (3), Class 2 (3); after 1,000 of the FM" in card
    app.toggle(key="own_classes_camera").set_value(False).run()
    assert not message(app, image=jpeg(Image.fromarray(stripes)))["result"]["label"].endswith("(FM's own)")
