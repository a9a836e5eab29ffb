"""Lessons in the browser."""

import pytest
from playwright.sync_api import expect

from ui.panels.learn.controls import LESSONS

PHONE = [{"width": 390, "height": 844, "scheme": "dark"}]


def opened(visit, query):
    page = visit.page
    page.goto(visit.address + query)
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    visit.settle()
    return page


def finish(visit):
    """Predict the first answer to every question, show the result, and wait for the summary."""
    page = visit.page
    # While a lesson is replaced by the next, both may be displayed.
    expect(page.get_by_role("heading", name="Predict")).to_have_count(1, timeout=60_000)
    visit.settle()
    questions = page.locator("[data-testid=stRadio]")
    for i in range(questions.count()):
        questions.nth(i).locator("label:has(input)").first.click()
        visit.settle()
    page.get_by_role("button", name="prediction").click()
    page.get_by_role("button", name="Show result").click(timeout=60_000)
    page.get_by_role("heading", name="Summary").wait_for(timeout=60_000)
    visit.settle()


def test_all_lessons_can_be_finished(visit):
    page = opened(visit, "?view=lesson-1")
    for view, lesson in LESSONS.items():
        page.get_by_role("heading", level=1, name=lesson.title).wait_for(timeout=60_000)
        assert f"view={view}" in visit.search()
        finish(visit)
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
    finish(visit)
    visit.pictures_fit()
    assert not page.locator("[data-testid=stExpandSidebarButton]").is_visible()
    page.get_by_role("button", name="All lessons").click()
    page.get_by_role("heading", level=1, name="Learn weight imprinting").wait_for(timeout=20_000)
    visit.settle()
    visit.pictures_fit()
