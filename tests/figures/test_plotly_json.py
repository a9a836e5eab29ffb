"""Every figure is what Plotly would write: nothing is validated when a page draws it."""

import inspect
import json
import math
import pkgutil
from importlib import import_module

import numpy as np
import pytest

import imprint_core.figures
from imprint_core.collapse.correlation import correlate
from imprint_core.collapse.spectra import STAGES, Spectra
from imprint_core.evaluation.lesson_experiments import PredictionCounts
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.evaluation.ranking import rank
from imprint_core.evaluation.synthetic import imprint_data, make_data
from imprint_core.figures import (
    charts,
    collapse,
    comparison,
    embedding_map,
    explanation,
    fm_classes,
    lessons,
    map_overlays,
    merged_classes,
    nc1_gain,
    small_multiples,
)
from imprint_core.figures.plotly_json import Figure, figure_json, make_figure
from imprint_core.figures.static_map import MapLayers, static_map
from imprint_core.framework.selection import Candidate
from imprint_core.maps.samples import Predictions
from imprint_core.recognition.calibration import reliability
from imprint_core.sweeps.run_measures import MEASURES
from tests.figures.plotly_objects import validated

RNG = np.random.default_rng(0)
NAMES = [f"<{c}>" for c in range(40)]
RUN, FLAT, INFINITE = summarize([60.0, 70.0, 90.0]), summarize([80.0]), Summary(math.inf, 2.0, math.inf, 3)
CLASSES = np.sort(np.r_[np.arange(40), RNG.integers(0, 40, 60)])
POSITIONS = RNG.normal(size=(100, 2)).astype(np.float32)
EXTENT = POSITIONS.min(axis=0), POSITIONS.max(axis=0)
BARE = Spectra(np.zeros(0), np.array([1.0]), 0.0, 2, 0.0, 0.0)
FULL = Spectra(np.array([0.7, 0.3]), np.array([4.0, 2.0, 1.0]), 0.0, 4, 1.25, 1.5)
POINTS = [
    nc1_gain.TaskPoint(f"FM {i % 2}", f"Data ({i})", f"<{i}>", summarize([x]), summarize([i - 1.0, i + 2.0]), i == 1)
    for i, x in enumerate((0.0, 0.5, 2.0, 40.0, math.inf))
]
FMS, DATA = ("FM 0", "FM 1"), tuple(f"Data ({i})" for i in range(5))
PAPER = merged_classes.PublishedCurve("Paper", (1.0, math.nan, 3.0))
CURVES = [
    small_multiples.Curve("<a>", small_multiples.curve_style(0), (1, 5), (RUN, FLAT)),
    small_multiples.Curve("b", small_multiples.curve_style(1), (1, 5), (FLAT, FLAT), True),
]
COUNTS = PredictionCounts(*np.arange(10).reshape(5, 2))
CANDIDATES = [Candidate(1, 0.1, 5.0, 0.7), Candidate(10, 0.1, 5.0, 0.5, 0.2, 0.1)]
MARKS = [lessons.Mark("<b>", (2, 4)), lessons.Mark("50 to 60 %", y=(50, 60)), lessons.Mark("c", (1, 2), (0, 9))]
PUBLISHED = [small_multiples.PublishedCurve("p", small_multiples.published_style(0), (1, 2), (50.0, math.nan))]


def all_proxies(classes, low, smaller_is_nearer):
    labels = np.arange(2 * classes) // 2
    values = np.linspace(low, 1, len(labels))
    numbers = np.tile([1, 2], classes)
    return explanation.all_proxies(values, labels, numbers, NAMES, [(0, "<A>"), (1, "B")], "cos", smaller_is_nearer)


def whole_map(coloring, selected):
    base = embedding_map.base_layer(POSITIONS, CLASSES, np.arange(100), NAMES, EXTENT, True)
    predictions = Predictions(np.roll(CLASSES, 1), RNG.uniform(size=100).astype(np.float32), np.zeros(100, np.int32))
    colors = embedding_map.color_layer(coloring, CLASSES, NAMES, predictions, (CLASSES % 2, ["l", "r"]))
    lines = POSITIONS[:5], POSITIONS[5:10], CLASSES[:5]
    below = map_overlays.shot_overlay((POSITIONS, CLASSES, np.arange(100)), NAMES, lines, coloring == "true")
    stars = map_overlays.proxy_overlay(POSITIONS, CLASSES, np.arange(100), np.arange(100), NAMES)
    marks = map_overlays.sample_overlay(POSITIONS[0], POSITIONS[1:4], POSITIONS[4:6])
    overlays = tuple(map(json.dumps, (below, stars, marks)))
    layers = MapLayers(figure_json(base), json.dumps(colors), overlays, "data:image/png;base64,", (0, 1, 2, 3))
    return static_map(layers, [1], selected)


