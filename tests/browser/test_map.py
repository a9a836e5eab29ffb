"""What only a browser shows of the map: its own selections, its zoom, and that nothing flickers."""

from __future__ import annotations

import base64
import io
import re
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imprint_core.embeddings import open_set
from imprint_core.embeddings.set_images import images_of
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from tests.browser.conftest import SCREENS, serve
from ui.charts.plot import SOURCE

DRAWN = ('.imprint-plot[data-name="map"][data-drawn]', '.imprint-plot[data-name="confusion-first"][data-drawn]')
# The samples on a map and where each is on the screen.
SEEN = """(name) => {
  const d = document.querySelector(`[data-name=${name}]`);
  const box = d.getBoundingClientRect();
  const { xaxis, yaxis } = d._fullLayout;
  return d.data.filter((t) => t.meta !== undefined).flatMap((t) => Array.from(t.customdata, (code, i) => [
    code, box.left + xaxis._offset + xaxis.l2p(t.x[i]), box.top + yaxis._offset + yaxis.l2p(t.y[i]),
  ]));
}"""
MARKED = """(name) => {
  const d = document.querySelector(`[data-name=${name}]`);
  return d.data.filter((t) => t.meta !== undefined)
    .flatMap((t) => (t.selectedpoints ?? []).map((i) => t.customdata[i]));
}"""
STATE = """(() => {
  const d = document.querySelector('[data-name=map]');
  const own = d.data.filter((t) => t.meta !== undefined);
  return {
    same: d.same, ranges: [d.layout.xaxis.range, d.layout.yaxis.range].flat().map((v) => v.toFixed(3)),
    positions: own.map((t) => [t.x[0], t.y.at(-1)]), proxies: d.data.find((t) => t.name === 'proxies').x.length,
  };
})()"""


class Truth:
    """What the core says of the digits' test samples."""

    def __init__(self, info, recipe=Recipe("kmeans", 5), n=100):  # noqa: B008 - frozen
        opened = open_set(info)
        self.pool = choose_classes(opened)
        rows = np.concatenate(Evaluator(self.pool, recipe.space).shots(n, SEEDS[0]))
        model = ImprintingClassifier.from_recipe(recipe, SEEDS[0]).fit(self.pool.X_train[rows], self.pool.y_train[rows])
        self.predicted = dict(zip(self.pool.id_test.tolist(), model.predict(self.pool.X_test).tolist(), strict=True))
        self.true = dict(zip(self.pool.id_test.tolist(), self.pool.y_test.tolist(), strict=True))
        self.images = images_of(opened).test

    def cell(self, true, predicted):
        return {i for i in self.true if self.true[i] == true and self.predicted[i] == predicted}


@pytest.fixture(scope="module")
def truth(bundled):
    return Truth(bundled["squeezenet1_1", "digits"])


@pytest.fixture
def page(visit):
    visit.page.goto(visit.address + "map?data=digits")
    for selector in DRAWN:
        visit.page.wait_for_selector(selector, timeout=60_000)
    visit.settle()
    return visit.page


def tiles(visit):
    """Every tile of the selected samples: its number, its sentence and its picture; all are brought out first."""
    page = visit.page
    # While the page is drawn anew, a button of before may still stand beside the new one.
    while page.get_by_role("button", name=re.compile("^Show more")).count():
        page.get_by_role("button", name=re.compile("^Show more")).last.click()
        visit.settle()
    found = page.locator("[data-name=selected] button[data-code]")
    return found.evaluate_all("(all) => all.map((b) => [Number(b.dataset.code), b.title, b.querySelector('img').src])")


def check(shown, truth):
    """The tiles tell and show what the core does of these very samples."""
    for code, told, source in shown:
        true, predicted = truth.true[code], truth.predicted[code]
        assert f"test sample {code}: class {true}, predicted as {predicted}" in told
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("L"))
        np.testing.assert_array_equal(pixels, np.asarray(truth.images.by_id(code).convert("L")))


def drag(page, corners, steps=8):
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=steps)
    page.mouse.up()


def inside(corners, points):
    """Which points a polygon holds (even-odd), and which are too near to its edge to tell."""
    x, y = points.T
    held, near = np.zeros(len(points), bool), np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        crosses = (y0 > y) != (y1 > y)
        held ^= crosses & (x < (x1 - x0) * (y - y0) / ((y1 - y0) or 1) + x0)
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1), 0, 1)
        near |= np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) < 4
    return held, near


