import numpy as np

from imprint_core.figures import map_overlays, style
from tests.figures.test_embedding_map import array_of


def test_stars_have_rows_numbers_and_class_names():
    positions = np.arange(10, dtype=np.float32).reshape(5, 2)
    classes, numbers = np.array([0, 0, 1, 1, 1]), np.array([1, 2, 1, 2, 3])
    (stars,) = map_overlays.proxy_overlay(positions, classes, numbers, np.arange(3, 8), ["a", "<b>"])
    assert array_of(stars["customdata"]).tolist() == [3, 4, 5, 6, 7]
    assert stars["text"][1:3] == ["2 of class a", "1 of class &lt;b&gt;"]
    np.testing.assert_array_equal(array_of(stars["x"]), positions[:, 0])
    assert array_of(stars["marker"]["color"]).tolist() == classes.tolist()


def test_lines_connect_proxies_with_assigned_samples():
    samples, positions = np.array([[0.5, 0.5], [0.1, 0.2]], np.float32), np.array([[8, 9], [0, 1]], np.float32)
    shots = np.zeros((1, 2), np.float32), np.array([0]), np.array([5])
    *lines, rings = map_overlays.shot_overlay(shots, ["a", "b"], (samples, positions, np.array([1, 0])))
    assert [line["line"]["color"] for line in lines] == [style.class_color(0), style.class_color(1)]
    np.testing.assert_allclose(array_of(lines[1]["x"])[:2], [8, 0.5])
    np.testing.assert_allclose(array_of(lines[0]["y"])[:2], [1, 0.2])
    assert np.isnan(array_of(lines[0]["x"])[2])
    assert array_of(rings["customdata"]).tolist() == [5]
