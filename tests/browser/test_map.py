"""The map in a browser: selections, zoom, and updates without flicker."""

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
from imprint_core.embeddings.images import images_of
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from tests.browser.conftest import SCREENS, serve
from ui.charts.plot import SOURCE

PLOTS = ('.imprint-plot[data-name="map"][data-drawn]', '.imprint-plot[data-name="confusion-first"][data-drawn]')
# Codes of the samples on a map and their positions on the screen.
SAMPLES = """(name) => {
  const d = document.querySelector(`[data-name=${name}]`);
  const box = d.getBoundingClientRect();
  const { xaxis, yaxis } = d._fullLayout;
  return d.data.filter((t) => t.meta !== undefined).flatMap((t) => Array.from(t.customdata, (code, i) => [
    code, box.left + xaxis._offset + xaxis.l2p(t.x[i]), box.top + yaxis._offset + yaxis.l2p(t.y[i]),
  ]));
}"""
SELECTED = """(name) => {
  const d = document.querySelector(`[data-name=${name}]`);
  return d.data.filter((t) => t.meta !== undefined)
    .flatMap((t) => (t.selectedpoints ?? []).map((i) => t.customdata[i]));
}"""
STATE = """(() => {
  const d = document.querySelector('[data-name=map]');
  const samples = d.data.filter((t) => t.meta !== undefined);
  return {
    same: d.same, ranges: [d.layout.xaxis.range, d.layout.yaxis.range].flat().map((v) => v.toFixed(3)),
    positions: samples.map((t) => [t.x[0], t.y.at(-1)]), proxies: d.data.find((t) => t.name === 'proxies').x.length,
  };
})()"""


class Truth:
    """Predictions of the core for the test samples of Digits."""

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
    visit.page.goto(visit.address + "map?fm=squeezenet1_1&data=digits")
    for selector in PLOTS:
        visit.page.wait_for_selector(selector, timeout=60_000)
    visit.settle()
    return visit.page


def tiles(visit):
    """Code, description and image of every selected sample's tile, after showing all of them."""
    page = visit.page
    # While the page reruns, the previous button may still be displayed beside the new one.
    while page.get_by_role("button", name=re.compile("^Show more")).count():
        page.get_by_role("button", name=re.compile("^Show more")).last.click()
        visit.settle()
    buttons = page.locator("[data-name=selected] button[data-code]")
    return buttons.evaluate_all(
        "(all) => all.map((b) => [Number(b.dataset.code), b.title, b.querySelector('img').src])"
    )


def check(displayed, truth):
    """Check descriptions and images of tiles against the core."""
    for code, description, source in displayed:
        true, predicted = truth.true[code], truth.predicted[code]
        assert f"test sample {code}: class {true}, predicted as {predicted}" in description
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("L"))
        np.testing.assert_array_equal(pixels, np.asarray(truth.images.by_id(code).convert("L")))


def drag(page, corners, steps=3):
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=steps)
    page.mouse.up()


def inside(corners, points):
    """Points inside a polygon (even-odd rule), and points too near its edge to decide."""
    x, y = points.T
    enclosed, near = np.zeros(len(points), bool), np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        crosses = (y0 > y) != (y1 > y)
        enclosed ^= crosses & (x < (x1 - x0) * (y - y0) / ((y1 - y0) or 1) + x0)
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1), 0, 1)
        near |= np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) < 4
    return enclosed, near


def test_a_lasso_shows_the_images_of_the_samples_inside(visit, page, truth):
    samples = page.evaluate(SAMPLES, "map")
    codes, points = np.array([s[0] for s in samples]), np.array([s[1:] for s in samples])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    w, h = right - left, bottom - top
    corners = [
        (left + 0.02 * w, top + 0.1 * h),
        (left + 0.5 * w, top + 0.02 * h),
        (left + 0.45 * w, top + 0.6 * h),
        (left + 0.05 * w, top + 0.55 * h),
    ]
    enclosed, near = inside(corners, points)
    drag(page, corners)
    visit.settle()
    displayed = tiles(visit)
    selected = {code for code, _, _ in displayed}
    assert len(selected) >= 50
    assert set(codes[enclosed & ~near]) <= selected <= set(codes[enclosed | near])
    check(displayed, truth)
    # The same samples are highlighted on the map.
    assert set(page.evaluate(SELECTED, "map")) == selected
    assert visit.errors_of_ours() == []


def test_clicks_explain_the_clicked_samples(visit, page, truth):
    samples = page.evaluate(SAMPLES, "map")
    codes, points = np.array([s[0] for s in samples]), np.array([s[1:] for s in samples])
    stars = page.evaluate(
        """() => { const d = document.querySelector('[data-name=map]'); const b = d.getBoundingClientRect();
          const { xaxis, yaxis } = d._fullLayout;
          return d.data.filter((t) => ['proxies', 'shots'].includes(t.name)).flatMap((t) => Array.from(t.x, (x, i) =>
            [b.left + xaxis._offset + xaxis.l2p(x), b.top + yaxis._offset + yaxis.l2p(t.y[i])])); }"""
    )
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)) + np.eye(len(points)) * 1e9
    free = (apart.min(axis=1) > 7) & (
        np.hypot(*(points[:, None] - np.array(stars)[None]).transpose(2, 0, 1)).min(axis=1) > 12
    )
    rng = np.random.default_rng(0)
    for row in rng.permutation(np.flatnonzero(free))[:6]:
        page.mouse.move(*points[row])
        page.wait_for_timeout(150)
        page.mouse.click(*points[row])
        page.wait_for_function(f"location.search.includes('sample={codes[row]}')", timeout=20_000)
        visit.settle()
        heading = page.get_by_role("heading", name=re.compile("^Explanation")).inner_text()
        assert heading == f"Explanation: test sample {codes[row]} · class {truth.true[codes[row]]}"


