"""Drawings in the form of MNIST, and their classification by its proxies."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imprint_core import ImprintingClassifier, open_set
from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model
from imprint_core.recipes.presets import PRESETS
from imprint_core.recognition.drawings import BOX, EDGE, mnist_image

# Strokes of digits, in a square of 100.
STROKES = {
    0: [[(50 + 28 * np.sin(t), 50 - 45 * np.cos(t)) for t in np.linspace(0, 2 * np.pi, 24)]],
    1: [[(50, 5), (50, 95)]],
    2: [[*((50 - 28 * np.cos(t), 30 - 25 * np.sin(t)) for t in np.linspace(0, np.pi, 12)), (22, 95), (82, 95)]],
    4: [[(60, 5), (15, 60), (85, 60)], [(62, 35), (62, 95)]],
    7: [[(20, 8), (82, 8), (42, 95)]],
}


def drawing(digit, left, top, scale):
    """White strokes on black, as the pad draws them."""
    image = Image.new("RGB", (256, 256))
    draw = ImageDraw.Draw(image)
    for stroke in STROKES[digit]:
        points = [(left + scale * x, top + scale * y) for x, y in stroke]
        draw.line(points, fill="white", width=21, joint="curve")
        for x, y in points:
            draw.ellipse((x - 10, y - 10, x + 10, y + 10), fill="white")
    return image


def test_strokes_fill_the_box_around_their_centre_of_mass_wherever_they_are_drawn():
    images = [np.asarray(mnist_image(drawing(4, *where)), float) for where in ((20, 20, 2), (110, 30, 1.3))]
    for pixels in images:
        assert pixels.shape == (EDGE, EDGE)
        rows, columns = np.nonzero(pixels > 40)
        assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - BOX) <= 1
        centre = [(pixels.sum(axis=1 - axis) @ (np.arange(EDGE) + 0.5)) / pixels.sum() for axis in (0, 1)]
        np.testing.assert_allclose(centre, EDGE / 2, atol=0.6)
    # Only the relative width of the strokes differs.
    assert np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1] > 0.85


def test_a_dot_a_line_and_nothing_are_drawings():
    assert not np.asarray(mnist_image(Image.new("RGB", (256, 256)))).any()
    for shape in ((1, 1), (1, 200), (200, 1), (256, 256)):
        image = Image.new("RGB", (256, 256))
        image.paste((255, 255, 255), (0, 0, *shape))
        assert np.asarray(mnist_image(image)).max() > 200


@pytest.mark.parametrize("recipe", ["own", "whitened"])
def test_proxies_of_mnist_classify_drawings(bundled, recipe):
    data = open_set(bundled["tf_efficientnet_lite0", "mnist"])
    rows = np.concatenate([np.flatnonzero(data.y_train == c)[:50] for c in range(10)])
    model = ImprintingClassifier.from_recipe(PRESETS[recipe].recipe).fit(data.X_train[rows], data.y_train[rows])
    drawings = [drawing(digit, *where) for digit in STROKES for where in ((30, 40, 1.6), (100, 20, 1.2))]
    fm = load_model(foundation_model("tf_efficientnet_lite0"))
    truth = np.repeat(list(STROKES), 2)
    prepared, unprepared = (
        (model.predict(fm.embed(images)) == truth).mean()
        for images in ([mnist_image(image) for image in drawings], drawings)
    )
    assert prepared >= 0.9
    assert prepared > unprepared
