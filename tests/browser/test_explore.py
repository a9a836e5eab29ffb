"""What only a browser shows of the Explore page."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from imprint_core.datasets.readers import digits_splits
from tests.browser.conftest import ALL_DRAWN, SCREENS, serve
from tests.browser.test_map import SAMPLES

QUICK = "?fm=vit_tiny_patch16_224&data=mnist&n=20&seeds=1"
WHITENED = QUICK.replace("&seeds", "&pretransform=whiten&norm_pre=none&gen=mean&k=1&seeds")
# Of the tick labels and of the page's text.
COLOURS = (
    "[getComputedStyle(document.querySelector('.imprint-plot .xtick text')).fill,"
    " getComputedStyle(document.querySelector('[data-testid=stApp]')).color]"
)


@SCREENS
def test_five_pictures_fit_and_nothing_leaves_the_machine(visit):
    page = visit.open()
    visit.settle()
    assert visit.accuracy().endswith("%")
    fill, text = page.evaluate(COLOURS)
    assert fill == text
    visit.pictures_fit_in_both()
    offered = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map((e) => e.dataset.title)")
    assert offered
    assert not [title for title in offered if "hare" in title or "loud" in title]
    assert visit.errors == []
    assert visit.outside == []


@pytest.mark.parametrize("visit", [{"scheme": "dark"}], indirect=True, ids=["dark"])
def test_text_of_the_charts_can_be_read_also_after_a_switch_of_the_theme(visit):
    """The tick labels have the theme's text colour, not plotly's."""
    page = visit.open(QUICK)
    fill, text = page.evaluate(COLOURS)
    assert fill == text
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"before => {COLOURS}[1] !== before", arg=text, timeout=20_000)
        visit.settle()
        before, (fill, text) = text, page.evaluate(COLOURS)
        assert text != before
        assert fill == text


def test_a_slider_moves_the_accuracy_and_keeps_map_and_zoom(visit):
    page = visit.open()
    visit.settle()
    before = visit.accuracy()
    box = page.locator("[data-name=map] .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 260, steps=5)
    page.mouse.up()
    page.evaluate("document.querySelector('[data-name=map]').same = true")
    state = """(() => {
      const d = document.querySelector('[data-name=map]');
      const range = d.layout.xaxis.range.map((v) => v.toFixed(2));
      const stars = d.data.findIndex((trace) => trace.name === "proxies");
      return [d.same, range, d.data.length, d.calcdata[stars].length];
    })()"""
    same, panned, traces, stars = page.evaluate(state)
    assert same
    assert panned != ["-1.05", "1.05"]
    # Ten classes, shots and proxies.
    assert [traces, stars] == [12, 50]
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    page.keyboard.press("End")
    visit.settle()
    assert visit.accuracy() != before
    assert page.evaluate(state) == [True, panned, 12, 500]
    assert visit.search() == "?k=50"


def test_only_changed_figures_are_drawn_again(visit):
    page = visit.open("?k=7")
    visit.settle()
    page.evaluate(
        """() => {
          const react = Plotly.react;
          window.drawn = [];
          Plotly.react = (div, ...rest) => (window.drawn.push(div.dataset.name), react(div, ...rest));
        }"""
    )
    page.get_by_role("slider", name="k: proxies per class").focus()
    page.keyboard.press("ArrowRight")
    visit.settle()
    assert {"accuracy-over-k", "confusion"} <= set(page.evaluate("window.drawn"))
    assert "nc1-over-shots" not in page.evaluate("window.drawn")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("window.drawn.includes('nc1-over-shots')")
    width = page.locator("[data-name=nc1-over-shots]").bounding_box()["width"]
    page.set_viewport_size({"width": 900, "height": 800})
    page.get_by_role("slider", name="k: proxies per class").focus()
    page.keyboard.press("ArrowRight")
    visit.settle()
    widths = page.evaluate(
        """['', ' .main-svg'].map((inside) => `[data-name=nc1-over-shots]${inside}`)
          .map((selector) => document.querySelector(selector).getBoundingClientRect().width)"""
    )
    assert widths[0] == pytest.approx(widths[1], abs=1)
    assert widths[0] < width


def test_keys_faster_than_the_answers_all_count(visit):
    page = visit.open()
    visit.settle()
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    for gap in (0, 40, 150):
        page.keyboard.press("Home")
        page.wait_for_function("location.search === '?k=1'", timeout=20_000)
        visit.settle()
        for _ in range(12):
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(gap)
        visit.settle()
        assert slider.get_attribute("aria-valuetext") == "16"
        # On a busy machine the browser may send the last key's value only after a while of silence.
        page.wait_for_function("location.search === '?k=16'", timeout=20_000)


def test_link_restores_and_back_goes_back_and_two_tabs_do_not_disturb_each_other(visit, other_visit):
    page = visit.open("?fm=vit_tiny_patch16_224&data=mnist&n=20&k=3&map=pca&foo=1")
    visit.settle()
    assert visit.search() == "?fm=vit_tiny_patch16_224&data=mnist&n=20&k=3&map=pca"
    assert "Unknown parameters in the link: foo" in page.locator("[data-testid=stAlert]").inner_text()
    first = visit.accuracy()
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    page.keyboard.press("End")
    visit.settle()
    assert "k=50" in visit.search()
    page.go_back()
    # The answer to "back" may begin after a while on a busy machine.
    expect(slider).to_have_attribute("aria-valuetext", "3", timeout=20_000)
    visit.settle()
    assert visit.accuracy() == first
    link = page.evaluate("location.href")
    other = other_visit.open(link.removeprefix(visit.address))
    assert other_visit.accuracy() == first
    # The tabs don't disturb each other.
    other_slider = other.get_by_role("slider", name="k: proxies per class")
    other_slider.focus()
    other.keyboard.press("End")
    other_visit.settle()
    visit.settle()
    assert slider.get_attribute("aria-valuetext") == "3"
    assert other_slider.get_attribute("aria-valuetext") == "50"
    assert visit.accuracy() == first != other_visit.accuracy()


@pytest.mark.parametrize("visit", [{}], indirect=True)
def test_a_link_to_the_page_itself_works_on_a_new_server(visit):
    """Streamlit runs a file of pages/ alone as long as the entry point has never run."""
    with serve() as fresh:
        visit.address = fresh
        page = visit.open(f"explore{QUICK}&k=20")
        visit.settle()
        assert page.get_by_role("slider", name="k: proxies per class").get_attribute("aria-valuetext") == "20"


def test_a_preset_is_chosen_changed_and_gone_back_to(visit):
    page = visit.open(QUICK)
    visit.settle()
    preset = page.get_by_role("combobox", name="Preset")
    preset.click()
    page.get_by_role("option", name="Whitened mean").click()
    visit.settle()
    whitened = visit.accuracy()
    assert visit.search() == WHITENED
    assert "Whitening with shrinkage" in page.locator("[data-testid=stAlert]").inner_text()
    page.get_by_role("radio", name="m-NN").or_(page.get_by_role("button", name="m-NN")).first.click()
    visit.settle()
    assert "agg=mnn" in visit.search()
    assert page.get_by_role("slider", name="m: voting proxies").is_visible()
    page.go_back()
    # The answer to "back" may begin after a while on a busy machine.
    expect(page.get_by_role("slider", name="m: voting proxies")).not_to_be_visible(timeout=20_000)
    visit.settle()
    assert visit.accuracy() == whitened
    assert visit.search() == WHITENED
    assert not page.get_by_role("slider", name="m: voting proxies").is_visible()
    assert not visit.errors
    assert not visit.outside


def test_the_image_of_a_sample_appears_at_its_hover_text(visit):
    """The pointer on an isolated sample shows its image beside the text, and away from it hides it."""
    page = visit.page
    page.goto(visit.address + "?fm=vit_tiny_patch16_224&data=digits&n=1&seeds=1&gen=mean&k=1")
    page.wait_for_selector(ALL_DRAWN[0])
    visit.settle()
    page.evaluate("document.querySelector('[data-name=map]').scrollIntoView({ block: 'center' })")
    samples = np.array(page.evaluate(SAMPLES, "map"))
    distances = np.hypot(*(samples[:, None, 1:] - samples[None, :, 1:]).transpose(2, 0, 1))
    np.fill_diagonal(distances, np.inf)
    code, x, y = samples[distances.min(axis=0).argmax()].tolist()
    page.mouse.move(x - 2, y - 2)
    page.mouse.move(x, y)
    image = page.locator(".imprint-sample")
    expect(image).to_be_visible()
    assert page.locator("[data-name=map] .hovertext").text_content().startswith(f"test sample {code:.0f}class")
    shown = image.evaluate(
        """(e) => {
          const context = Object.assign(document.createElement("canvas"), { width: 8, height: 8 }).getContext("2d");
          context.drawImage(e, 0, 0);
          const { x, y, right, bottom } = e.getBoundingClientRect();
          const inside = x >= 0 && y >= 0 && right <= innerWidth && bottom <= innerHeight;
          return [[...context.getImageData(0, 0, 8, 8).data], e.naturalWidth, inside, e.alt];
        }"""
    )
    pixels = np.array(shown[0]).reshape(8, 8, 4)[..., 0]
    np.testing.assert_array_equal(pixels, np.asarray(digits_splits(Path()).test.by_id(int(code))))
    assert shown[1:] == [8, True, ""]
    page.mouse.move(5, 300)
    expect(image).to_have_count(0)
    assert visit.errors == []
