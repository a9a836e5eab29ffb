"""Library and Your own data in a browser, with real images and, if available, real weights."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from imprint_core.datasets import dataset
from imprint_core.models import foundation_model
from imprint_core.models.libraries import build
from imprint_core.uploads.example_files import example_zip
from tests.browser.conftest import Visit, serve
from tests.conftest import SHARED

SCREENS = [(1280, 900), (390, 844)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """SqueezeNet's real weights, or random ones if they are not available: the pages behave the same."""
    if (SHARED / "fm" / "squeezenet1_1.safetensors").is_file():
        return SHARED / "fm"
    folder = tmp_path_factory.mktemp("weights")
    network, _ = build(foundation_model("squeezenet1_1"), official=False)
    state = {k: torch.as_tensor(v).contiguous() for k, v in network.state_dict().items()}
    save_file(state, folder / "squeezenet1_1.safetensors")
    return folder


@pytest.fixture(scope="module")
def own_address(tmp_path_factory, weights):
    with serve(IMPRINT_HOME=str(tmp_path_factory.mktemp("home")), IMPRINT_WEIGHTS=str(weights)) as url:
        yield url


@pytest.fixture
def own_visit(browser, own_address):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    # Streamlit first requests its addresses below the page's, and the browser logs each that is missing.
    yield Visit(context.new_page(), own_address)
    context.close()


def png(label, position, size=64):
    images = dataset("digits").read(None).test
    file = io.BytesIO()
    images.load(int(np.flatnonzero(images.labels == label)[position])).resize((size, size)).save(file, "PNG")
    return {"name": f"{label}_{position}.png", "mimeType": "image/png", "buffer": file.getvalue()}


def to_page(visit, name):
    visit.page.get_by_test_id("stTopNavLinkContainer").get_by_role("link", name=name).click()
    visit.page.get_by_role("heading", name=name, level=1).wait_for()
    visit.settle()


def test_zip_is_embedded_explored_image_classified_and_class_added(own_visit, tmp_path):
    page = own_visit.open()
    to_page(own_visit, "Your own data")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        {"name": "../numerals.zip", "mimeType": "application/zip", "buffer": example_zip()}
    )
    page.get_by_role("button", name="Save images").click()
    page.get_by_text("Saved 36 images of 3 classes").wait_for()
    page.get_by_role("button", name="Embed images").click()
    page.get_by_text("Embedded by SqueezeNet 1.1").wait_for(timeout=90_000)
    page.get_by_role("button", name="Explore it").click()
    page.get_by_role("heading", name="Explore weight imprinting").wait_for()
    own_visit.wait()
    own_visit.settle()
    assert "data=own_" in own_visit.search()
    assert float(own_visit.accuracy().split()[0]) > 30
    assert page.locator('.imprint-plot[data-name="confusion"]').get_by_text("zero").count() >= 1

    to_page(own_visit, "Your own data")
    page.get_by_role("tab", name="Try one image").click()
    page.locator('.imprint-plot[data-name="near-proxies"][data-drawn]').wait_for(timeout=60_000)
    page.get_by_test_id("stMain").get_by_text("Upload image", exact=True).click()
    dropzones = page.get_by_role("tabpanel", name="Try one image").get_by_test_id("stFileUploaderDropzoneInput")
    dropzones.set_input_files(png(0, 3))
    taken = page.get_by_test_id("stMetricValue")
    taken.wait_for(timeout=60_000)
    own_visit.settle()
    assert taken.inner_text() in ("zero", "one", "two")

    page.get_by_role("tab", name="Add a class").click()
    panel = page.get_by_role("tabpanel", name="Add a class")
    panel.get_by_label("Class name").fill("<b>seven</b> 七")
    panel.get_by_test_id("stFileUploaderDropzoneInput").set_input_files([png(7, i) for i in range(5)])
    panel.get_by_role("button", name="Imprint class").click()
    panel.get_by_text("5 images gave 5 proxies in").wait_for(timeout=60_000)
    # Markup in names is displayed as text.
    assert panel.get_by_text("<b>seven</b> 七").count() >= 1
    own_visit.settle()
    assert not own_visit.outside
    assert not own_visit.errors


def test_two_windows_display_one_job_which_can_be_stopped_and_discarded(browser, own_address):
    contexts = [browser.new_context(viewport={"width": 1280, "height": 900}) for _ in range(2)]
    first, second = (Visit(context.new_page(), own_address) for context in contexts)
    for visit in (first, second):
        visit.open()
        to_page(visit, "Library")
    first.page.get_by_label("Dataset", exact=True).last.click()
    first.page.get_by_role("option", name="Digits (scikit-learn)").click()
    first.settle()
    first.page.get_by_role("button", name="Embed dataset").click()
    first.page.get_by_text("images ·").wait_for(timeout=60_000)
    # The other window sees it as soon as it looks, and offers to stop it.
    to_page(second, "Explore")
    to_page(second, "Library")
    second.page.get_by_role("button", name="Stop").click(timeout=60_000)
    for visit in (first, second):
        visit.page.get_by_role("button", name="Discard").wait_for(timeout=60_000)
    second.page.get_by_role("button", name="Discard").click()
    first.page.get_by_role("button", name="Discard").wait_for(state="detached", timeout=60_000)
    for context in contexts:
        context.close()


@pytest.mark.parametrize("what", ["../ names", "not a zip", "one class"])
def test_invalid_upload_is_one_error(own_visit, what):
    file = io.BytesIO()
    picture = io.BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "PNG")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../cat/1.png" if what == "../ names" else "cat/1.png", picture.getvalue())
        archive.writestr("cat/2.png" if what == "one class" else "dog/2.png", picture.getvalue())
    content = b"PK nothing" if what == "not a zip" else file.getvalue()
    page = own_visit.open()
    to_page(own_visit, "Your own data")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        {"name": "x.zip", "mimeType": "application/zip", "buffer": content}
    )
    page.get_by_role("button", name="Save images").click()
    alert = page.get_by_test_id("stAlertContentError")
    alert.wait_for()
    assert alert.count() == 1
    assert "Traceback" not in alert.inner_text()
    assert alert.inner_text().strip().endswith(".")


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_pages_fit_every_screen(browser, own_address, width, height):
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    for name in ("library", "own_data"):
        page.goto(own_address + name)
        page.get_by_test_id("stMainBlockContainer").get_by_role("heading", level=1).wait_for(timeout=60_000)
        page.wait_for_timeout(1500)
        titles = ["Images", "Embeddings", "Try one image", "Add a class"] if name == "own_data" else [""]
        for title in titles:
            if title:
                page.get_by_role("tab", name=title).click()
                page.wait_for_timeout(1500)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_function(f"getComputedStyle(document.querySelector('.stApp')).colorScheme === '{scheme}'")
                main = page.get_by_test_id("stMain")
                wide = main.evaluate("main => main.scrollWidth - main.clientWidth")
                assert wide <= 0, f"{name} {title}, {scheme}, is {wide} pixels wider than the screen"
    context.close()


def test_first_request_of_a_new_server_may_be_a_link_to_a_page(browser, tmp_path):
    with serve(IMPRINT_HOME=str(tmp_path)) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url + "library?fm=resnet50")
        page.get_by_role("heading", name="Library", level=1).wait_for(timeout=60_000)
        assert "fm=resnet50" in page.evaluate("location.search")
        context.close()
