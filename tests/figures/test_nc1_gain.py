import json

import numpy as np

from imprint_core.collapse.correlation import correlate
from imprint_core.evaluation.metrics import summarize
from imprint_core.figures.nc1_gain import TaskPoint, gain_over_nc1, nc1_of_sets
from tests.figures.plotly_objects import validated

FMS, DATA = ("FM 0", "FM 1"), tuple(f"Data ({i})" for i in range(5))


def by_name(figure):
    return {t.name: t for t in figure.data}


def task_points(nc1, gains):
    return [
        TaskPoint(f"FM {i % 2}", f"Data ({i})", f"task {i}", summarize([x]), summarize([g - 1, g, g + 2]), i == 1)
        for i, (x, g) in enumerate(zip(nc1, gains, strict=True))
    ]


def test_gains_have_a_line_a_legend_of_colours_and_symbols_and_the_current_task():
    points = task_points([0.5, 1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    correlation = correlate([0.5, 1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    figure = validated(gain_over_nc1(points, correlation, [("Paper's", 0.1, 7.0)], FMS, DATA))
    named = by_name(figure)
    line = named[f"2.0 + {correlation.slope:.1f} log NC1"]
    np.testing.assert_allclose(line.y, [1, 4])
    assert (list(named["now"].x), list(named["now"].y)) == ([1.0], [2.0])
    assert {"FM 0", "FM 1", "Data", "published"} <= set(named)
    assert named["FM 0"].marker.symbol != named["FM 1"].marker.symbol
    assert figure.layout.xaxis.range[0] < np.log10(0.1)
    assert list(figure.data[1].error_y.array) == [2.0]


def test_tasks_without_variance_are_drawn_too():
    points = task_points([0.0, 1.0, 2.0, 4.0, np.inf], [1.0, 2.0, 3.0, 5.0, 0.0])
    correlation = correlate([point.nc1.median for point in points], [point.gain.median for point in points])
    assert json.loads(validated(gain_over_nc1(points, correlation, [], FMS, DATA)).to_json())
    bars = validated(nc1_of_sets(points, FMS, DATA))
    assert bars.layout.yaxis.type == "log"
    assert list(by_name(bars)["NC1 = 1"].y) == [1] * 5
    assert validated(gain_over_nc1(points[:1], None, [], FMS, DATA)).data
