"""Images of the sample under the pointer: which image an address answers with, to whom, and when it is read."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from imprint_core.datasets.images import Images, Splits
from imprint_core.embeddings.images import images_of
from imprint_core.errors import ImprintError
from tests.conftest import ROOT
from tests.pages.reading import pictures
from ui.compute import results, sample_images
from ui.compute.sample_images import find_image, image_address, image_route


@pytest.fixture
def key(vit_digits, monkeypatch):
    """Key of a connected visitor for the images of digits."""
    monkeypatch.setattr(sample_images, "session_id", lambda: "visitor")
    monkeypatch.setattr(sample_images, "is_connected", lambda session: session == "visitor")
    return key_of(vit_digits.info)


def key_of(info):
    folder, key, rest = image_address(info).split("/")
    assert (folder, rest) == ("sample-images", "")
    return key


def pixels(answer):
    kind, data = answer
    image = Image.open(io.BytesIO(data))
    assert image.format.lower() == kind
    return np.asarray(image.convert("L"))


def test_codes_have_the_images_of_their_samples(key, vit_digits):
    images = images_of(vit_digits)
    for split, ids, sign in ((images.test, vit_digits.id_test, 1), (images.train, vit_digits.id_train, -1)):
        for number in ids[[0, len(ids) // 2, -1]].tolist():
            answer = find_image(key, str(number if sign > 0 else -1 - number))
            np.testing.assert_array_equal(pixels(answer), np.asarray(split.by_id(number)))


@pytest.mark.parametrize("code", ["", "x", "1.0", "nan", "100000", "-100000", "9" * 30, "-" + "9" * 30, "9" * 5000])
def test_codes_of_no_sample_have_no_image(key, code):
    assert find_image(key, code) is None


def test_samples_outside_of_the_set_have_no_image(key, vit_digits, monkeypatch):
    """A dataset may have more images than were embedded."""
    last = int(vit_digits.id_test[-1])
    assert find_image(key, str(last))
    monkeypatch.setattr(results, "embeddings", lambda info: replace(vit_digits, id_test=vit_digits.id_test[:-1]))
    assert find_image(key, str(last)) is None


def test_an_address_belongs_to_a_connected_session(key, vit_digits, bundled, monkeypatch):
    code = str(vit_digits.id_test[0])
    assert find_image(key, code)
    assert key_of(vit_digits.info) == key
    assert key_of(bundled["resnet50", "digits"]) != key
    assert find_image(key[:-1] + "x", code) is None
    monkeypatch.setattr(sample_images, "session_id", lambda: "other")
    other = key_of(vit_digits.info)
    assert other != key
    assert find_image(other, code) is None
    monkeypatch.setattr(sample_images, "is_connected", lambda session: session == "other")
    assert find_image(other, code)
    assert find_image(key, code) is None


def test_large_images_are_reduced_and_damaged_or_missing_ones_are_left_out(key, vit_digits, monkeypatch):
    first, second = vit_digits.id_test[:2].tolist()
    grain = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)

    def load(row):
        if row == second:
            raise ImprintError("The image is damaged or incomplete. Save or copy it again.")
        return Image.fromarray(grain)

    images = Images(np.zeros(2000, np.int32), load)
    monkeypatch.setattr(results, "pictures", lambda info: Splits(images, images))
    kind, data = find_image(key, str(first))
    assert kind == "jpeg"
    assert Image.open(io.BytesIO(data)).size == (192, 144)
    # Noise, which is larger than any photograph.
    assert len(data) < 30_000
    assert find_image(key, str(second)) is None
    monkeypatch.setattr(results, "pictures", lambda info: None)
    assert find_image(key, str(first)) is None


def test_the_route_is_below_the_path_of_the_app(monkeypatch):
    assert image_route().path == "/sample-images/{key}/{code}"
    monkeypatch.setattr(st, "get_option", lambda name: "/imprint/" if name == "server.baseUrlPath" else None)
    assert image_route().path == "/imprint/sample-images/{key}/{code}"


@pytest.mark.parametrize(("page", "name"), [("explore", "map"), ("map", "map-b")])
def test_maps_are_sent_with_the_address_and_without_images(page, name, monkeypatch):
    if page == "explore":
        monkeypatch.setattr(results, "images_of", lambda embeddings: pytest.fail("Explore read images"))
        monkeypatch.setattr(results, "_images", type(results._images)(entries=2))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params.update(fm="vit_tiny_patch16_224", data="digits", n="5", seeds="1", against="qi")
    app.session_state["goto"] = page
    before = pictures(app.run())[name]
    assert not app.exception
    assert before["images"].startswith("sample-images/")
    after = pictures(app.select_slider(key="k").set_value(2).run())[name]
    assert after["images"] == before["images"]
    app.selectbox(key="data").set_value("mnist").run()
    assert pictures(app)[name]["images"] not in ("", before["images"])
