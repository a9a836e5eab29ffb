"""What only a browser shows of the Collapse page: that pictures fill in by themselves, stop and go on."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import SCREENS

LAST = '.imprint-plot[data-name="spectra"][data-drawn]'


def opened(visit, query=""):
    page = visit.page
    page.goto(f"{visit.address}collapse{query}")
    page.wait_for_selector(LAST, timeout=60_000)
    return page


def whole(page):
    """Wait until nothing is computed any more."""
    page.wait_for_function(
        """() => {
          const now = [...document.querySelectorAll('.imprint-plot')].map((e) => e.dataset.drawn).join()
            + document.querySelectorAll('[data-testid=stProgress]').length
            + document.querySelector('[data-testid=stApp]').dataset.testScriptState;
          if (window.lastNow !== now) { window.lastNow = now; window.sinceThen = performance.now(); }
          return performance.now() - window.sinceThen > 1500 && !document.querySelector('[data-testid=stProgress]');
        }""",
        timeout=180_000,
    )


LENGTH = "([name, trace]) => document.querySelector(`[data-name=${name}]`).data.find((t) => t.name === trace)?.x.length"


def points(page, name, trace):
    """How many points a trace has; nothing where it isn't there."""
    return page.evaluate(LENGTH, [name, trace])


@SCREENS
def test_nine_pictures_fit_and_nothing_leaves_the_machine(visit):
    page = opened(visit, "?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1")
    whole(page)
    assert len(page.query_selector_all(".imprint-plot")) == 9
    visit.pictures_fit_in_both()
    assert visit.errors_of_ours() == []
    assert visit.outside == []


def test_pictures_fill_in_by_themselves(visit):
    page = opened(visit, "?fm=vit_tiny_patch16_224&data=digits&n=25&seeds=3")
    whole(page)
    # Twelve parts of a class at most: 25 shots, two a part; and 96 dimensions for ten classes.
    assert points(page, "nc1-of-split", "NC1 of the parts") == 8
    assert page.locator("text=whitened").count() > 0
    assert points(page, "accuracy-over-k-here", "suggested k") == 1
    assert not visit.errors_of_ours()


def test_what_takes_long_shows_how_far_it_is_stops_and_goes_on(visit):
    """Another recipe: nothing of it comes along, so every curve has to be computed."""
    page = opened(visit, "?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1&draws=1&gen=random")
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
    # The page answers meanwhile.
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "6", timeout=20_000)
    page.get_by_role("button", name="Resume").first.click()
    stopped.wait_for(state="detached", timeout=60_000)
    page.wait_for_function(LENGTH, arg=["accuracy-by-merging", "10"], timeout=120_000)
    assert not visit.errors_of_ours()


def test_the_published_curves_are_laid_over_and_the_link_keeps_them(visit):
    page = opened(visit, "?n=5&seeds=1")
    page.get_by_role("button", name="As published").click()
    page.get_by_role("combobox", name="Lay over, as published").click()
    page.get_by_role("option", name="Swin-B").click()
    page.wait_for_function("location.search.includes('published=swin_b')", timeout=20_000)
    page.wait_for_function(
        "document.querySelector('[data-name=nc1-by-merging]').data.some((t) => t.name === 'Swin-B, published')",
        timeout=20_000,
    )
    page.wait_for_function(LENGTH, arg=["gain-over-nc1", "published"], timeout=20_000)
    assert points(page, "gain-over-nc1", "published") == 56
