"""Downloaded figures show what is on the page, and are readable everywhere."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Page

from tests.browser.conftest import Visit

FIGURE = ".imprint-plot[data-name=accuracy-over-k]"
# Number of traces and points, and the titles of the axes.
FIGURE_CONTENT = """(plot) => [
  plot.querySelectorAll(".scatterlayer .trace").length,
  plot.querySelectorAll(".scatterlayer .point").length,
  ...[...plot.querySelectorAll(".xtitle, .ytitle")].map((title) => title.textContent),
]"""
# The SVG node is the same unless the figure is drawn again.
FIGURE_STATE = """(plot) => {
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
    """Explore, opened once for all tests that only read it and download its figures."""
    visit = Visit(context.new_page(), address)
    visit.open()
    visit.settle()
    yield visit
    visit.page.close()


def with_scheme(visit: Visit, scheme: str) -> Page:
    visit.page.emulate_media(color_scheme=scheme)
    visit.settle()
    return visit.page


def download(visit: Visit, kind: str) -> tuple[str, bytes]:
    """Name and content of a downloaded figure; the figure on the page is unchanged."""
    plot = visit.page.locator(FIGURE)
    plot.scroll_into_view_if_needed()
    plot.hover()
    plot.evaluate(FIGURE_STATE)
    before = plot.evaluate(FIGURE_STATE)
    with visit.page.expect_download() as event:
        plot.locator(f'.modebar-btn[data-title="Download as {kind}"]').click()
    visit.settle()
    assert plot.evaluate(FIGURE_STATE) == before
    assert before[0]
    return event.value.suggested_filename, event.value.path().read_bytes()


@BOTH
def test_png_has_the_background_of_the_page(opened, scheme):
    page = with_scheme(opened, scheme)
    name, content = download(opened, "PNG")
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
    page = with_scheme(opened, scheme)
    name, content = download(opened, "SVG")
    assert name == "accuracy-over-k.svg"
    text = "{http://www.w3.org/2000/svg}text"
    texts = ["".join(e.itertext()) for e in ElementTree.fromstring(content).iter(text)]  # noqa: S314 - our own
    titles = page.locator(FIGURE).evaluate(FIGURE_CONTENT)[2:]
    assert titles
    assert set(titles) <= set(texts)
    background = ImageColor.getrgb(page.evaluate(COLOURS)[0])
    assert "fill: rgb({}, {}, {}); fill-opacity: 1".format(*background) in content.decode()
    # The font of the page is not available elsewhere; text measured in it would be cut off.
    assert "Source Sans" not in content.decode()
    assert opened.errors == []


@BOTH
def test_html_opens_without_a_network(opened, scheme, offline_visit, tmp_path):
    page = with_scheme(opened, scheme)
    name, content = download(opened, "HTML")
    assert name == "accuracy-over-k.html"
    (tmp_path / name).write_bytes(content)
    plot = page.locator(FIGURE)
    opened_file = offline_visit.page
    opened_file.set_viewport_size({"width": 1280, "height": 720})
    opened_file.goto((tmp_path / name).as_uri())
    opened_file.wait_for_selector("#plot svg.main-svg")
    assert opened_file.locator("#plot").evaluate(FIGURE_CONTENT) == plot.evaluate(FIGURE_CONTENT)
    assert opened_file.locator("#plot").evaluate(FIGURE_CONTENT)[1] > 10
    assert opened_file.locator("#plot").evaluate("(plot) => plot._fullLayout.height") == 240
    assert opened_file.title() == "accuracy-over-k"
    assert opened_file.locator("figcaption").inner_text() == plot.get_attribute("aria-label")
    opened_file.set_viewport_size({"width": 500, "height": 600})
    opened_file.wait_for_function("document.querySelector('#plot')._fullLayout.width < 500")
    assert offline_visit.errors == []
    assert offline_visit.outside == []
    assert opened.errors == []
    assert opened.outside == []


def test_texts_of_a_figure_are_escaped(visit, offline_visit, tmp_path):
    """Users choose the names of classes."""
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
    name, content = download(visit, "HTML")
    (tmp_path / name).write_bytes(content)
    opened_file = offline_visit.page
    opened_file.goto((tmp_path / name).as_uri())
    opened_file.wait_for_selector("#plot svg.main-svg")
    assert opened_file.title() == "accuracy-over-k"
    assert opened_file.evaluate("document.querySelector('#plot').data[0].name") == bad


def test_each_button_exists_once_and_the_figure_is_updated_in_place(visit):
    page = visit.open()
    visit.settle()
    titles = page.locator(FIGURE).evaluate(
        "(plot) => [...plot.querySelectorAll('.modebar-btn')].map((e) => e.dataset.title)"
    )
    assert [t for t in titles if "ownload" in t] == ["Download as PNG", "Download as SVG", "Download as HTML"]
    page.locator(FIGURE).evaluate("(plot) => { plot.same = plot.querySelector('.main-svg'); }")
    slider = page.get_by_role("slider", name="k: proxies per class")
    count = page.locator(FIGURE).get_attribute("data-drawn")
    slider.focus()
    page.keyboard.press("End")
    visit.settle()
    assert page.locator(FIGURE).get_attribute("data-drawn") != count
    # With new buttons at each update, Plotly would create the figure again.
    assert page.locator(FIGURE).evaluate("(plot) => plot.same === plot.querySelector('.main-svg')")
