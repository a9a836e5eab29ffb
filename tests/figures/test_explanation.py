from imprint_core.figures import explanation
from tests.figures.plotly_objects import validated


def test_near_proxies_have_room_for_numbers():
    figure = validated(explanation.near_proxies(["a", "<b>"], [0.9, -0.2], [0, 1], "cosine"))
    low, high = figure.layout.xaxis.range
    assert low < -0.2
    assert high > 0.9
    assert list(figure.data[0].text) == ["0.900", "−0.200"]
    assert list(figure.layout.yaxis.ticktext) == ["a", "&lt;b&gt;"]
