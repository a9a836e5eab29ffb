from imprint_core.evaluation.metrics import summarize
from imprint_core.figures.fm_classes import beside_chart
from tests.figures.plotly_objects import validated


def test_lines_have_the_chosen_scale_and_dotted_lines_plain_cosines():
    scaled = {
        "new": [summarize([40, 50])] * 2,
        "old": [summarize([20, 20])] * 2,
        "harmonic_mean": [summarize([27])] * 2,
    }
    unscaled = {"new": [summarize([60])] * 2, "old": [summarize([1])] * 2, "harmonic_mean": [summarize([2])] * 2}
    figure = validated(beside_chart([1, 5], scaled, unscaled))
    lines = {(trace.name, trace.legendgroup): trace for trace in figure.data if trace.fill is None}
    assert list(lines["new classes", "new"].y) == [45, 45]
    assert list(lines["plain cosines", "old"].y) == [1, 1]
    assert lines["plain cosines", "old"].line.dash == "dot"
    # Each curve is drawn once with a scale and once without, and the legend explains dots once.
    assert len(lines) == 6
    assert sum(trace.showlegend is not False for trace in lines.values() if trace.name == "plain cosines") == 1
    assert list(figure.layout.yaxis.range) == [0, 100]
