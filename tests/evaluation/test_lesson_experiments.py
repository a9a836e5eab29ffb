"""Experiments of lessons, on numbers that are known in advance."""

import numpy as np
import pytest

from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.lesson_experiments import ahead, band, mutual, place, top_pair, touching, wins
from imprint_core.evaluation.metrics import summarize
from imprint_core.evaluation.task import choose_classes
from imprint_core.figures import lessons
from imprint_core.figures.lessons import Line
from imprint_core.figures.style import THEME_TEXT
from imprint_core.framework.recipe import Recipe


def test_a_value_on_an_edge_is_in_the_upper_band():
    assert [band(v, (40.0, 60.0)) for v in (-1, 39.9, 40, 60, 100)] == [0, 0, 1, 2, 2]


@pytest.mark.parametrize(("first", "second", "who"), [(70, 69, 0), (69, 70, 1), (70, 69.5, 2), (5, 5, 2)])
def test_who_is_ahead_must_be_so_by_a_point(first, second, who):
    assert ahead(first, second) == who


def test_classes_that_lie_among_each_other_touch_and_others_dont():
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(90, 2)).astype(np.float32)
    y = np.repeat([0, 1, 2], 30)
    positions[y == 2] += 100
    both = touching(positions, y)
    assert both[0, 1] == both[1, 0] > 30
    assert both[0, 2] == both[1, 2] == both[2, 2] == 0
    assert top_pair(both) == (0, 1)


def test_the_place_of_a_pair_counts_those_above():
    both = mutual(np.array([[90.0, 4, 6], [2, 80, 18], [0, 10, 90]]))
    assert both.tolist() == [[0, 3, 3], [3, 0, 14], [3, 14, 0]]
    assert top_pair(both) == (1, 2)
    assert [place(both, pair) for pair in ((1, 2), (0, 1), (0, 2))] == [1, 2, 2]


def test_wins_are_sorted_by_length_and_add_up(vit_digits):
    none = Recipe("mean", 1, "none", "none", "none")
    evaluator = Evaluator(choose_classes(vit_digits), none.space)
    shares = wins(evaluator, none, Recipe("mean", 1, "none", "l2", "none"), 20, 0)
    assert (np.diff(shares.lengths) <= 0).all()
    assert shares.true.sum() == shares.none.sum() == shares.l2.sum() == len(evaluator.truth)
    assert sorted(shares.classes.tolist()) == list(range(10))
    rows = evaluator.shots(20, 0)[shares.classes[0]]
    mean = vit_digits.X_train[rows].mean(axis=0)
    assert shares.lengths[0] == pytest.approx(float(np.linalg.norm(mean)), rel=1e-4)
    figure = lessons.wins_by_length(shares, [f"<{c}>" for c in shares.classes])
    assert [sum(trace.y) for trace in figure.data] == [len(evaluator.truth)] * 3
    assert figure.data[0].x[0].startswith("&lt;")


def test_curves_keep_the_axis_and_a_first_point_is_not_blown_up():
    figure = lessons.curves([Line("a", [5], [summarize([70.0, 71.0])]), Line("b", [], [])], range(1, 16), "k", 5)
    low, high = figure.layout.yaxis.range
    assert high - low >= 20
    assert [trace.name for trace in figure.data] == ["a"]
    assert figure.layout.shapes[0].line.color == THEME_TEXT


def test_names_stand_in_the_middle_of_their_classes():
    positions = np.array([[0, 0], [0, 2], [4, 4]], dtype=np.float32)
    figure = lessons.name_classes(lessons.go.Figure(), positions, np.array([0, 0, 1]), ["a", "<b>"], (1, 1))
    first, second = figure.layout.annotations
    assert (first.x, first.y, first.text) == (0, 1, "<b>a</b>")
    assert second.text == "<b>&lt;b&gt;</b>"
    assert second.font.size > first.font.size
