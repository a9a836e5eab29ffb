"""Library and Your own data in a browser, with real images and weights."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from imprint_core.datasets import dataset
from imprint_core.uploads.example_files import example_zip
from tests.browser.conftest import SCREENS, serve


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with serve(IMPRINT_HOME=str(tmp_path_factory.mktemp("home"))) as url:
        yield url


def png(label, position, size=64):
    images = dataset("digits").read(None).test
    file = io.BytesIO()
    images.load(int(np.flatnonzero(images.labels == label)[position])).resize((size, size)).save(file, "PNG")
    return {"name": f"{label}_{position}.png", "mimeType": "image/png", "buffer": file.getvalue()}


def opened(visit, path):
    """Open a page by its address; the default page would compute its figures first."""
    visit.page.goto(visit.address + path)
    visit.page.get_by_test_id("stMainBlockContainer").get_by_role("heading", level=1).wait_for(timeout=60_000)
    visit.settle()
    return visit.page


def to_page(visit, name):
    visit.page.get_by_test_id("stTopNavLinkContainer").get_by_role("link", name=name).click()
    visit.page.get_by_role("heading", name=name, level=1).wait_for()
    visit.settle()


def test_zip_is_embedded_explored_image_classified_and_class_added(visit, tmp_path):
    page = opened(visit, "?data=digits&n=20&seeds=1")
    to_page(visit, "Your own data")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        {"name": "../numerals.zip", "mimeType": "application/zip", "buffer": example_zip()}
    )
    page.get_by_text("Saved 36 images of 3 classes").wait_for()
    page.get_by_role("button", name="Embed images").click()
    page.get_by_text("Embedded by EfficientNet-Lite0").wait_for(timeout=90_000)
    page.get_by_role("button", name="Explore it").click()
    page.get_by_role("heading", name="Explore weight imprinting").wait_for()
    visit.wait()
    visit.settle()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    assert "data=own_" in visit.search()
    assert float(visit.accuracy().split()[0]) > 30
    assert page.locator('.imprint-plot[data-name="confusion"]').get_by_text("zero").count() >= 1

    to_page(visit, "Your own data")
    page.get_by_role("tab", name="Try an image").click()
    page.locator('.imprint-plot[data-name="near-proxies"][data-drawn]').wait_for(timeout=60_000)
    page.get_by_test_id("stMain").get_by_text("Upload image", exact=True).click()
    dropzones = page.get_by_role("tabpanel", name="Try an image").get_by_test_id("stFileUploaderDropzoneInput")
    dropzones.set_input_files(png(0, 3))
    taken = page.get_by_test_id("stMetricValue")
    taken.wait_for(timeout=60_000)
    visit.settle()
    assert taken.inner_text() in ("zero", "one", "two")

    to_page(visit, "Explore")
    page.get_by_role("button", name="Add a class").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Class name").fill("<b>seven</b> 七")
    dialog.get_by_test_id("stFileUploaderDropzoneInput").set_input_files([png(7, i) for i in range(5)])
    dialog.get_by_role("button", name="Imprint class").click()
    page.get_by_text("5 shots gave 5 proxies in").wait_for(timeout=60_000)
    dialog.wait_for(state="detached")
    # Markup in names is displayed as text.
    assert page.get_by_test_id("stMain").get_by_text("<b>seven</b> 七").count() >= 1
    assert page.get_by_role("img", name="An image of <b>seven</b> 七").count() == 5
    visit.settle()
    assert "_plus_" in visit.search()
    assert page.locator('.imprint-plot[data-name="map"]').get_by_text("<b>seven</b> 七").count() >= 1
    assert not visit.outside
    assert not visit.errors


def test_two_windows_display_one_job_which_can_be_stopped_and_discarded(visit, other_visit):
    first, second = visit, other_visit
    for window in (first, second):
        opened(window, "library")
    first.page.get_by_label("Dataset", exact=True).last.click()
    first.page.get_by_role("option", name="Digits (scikit-learn)").click()
    first.settle()
    first.page.get_by_role("button", name="Embed dataset").click()
    first.page.get_by_text("images ·").wait_for(timeout=60_000)
    # The other window sees it as soon as it looks, and offers to stop it.
    to_page(second, "Your own data")
    to_page(second, "Library")
    second.page.get_by_role("button", name="Stop").click(timeout=60_000)
    for window in (first, second):
        window.page.get_by_role("button", name="Discard").wait_for(timeout=60_000)
    second.page.get_by_role("button", name="Discard").click()
    first.page.get_by_role("button", name="Discard").wait_for(state="detached", timeout=60_000)


@pytest.mark.parametrize("what", ["../ names", "not a zip", "one class"])
def test_invalid_upload_is_one_error(visit, what):
    file = io.BytesIO()
    picture = io.BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "PNG")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../cat/1.png" if what == "../ names" else "cat/1.png", picture.getvalue())
        archive.writestr("cat/2.png" if what == "one class" else "dog/2.png", picture.getvalue())
    content = b"PK nothing" if what == "not a zip" else file.getvalue()
    page = opened(visit, "own_data")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        {"name": "x.zip", "mimeType": "application/zip", "buffer": content}
    )
    alert = page.get_by_test_id("stAlertContentError")
    alert.wait_for()
    assert alert.count() == 1
    assert "Traceback" not in alert.inner_text()
    assert alert.inner_text().strip().endswith(".")


@SCREENS
def test_pages_fit_every_screen(visit):
    page = visit.page
    for name in ("library", "own_data"):
        opened(visit, name)
        titles = ["Bring images", "Try an image", "Add a class", "Bring embeddings"] if name == "own_data" else [""]
        for title in titles:
            if title:
                page.get_by_role("tab", name=title).click()
                visit.settle()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_function(f"getComputedStyle(document.querySelector('.stApp')).colorScheme === '{scheme}'")
                main = page.get_by_test_id("stMain")
                wide = main.evaluate("main => main.scrollWidth - main.clientWidth")
                assert wide <= 0, f"{name} {title}, {scheme}, is {wide} pixels wider than the screen"


def test_first_request_of_a_new_server_may_be_a_link_to_a_page(visit, tmp_path):
    page = visit.page
    with serve(IMPRINT_HOME=str(tmp_path)) as url:
        page.goto(url + "library?fm=resnet50")
        page.get_by_role("heading", name="Library", level=1).wait_for(timeout=60_000)
        assert "fm=resnet50" in page.evaluate("location.search")
