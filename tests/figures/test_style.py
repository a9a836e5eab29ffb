from imprint_core.figures import style


def test_a_hundred_classes_differ_in_color_or_symbol():
    appearances = {(style.class_color(c), style.class_symbol(c)) for c in range(100)}
    assert len(appearances) == 100
