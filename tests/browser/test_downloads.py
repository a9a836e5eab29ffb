"""The pictures a person takes away: what is on screen, readable wherever it is opened."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Page

from tests.browser.conftest import Visit

FIGURE = ".imprint-plot[data-name=accuracy-over-k]"
# How many traces and points are drawn, and the titles of the axes.
DRAWN = """(plot) => [
  plot.querySelectorAll(".scatterlayer .trace").length,
  plot.querySelectorAll(".scatterlayer .point").length,
  ...[...plot.querySelectorAll(".xtitle, .ytitle")].map((title) => title.textContent),
]"""
# Its nodes stay the same ones unless it is drawn again.
KEPT = """(plot) => {
  const svg = plot.querySelector(".main-svg");
  const same = svg.marked === true;
  svg.marked = true;
  return [same, plot.dataset.drawn, svg.outerHTML];
}"""
COLOURS = """["--st-background-color", "--st-text-color"].map((name) =>
  getComputedStyle(document.querySelector(".imprint-plot")).getPropertyValue(name).trim())"""
BOTH = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="module")
def opened(context, address):
    """Explore, opened once for all that only look at it and take pictures along."""
    visit = Visit(context.new_page(), address)
    visit.open()
    visit.settle()
    yield visit
    visit.page.close()


def looked_at(visit: Visit, scheme: str) -> Page:
    visit.page.emulate_media(color_scheme=scheme)
    visit.settle()
    return visit.page


def taken(visit: Visit, kind: str) -> tuple[str, bytes]:
    """The name and the content of what the button of the picture gives; the picture stays as it was."""
    plot = visit.page.locator(FIGURE)
    plot.scroll_into_view_if_needed()
    plot.hover()
    plot.evaluate(KEPT)
    before = plot.evaluate(KEPT)
    with visit.page.expect_download() as download:
        plot.locator(f'.modebar-btn[data-title="Download as {kind}"]').click()
    visit.settle()
    assert plot.evaluate(KEPT) == before
    assert before[0]
    return download.value.suggested_filename, download.value.path().read_bytes()


@BOTH
def test_png_has_the_background_of_the_page(opened, scheme):
    page = looked_at(opened, scheme)
    name, content = taken(opened, "PNG")
    assert name == "accuracy-over-k.png"
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    size = page.locator(FIGURE).evaluate("(plot) => [plot._fullLayout.width, plot._fullLayout.height]")
    assert list(image.size) == [int(2 * side) for side in size]
    pixels = np.asarray(image).reshape(-1, 4)
    background, text = (np.array(ImageColor.getcolor(c, "RGBA")) for c in page.evaluate(COLOURS))
    assert (pixels[:, 3] == 255).all()
    assert (pixels == background).all(1).mean() > 0.5
    assert (pixels == text).all(1).any()
    assert opened.errors == []


@BOTH
def test_svg_holds_the_text_and_the_background(opened, scheme):
    page = looked_at(opened, scheme)
    name, content = taken(opened, "SVG")
    assert name == "accuracy-over-k.svg"
    text = "{http://www.w3.org/2000/svg}text"
    texts = ["".join(e.itertext()) for e in ElementTree.fromstring(content).iter(text)]  # noqa: S314 - our own
    titles = page.locator(FIGURE).evaluate(DRAWN)[2:]
    assert titles
    assert set(titles) <= set(texts)
    background = ImageColor.getrgb(page.evaluate(COLOURS)[0])
    assert "fill: rgb({}, {}, {}); fill-opacity: 1".format(*background) in content.decode()
    # The page's own font isn't at hand elsewhere; text measured in it would be cut off.
    assert "Source Sans" not in content.decode()
    assert opened.errors == []


@BOTH
def test_html_opens_without_a_network(opened, scheme, browser, tmp_path):
    page = looked_at(opened, scheme)
    name, content = taken(opened, "HTML")
    assert name == "accuracy-over-k.html"
    (tmp_path / name).write_bytes(content)
    plot = page.locator(FIGURE)
    context = browser.new_context(offline=True)
    there = Visit(context.new_page(), "file://")
    there.page.goto((tmp_path / name).as_uri())
    there.page.wait_for_selector("#plot svg.main-svg")
    assert there.page.locator("#plot").evaluate(DRAWN) == plot.evaluate(DRAWN)
    assert there.page.locator("#plot").evaluate(DRAWN)[1] > 10
    assert there.page.locator("#plot").evaluate("(plot) => plot._fullLayout.height") == 240
    assert there.page.title() == "accuracy-over-k"
    assert there.page.locator("figcaption").inner_text() == plot.get_attribute("aria-label")
    there.page.set_viewport_size({"width": 500, "height": 600})
    there.page.wait_for_function("document.querySelector('#plot')._fullLayout.width < 500")
    assert there.errors == []
    assert there.outside == []
    context.close()
    assert opened.errors == []
    assert opened.outside == []


def test_what_is_said_of_a_picture_stays_text(visit, browser, tmp_path):
    """Names of classes come from the people who use the app."""
    page = visit.open()
    visit.settle()
    bad = """</script><script>document.title = "x"</script><!--<script>"""
    page.locator(FIGURE).evaluate(
        """(plot, bad) => {
          plot.layout.xaxis.title.text = plot.data[0].name = bad;
          return Plotly.react(plot, plot.data, plot.layout, plot._context);
        }""",
        bad,
    )
    name, content = taken(visit, "HTML")
    (tmp_path / name).write_bytes(content)
    there = browser.new_page(offline=True)
    there.goto((tmp_path / name).as_uri())
    there.wait_for_selector("#plot svg.main-svg")
    assert there.title() == "accuracy-over-k"
    assert there.evaluate("document.querySelector('#plot').data[0].name") == bad
    there.close()


def test_each_button_is_there_once_and_the_picture_is_not_made_anew(visit):
    page = visit.open()
    visit.settle()
    titles = page.locator(FIGURE).evaluate(
        "(plot) => [...plot.querySelectorAll('.modebar-btn')].map((e) => e.dataset.title)"
    )
    assert [t for t in titles if "ownload" in t] == ["Download as PNG", "Download as SVG", "Download as HTML"]
    page.locator(FIGURE).evaluate("(plot) => { plot.same = plot.querySelector('.main-svg'); }")
    slider = page.get_by_role("slider", name="k: proxies per class")
    drawn = page.locator(FIGURE).get_attribute("data-drawn")
    slider.focus()
    page.keyboard.press("End")
    visit.settle()
    assert page.locator(FIGURE).get_attribute("data-drawn") != drawn
    # Were the buttons other ones at each drawing, Plotly would make the picture anew.
    assert page.locator(FIGURE).evaluate("(plot) => plot.same === plot.querySelector('.main-svg')")
