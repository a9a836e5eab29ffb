"""Sharing in a browser: links of every page, settings export and import, and reports."""

import json
import time

import pytest
from playwright.sync_api import expect

from tests.pages.test_share import OF_A_RECIPE, OTHERS

QUICK = "fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1"
# Page-specific settings, and the path of the default page.
PAGE_SETTINGS = {
    "map": "&color=right&against=own",
    "collapse": "&draws=1&nc1=published",
    "curves": "&over=n&curve_recipes=own",
    "compare": "&b=k%3D2+norm_post%3Dnone&b_n=10",
    "leaderboard": "&board_tasks=whole&methods=qi%2Cown",
}
# The figure that a page draws last, where several are progressive.
LAST_FIGURES = {"collapse": "spectra"}
# The text of a figure that is completed without a progress row, when it is complete.
LAST_TEXTS = {"collapse": "k from 1 to 8"}
PATHS = {"explore": ""}
TITLES = {name: name.capitalize() for name in OF_A_RECIPE + OTHERS} | {"own_data": "Your own data"}
HEADINGS = TITLES | {"map": "Proxies among", "collapse": "Neural collapse", "compare": "A against B"}
ENDED = "[data-testid=stApp][data-test-script-state=notRunning]"


def opened(visit, page, query=QUICK):
    visit.page.goto(f"{visit.address}{PATHS.get(page, page)}?{query}")
    visit.page.wait_for_selector("[data-testid=stSidebar]", state="attached", timeout=60_000)
    visit.page.wait_for_selector("h1", timeout=60_000)
    return visit.page


def finished(visit):
    """Wait until no progressive figure is left: the browser requests the next slice of one many times per second."""
    visit.page.wait_for_function(
        "![...document.querySelectorAll('button')].some((e) => e.innerText.trim() === 'Stop')",
        polling=100,
        timeout=180_000,
    )
    visit.settle()
    expect(visit.page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)


def dialog(page):
    opener = page.get_by_test_id("stExpandSidebarButton")
    if opener.is_visible():
        opener.click()
    page.get_by_test_id("stSidebar").get_by_role("button", name="Share").click()
    share = page.get_by_role("dialog")
    expect(share.get_by_role("button", name="Copy link")).to_be_visible(timeout=20_000)
    return share


def downloaded(page, button):
    with page.expect_download() as download:
        button.click()
    return download.value.path().read_bytes()


def report_of(page):
    share = dialog(page)
    share.get_by_role("tab", name="Report").click()
    share.get_by_role("button", name="Create report").click()
    button = share.get_by_role("button", name="Download report")
    expect(button).to_be_visible(timeout=60_000)
    return downloaded(page, button)


def query_of(address):
    return address.partition("?")[2]


# One visit for several pages: navigating is faster than opening each of them.
@pytest.mark.parametrize("names", [OF_A_RECIPE[:3], OF_A_RECIPE[3:], OTHERS], ids=lambda names: "-".join(names))
def test_a_shared_link_opens_the_page_with_the_same_values(names, visit, other_visit):
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened(visit, names[0], QUICK + "&k=7&norm_pre=none" + "".join(PAGE_SETTINGS.values()))
    other = other_visit
    for name in names:
        if name != names[0]:
            page.locator("[data-testid=stTopNavLink]", has_text=TITLES[name]).click()
        heading = page.locator("h1").first
        expect(heading).to_contain_text(HEADINGS[name], timeout=60_000)
        share = dialog(page)
        share.get_by_role("button", name="Copy link").click()
        # No check of the button's label: a rerun of progressive figures may reset it.
        page.wait_for_function("navigator.clipboard.readText().then((text) => text === location.href)", timeout=20_000)
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.url
        other.page.goto(copied)
        expect(other.page.locator("h1").first).to_have_text(heading.inner_text(), timeout=60_000)
        # A link is corrected before the page is drawn. Progressive figures may still be computed.
        other.page.wait_for_selector(f"{ENDED}, .imprint-plot[data-drawn]", timeout=60_000)
        assert query_of(other.page.url) == query_of(copied)
        for part in ("k=7", "norm_pre=none", "n=20", *filter(None, PAGE_SETTINGS.get(name, "").split("&"))):
            assert part in other.page.url
        assert "Page not found" not in other.page.content()
        expect(other.page.get_by_text("is not available").or_(other.page.get_by_text("Ignored."))).to_have_count(0)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_settings_out_and_in_restore(visit, other_visit, tmp_path):
    page = opened(
        visit, "explore", QUICK + "&k=7&norm_pre=none&classes=a%3D0%2B1%2C+4-6&curve_recipes=own&regions=True"
    )
    visit.wait()
    shown = visit.accuracy()
    share = dialog(page)
    content = downloaded(page, share.get_by_role("button", name="Download settings"))
    assert json.loads(content)["controls"]["classes"] == "a=0+1, 4-6"
    (tmp_path / "settings.json").write_bytes(content)
    other = other_visit
    other.open()
    share = dialog(other.page)
    share.locator("input[type=file]").set_input_files(tmp_path / "settings.json")
    expect(other.page.get_by_role("dialog")).to_have_count(0, timeout=20_000)
    other.page.wait_for_function("location.search.includes('regions=True')")
    other.settle()
    # Links have the order of the controls, regardless of the file's order.
    assert sorted(other.search()[1:].split("&")) == sorted(visit.search()[1:].split("&"))
    assert other.accuracy() == shown
    # The file does not reset later changes.
    other.page.get_by_test_id("stSidebar").get_by_role("radio", name="3", exact=True).click()
    other.page.wait_for_function("location.search.includes('seeds=3')")
    other.settle()
    assert "seeds=3" in other.search()
    # The dialog reports an invalid file.
    (tmp_path / "settings.json").write_text("{")
    share = dialog(other.page)
    share.locator("input[type=file]").set_input_files(tmp_path / "settings.json")
    expect(share.get_by_test_id("stAlert")).to_contain_text("The file is not valid JSON")
    assert "seeds=3" in other.search()
    assert other.errors_of_ours() == []


