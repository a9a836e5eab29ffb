import io
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint_core.errors import ImprintError
from imprint_core.figures.style import CLASS_COLORS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.maps.decision_regions import VOTES, PixelGrid, pixel_grid, region_classes, region_png
from imprint_core.maps.layouts import pca_map

BOX = ((-1, -1), (1, 1))


def brute_force(positions, low, high, shape, covered, predicted):
    """Regions computed pixel by pixel."""
    classes = np.full(shape, -1)
    for row, column in np.argwhere(covered):
        pixel = [
            low[0] + (column + 0.5) * (high[0] - low[0]) / shape[1],
            high[1] - (row + 0.5) * (high[1] - low[1]) / shape[0],
        ]
        nearest = np.argsort(np.linalg.norm(positions - pixel, axis=1))[:VOTES]
        votes = Counter(predicted[nearest].tolist())
        classes[row, column] = next(c for c in predicted[nearest] if votes[c] == max(votes.values()))
    return classes


@given(st.integers(0, 999), st.integers(1, 40), st.integers(1, 12), st.floats(0.2, 4))
@settings(deadline=None, max_examples=60)
def test_regions_equal_brute_force(seed, n, pixels, height):
    rng = np.random.default_rng(seed)
    low, high = np.array([-1, 3]), np.array([1, 3 + height])
    positions = rng.uniform(low, high, (n, 2))
    predicted = rng.integers(0, 4, n)
    grid = pixel_grid(positions, (low, high), pixels)
    assert max(grid.covered.shape) == pixels
    assert grid.nearest.shape == (*grid.covered.shape, min(VOTES, n))
    assert (grid.nearest[~grid.covered] == -1).all()
    classes = region_classes(grid, predicted)
    assert classes.dtype == np.int16
    np.testing.assert_array_equal(classes, brute_force(positions, low, high, classes.shape, grid.covered, predicted))


@given(st.integers(0, 999), st.floats(-50, 50), st.sampled_from([0.01, 3.0, 1e4]))
@settings(deadline=None, max_examples=25)
def test_order_shift_and_scale_do_not_change_regions(seed, shift, scale):
    rng = np.random.default_rng(seed)
    positions, predicted = rng.uniform(-1, 1, (60, 2)), rng.integers(0, 5, 60)
    plain = region_classes(pixel_grid(positions, BOX, 24), predicted)
    order = rng.permutation(60)
    other = pixel_grid(
        scale * positions[order] + shift, (scale * np.array(BOX[0]) + shift, scale + np.full(2, shift)), 24
    )
    # Rounding may change a pixel halfway between samples.
    assert (region_classes(other, predicted[order]) != plain).mean() < 0.01


def test_the_first_row_is_the_top_and_empty_areas_stay_empty():
    rng = np.random.default_rng(0)
    positions = np.concatenate([rng.normal([-0.7, 0.7], 0.05, (200, 2)), rng.normal([0.7, -0.7], 0.05, (200, 2))])
    classes = region_classes(pixel_grid(positions, BOX, 100), np.repeat([0, 1], 200))
    assert set(classes[:40, :40].ravel()) == {-1, 0}
    assert set(classes[60:, 60:].ravel()) == {-1, 1}
    assert (classes[:50, 50:] == -1).all()
    assert 0.02 < (classes >= 0).mean() < 0.2


def test_dense_maps_have_no_holes_and_few_samples_cover_little():
    rng = np.random.default_rng(0)
    assert pixel_grid(rng.uniform(-1, 1, (1500, 2)), BOX).covered.mean() > 0.99
    # A single sample covers a disc of the smallest radius.
    assert 0 < pixel_grid(np.zeros((1, 2)), BOX).covered.mean() < 0.01
    assert pixel_grid(rng.uniform(-1, 1, (8, 2)), BOX).covered.mean() < 0.15


def test_samples_with_identical_positions():
    grid = pixel_grid(np.zeros((5000, 2)), BOX, 21)
    assert grid.covered[10, 10]
    np.testing.assert_array_equal(np.sort(grid.nearest[10, 10]), np.arange(VOTES))
    mixed = pixel_grid(np.repeat([[-0.5, 0], [0.5, 0]], [50, 3], axis=0), BOX, 21)
    np.testing.assert_array_equal(np.sort(mixed.nearest[10, 15])[:3] >= 0, True)
    assert set(mixed.nearest[10, 15][:3].tolist()) == {50, 51, 52}


