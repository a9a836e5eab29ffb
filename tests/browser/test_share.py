"""Sharing in a browser: links of every page, settings out and in, and a report that opens anywhere."""

import json
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.pages.test_share import OF_A_RECIPE, OTHERS

QUICK = "fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1"
# Something of each page's own, and what the default page is called in an address.
OWN = {
    "map": "&color=right&against=own",
    "collapse": "&draws=1&nc1=published",
    "curves": "&over=n&curve_recipes=own",
    "compare": "&b=k%3D2%2C+post%3Dnone&b_n=10",
    "leaderboard": "&board_tasks=whole&methods=qi%2Cown",
}
PATHS = {"explore": ""}
TITLES = {name: name.capitalize() for name in OF_A_RECIPE + OTHERS} | {"own_data": "Your own data"}
HEADINGS = TITLES | {"map": "Proxies among", "collapse": "Neural collapse", "compare": "A against B"}


def opened(visit, page, query=QUICK):
    visit.page.goto(f"{visit.address}{PATHS.get(page, page)}?{query}")
    visit.page.wait_for_selector("[data-testid=stSidebar]", state="attached", timeout=60_000)
    visit.page.wait_for_selector("h1", timeout=60_000)
    return visit.page


def finished(visit):
    """Until no picture fills in: for three seconds nothing was drawn, and there was no line of progress."""
    visit.page.wait_for_function(
        """() => {
          const stops = [...document.querySelectorAll('button')].filter((e) => e.innerText.trim() === 'Stop').length;
          const now = [...document.querySelectorAll('.imprint-plot')].map((e) => e.dataset.drawn).join() + stops;
          if (window.lastFinished !== now || stops) {
            window.lastFinished = now;
            window.sinceFinished = performance.now();
          }
          return performance.now() - window.sinceFinished > 3000;
        }""",
        timeout=180_000,
    )
    visit.settle()


def dialog(page):
    opener = page.get_by_test_id("stExpandSidebarButton")
    if opener.is_visible():
        opener.click()
        page.wait_for_timeout(600)
    page.get_by_test_id("stSidebar").get_by_role("button", name="Share").click()
    found = page.get_by_role("dialog")
    expect(found.get_by_role("button", name="Copy link")).to_be_visible(timeout=20_000)
    return found


def downloaded(page, button):
    with page.expect_download() as download:
        button.click()
    return download.value.path().read_bytes()


def report_of(page):
    share = dialog(page)
    share.get_by_role("tab", name="Report").click()
    share.get_by_role("button", name="Make the report").click()
    button = share.get_by_role("button", name="Download the report")
    expect(button).to_be_visible(timeout=60_000)
    return downloaded(page, button)


def query_of(address):
    return address.partition("?")[2]


# One visit for several pages: they are gone to as a person does, which is quicker than opening each.
@pytest.mark.parametrize("names", [OF_A_RECIPE[:3], OF_A_RECIPE[3:], OTHERS], ids=lambda names: "-".join(names))
def test_a_shared_link_opens_the_page_with_the_same_values(names, visit, browser):
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened(visit, names[0], QUICK + "&k=7&pre=none" + "".join(OWN.values()))
    there = Visit(browser.new_page(), visit.address)
    for name in names:
        if name != names[0]:
            page.locator("[data-testid=stTopNavLink]", has_text=TITLES[name]).click()
        heading = page.locator("h1").first
        expect(heading).to_contain_text(HEADINGS[name], timeout=60_000)
        share = dialog(page)
        share.get_by_role("button", name="Copy link").click()
        # What the button says may be gone at once, for pictures that fill in have it drawn anew.
        page.wait_for_timeout(300)
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.url
        there.page.goto(copied)
        expect(there.page.locator("h1").first).to_have_text(heading.inner_text(), timeout=60_000)
        # A link that were put right would be so by now, though pictures may go on filling in.
        there.page.wait_for_timeout(2000)
        assert query_of(there.page.url) == query_of(copied)
        for part in ("k=7", "pre=none", "n=20", *filter(None, OWN.get(name, "").split("&"))):
            assert part in there.page.url
        assert "Page not found" not in there.page.content()
        expect(there.page.get_by_text("can't be").or_(there.page.get_by_text("ignored."))).to_have_count(0)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    there.page.close()


