"""Recorded frames: they stay inside the photographs, and are classified as separate computations say."""

import numpy as np
import pytest
from PIL import Image

from imprint_core.framework.recipe import Recipe
from imprint_core.recognition.recorded_frames import EDGE, FRAMES, RECORDED_OBJECTS, classify_frames


@pytest.mark.parametrize("name", RECORDED_OBJECTS)
def test_frames_are_moving_squares_inside_small_photographs(name):
    recorded = RECORDED_OBJECTS[name]
    assert recorded.file.stat().st_size <= 40_000
    assert recorded.photograph in (recorded.file.parent / "SOURCES.md").read_text()
    with Image.open(recorded.file) as photograph:
        width, height = photograph.size
    x, y, edge, angle, _ = recorded.path().T
    turn = np.radians(np.abs(angle))
    half = edge / 2 * (np.cos(turn) + np.sin(turn))
    assert min((x - half).min(), (y - half).min()) >= 0
    assert (x + half).max() <= width
    assert (y + half).max() <= height
    frames = [np.asarray(frame, float) for frame in recorded.frames()]
    assert {frame.shape for frame in frames} == {(EDGE, EDGE, 3)}
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert len(frames) == FRAMES
    assert min(steps) > 2


def test_a_frame_is_the_turned_square_of_its_photograph():
    recorded = RECORDED_OBJECTS["cat"]
    with Image.open(recorded.file) as photograph:
        pixels = np.asarray(photograph.convert("RGB"), float)
    x, y, edge, angle, light = recorded.path()[6]
    frame = np.asarray(recorded.frames()[6], float)
    u, v = np.meshgrid(np.arange(0, EDGE, 5), np.arange(0, EDGE, 5))
    du, dv = ((w + 0.5 - EDGE / 2) * edge / EDGE for w in (u, v))

    def difference(turn):
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        columns, rows = (x + cos * du - sin * dv).astype(int), (y + sin * du + cos * dv).astype(int)
        return np.abs(frame[v, u] - np.minimum(light * pixels[rows, columns], 255)).mean()

    assert abs(angle) > 5
    assert difference(angle) < 0.5 * min(difference(-angle), difference(0))


def test_a_class_of_two_objects_is_misclassified_with_one_proxy_only():
    # Object b lies between a and the mean of a and c.
    rng = np.random.default_rng(0)
    directions = {"a": [1, 0, 0], "b": [0.8, 0.6, 0], "c": [0, 0, 1]}
    X = {name: np.array(d) + rng.normal(0, 0.01, (FRAMES, 3)) for name, d in directions.items()}
    single, double = (classify_frames(X, ["a", "c"], ["b"], Recipe("kmeans", k), 5, (0, 1)) for k in (1, 2))
    # All frames of a are misclassified.
    assert (single.accuracy.median, double.accuracy.median) == (pytest.approx(200 / 3), 100)
    # a has a cosine of 0.8 with b, of 1 with its own proxy, and of √½ with the mean of a and c.
    assert single.margin.median == pytest.approx(0.5**0.5 - 0.8, abs=0.03)
    assert double.margin.median == pytest.approx(0.2, abs=0.03)
    assert single.nc1 == double.nc1
    alone = classify_frames(X, ["a"], ["b"], Recipe("kmeans", 1), 1, (0, 1))
    assert alone.accuracy.median == 100
    assert alone.nc1 is None