def test_a_cell_of_the_confusion_matrix_selects_its_samples(visit, page, truth):
    page.locator("[data-name=confusion-first]").scroll_into_view_if_needed()
    sizes = {cell: len(truth.cell(*cell)) for cell in np.ndindex(10, 10)}
    frequent = sorted((c for c in sizes if c[0] != c[1] and sizes[c]), key=sizes.get)[-3:]
    counted = 0
    for true, predicted in [*frequent, (0, 0)]:
        cell = page.evaluate(
            """([true_, predicted]) => {
              const d = document.querySelector('[data-name=confusion-first]'), b = d.getBoundingClientRect();
              const { xaxis, yaxis } = d._fullLayout;
              return [b.left + xaxis._offset + xaxis.c2p(predicted), b.top + yaxis._offset + yaxis.c2p(true_)];
            }""",
            [true, predicted],
        )
        page.mouse.move(*cell)
        page.wait_for_timeout(200)
        page.mouse.click(*cell)
        expected = truth.cell(true, predicted)
        page.get_by_role("heading", name=f"{len(expected)} selected").wait_for(timeout=20_000)
        visit.settle()
        displayed = tiles(visit)
        assert {code for code, _, _ in displayed} == expected == set(page.evaluate(SELECTED, "map"))
        check(displayed, truth)
        counted += len(displayed)
    assert counted >= 50


def test_k_changes_proxies_only(visit, page):
    points = np.array([s[1:] for s in page.evaluate(SAMPLES, "map")])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
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
          // A flicker is a frame without the plot or its canvas.
          const watch = () => {
            const canvas = d.querySelector('canvas');
            if (!d.isConnected || !canvas || !canvas.width) window.blank += 1;
            window.frames_ = (window.frames_ ?? 0) + 1;
            requestAnimationFrame(watch);
          };
          watch();
        }"""
    )
    before, marked = page.evaluate(STATE), page.evaluate(SELECTED, "map")
    assert marked
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    for key, proxies in (("ArrowRight", 60), ("End", 500), ("Home", 10)):
        page.keyboard.press(key)
        # A busy machine may need time to start.
        page.wait_for_function(f"proxies => {STATE}.proxies === proxies", arg=proxies)
        visit.settle()
        after = page.evaluate(STATE)
        assert after.pop("proxies") == proxies
        assert after == {k: v for k, v in before.items() if k != "proxies"}
        assert page.evaluate(SELECTED, "map") == marked
    assert page.evaluate("window.frames_") > 10
    assert page.evaluate("window.blank") == 0


def test_a_lasso_works_after_a_change_of_k_and_the_selection_stays(visit, page):
    """Proxies are drawn separately, and Plotly's selection must keep working."""
    samples = page.evaluate(SAMPLES, "map")
    codes, points = np.array([s[0] for s in samples]), np.array([s[1:] for s in samples])
    slider = page.get_by_role("slider", name="k: proxies per class")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    visit.settle()
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    w, h = right - left, bottom - top
    corners = [(left, top), (left + 0.5 * w, top), (left + 0.5 * w, top + 0.6 * h), (left, top + 0.6 * h)]
    enclosed, near = inside(corners, points)
    drag(page, corners)
    page.get_by_role("heading", name=re.compile("selected")).wait_for()
    visit.settle()
    selected = set(page.evaluate(SELECTED, "map"))
    assert set(codes[enclosed & ~near]) <= selected <= set(codes[enclosed | near])
    faded = "document.querySelector('[data-name=map]').data.find((t) => t.name === 'proxies').selectedpoints ?? null"
    assert page.evaluate(faded) is None
    slider.focus()
    page.keyboard.press("ArrowRight")
    visit.settle()
    assert set(page.evaluate(SELECTED, "map")) == selected
    # An empty shape clears the selection.
    empty = [(right - 30, top + 0.7 * h), (right - 5, top + 0.7 * h), (right - 5, top + 0.75 * h)]
    assert not inside(empty, points)[0].any()
    drag(page, empty)
    page.get_by_role("heading", name=re.compile("misclassified")).wait_for()
    assert visit.errors_of_ours() == []