FIGURES = {
    charts.accuracy_over_k: [
        lambda: charts.accuracy_over_k(
            [1, 20], [RUN, FLAT], "<m>", (20, RUN, "k = 20"), [("mean", RUN), ("probe", FLAT)], 20
        ),
        lambda: charts.accuracy_over_k([1], [RUN], "k-means", None, [("mean", FLAT)]),
        lambda: charts.accuracy_over_k([2, 3], [FLAT, FLAT], "k-means", None, [("mean", FLAT)]),
    ],
    charts.nc1_curve: [
        lambda: charts.nc1_curve([2, 100], [INFINITE, RUN], "NC1", "n", (100, RUN, "n = 100")),
        lambda: charts.nc1_curve([2], [FLAT], "NC1", "n", None),
    ],
    charts.confusion_matrix: [
        lambda n=n: charts.confusion_matrix(np.eye(n, dtype=np.float64) * 100, ["same"] * n) for n in (1, 12, 40)
    ],
    charts.log_loss_over_k: [
        lambda tried=tried: charts.log_loss_over_k(tried, tried[-1].k) for tried in (CANDIDATES[:1], CANDIDATES)
    ],
    charts.reliability_diagram: [
        lambda n=n: charts.reliability_diagram(reliability(RNG.uniform(size=n), RNG.uniform(size=n) < 0.5, 10))
        for n in (1, 200)
    ],
    charts.curve_chart: [
        lambda: charts.curve_chart([], [1, 2], "x", "y"),
        lambda: charts.curve_chart(charts.curve_traces([1, 9], [RUN, RUN], "m", ""), [1, 9], "x", "y", (0, 100)),
    ],
    collapse.nc1_over_split: [lambda: collapse.nc1_over_split([1, 2, 3], [RUN, FLAT, RUN], {3})],
    collapse.nc1_by_class: [
        lambda n=n: collapse.nc1_by_class(NAMES[:n], [RUN, INFINITE] * (n // 2), [math.nan] * n) for n in (2, 40)
    ],
    collapse.spectra_panels: [
        lambda: collapse.spectra_panels(dict.fromkeys(STAGES, FULL)),
        lambda: collapse.spectra_panels({"l2": BARE}),
    ],
    fm_classes.beside_chart: [
        lambda runs=runs: fm_classes.beside_chart(
            [1, 5][: len(runs)], *[{"new": runs, "old": runs, "harmonic_mean": runs}] * 2
        )
        for runs in ([RUN, FLAT], [FLAT])
    ],
    comparison.critical_difference: [
        lambda: comparison.critical_difference(NAMES[:4], rank(RNG.normal([0, 9, 0.1, 18], size=(12, 4)))),
        lambda: comparison.critical_difference(NAMES[:3], rank(np.arange(36.0).reshape(12, 3))),
    ],
    comparison.differences: [
        lambda n=n: comparison.differences(NAMES[:1] * n, np.arange(n) - 1.5, NAMES[:1] * n, "<A>", "B")
        for n in (1, 30, 50)
    ],
    embedding_map.base_layer: [
        lambda: embedding_map.base_layer(POSITIONS, CLASSES, np.arange(100), NAMES, EXTENT, True),
        lambda: embedding_map.base_layer(POSITIONS, CLASSES, np.arange(100, dtype=np.int32), NAMES, EXTENT, False),
    ],
    embedding_map.layout_panels: [
        lambda: embedding_map.layout_panels([("a", POSITIONS), ("b", None)] * 2, CLASSES, 3, 1),
        lambda: embedding_map.layout_panels([("a", POSITIONS)], CLASSES, 3, -1),
    ],
    explanation.all_proxies: [
        lambda: all_proxies(3, 0.9, False),
        lambda: all_proxies(30, -0.4, False),
        lambda: all_proxies(3, 0.1, True),
    ],
    explanation.near_proxies: [lambda: explanation.near_proxies(["a", "<b>"], [0.9, -0.2], [0, 1], "cosine")],
    lessons.curves: [
        lambda: lessons.curves([lessons.Line("<a>", [5], [RUN]), lessons.Line("b", [], [])], range(1, 16), "k", 5),
        lambda: lessons.curves([lessons.Line("a", [3, 4], [RUN, FLAT])], [3, 4], "k"),
        lambda: lessons.curves([], range(1, 16), "k"),
    ],
    lessons.class_predictions: [
        lambda: lessons.class_predictions(
            ["<b>rises</b>", "falls", "a long answer that needs several lines"], [0, 3, 28]
        ),
        lambda: lessons.class_predictions(["yes", "no"], [0, 0]),
    ],
    lessons.confused_pairs: [lambda: lessons.confused_pairs(["<0> and 1", "2 and 3"], [40.0, 2.5], 1)],
    lessons.enlarge_names: [
        lambda: lessons.enlarge_names(
            embedding_map.base_layer(POSITIONS, CLASSES % 3, np.arange(100), NAMES, EXTENT, True), (1, 2)
        )
    ],
    lessons.mark_predictions: [
        lambda: lessons.mark_predictions(lessons.curves([], [1, 9], "n"), MARKS),
        lambda: lessons.mark_predictions(lessons.curves([lessons.Line("a", [3, 4], [RUN, FLAT])], [3, 4], "k"), MARKS),
        lambda: lessons.mark_predictions(lessons.proxy_lengths(COUNTS, NAMES[:2]), MARKS[:2]),
    ],
    lessons.name_classes: [lambda: lessons.name_classes(make_figure([]), POSITIONS, CLASSES, NAMES)],
    lessons.predictions_by_length: [
        lambda norms=norms: lessons.predictions_by_length(COUNTS, NAMES[:2], norms)
        for norms in (("none", "l2"), ("l2",))
    ],
    lessons.proxy_lengths: [lambda: lessons.proxy_lengths(COUNTS, NAMES[:2])],
    lessons.synthetic_figure: [lambda: lessons.synthetic_figure(make_data(), None)]
    + [
        lambda norm=norm: lessons.synthetic_figure(make_data(), imprint_data(make_data(), 3, norm))
        for norm in (True, False)
    ],
    merged_classes.accuracy_by_d: [
        lambda: merged_classes.accuracy_by_d((1, 2), {1: [RUN, FLAT], 2: [FLAT, FLAT]}, 3, {3: PAPER}, {2: 1, 9: 1}),
        lambda: merged_classes.accuracy_by_d((1, 2), {3: [FLAT, FLAT]}, 3, {}, {}),
    ],
    merged_classes.nc1_by_d: [
        lambda: merged_classes.nc1_by_d({1: INFINITE, 2: RUN}, PAPER, 3),
        lambda: merged_classes.nc1_by_d({1: RUN}, None, 1),
    ],
    nc1_gain.nc1_of_sets: [
        lambda: nc1_gain.nc1_of_sets(POINTS, FMS, DATA),
        lambda: nc1_gain.nc1_of_sets([], FMS, DATA),
    ],
    nc1_gain.gain_over_nc1: [
        lambda: nc1_gain.gain_over_nc1(
            POINTS, correlate([0.5, 1.0, 2.0, 4.0], [4.0, 2.0, 3.0, 1.0]), [("<p>", 0.1, 7.0)], FMS, DATA
        ),
        lambda: nc1_gain.gain_over_nc1([], None, [], FMS, DATA),
    ],
    small_multiples.panel: [
        lambda m=m, axis=axis: small_multiples.panel(CURVES, PUBLISHED, m, axis, (1, 5), (20, 100), (5, RUN, "now"))
        for m in MEASURES
        for axis in small_multiples.AXES
    ]
    + [lambda: small_multiples.panel([], [], "accuracy", "k", (), (0, 100))],
    static_map: [
        lambda coloring=coloring, selected=selected: whole_map(coloring, selected)
        for coloring in embedding_map.COLORINGS
        for selected in ((), (3, 4))
    ],
}


def test_all_functions_that_return_a_figure_are_in_the_table():
    modules = [
        import_module(m.name) for m in pkgutil.iter_modules(imprint_core.figures.__path__, "imprint_core.figures.")
    ]
    functions = [value for module in modules for value in vars(module).values() if inspect.isfunction(value)]
    assert {f for f in functions if f.__annotations__.get("return") == "Figure"} == {*FIGURES, make_figure}


@pytest.mark.parametrize("draw", [draw for variants in FIGURES.values() for draw in variants])
def test_plotly_accepts_the_figure_and_writes_the_same_json(draw):
    figure: Figure = draw()
    validated(figure)


def test_numbers_that_json_lacks_become_null_and_arrays_stay_binary():
    figure = make_figure([{"x": [math.nan, (1.0, -math.inf)], "y": np.array([1, 2]), "z": np.float32(0.5)}])
    trace = '{"x":[null,[1.0,null]],"y":{"dtype":"i4","bdata":"AQAAAAIAAAA="},"z":0.5}'
    assert figure_json(figure) == f'{{"data":[{trace}],"layout":{{}}}}'


@pytest.mark.parametrize(
    "wrong", [{"title": "k"}, {"title": {"text": "k"}, "tickvals": None}, {"title_text": "k"}, {"type": "logarithmic"}]
)
def test_what_plotly_would_complete_or_convert_is_noticed(wrong):
    validated(make_figure([], xaxis={"title": {"text": "k"}}))
    with pytest.raises((AssertionError, ValueError)):
        validated(make_figure([], xaxis=wrong))
