"""What only a browser shows of the framework picture."""

import pytest
from playwright.sync_api import expect

QUICK = "?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1&k=3"
NARROW = {"width": 390, "height": 844, "scheme": "dark"}


def opened(visit):
    visit.page.goto(visit.address + QUICK)
    visit.wait()
    return visit.page


def box(page, step):
    return page.locator(".imprint-framework li button", has_text=step)


def test_a_box_leads_to_its_control(visit):
    page = opened(visit)
    box(page, "GEN").click()
    page.wait_for_function("document.activeElement.closest('.st-key-gen') !== null")
    box(page, "NORM post").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.closest('.st-key-norm_post') !== null")
    assert visit.errors_of_ours() == []


@pytest.mark.parametrize("visit", [{"width": 1280, "height": 720}], indirect=True)
def test_accuracy_curve_and_map_are_visible_without_scrolling(visit):
    visit.page.goto(visit.address)
    visit.wait()
    for part in (
        visit.page.get_by_test_id("stMetricValue").first,
        visit.page.get_by_label("Accuracy over k from"),
        visit.page.get_by_label("UMAP map of"),
    ):
        box = part.bounding_box()
        assert box["height"] > 20
        assert box["y"] > 0
        assert box["y"] + box["height"] <= 720


@pytest.mark.parametrize("visit", [NARROW], indirect=True)
def test_on_a_phone_the_sidebar_opens_for_it(visit):
    page = opened(visit)
    expect(page.get_by_test_id("stExpandSidebarButton")).to_be_visible()
    box(page, "AGG").click()
    page.wait_for_function("document.activeElement.closest('.st-key-agg') !== null")
    expect(page.get_by_test_id("stExpandSidebarButton")).not_to_be_attached()


def test_presets_light_what_they_would_change_and_change_it(visit):
    page = opened(visit)
    lit = page.locator(".imprint-framework li button.lit")
    expect(lit).to_have_count(0)
    preset = page.locator(".imprint-framework p").get_by_role("button", name="Whitened mean")
    preset.hover()
    expect(box(page, "Transform")).to_have_class("lit")
    expect(box(page, "GEN")).to_contain_text("mean")
    page.mouse.move(5, 5)
    expect(lit).to_have_count(0)
    expect(box(page, "GEN")).to_contain_text("k-means, k = 3")
    preset.click()
    page.wait_for_function("location.search.includes('pretransform=whiten')")
    expect(preset).to_have_attribute("aria-pressed", "true")
    page.mouse.move(5, 5)
    expect(box(page, "Transform")).to_have_class("lit")
    # A run that draws the boxes again returns the focus to the preset.
    preset.blur()
    preset.focus()
    expect(box(page, "Transform")).to_have_class("lit")