def test_a_lasso_shows_the_images_of_the_samples_inside(visit, page, truth):
    seen = page.evaluate(SEEN, "map")
    codes, at = np.array([s[0] for s in seen]), np.array([s[1:] for s in seen])
    (left, top), (right, bottom) = at.min(axis=0), at.max(axis=0)
    w, h = right - left, bottom - top
    corners = [
        (left + 0.02 * w, top + 0.1 * h),
        (left + 0.5 * w, top + 0.02 * h),
        (left + 0.45 * w, top + 0.6 * h),
        (left + 0.05 * w, top + 0.55 * h),
    ]
    held, near = inside(corners, at)
    drag(page, corners)
    visit.settle()
    shown = tiles(visit)
    got = {code for code, _, _ in shown}
    assert len(got) >= 50
    assert set(codes[held & ~near]) <= got <= set(codes[held | near])
    check(shown, truth)
    # The very same stand out on the map.
    assert set(page.evaluate(MARKED, "map")) == got
    assert visit.errors_of_ours() == []


def test_clicks_tell_of_the_samples_clicked(visit, page, truth):
    seen = page.evaluate(SEEN, "map")
    codes, at = np.array([s[0] for s in seen]), np.array([s[1:] for s in seen])
    stars = page.evaluate(
        """() => { const d = document.querySelector('[data-name=map]'); const b = d.getBoundingClientRect();
          const { xaxis, yaxis } = d._fullLayout;
          return d.data.filter((t) => ['proxies', 'shots'].includes(t.name)).flatMap((t) => Array.from(t.x, (x, i) =>
            [b.left + xaxis._offset + xaxis.l2p(x), b.top + yaxis._offset + yaxis.l2p(t.y[i])])); }"""
    )
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + np.eye(len(at)) * 1e9
    free = (apart.min(axis=1) > 7) & (
        np.hypot(*(at[:, None] - np.array(stars)[None]).transpose(2, 0, 1)).min(axis=1) > 12
    )
    rng = np.random.default_rng(0)
    for row in rng.permutation(np.flatnonzero(free))[:6]:
        page.mouse.move(*at[row])
        page.wait_for_timeout(150)
        page.mouse.click(*at[row])
        page.wait_for_function(f"location.search.includes('sample={codes[row]}')", timeout=20_000)
        visit.settle()
        why = page.get_by_role("heading", name=re.compile("^Why")).inner_text()
        assert why == f"Explanation: test sample {codes[row]} · class {truth.true[codes[row]]}"


def test_a_cell_of_the_confusion_matrix_selects_its_samples(visit, page, truth):
    page.locator("[data-name=confusion-first]").scroll_into_view_if_needed()
    sizes = {cell: len(truth.cell(*cell)) for cell in np.ndindex(10, 10)}
    mistakes = sorted((c for c in sizes if c[0] != c[1] and sizes[c]), key=sizes.get)[-3:]
    counted = 0
    for true, predicted in [*mistakes, (0, 0)]:
        at = page.evaluate(
            """([true_, predicted]) => {
              const d = document.querySelector('[data-name=confusion-first]'), b = d.getBoundingClientRect();
              const { xaxis, yaxis } = d._fullLayout;
              return [b.left + xaxis._offset + xaxis.c2p(predicted), b.top + yaxis._offset + yaxis.c2p(true_)];
            }""",
            [true, predicted],
        )
        page.mouse.move(*at)
        page.wait_for_timeout(200)
        page.mouse.click(*at)
        wanted = truth.cell(true, predicted)
        page.get_by_role("heading", name=f"{len(wanted)} selected").wait_for(timeout=20_000)
        visit.settle()
        shown = tiles(visit)
        assert {code for code, _, _ in shown} == wanted == set(page.evaluate(MARKED, "map"))
        check(shown, truth)
        counted += len(shown)
    assert counted >= 50


