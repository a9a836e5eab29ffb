import numpy as np
import pytest

from imprint_core.figures import style


def test_a_hundred_classes_differ_in_color_or_symbol():
    appearances = {(style.class_color(c), style.class_symbol(c)) for c in range(100)}
    assert len(appearances) == 100


@pytest.mark.parametrize("color", style.CLASS_COLORS)
def test_ink_is_readable_on_every_class_color(color):
    def luminance(text):
        values = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    low, high = sorted((luminance(color), luminance(style.ink_on(color))))
    # WCAG 2, for text of any size.
    assert (high + 0.05) / (low + 0.05) >= 4.5
