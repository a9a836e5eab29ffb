"""The Compare and Leaderboard pages in a browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENS

QUICK = "?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1"
BARS = '.imprint-plot[data-name="compare-tasks"][data-drawn]'
RANKS = '.imprint-plot[data-name="critical-difference"][data-drawn]'


def opened(visit, page, query, last):
    visit.page.goto(f"{visit.address}{page}{query}")
    visit.page.wait_for_selector(last, timeout=60_000)
    return visit.page


@SCREENS
@pytest.mark.parametrize(("name", "last"), [("compare", BARS), ("leaderboard", RANKS)])
def test_pages_fit_and_nothing_leaves_the_machine(visit, name, last):
    opened(visit, name, QUICK, last)
    visit.pictures_fit_in_both()
    assert visit.errors_of_ours() == []
    assert visit.outside == []


def test_a_changed_sample_leads_to_the_map_with_both_recipes(visit):
    page = opened(visit, "compare", f"{QUICK}&k=1&norm_pre=none&norm_post=none&b=own", BARS)
    page.get_by_role("tab", name="only B correct").click()
    first = page.locator('button[title*="by B"]').locator("visible=true").first
    title = first.get_attribute("title")
    first.click()
    expect(page.get_by_role("heading", name="Proxies among embeddings")).to_be_visible(timeout=20_000)
    page.wait_for_selector('.imprint-plot[data-name="map-b"][data-drawn]', timeout=30_000)
    number = title.split("test sample ")[1].split(":")[0]
    assert f"sample={number}" in page.url
    assert "against=own" in page.url


def test_the_link_is_copied(visit):
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened(visit, "compare", f"{QUICK}&b=whitened", BARS)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url
    assert "b=whitened" in copied


def test_the_table_is_downloaded_and_another_n_is_ranked(visit):
    page = opened(visit, "leaderboard", QUICK, RANKS)
    before = page.get_attribute(RANKS, "data-drawn")
    page.get_by_test_id("stMain").get_by_role("radio", name="200", exact=True).click()
    page.wait_for_function(
        "before => document.querySelector('[data-name=critical-difference]').dataset.drawn !== before", arg=before
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="These tasks as CSV").click()
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith('"fm","dataset","classes","n","recipe","seed"')
    assert len(lines) > 20_000