def test_a_click_on_a_star_selects_its_samples(visit, page):
    """Stars are above samples and shots, so a click on one selects its assigned samples."""
    stars = page.evaluate(
        """() => { const d = document.querySelector('[data-name=map]'); const b = d.getBoundingClientRect();
          const { xaxis, yaxis } = d._fullLayout; const t = d.data.find((t) => t.name === 'proxies');
          return Array.from(t.x, (x, i) => [t.customdata[i], b.left + xaxis._offset + xaxis.l2p(x),
            b.top + yaxis._offset + yaxis.l2p(t.y[i])]); }"""
    )
    points = np.array([s[1:] for s in stars])
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)) + np.eye(len(points)) * 1e9
    free = np.flatnonzero(apart.min(axis=1) > 20)
    for row in free[:: max(1, len(free) // 6)][:6]:
        page.mouse.move(*points[row])
        page.wait_for_timeout(150)
        page.mouse.click(*points[row])
        page.get_by_role("heading", name=re.compile("selected")).wait_for()
        visit.settle()
        lines = page.evaluate(SELECTED, "map")
        assert lines
        assert "sample=" not in visit.search()


@pytest.mark.parametrize("visit", [{}], indirect=True)
def test_the_link_from_explore_keeps_settings_and_selection(visit, truth):
    page = visit.open("?data=mnist&k=8")
    visit.settle()
    page.locator("[data-name=confusion]").scroll_into_view_if_needed()
    cell = page.evaluate(
        """() => { const d = document.querySelector('[data-name=confusion]'), b = d.getBoundingClientRect();
          const { xaxis, yaxis } = d._fullLayout;
          return [b.left + xaxis._offset + xaxis.c2p(0), b.top + yaxis._offset + yaxis.c2p(0)]; }"""
    )
    page.mouse.move(*cell)
    page.wait_for_timeout(200)
    page.mouse.click(*cell)
    page.get_by_role("button", name="Explain on the Map").click()
    page.wait_for_selector(PLOTS[1], timeout=60_000)
    visit.settle()
    assert visit.search() == "?data=mnist&k=8"
    assert page.get_by_role("slider", name="k: proxies per class").get_attribute("aria-valuetext") == "8"
    page.get_by_role("heading", name=re.compile(r"^\d+ selected")).wait_for()


def test_touch_scrolls_past_the_map(visit, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(visit.address + "map?data=digits")
    for plot in PLOTS:
        page.wait_for_selector(plot, timeout=60_000)
    assert page.evaluate("document.querySelector('[data-name=map]')._fullLayout.dragmode") is False
    context.close()


def test_two_recipes_share_selection_and_zoom(visit):
    page = visit.page
    page.goto(visit.address + "map?data=digits&against=k%3D1")
    page.wait_for_selector('.imprint-plot[data-name="map-b"][data-drawn]', timeout=60_000)
    visit.settle()
    points = np.array([s[1:] for s in page.evaluate(SAMPLES, "map")])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
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
    a, b = page.evaluate(SELECTED, "map"), page.evaluate(SELECTED, "map-b")
    assert a == b
    assert len(a) == count > 0


@SCREENS
def test_everything_fits(visit):
    page = visit.page
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
from imprint_core.figures.plotly_json import figure_json
from imprint_core.figures.static_map import MapLayers
from imprint_core.maps.samples import Predictions
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
base = figure_json(base_layer(positions, classes, np.arange(n, dtype=np.int32), names, extent, False))
colors = json.dumps(color_layer(st.query_params.get("color", "true"), classes, names, predictions))


def pick(how, codes):
    st.session_state.codes = codes


picked = st.session_state.get("codes", [])
map_plot("map", MapLayers(base, colors), alt="many", height=600, lasso=True, selected=picked, on_pick=pick)
st.write(f"{len(picked)} picked, sum {sum(picked)}")
"""


def test_sixty_thousand_samples_can_be_displayed_and_picked(tmp_path, visit):
    script = tmp_path / "many.py"
    script.write_text(MANY, encoding="utf-8")
    # Streamlit serves the folder beside the script.
    (tmp_path / "static").mkdir()
    shutil.copy(files("plotly").joinpath("package_data/plotly.min.js"), tmp_path / "static" / Path(SOURCE).name)
    with serve(str(script)) as url:
        page = visit.page
        page.goto(url + "?color=right")
        page.wait_for_selector('.imprint-plot[data-name="map"][data-drawn]', timeout=60_000)
        page.wait_for_timeout(1000)
        samples = page.evaluate(SAMPLES, "map")
        codes, points = np.array([s[0] for s in samples]), np.array([s[1:] for s in samples])
        assert len(codes) == 60_000
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        across, down = np.array([60, 0]), np.array([0, 60])
        corners = [middle - across - down, middle + across - down, middle + across + down, middle - across + down]
        enclosed, near = inside([tuple(c) for c in corners], points)
        drag(page, [tuple(c) for c in corners], steps=2)
        count_text = page.get_by_text(re.compile(r"^[1-9]\d* picked"))
        count_text.wait_for(timeout=30_000)
        count = int(count_text.inner_text().split()[0])
        assert (enclosed & ~near).sum() <= count <= (enclosed | near).sum()
        page.wait_for_function(
            "(n) => document.querySelector('[data-name=map]').data"
            ".reduce((s, t) => s + (t.selectedpoints?.length ?? 0), 0) === n",
            arg=count,
        )
