"""Galleries in a small separate app, in a browser."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, serve

SCRIPT = """
import numpy as np
import streamlit as st
from PIL import Image
from sklearn.datasets import load_digits

from imprint_core.figures.style import class_color
from ui.widgets.gallery import Frame, Tile, gallery

st.set_page_config(layout="wide")
state = st.session_state
state.setdefault("clicked", None)
state.setdefault("clicks", 0)
images, y = load_digits(return_X_y=True)


def take(code):
    state.clicked = code
    state.clicks += 1


def tile(code, title="", image=True, wrong=False):
    picture = Image.fromarray((images[code].reshape(8, 8) * 15.9).astype(np.uint8)) if image else None
    wrong = wrong or code % 5 == 3
    note = f"→ {y[code] + 1} · 0.{code:03}" if wrong else f"0.{code:03}"
    description = f"test sample {code}: true class {y[code]}, margin 0.{code:03}"
    return Tile(code, picture, title or str(y[code]), note, class_color(int(y[code])), wrong, description)


st.write(f"clicked {state.clicked}, {state.clicks} clicks in all")
start = st.number_input("first", 0, 100, 0)
gallery("digits", [tile(i) for i in range(start, start + 24)], label="Digits", chosen=state.clicked, on_click=take)
st.write("Without images")
hostile = ["<img src=x onerror=alert(1)>", "$x^2$ **bold**", "a very long name that has many, many words", "\\u202eabc"]
texts = [tile(100 + i, text, image=False) for i, text in enumerate(hostile)]
texts += [tile(200 + i, image=False) for i in range(8)]
gallery("texts", texts, label="Texts", chosen=state.clicked, on_click=take)
names = ["7", "T-shirt", "automobile", "European fire salamander", "<img src=x onerror=alert(1)>", "x" * 60]
framed = [
    Tile(i, None, "7", "→ 1", class_color(i), False, name, Frame(name, "0.0031", class_color(i)))
    for i, name in enumerate(names)
]
gallery("frames", framed, label="Frames", on_click=take)
if st.toggle("photographs"):
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)).resize((300, 200), 3) for _ in range(5)]
    photos = [
        Tile(i, image, "golden retriever", "→ Labrador", class_color(i), i == 1, f"photo {i}")
        for i, image in enumerate(noise)
    ]
    gallery("photos", photos, label="Photographs", on_click=take)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    script = tmp_path_factory.mktemp("gallery") / "shown.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with serve(str(script)) as url:
        yield url


class GalleryVisit(Visit):
    def wait(self):
        self.tile("digits", 0).wait_for(timeout=60_000)
        self.tile("texts", 207).wait_for(timeout=60_000)

    def tile(self, name, code):
        return self.page.locator(f"[data-name={name}] button[data-code='{code}']")

    def expect_clicked(self, code, clicks):
        expect(self.page.get_by_text(f"clicked {code}, {clicks} clicks in all")).to_be_visible(timeout=15_000)


@pytest.fixture
def gallery(tab, address, request):
    screen = getattr(request, "param", {})
    tab.set_viewport_size({"width": screen.get("width", 1280), "height": 900})
    tab.emulate_media(color_scheme=screen.get("scheme", "light"))
    visit = GalleryVisit(tab, address)
    visit.open()
    yield visit
    assert visit.errors == []
    assert visit.outside == []
    visit.leave(address)


def focused(page):
    return page.evaluate(
        """() => {
          let e = document.activeElement;
          while (e?.shadowRoot) e = e.shadowRoot.activeElement;
          return e?.dataset?.code ?? null;
        }"""
    )


def test_each_click_is_reported_once(gallery):
    for clicks, code in enumerate((0, 5, 13, 23, 7, 7, 1, 12, 3, 22), start=1):
        gallery.tile("digits", code).click()
        gallery.expect_clicked(code, clicks)
        expect(gallery.tile("digits", code)).to_have_attribute("aria-pressed", "true")
        assert gallery.page.locator("[data-name=digits] [aria-pressed=true]").count() == 1
    gallery.tile("texts", 204).click()
    gallery.expect_clicked(204, 11)
    expect(gallery.page.locator("[data-name=digits] [aria-pressed=true]")).to_have_count(0)


def test_keys_reach_and_press_tiles(gallery):
    page = gallery.page
    gallery.tile("digits", 2).focus()
    page.keyboard.press("Enter")
    gallery.expect_clicked(2, 1)
    assert focused(page) == "2"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "4"
    page.keyboard.press("Space")
    gallery.expect_clicked(4, 2)
    page.keyboard.press("ArrowDown")
    below = int(focused(page))
    boxes = [gallery.tile("digits", code).bounding_box() for code in (4, below)]
    assert boxes[0]["x"] == boxes[1]["x"]
    assert boxes[0]["y"] < boxes[1]["y"]
    page.keyboard.press("ArrowUp")
    assert focused(page) == "4"
    style = "getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth"
    assert gallery.tile("digits", 4).evaluate(f"e => {style}") == "solid3px"


