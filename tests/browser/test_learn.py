"""Lessons in the browser."""

import io
import re

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from imprint_core.export.handout import handout
from tests.conftest import ROOT
from ui.panels.learn import frame
from ui.panels.learn.controls import LESSONS

PHONE = [{"width": 390, "height": 844, "scheme": "dark"}]
# Lessons with the panel of the camera, which is taller.
WITH_PANEL = ("lesson-7",)
LAPTOP = [{"width": 1280, "height": 720}]
# What a student tries and what it changes: the control, charts with the map, and images.
TRIED = "[data-testid=stSlider], .imprint-plot, .imprint-images"
WHOLE = """(tried) => [...document.querySelectorAll(tried)].every((e) => {
  const { top, bottom } = e.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
})"""


def opened(visit, query):
    page = visit.page
    page.goto(visit.address + query)
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    visit.settle()
    return page


def predict(visit):
    """Predict the first answer to every question."""
    page = visit.page
    # While a lesson is replaced by the next, both may be displayed.
    expect(page.get_by_role("heading", name="Predict")).to_have_count(1, timeout=60_000)
    visit.settle()
    questions = page.locator("[data-testid=stRadio]")
    for i in range(questions.count()):
        questions.nth(i).locator("label:has(input)").first.click()
        visit.settle()
    page.get_by_role("button", name="prediction").click()
    # It is below everything to try.
    page.get_by_role("button", name="Show result").wait_for(timeout=60_000)


def reveal(visit):
    """Show the result, and wait for the summary."""
    page = visit.page
    page.get_by_role("button", name="Show result").click()
    page.get_by_role("heading", name="Summary").wait_for(timeout=60_000)
    visit.settle()


@pytest.mark.parametrize("visit", LAPTOP, indirect=True, ids=["laptop"])
def test_all_lessons_can_be_finished(visit):
    page = opened(visit, "?view=lesson-1")
    for view, lesson in LESSONS.items():
        page.get_by_role("heading", level=1, name=lesson.title).wait_for(timeout=60_000)
        assert f"view={view}" in visit.search()
        predict(visit)
        if view not in WITH_PANEL:
            # The step is scrolled into view, and all of it is visible without scrolling.
            expect(page.get_by_role("heading", name="Try it")).to_be_in_viewport(timeout=60_000)
            assert page.locator(TRIED).count() >= 2
            page.wait_for_function(WHOLE, arg=TRIED, timeout=20_000)
        reveal(visit)
        assert page.locator("[data-testid=stAlert]").count() >= 1
        visit.pictures_fit()
        following = page.get_by_role("button", name="Next:")
        if following.count():
            following.click()
            # A lesson opens at its top.
            page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop < 50", timeout=20_000)
    assert visit.errors_of_ours() == []
    assert visit.outside == []
    page.get_by_role("button", name="All lessons").click()
    page.get_by_text(f"{len(LESSONS)} of {len(LESSONS)} finished").wait_for(timeout=20_000)


def test_a_lesson_hides_the_app_and_leads_to_it(visit):
    page = opened(visit, "?view=lesson-3")
    assert page.get_by_role("heading", level=1).inner_text() == "3. Normalisation"
    for hidden in ("Map", "Explore"):
        assert not page.get_by_role("link", name=hidden, exact=True).is_visible()
    assert not page.locator("[data-testid=stSidebar]").is_visible()
    # A term leads to its definition on the same page.
    page.get_by_role("link", name="proxy", exact=True).first.click()
    page.wait_for_function("location.hash === '#term-proxy'")
    assert page.locator("#term-proxy").evaluate("(e) => e.getBoundingClientRect().top < innerHeight")
    assert page.get_by_role("heading", level=1).inner_text() == "3. Normalisation"
    page.get_by_role("button", name="Open the app").click()
    page.get_by_role("heading", level=1, name="Explore weight imprinting").wait_for(timeout=60_000)
    page.wait_for_function("!location.search.includes('view')", timeout=20_000)
    assert page.locator("[data-testid=stSidebar]").is_visible()
    assert page.get_by_role("link", name="Map", exact=True).is_visible()


@pytest.mark.parametrize("visit", PHONE, indirect=True, ids=["phone"])
def test_a_lesson_fits_a_phone(visit):
    page = opened(visit, "?view=lesson-6")
    predict(visit)
    reveal(visit)
    visit.pictures_fit()
    assert not page.locator("[data-testid=stExpandSidebarButton]").is_visible()
    page.get_by_role("button", name="All lessons").click()
    page.get_by_role("heading", level=1, name="Learn weight imprinting").wait_for(timeout=20_000)
    visit.settle()
    visit.pictures_fit()


def printed_pages(page, html):
    page.set_content(html)
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))


def test_handouts_are_printed_on_one_page(visit, browser, monkeypatch, tmp_path):
    page = opened(visit, "?view=lesson-1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download handout").click()
    html = download.value.path().read_text(encoding="utf-8")
    printer = browser.new_page(color_scheme="dark")
    assert printed_pages(printer, html) == 1
    code = printer.locator(".code svg")
    (read,) = zxingcpp.read_barcodes(np.asarray(Image.open(io.BytesIO(code.screenshot())).convert("L")))
    assert read.text == f"{visit.address}learn?view=lesson-1"
    printer.get_by_text("opens on this computer only").wait_for()
    # Others without a server, which is quicker, with the same code and a longer address.
    svg = code.evaluate("(e) => e.outerHTML")
    address = "https://a-long-name.example.school:8501/imprint/learn?view="
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    contents = {}
    monkeypatch.setattr(frame, "handout_button", contents.__setitem__)
    for view in LESSONS:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
        app.query_params["view"] = view
        app.run()
        assert printed_pages(printer, handout(contents[view](), address + view, svg, "A note. " * 10)) == 1, view
    printer.close()
