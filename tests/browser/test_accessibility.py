"""Accessibility: axe-core on every page in light and dark, and use by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.axe import axe_script

QUICK = "?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1"
# Settings that make more visible of the map, Curves, Compare and the Leaderboard.
MORE = "&only=0,1,2&sample=3&against=qi&curve_recipes=qi,whitened&b=own&methods=qi,whitened"
LINKS = "[data-testid=stTopNavLink]"
# Without text in charts: axe can't determine its background.
AXE = """async (rules) => {
  const { violations } = await axe.run(
    { include: document, exclude: [".main-svg"] },
    { resultTypes: ["violations"], ...(rules && { runOnly: rules }) },
  );
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target, html, failureSummary }) => ({
      id, at: target.flat().join(" "), html: html.slice(0, 200), why: failureSummary.split("\\n")[1]?.trim() ?? "",
    })));
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    return axe_script()


def findings(visit, rules=None):
    violations = visit.page.evaluate(AXE, rules)
    if violations:
        # The page may have been incomplete.
        visit.settle()
        violations = visit.page.evaluate(AXE, rules)
    return violations


# So tall that a whole page is visible: axe treats content outside the screen as hidden.
@pytest.mark.parametrize("visit", [{"height": 5000}], indirect=True, ids=["1280"])
def test_pages_have_no_serious_accessibility_violations(visit, axe):
    page = visit.page
    page.goto(visit.address + "leaderboard" + QUICK + MORE)
    page.wait_for_selector('.imprint-plot[data-name="critical-difference"][data-drawn]', timeout=60_000)
    hrefs = [link.get_attribute("href") for link in page.locator(LINKS).all()]
    paths = [href.removeprefix(visit.address).split("?")[0].strip("/") for href in hrefs]
    assert {"map", "leaderboard", "own_data"} <= set(paths)
    bad = []
    # The Leaderboard is open: Explore would remove its setting from the link.
    for path in [*sorted(paths, key="leaderboard".__ne__), "sandbox"]:
        # Pages are opened by their links, which is quicker than to load the app again.
        if path == "sandbox":
            page.goto(f"{visit.address}learn{QUICK}&view=sandbox")
        elif path != "leaderboard":
            page.locator(LINKS).nth(paths.index(path)).click()
            page.wait_for_function("path => location.pathname === `/${path}`", arg=path, polling=100)
        page.locator("h1").first.wait_for(timeout=60_000)
        visit.settle()
        assert path != "leaderboard" or "methods=" in visit.search()
        # Check the content of expanders, too.
        page.evaluate("document.querySelectorAll('details').forEach((e) => (e.open = true))")
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe)
        bad += [(path, "light", violation) for violation in findings(visit)]
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("getComputedStyle(document.querySelector('.stApp')).colorScheme === 'dark'")
        # Only colours differ.
        bad += [(path, "dark", violation) for violation in findings(visit, ["color-contrast"])]
        page.emulate_media(color_scheme="light")
    assert not bad, "\n".join(f"{path}, {scheme}: {violation}" for path, scheme, violation in bad)


# The focused element, also inside shadow roots.
FOCUSED = """() => {
  let e = document.activeElement;
  while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return e;
}"""
# Whether the element or a container has a visible outline.
RINGED = """(e) => {
  for (let i = 0; e && i < 4; i += 1, e = e.parentElement) {
    const { outlineStyle, outlineWidth } = getComputedStyle(e);
    const { width, height } = e.getBoundingClientRect();
    if (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && Math.min(width, height) > 8) return true;
  }
  return false;
}"""
NAME = "(e) => e.dataset.code ? 'tile ' + e.dataset.code : e.ariaLabel || e.innerText"


def tab_to(page, label, most=90):
    """Press Tab until an element with this label has the focus; check that all elements on the way show it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate_handle(FOCUSED).as_element()
        name = focused.evaluate(NAME)
        assert focused.evaluate(RINGED), f"{name!r} doesn't show its focus"
        if name.startswith(label):
            return focused
    raise AssertionError(f"{label!r} isn't reached")


def test_k_and_its_help_work_by_keyboard(visit):
    page = visit.open(QUICK)
    tab_to(page, "Help for k: proxies")
    expect(page.get_by_role("tooltip")).to_contain_text("Number of proxies per class")
    tab_to(page, "k: proxies per class", 1)
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**k=6**", timeout=20_000)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("!location.search.includes('k=6')", timeout=20_000)


@pytest.mark.parametrize("visit", [{}, {"scheme": "dark"}], indirect=True, ids=["light", "dark"])
def test_figures_download_and_samples_are_explained_by_keyboard(visit):
    page = visit.page
    page.goto(visit.address + "map" + QUICK)
    page.wait_for_selector('.imprint-plot[data-name="confusion-first"][data-drawn]', timeout=60_000)
    visit.settle()
    tab_to(page, "Skip to main content", 1)
    page.keyboard.press("Enter")
    tab_to(page, "Download plot")
    with page.expect_download(timeout=20_000):
        page.keyboard.press("Enter")
    page.keyboard.press("End")
    assert page.evaluate_handle(FOCUSED).evaluate(NAME) == "Reset axes"
    # The toolbar is one tab stop.
    tile = tab_to(page, "tile ", 3)
    code = tile.get_attribute("data-code")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**sample={code}**", timeout=20_000)
    expect(page.get_by_role("heading", name=f"Explanation: test sample {code}")).to_be_visible(timeout=20_000)


def test_samples_are_selected_by_keyboard_and_reduced_motion_is_respected(visit):
    page = visit.page
    page.emulate_media(reduced_motion="reduce")
    page.goto(visit.address + "map" + QUICK)
    page.wait_for_selector('.imprint-plot[data-name="confusion-first"][data-drawn]', timeout=60_000)
    visit.settle()
    page.get_by_role("button", name="Select by class").focus()
    page.keyboard.press("Enter")
    page.get_by_role("combobox", name="True class").focus()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    visit.settle()
    page.get_by_role("button", name="Select samples").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="selected")).to_be_visible(timeout=20_000)
    titles = page.locator("[data-name=selected] button[data-code]").evaluate_all("(all) => all.map((b) => b.title)")
    assert titles
    assert all(": class 3, predicted as" in title for title in titles)
    page.keyboard.press("Escape")
    tile = page.locator("[data-name=selected] button[data-code]").first
    tile.hover()
    assert tile.evaluate("(e) => [getComputedStyle(e).transform, getComputedStyle(e).transitionDuration]") == [
        "none",
        "0s",
    ]
