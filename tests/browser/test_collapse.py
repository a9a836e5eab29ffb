"""The Collapse page in the browser: progressive figures continue by themselves, stop and resume."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import SCREENS

LAST = '.imprint-plot[data-name="spectra"][data-drawn]'


def opened(visit, query=""):
    page = visit.page
    page.goto(f"{visit.address}collapse{query}")
    page.wait_for_selector(LAST, timeout=60_000)
    return page


def wait_until_complete(page):
    """Wait until nothing is computed."""
    page.wait_for_function(
        """() => {
          const now = [...document.querySelectorAll('.imprint-plot')].map((e) => e.dataset.drawn).join()
            + document.querySelectorAll('[data-testid=stProgress]').length
            + document.querySelector('[data-testid=stApp]').dataset.testScriptState;
          if (window.lastNow !== now) { window.lastNow = now; window.sinceThen = performance.now(); }
          return performance.now() - window.sinceThen > 1500 && !document.querySelector('[data-testid=stProgress]');
        }""",
        polling=100,
        timeout=180_000,
    )


LENGTH = "([name, trace]) => document.querySelector(`[data-name=${name}]`).data.find((t) => t.name === trace)?.x.length"


def points(page, name, trace):
    """Number of points of a trace; None if it is missing."""
    return page.evaluate(LENGTH, [name, trace])


@SCREENS
def test_nine_figures_fit_and_nothing_is_loaded_from_outside(visit):
    page = opened(visit, "?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1")
    wait_until_complete(page)
    assert len(page.query_selector_all(".imprint-plot")) == 9
    visit.pictures_fit_in_both()
    assert visit.errors_of_ours() == []
    assert visit.outside == []


def test_progressive_figures_complete_by_themselves(visit):
    page = opened(visit, "?fm=vit_tiny_patch16_224&data=digits&n=25&seeds=3")
    wait_until_complete(page)
    # At most twelve clusters per class: 25 shots, two per cluster; and 96 dimensions for ten classes.
    assert points(page, "nc1-of-split", "NC1 of the clusters") == 8
    assert page.locator("text=whitened").count() > 0
    assert points(page, "accuracy-over-k-here", "suggested k") == 1
    assert not visit.errors_of_ours()


def test_a_slow_figure_shows_its_progress_stops_and_resumes(visit):
    """Nothing is bundled for this recipe, so every curve is computed."""
    page = opened(visit, "?fm=vit_tiny_patch16_224&data=digits&n=100&seeds=1&draws=3&gen=random")
    progress = page.locator("[data-testid=stProgress]", has_text="Merging classes")
    progress.wait_for(timeout=60_000)
    assert re.search(r"Merging classes: \d+ of \d+", progress.inner_text())
    assert points(page, "accuracy-by-merging", "d = 1") == 15
    page.get_by_role("button", name="Stop").first.click()
    stopped = page.locator("[data-testid=stCaptionContainer]", has_text="Merging classes: stopped at")
    stopped.wait_for(timeout=60_000)
    before = stopped.inner_text()
    page.wait_for_timeout(2500)
    assert stopped.inner_text() == before
    # The page responds meanwhile.
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "6", timeout=20_000)
    page.get_by_role("button", name="Resume").first.click()
    stopped.wait_for(state="detached", timeout=60_000)
    page.wait_for_function(LENGTH, arg=["accuracy-by-merging", "10"], timeout=120_000)
    assert not visit.errors_of_ours()


def test_published_curves_are_overlaid_and_in_the_link(visit):
    page = opened(visit, "?n=5&seeds=1")
    page.get_by_role("button", name="Published results").click()
    page.get_by_role("combobox", name="Overlay published results").click()
    page.get_by_role("option", name="Swin-B").click()
    page.wait_for_function("location.search.includes('published=swin_b')", timeout=20_000)
    page.wait_for_function(
        "document.querySelector('[data-name=nc1-by-merging]').data.some((t) => t.name === 'Swin-B, published')",
        timeout=20_000,
    )
    page.wait_for_function(LENGTH, arg=["gain-over-nc1", "published"], timeout=20_000)
    assert points(page, "gain-over-nc1", "published") == 56
