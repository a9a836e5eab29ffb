"""The presenter view in a browser: by keys to its end, and a sequence out and in."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import ROOT

STEPS = json.loads((ROOT / "ui/share/twenty_minutes.json").read_text(encoding="utf-8"))["steps"]


@pytest.fixture(autouse=True)
def patience():
    """Wait longer than 5 s, because a page first computes its figures."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


def test_keys_lead_to_the_end_and_an_edited_sequence_is_presented(visit):
    page = visit.page
    page.goto(visit.address + "?view=present")
    title = page.locator(".st-key-present-bar h1")
    for number, step in enumerate(STEPS, 1):
        expect(page.get_by_text(f"Step {number} of {len(STEPS)}")).to_be_visible()
        expect(title).to_have_text(step["title"])
        expect(page.get_by_test_id("stSidebar")).not_to_be_visible()
        # The buttons follow the title, and what listens to keys follows them.
        expect(page.get_by_role("button", name="End")).to_be_visible()
        page.wait_for_selector("body[data-page-keys]", state="attached")
        page.keyboard.press("PageDown")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.keyboard.press("PageUp")
    expect(title).to_have_text(STEPS[-2]["title"])

    page.get_by_role("button", name="Sequence").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download sequence").click()
    content = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert content["steps"] == STEPS
    content["steps"] = [{"title": "My only step", "note": "An edited link.", "minutes": 1, "link": "explore?n=2&k=1"}]
    file = {"name": "mine.json", "mimeType": "application/json", "buffer": json.dumps(content).encode()}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(title).to_have_text("My only step")
    expect(page.get_by_text("Step 1 of 1")).to_be_visible()
    page.wait_for_function("location.search.includes('n=2')")
    page.reload()
    expect(page.get_by_text("Step 1 of 1")).to_be_visible()
    expect(title).to_have_text("My only step")
    page.get_by_role("button", name="End").click()
    expect(page.get_by_role("heading", name="Explore weight imprinting")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    assert visit.errors_of_ours() == []


def test_page_keys_change_the_step_unless_a_text_is_typed(visit):
    page = visit.page
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(visit.address + "?view=present")
    page.get_by_text("Controls", exact=True).click()
    # The sidebar takes a part of the width.
    page.wait_for_function(
        """[...document.querySelectorAll(".imprint-plot")].every(
          (e) => e.querySelector(".main-svg")?.clientWidth === e.clientWidth && e.clientWidth < 550
        )"""
    )
    page.get_by_test_id("stMain").evaluate("(e) => e.scrollTo(0, 500)")
    expect(page.get_by_role("button", name="Next")).to_be_in_viewport()
    page.get_by_test_id("stSidebar").get_by_role("slider").first.focus()
    page.keyboard.press("PageDown")
    expect(page.get_by_text(f"Step 2 of {len(STEPS)}")).to_be_visible()
    expect(page.get_by_text("Last step")).to_have_count(0)

    page.get_by_role("button", name="Sequence").click()
    page.get_by_role("button", name=f"{len(STEPS)}. ").click()
    expect(page.get_by_text("Last step")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.keyboard.press("Escape")
    visit.settle()
    page.keyboard.press("PageDown")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    page.get_by_role("textbox").first.focus()
    page.keyboard.press("PageUp")
    visit.settle()
    expect(page.get_by_text("Last step")).to_be_visible()
    assert visit.errors_of_ours() == []