@pytest.mark.parametrize("name", OF_A_RECIPE)
def test_a_report_opens_anywhere_with_all_pictures(name, visit, offline_visit, tmp_path):
    page = opened(visit, name, QUICK + PAGE_SETTINGS.get(name, ""))
    last = f"[data-name={LAST_FIGURES[name]}]" if name in LAST_FIGURES else ""
    page.wait_for_selector(f".imprint-plot{last}[data-drawn]", timeout=60_000)
    if name in LAST_TEXTS:
        page.wait_for_selector(f".imprint-plot[aria-label*='{LAST_TEXTS[name]}']", timeout=60_000)
    finished(visit)
    before = page.url
    content = report_of(page)
    # Read afterwards: a figure without a progress row may have been completed meanwhile.
    labels = page.evaluate("[...document.querySelectorAll('.imprint-plot')].map((e) => e.ariaLabel)")
    # The dialog does not change the settings.
    assert page.url == before
    assert b"not finished" not in content
    (tmp_path / "report.html").write_bytes(content)
    other = offline_visit
    other.page.goto((tmp_path / "report.html").as_uri())
    other.page.wait_for_selector(".plot .main-svg", timeout=30_000)
    captions = other.page.locator("figcaption").all_inner_texts()
    assert sorted(captions) == sorted(labels)
    assert other.page.locator(".plot:has(.main-svg)").count() == len(labels) > 0
    assert other.page.locator("dd a").get_attribute("href") == page.url
    assert other.errors == []
    assert other.outside == []
    assert visit.errors_of_ours() == []
    assert visit.outside == []


@pytest.mark.parametrize("visit", [{"width": w} for w in (1280, 390)], indirect=True, ids=["1280", "390"])
def test_dialog_and_report_fit(visit, offline_visit, tmp_path):
    page = visit.open(f"?{QUICK}")
    finished(visit)
    (tmp_path / "report.html").write_bytes(report_of(page))
    other = offline_visit.page
    other.set_viewport_size(page.viewport_size)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        visit.settle()
        box = page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"]
        other.emulate_media(color_scheme=scheme)
        other.goto((tmp_path / "report.html").as_uri())
        other.wait_for_selector(".plot .main-svg")
        assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")
        colours = "[getComputedStyle(document.body).backgroundColor, document.querySelector('.xtitle').style.fill]"
        colours_in_theme = other.evaluate(colours)
        assert colours_in_theme == (["rgb(15, 19, 24)", "rgb(236, 239, 243)"] if scheme == "dark" else
                        ["rgb(255, 255, 255)", "rgb(15, 19, 24)"])  # fmt: skip
        # Prints are light; afterwards the screen has its theme again.
        other.evaluate("dispatchEvent(new Event('beforeprint'))")
        # `wait_for_function` needs `eval`, which the report's policy forbids.
        title = other.locator(".xtitle").first
        expect(title).to_have_css("fill", "rgb(15, 19, 24)")
        assert other.evaluate(colours)[0] == "rgb(255, 255, 255)"
        other.evaluate("dispatchEvent(new Event('afterprint'))")
        expect(title).to_have_css("fill", colours_in_theme[1])


def test_the_dialog_stays_while_pictures_fill_in(visit):
    page = opened(visit, "collapse", "fm=vit_tiny_patch16_224&data=digits&n=19&seeds=3&draws=3&k=9")
    share = dialog(page)
    share.get_by_role("tab", name="Python").click()
    until = time.monotonic() + 6
    while time.monotonic() < until:
        expect(share.get_by_role("tab", name="Python")).to_have_attribute("aria-selected", "true")
        page.wait_for_timeout(200)
    finished(visit)
    expect(share.get_by_role("tab", name="Python")).to_have_attribute("aria-selected", "true")
    # A run that draws the dialog again may have taken the focus from it.
    share.get_by_role("tab", name="Python").press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    visit.settle()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert visit.errors_of_ours() == []