@pytest.mark.parametrize("gallery", [{"width": 1280}, {"width": 390}], indirect=True)
def test_frames_are_filled_with_readable_text(gallery):
    gallery.tile("frames", 5).wait_for()
    frames = gallery.page.locator("[data-name=frames] .frame").evaluate_all(
        """(frames) => frames.map((frame) => {
          const { width, height, top, bottom } = frame.getBoundingClientRect();
          return [width, height, ...[...frame.children].flatMap((part) => {
            const box = part.getBoundingClientRect();
            const size = parseFloat(getComputedStyle(part).fontSize);
            return [box.top >= top && box.bottom <= bottom, box.width <= width, size];
          })];
        })"""
    )
    assert len(frames) == 6
    for width, height, *parts in frames:
        assert width >= 56
        assert abs(width - height) < 1
        assert all(parts[i] for i in (0, 1, 3, 4))
        assert min(parts[2], parts[5]) >= 11
    # A short name is larger.
    assert frames[0][4] > 2 * frames[3][4]


def test_tiles_that_stay_keep_their_elements_and_focus(gallery):
    page = gallery.page
    tile = gallery.tile("digits", 5)
    tile.evaluate("e => { e.same = true; e.querySelector('img').same = true; }")
    for first in (2, 0, 4):
        page.get_by_label("first").fill(str(first))
        # Focus goes to the tile before the run that the number starts has ended.
        page.keyboard.press("Enter")
        tile.focus()
        gallery.tile("digits", first + 23).wait_for()
        expect(page.locator("[data-name=digits] button").first).to_have_attribute("data-code", str(first))
        expect(page.locator("[data-name=digits] button")).to_have_count(24)
        assert tile.evaluate("e => e.same && e.querySelector('img').same")
        assert focused(page) == "5"


def test_lists_have_names_and_tiles_descriptions(gallery):
    for label, count in (("Digits", 24), ("Texts", 12)):
        assert gallery.page.get_by_role("list", name=label, exact=True).get_by_role("listitem").count() == count
    description = "test sample 3: true class 3, margin 0.003"
    tile = gallery.page.get_by_role("button", name="3 → 4 · 0.003", exact=True)
    expect(tile).to_have_accessible_description(description)
    assert tile.locator(".cross").is_visible()
    assert not gallery.tile("digits", 4).locator(".cross").is_visible()


def test_markup_in_titles_is_displayed_as_text(gallery):
    assert gallery.tile("texts", 100).locator(".title").text_content() == "<img src=x onerror=alert(1)>"
    assert gallery.tile("texts", 101).locator(".title").text_content() == "$x^2$ **bold**"
    assert gallery.page.locator("[data-name=texts] img").count() == 0
    cut = gallery.tile("texts", 102).locator(".title")
    assert cut.evaluate("e => e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow === 'ellipsis'")


@pytest.mark.parametrize(
    "gallery",
    [{"width": w} for w in (300, 390, 1280)],
    indirect=True,
    ids=lambda s: str(s["width"]),
)
def test_gallery_fits_the_screen_and_is_legible(gallery, request):
    page = gallery.page
    page.get_by_text("photographs").click()
    gallery.tile("digits", 6).click()
    gallery.expect_clicked(6, 1)
    page.locator("[data-name=photos] button").first.wait_for()
    gallery.tile("digits", 1).focus()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"getComputedStyle(document.querySelector('.stApp')).colorScheme === '{scheme}'")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        width = page.viewport_size["width"]
        for box in page.locator("button[data-code]").all():
            rectangle = box.bounding_box()
            assert rectangle["x"] >= 0
            assert rectangle["x"] + rectangle["width"] <= width
        # The notes of digits are not cut off.
        assert page.locator("[data-name=digits] .note").evaluate_all(
            "all => all.every(e => e.scrollWidth <= e.clientWidth)"
        )
        for part in (".title", ".note"):
            assert gallery.tile("digits", 4).locator(part).evaluate(CONTRAST) >= 4.5
        if folder := os.environ.get("IMPRINT_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/gallery-{request.node.callspec.id}-{scheme}.png", full_page=True)


# WCAG's contrast of an element's text with its tile; a canvas reads colours in any notation.
CONTRAST = """e => {
  const canvas = document.createElement("canvas").getContext("2d");
  const luminance = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => {
      const c = v / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const of = (el, what) => luminance(getComputedStyle(el)[what]);
  const [low, high] = [of(e, "color"), of(e.closest("button"), "backgroundColor")].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""