def test_settings_out_and_in_restore(visit, browser, tmp_path):
    page = opened(visit, "explore", QUICK + "&k=7&pre=none&classes=a%3D0%2B1%2C+4-6&curve_recipes=own&regions=True")
    visit.wait()
    shown = visit.accuracy()
    share = dialog(page)
    content = downloaded(page, share.get_by_role("button", name="Download settings"))
    assert json.loads(content)["controls"]["classes"] == "a=0+1, 4-6"
    (tmp_path / "settings.json").write_bytes(content)
    there = Visit(browser.new_page(), visit.address)
    there.open()
    share = dialog(there.page)
    share.locator("input[type=file]").set_input_files(tmp_path / "settings.json")
    expect(there.page.get_by_role("dialog")).to_have_count(0, timeout=20_000)
    there.page.wait_for_function("location.search.includes('regions=True')")
    there.settle()
    # In the order of the controls, whatever the file's is.
    assert sorted(there.search()[1:].split("&")) == sorted(visit.search()[1:].split("&"))
    assert there.accuracy() == shown
    # What is changed next is not taken back.
    there.page.get_by_test_id("stSidebar").get_by_role("radio", name="3", exact=True).click()
    there.page.wait_for_function("location.search.includes('seeds=3')")
    there.settle()
    assert "seeds=3" in there.search()
    # And what is no such file is said in the dialog.
    (tmp_path / "settings.json").write_text("{")
    share = dialog(there.page)
    share.locator("input[type=file]").set_input_files(tmp_path / "settings.json")
    expect(share.get_by_test_id("stAlert")).to_contain_text("The file is no JSON")
    assert "seeds=3" in there.search()
    assert there.errors_of_ours() == []
    there.page.close()


@pytest.mark.parametrize("name", OF_A_RECIPE)
def test_a_report_opens_anywhere_with_all_pictures(name, visit, browser, tmp_path):
    page = opened(visit, name, QUICK + OWN.get(name, ""))
    page.wait_for_selector(".imprint-plot[data-drawn]", timeout=60_000)
    finished(visit)
    labels = page.evaluate("[...document.querySelectorAll('.imprint-plot')].map((e) => e.ariaLabel)")
    before = page.url
    content = report_of(page)
    # The dialog changes nothing of what is chosen.
    assert page.url == before
    assert b"not finished" not in content
    (tmp_path / "report.html").write_bytes(content)
    context = browser.new_context(offline=True)
    there = Visit(context.new_page(), "file://")
    there.page.goto((tmp_path / "report.html").as_uri())
    there.page.wait_for_selector(".plot .main-svg", timeout=30_000)
    captions = there.page.locator("figcaption").all_inner_texts()
    assert sorted(captions) == sorted(labels)
    assert there.page.locator(".plot:has(.main-svg)").count() == len(labels) > 0
    assert there.page.locator("dd a").get_attribute("href") == page.url
    assert there.errors == []
    assert there.outside == []
    context.close()
    assert visit.errors_of_ours() == []
    assert visit.outside == []


@pytest.mark.parametrize("visit", [{"width": w} for w in (1280, 390)], indirect=True, ids=["1280", "390"])
def test_dialog_and_report_fit(visit, browser, tmp_path):
    page = visit.open(f"?{QUICK}")
    finished(visit)
    (tmp_path / "report.html").write_bytes(report_of(page))
    there = browser.new_page(viewport=page.viewport_size)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        visit.settle()
        box = page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"]
        there.emulate_media(color_scheme=scheme)
        there.goto((tmp_path / "report.html").as_uri())
        there.wait_for_selector(".plot .main-svg")
        assert there.evaluate("document.documentElement.scrollWidth <= innerWidth")
        colours = "[getComputedStyle(document.body).backgroundColor, document.querySelector('.xtitle').style.fill]"
        seen = there.evaluate(colours)
        assert seen == (["rgb(15, 19, 24)", "rgb(236, 239, 243)"] if scheme == "dark" else
                        ["rgb(255, 255, 255)", "rgb(15, 19, 24)"])  # fmt: skip
        # Paper is light, and the screen as before after that.
        there.evaluate("dispatchEvent(new Event('beforeprint'))")
        # Not by `wait_for_function`, whose `eval` the report forbids.
        title = there.locator(".xtitle").first
        expect(title).to_have_css("fill", "rgb(15, 19, 24)")
        assert there.evaluate(colours)[0] == "rgb(255, 255, 255)"
        there.evaluate("dispatchEvent(new Event('afterprint'))")
        expect(title).to_have_css("fill", seen[1])
    there.close()


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
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    visit.settle()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert visit.errors_of_ours() == []