def test_k_moves_the_proxies_and_nothing_else(visit, page):
    seen = np.array([s[1:] for s in page.evaluate(SEEN, "map")])
    (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
    page.locator("[data-name=map] [data-attr=dragmode][data-val=zoom]").click()
    drag(page, [(left, top), ((left + right) / 2, (top + bottom) / 2)])
    visit.settle()
    page.locator("[data-name=map] [data-attr=dragmode][data-val=select]").click()
    drag(page, [(left + 40, top + 40), (left + 240, top + 240)])
    visit.settle()
    page.evaluate(
        """() => {
          const d = document.querySelector('[data-name=map]');
          d.same = true; window.blank = 0;
          // A flicker would be a frame in which the plot or its canvas is gone.
          const watch = () => {
            const canvas = d.querySelector('canvas');
            if (!d.isConnected || !canvas || !canvas.width) window.blank += 1;
            window.frames_ = (window.frames_ ?? 0) + 1;
            requestAnimationFrame(watch);
          };
          watch();
        }"""
    )
    before, marked = page.evaluate(STATE), page.evaluate(MARKED, "map")
    assert marked
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    for key, proxies in (("ArrowRight", 60), ("End", 500), ("Home", 10)):
        page.keyboard.press(key)
        # A busy machine may take a while to begin.
        page.wait_for_function(f"proxies => {STATE}.proxies === proxies", arg=proxies)
        visit.settle()
        after = page.evaluate(STATE)
        assert after.pop("proxies") == proxies
        assert after == {k: v for k, v in before.items() if k != "proxies"}
        assert page.evaluate(MARKED, "map") == marked
    assert page.evaluate("window.frames_") > 10
    assert page.evaluate("window.blank") == 0


def test_a_lasso_works_after_a_move_of_k_and_nothing_clears_it_but_a_person(visit, page):
    """Proxies are moved by themselves, which Plotly's own selection must survive."""
    seen = page.evaluate(SEEN, "map")
    codes, at = np.array([s[0] for s in seen]), np.array([s[1:] for s in seen])
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    visit.settle()
    (left, top), (right, bottom) = at.min(axis=0), at.max(axis=0)
    w, h = right - left, bottom - top
    corners = [(left, top), (left + 0.5 * w, top), (left + 0.5 * w, top + 0.6 * h), (left, top + 0.6 * h)]
    held, near = inside(corners, at)
    drag(page, corners)
    page.get_by_role("heading", name=re.compile("selected")).wait_for()
    visit.settle()
    got = set(page.evaluate(MARKED, "map"))
    assert set(codes[held & ~near]) <= got <= set(codes[held | near])
    faded = "document.querySelector('[data-name=map]').data.find((t) => t.name === 'proxies').selectedpoints ?? null"
    assert page.evaluate(faded) is None
    slider.focus()
    page.keyboard.press("ArrowRight")
    visit.settle()
    assert set(page.evaluate(MARKED, "map")) == got
    # A shape around nothing selects nothing.
    empty = [(right - 30, top + 0.7 * h), (right - 5, top + 0.7 * h), (right - 5, top + 0.75 * h)]
    assert not inside(empty, at)[0].any()
    drag(page, empty)
    page.get_by_role("heading", name=re.compile("misclassified")).wait_for()
    assert visit.errors_of_ours() == []


def test_a_star_is_hit_where_it_is_seen(visit, page):
    """Stars lie above samples and shots, so a click on one means it, and selects what it won."""
    stars = page.evaluate(
        """() => { const d = document.querySelector('[data-name=map]'); const b = d.getBoundingClientRect();
          const { xaxis, yaxis } = d._fullLayout; const t = d.data.find((t) => t.name === 'proxies');
          return Array.from(t.x, (x, i) => [t.customdata[i], b.left + xaxis._offset + xaxis.l2p(x),
            b.top + yaxis._offset + yaxis.l2p(t.y[i])]); }"""
    )
    at = np.array([s[1:] for s in stars])
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + np.eye(len(at)) * 1e9
    own = np.flatnonzero(apart.min(axis=1) > 20)
    for row in own[:: max(1, len(own) // 6)][:6]:
        page.mouse.move(*at[row])
        page.wait_for_timeout(150)
        page.mouse.click(*at[row])
        page.get_by_role("heading", name=re.compile("selected")).wait_for()
        visit.settle()
        lines = page.evaluate(MARKED, "map")
        assert lines
        assert "sample=" not in visit.search()


@pytest.mark.parametrize("visit", [{}], indirect=True)
def test_the_way_from_explore_keeps_everything(visit, truth):
    page = visit.open("?data=digits&k=8")
    visit.settle()
    page.locator("[data-name=confusion]").scroll_into_view_if_needed()
    at = page.evaluate(
        """() => { const d = document.querySelector('[data-name=confusion]'), b = d.getBoundingClientRect();
          const { xaxis, yaxis } = d._fullLayout;
          return [b.left + xaxis._offset + xaxis.c2p(0), b.top + yaxis._offset + yaxis.c2p(0)]; }"""
    )
    page.mouse.move(*at)
    page.wait_for_timeout(200)
    page.mouse.click(*at)
    page.get_by_role("button", name="Explain on the Map").click()
    page.wait_for_selector(DRAWN[1], timeout=60_000)
    visit.settle()
    assert visit.search() == "?data=digits&k=8"
    assert page.get_by_role("slider", name="k: proxies per class").get_attribute("aria-valuetext") == "8"
    page.get_by_role("heading", name=re.compile(r"^\d+ selected")).wait_for()


def test_a_finger_scrolls_past_the_map(visit, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(visit.address + "map?data=digits")
    page.wait_for_selector(DRAWN[1], timeout=60_000)
    assert page.evaluate("document.querySelector('[data-name=map]')._fullLayout.dragmode") is False
    context.close()


def test_two_recipes_share_selection_and_zoom(visit):
    page = visit.page
    page.goto(visit.address + "map?data=digits&against=k%3D1")
    page.wait_for_selector('.imprint-plot[data-name="map-b"][data-drawn]', timeout=60_000)
    visit.settle()
    seen = np.array([s[1:] for s in page.evaluate(SEEN, "map")])
    (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
    page.locator("[data-name=map-b] [data-attr=dragmode][data-val=zoom]").click()
    shift = page.evaluate(
        "document.querySelector('[data-name=map-b]').getBoundingClientRect().left"
        " - document.querySelector('[data-name=map]').getBoundingClientRect().left"
    )
    drag(page, [(left + shift, top), ((left + right) / 2 + shift, (top + bottom) / 2)])
    visit.settle()
    ranges = page.evaluate(
        "['map', 'map-b'].map((n) => { const d = document.querySelector(`[data-name=${n}]`);"
        " return [d.layout.xaxis.range, d.layout.yaxis.range].flat().map((v) => v.toFixed(4)); })"
    )
    assert ranges[0] == ranges[1]
    assert abs(float(ranges[0][1]) - float(ranges[0][0])) < 1.5
    page.get_by_role("button", name=re.compile("only A correct")).click()
    visit.settle()
    count = int(re.match(r"(\d+) selected", page.get_by_role("heading", name=re.compile("selected")).inner_text())[1])
    a, b = page.evaluate(MARKED, "map"), page.evaluate(MARKED, "map-b")
    assert a == b
    assert len(a) == count > 0


@SCREENS
def test_everything_fits(visit, page):
    page.goto(visit.address + "map?data=digits&sample=429&regions=True&lines=True&against=qi")
    page.wait_for_selector('.imprint-plot[data-name="why"][data-drawn]', timeout=60_000)
    visit.settle()
    visit.pictures_fit_in_both()
    assert visit.errors_of_ours() == []
    assert visit.outside == []


MANY = """
import json
import numpy as np
import streamlit as st
from imprint_core.figures.embedding_map import base_layer, color_layer
from imprint_core.figures.static_map import MapLayers
from imprint_core.maps.predictions import Predictions
from ui.charts.map_plot import map_plot

rng = np.random.default_rng(0)
n = 60_000
classes = np.sort(rng.integers(0, 10, n))
positions = rng.uniform(-1, 1, (n, 2)).astype(np.float32)
names = [str(c) for c in range(10)]
predictions = Predictions(
    rng.integers(0, 10, n).astype(np.int16), rng.uniform(size=n).astype(np.float32), np.zeros(n, np.int32)
)
extent = positions.min(axis=0), positions.max(axis=0)
base = base_layer(positions, classes, np.arange(n, dtype=np.int32), names, extent, False).to_json()
colors = json.dumps(color_layer(st.query_params.get("color", "true"), classes, names, predictions))


def pick(how, codes):
    st.session_state.codes = codes


picked = st.session_state.get("codes", [])
map_plot("map", MapLayers(base, colors), alt="many", height=600, lasso=True, selected=picked, on_pick=pick)
st.write(f"{len(picked)} picked, sum {sum(picked)}")
"""


def test_sixty_thousand_samples_can_be_looked_at_and_picked(tmp_path, visit):
    script = tmp_path / "many.py"
    script.write_text(MANY, encoding="utf-8")
    # Streamlit serves what lies beside the script.
    (tmp_path / "static").mkdir()
    shutil.copy(files("plotly").joinpath("package_data/plotly.min.js"), tmp_path / "static" / Path(SOURCE).name)
    with serve(str(script)) as url:
        page = visit.page
        page.goto(url + "?color=right")
        page.wait_for_selector('.imprint-plot[data-name="map"][data-drawn]', timeout=60_000)
        page.wait_for_timeout(1000)
        seen = page.evaluate(SEEN, "map")
        codes, at = np.array([s[0] for s in seen]), np.array([s[1:] for s in seen])
        assert len(codes) == 60_000
        middle = (at.min(axis=0) + at.max(axis=0)) / 2
        across, down = np.array([60, 0]), np.array([0, 60])
        corners = [middle - across - down, middle + across - down, middle + across + down, middle - across + down]
        held, near = inside([tuple(c) for c in corners], at)
        drag(page, [tuple(c) for c in corners], steps=2)
        told = page.get_by_text(re.compile(r"^[1-9]\d* picked"))
        told.wait_for(timeout=30_000)
        count = int(told.inner_text().split()[0])
        assert (held & ~near).sum() <= count <= (held | near).sum()
        page.wait_for_function(
            "(n) => document.querySelector('[data-name=map]').data"
            ".reduce((s, t) => s + (t.selectedpoints?.length ?? 0), 0) === n",
            arg=count,
        )