def test_maps_of_zero_width_or_height():
    on_line = np.stack([np.linspace(-1, 1, 30), np.zeros(30)], axis=1)
    assert pixel_grid(on_line, ((-1, 0), (1, 0)), 50).covered.shape == (1, 50)
    grid = pixel_grid(np.ones((4, 2)), ((1, 1), (1, 1)), 50)
    assert (grid.covered.shape, grid.covered.all()) == ((1, 1), True)
    assert not pixel_grid(np.zeros((4, 2)), ((1, 1), (1, 1)), 50).covered.any()


@pytest.mark.parametrize(
    ("positions", "extent", "pixels", "message"),
    [
        (np.array([[0, np.nan]]), BOX, 9, "Invalid positions"),
        (np.array([[0, np.inf]]), BOX, 9, "Invalid positions"),
        (np.empty((0, 2)), BOX, 9, "Invalid positions"),
        (np.zeros((3, 3)), BOX, 9, "Invalid positions"),
        (np.zeros((3, 2)), ((0, 0), (-1, 1)), 9, "Invalid extent"),
        (np.zeros((3, 2)), ((0, 0), (np.nan, 1)), 9, "Invalid extent"),
        (np.zeros((3, 2)), (0, 1), 9, "Invalid extent"),
        (np.zeros((3, 2)), BOX, 0, "pixels = 0"),
    ],
)
def test_invalid_arguments_are_rejected(positions, extent, pixels, message):
    with pytest.raises(ImprintError, match=message):
        pixel_grid(positions, extent, pixels)


def test_the_nearest_sample_decides_ties():
    grid = PixelGrid(np.array([[[0, 1, 2, 3]], [[3, 2, 1, 0]]], dtype=np.int32), np.ones((2, 1), dtype=bool))
    assert region_classes(grid, np.array([7, 4, 4, 7])).tolist() == [[7], [7]]
    assert region_classes(grid, np.array([7, 7, 4, 4])).tolist() == [[7], [4]]
    assert region_classes(grid, np.array([7, 4, 4, 4])).tolist() == [[4], [4]]
    assert region_classes(grid, np.array([1, 2, 3, 4])).tolist() == [[1], [4]]


def test_pixels_have_the_colors_of_classes():
    classes = np.array([[-1, 0, 1], [2, 3, 4]], dtype=np.int16)
    picture = Image.open(io.BytesIO(region_png(classes, ["#ff0000", "#00ff00", "#0000ff"], 0.2)))
    assert (picture.mode, picture.size) == ("P", (3, 2))
    red, green, blue = (255, 0, 0, 51), (0, 255, 0, 51), (0, 0, 255, 51)
    pixels = np.asarray(picture.convert("RGBA"))
    assert pixels[0, 0, 3] == 0
    assert [tuple(p) for p in pixels.reshape(-1, 4)[1:].tolist()] == [red, green, blue, red, green]
    many = region_png(np.arange(300).reshape(3, 100), [f"#{i:06x}" for i in range(255)], 1)
    rgba = np.asarray(Image.open(io.BytesIO(many)).convert("RGBA")).reshape(-1, 4)
    assert rgba[254].tolist() == [0, 0, 254, 255]
    assert rgba[255].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize("colors", [[], ["#12"], ["red"], ["#000000"] * 256])
def test_invalid_colors_are_rejected(colors):
    with pytest.raises(ImprintError, match="olours"):
        region_png(np.zeros((2, 2), dtype=int), colors)


def test_real_regions_follow_the_predictions_and_are_small(vit_digits):
    s = vit_digits
    positions = pca_map(s.X_train)
    predicted = ImprintingClassifier("mean").fit(s.X_train, s.y_train).predict(s.X_train)
    grid = pixel_grid(positions, ((-1.05, -1.05), (1.05, 1.05)))
    classes = region_classes(grid, predicted)
    # Most samples are in a region of their predicted class, even on a PCA map.
    w, h = classes.shape[::-1]
    column = ((positions[:, 0] + 1.05) / 2.1 * w).astype(int)
    row = ((1.05 - positions[:, 1]) / 2.1 * h).astype(int)
    assert (classes[row, column] >= 0).all()
    assert (classes[row, column] == predicted).mean() > 0.6
    assert len(region_png(classes, CLASS_COLORS)) < 9000


def test_regions_are_fast_enough_for_a_slider():
    """Limits are ten times the time on two cores."""
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(15_000, 2)) * 0.05 + rng.uniform(-0.9, 0.9, (10, 2))[rng.integers(0, 10, 15_000)]
    start = time.perf_counter()
    grid = pixel_grid(positions, BOX)
    assert time.perf_counter() - start < 1
    start = time.perf_counter()
    region_png(region_classes(grid, rng.integers(0, 10, 15_000)), CLASS_COLORS)
    assert time.perf_counter() - start < 0.2
