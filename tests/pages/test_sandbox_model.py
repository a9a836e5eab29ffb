"""The sandbox's script computes what the core computes: k-means from the same start, predictions, and the link."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from imprint_core.evaluation.synthetic import imprint_placed, imprint_points
from imprint_core.figures.style import PROXY_SYMBOL, class_symbol
from tests.conftest import ROOT
from ui.panels.learn.controls import MOST_CLASSES, MOST_K, coordinates, decode, encode
from ui.panels.learn.sandbox import _FORM, uniform_numbers

# For each case: link text and back, the frames of k-means, and predictions of points and other positions.
HARNESS = """
const { form, cases } = JSON.parse(require("fs").readFileSync(0));
FORM = form;
const results = cases.map(({ text, places, k, uniform, normalised, nearest, placed, classes }) => {
  const points = decode(text);
  const proxies = placed && decode(placed);
  const frames = kmeans(normalised ? points.map(l2) : points, { k, uniform, placed: proxies, classes });
  const shown = placed ? frames[0] : frames.at(-1);
  const classify = classifier(shown.proxies, normalised, nearest);
  return {
    text: encode(points, classes),
    spreads: frames.map((frame) => frame.spread),
    proxies: shown.proxies.map((proxy) => (normalised ? l2(proxy) : proxy)),
    predicted: points.map(classify),
    elsewhere: places.map(([x, y]) => classify({ x, y })),
  };
});
console.log(JSON.stringify(results));
"""


def computed(cases):
    """What the script computes for each case."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is missing; on Debian: apt-get install nodejs")
    script = (ROOT / "ui" / "panels" / "learn" / "sandbox_model.js").read_text(encoding="utf-8") + HARNESS
    message = json.dumps({"form": _FORM, "cases": cases})
    done = subprocess.run([node, "-e", script], input=message, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def random_points(rng, count, classes):
    """Points of some classes around a few centres, so that clusters are of different sizes."""
    centres = rng.integers(-150, 150, (rng.integers(1, 6), 2))
    positions = np.clip(centres[rng.integers(0, len(centres), count)] + rng.normal(0, 40, (count, 2)), -256, 255)
    return encode([(int(x), int(y), int(c)) for (x, y), c in zip(positions, rng.choice(classes, count), strict=True)])


def random_case(rng, number):
    present = rng.choice(MOST_CLASSES, rng.integers(1, MOST_CLASSES + 1), replace=False)
    seed = int(rng.integers(0, 10))
    return {
        "text": random_points(rng, int(rng.integers(1, 300)), present),
        "places": (rng.uniform(-2.5, 2.5, (200, 2))).tolist(),
        "k": int(rng.integers(1, MOST_K + 1)),
        "seed": seed,
        "uniform": uniform_numbers(seed),
        "normalised": bool(number % 2),
        "nearest": bool(number // 2 % 2),
        "placed": random_points(rng, int(rng.integers(1, 12)), present) if number % 5 == 0 else None,
        "classes": MOST_CLASSES,
    }


def model_of(case):
    points, classes = coordinates(decode(case["text"]))
    options = case["normalised"], case["nearest"]
    if case["placed"]:
        return points, imprint_placed(*coordinates(decode(case["placed"])), *options)
    return points, imprint_points(points, classes, case["k"], *options, case["seed"])


def test_script_and_core_agree_on_proxies_and_predictions():
    rng = np.random.default_rng(0)
    cases = [random_case(rng, number) for number in range(120)]
    for case, result in zip(cases, computed(cases), strict=True):
        points, model = model_of(case)
        assert result["text"] == case["text"]
        shown = np.array([[proxy["x"], proxy["y"]] for proxy in result["proxies"]])
        np.testing.assert_allclose(shown, model.proxies_, atol=1e-5)
        assert [proxy["c"] for proxy in result["proxies"]] == model.classes_[model.proxy_class_].tolist()
        assert result["predicted"] == model.predict(points).tolist()
        assert result["elsewhere"] == model.predict(np.array(case["places"])).tolist()


def test_script_and_core_agree_on_duplicates_and_zero_vectors():
    same, zero = [(30, 40, 0)] * 6, [(0, 0, 1)] * 3
    texts = [encode([*same, (0, 90, 1)]), encode([*zero, (-50, 10, 0)]), encode([*same, (31, 40, 0), *zero])]
    texts.append(encode([(10 * i, 5, c) for i in (1, 1, 1, 2, 2, 9) for c in (0, 1)] + zero))
    cases = [
        {**random_case(np.random.default_rng(1), 2 * nearest + normalised), "text": text, "k": k, "placed": None}
        for text in texts
        for k in (1, 2, 4)
        for nearest, normalised in ((0, 0), (0, 1), (1, 0))
    ]
    for case, result in zip(cases, computed(cases), strict=True):
        points, model = model_of(case)
        shown = np.array([[proxy["x"], proxy["y"]] for proxy in result["proxies"]])
        distances = np.linalg.norm(shown[:, None] - model.proxies_[None], axis=2)
        # Duplicate proxies may come in another order.
        assert max(distances.min(axis=0).max(), distances.min(axis=1).max()) < 1e-5
        assert result["predicted"] == model.predict(points).tolist()


def test_each_step_lowers_the_sum_of_squares_to_that_of_the_clusters():
    rng = np.random.default_rng(2)
    cases = [random_case(rng, number) | {"placed": None} for number in range(40)]
    for case, result in zip(cases, computed(cases), strict=True):
        *_, last = spreads = [spread for spread in result["spreads"] if spread is not None]
        assert all(now <= before + 1e-9 for before, now in itertools.pairwise(spreads))
        points, model = model_of(case | {"normalised": False, "nearest": False})
        if not case["normalised"]:
            own_class = model.classes_[model.proxy_class_] == coordinates(decode(case["text"]))[1][:, None]
            squares = ((points[:, None] - model.proxies_) ** 2).sum(axis=2)
            assert last == pytest.approx(np.where(own_class, squares, np.inf).min(axis=1).sum(), rel=1e-4)


def test_the_script_has_an_outline_of_each_symbol():
    script = (ROOT / "ui" / "panels" / "learn" / "sandbox.js").read_text(encoding="utf-8")
    shapes = re.search(r"const SHAPES = {(.*?)^};", script, re.DOTALL | re.MULTILINE)[1]
    names = set(re.findall(r"^  (\w+):", shapes, re.MULTILINE))
    assert {class_symbol(c) for c in range(MOST_CLASSES)} | {PROXY_SYMBOL} <= names
