"""The sandbox in the browser: points are painted, dragged and removed, and k-means runs step by step."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from imprint_core.evaluation.synthetic import imprint_placed, imprint_points
from ui.panels.learn.controls import coordinates, decode, points_text

# Half of the range of both axes.
REACH = 2.56
# Presses Step to the end, and returns the sum of squares after each step.
STEPS = """async (step) => {
  const sums = [];
  while (!step.disabled) {
    step.click();
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    sums.push(step.closest("section").querySelector("strong").textContent);
  }
  return sums;
}"""


class Sandbox:
    """The sandbox on a page."""

    def __init__(self, visit, query):
        self.page = visit.page
        self.page.goto(f"{visit.address}?view=sandbox{query}")
        self.box, self.canvas = self.page.locator(".sandbox"), self.page.locator(".sandbox canvas")
        self.canvas.wait_for(timeout=60_000)
        expect(self.box).to_have_attribute("data-saved", "true")

    def data(self, name):
        return self.box.get_attribute(f"data-{name}")

    def position(self, x, y):
        box = self.canvas.bounding_box()
        return box["x"] + (x + REACH) / (2 * REACH) * box["width"], box["y"] + (REACH - y) / (2 * REACH) * box["height"]

    def drag(self, start, end, steps=8):
        self.page.mouse.move(*self.position(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.position(*end), steps=steps)
        self.page.mouse.up()
        self.wait_until_saved()

    def wait_until_saved(self):
        # The link and the numbers of the core follow the answer of the server.
        expect(self.box).to_have_attribute("data-saved", "true", timeout=15_000)

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def points(self):
        return coordinates(decode(self.data("points")))

    def expect_core(self, model):
        """Check proxies, predictions and numbers against those of the core."""
        X, y = self.points()
        centres = np.array(json.loads(self.data("centres")))
        np.testing.assert_allclose(centres[:, :2], model.proxies_, atol=1e-5)
        assert self.data("predicted") == "".join(map(str, model.predict(X)))
        correct = int((model.predict(X) == y).sum())
        expect(self.box.get_by_text(f"{correct} of {len(X)} points", exact=True)).to_be_visible()
        expect(self.page.get_by_text(f"predicts {correct} of {len(X)} points correctly")).to_be_visible(timeout=15_000)


def test_points_and_proxies_are_moved_and_k_means_steps_to_the_proxies_of_the_core(visit):
    sandbox = Sandbox(visit, "&sandbox_k=3&sandbox_norm=none")
    page = sandbox.page
    assert sandbox.data("points") == points_text("islands")
    sandbox.expect_core(imprint_points(*sandbox.points(), 3, False, False))

    # A drag paints several points of the chosen class, the first one under the pointer.
    # Without random deviations, no proxy of k-means is at the first point.
    page.evaluate("Math.random = () => 0.5")
    sandbox.press("Class 3 (0)")
    sandbox.drag((-1, -1), (0.5, -1.5))
    X, y = sandbox.points()
    painted = X[y == 2]
    assert len(painted) > 5
    assert np.abs(painted[0] - (-1, -1)).max() < 0.02
    # It is moved, in the link too, and another one is removed.
    sandbox.press("Move")
    sandbox.drag((-1, -1), (2, 1))
    X, y = sandbox.points()
    assert np.abs(X[y == 2][0] - (2, 1)).max() < 0.02
    sandbox.press("Remove")
    centres = np.array(json.loads(sandbox.data("centres")))[:, :2]
    farthest = X[np.argmax(np.linalg.norm(X[:, None] - centres, axis=2).min(axis=1))]
    sandbox.drag(farthest, farthest)
    assert len(sandbox.points()[0]) == len(X) - 1
    assert not (sandbox.points()[0] == farthest).all(axis=1).any()
    page.wait_for_function("text => location.search.includes(text)", arg=sandbox.data("points"), timeout=15_000)
    model = imprint_points(*sandbox.points(), 3, False, False)
    sandbox.expect_core(model)

    # Steps from the start of k-means lead to the same proxies, and the sum of squares falls.
    sandbox.press("Reset")
    status = sandbox.box.locator(".status")
    expect(status).to_contain_text("Start: k-means++")
    step = page.get_by_role("button", name="Step", exact=True)
    sums = [float(number) for number in step.evaluate(STEPS)]
    assert sums == sorted(sums, reverse=True)
    assert sums[0] > sums[-1]
    expect(status).to_contain_text(f"k-means converged after {len(sums) // 2} step")
    sandbox.expect_core(model)

    # Keys select the first point, move it, and remove it; Undo restores it.
    points = sandbox.data("points")
    sandbox.canvas.focus()
    for key in ("n", "Shift+ArrowRight", "Delete"):
        page.keyboard.press(key)
    expect(sandbox.box).to_have_attribute("data-saved", "false")
    sandbox.wait_until_saved()
    assert sandbox.data("points") == points[3:]
    sandbox.press("Undo")
    sandbox.wait_until_saved()
    assert sandbox.data("points") == points

    # A proxy that is moved stays there after a reload.
    sandbox.press("Move")
    before = json.loads(sandbox.data("centres"))[0]
    sandbox.drag(before[:2], (-2, -2))
    placed = sandbox.data("proxies")
    sandbox.expect_core(imprint_placed(*coordinates(decode(placed)), False, False))
    page.wait_for_function("text => location.search.includes(`proxies=${text}`)", arg=placed, timeout=15_000)
    again = Sandbox(visit, page.url.partition("view=sandbox")[2])
    assert (again.data("points"), again.data("proxies")) == (points, placed)
    assert json.loads(again.data("centres"))[0] == [-2, -2, 0]
    assert visit.errors_of_ours() == []
    assert visit.outside == []


@pytest.mark.parametrize("visit", [{"width": 390, "height": 844, "scheme": "dark"}], indirect=True, ids=["phone"])
def test_the_sandbox_fits_a_phone_and_works_by_touch(visit):
    sandbox = Sandbox(visit, "&points=none")
    page = sandbox.page
    visit.pictures_fit()
    sandbox.press("Paint points")
    sandbox.canvas.scroll_into_view_if_needed()
    (x, y), cdp = sandbox.position(1, 1), page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        *(("touchMove", [{"x": x - 20 * i, "y": y + 10 * i}]) for i in range(1, 6)),
        ("touchEnd", []),
    ):
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    cdp.detach()
    sandbox.wait_until_saved()
    assert len(sandbox.points()[0]) > 2
    assert np.abs(sandbox.points()[0][0] - (1, 1)).max() < 0.02
