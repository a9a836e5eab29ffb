import json

import numpy as np
import plotly.graph_objects as go
import pytest

from imprint_core.figures.embedding_map import base_layer, color_layer
from imprint_core.figures.plotly_json import figure_json
from imprint_core.figures.static_map import MapLayers, static_map
from imprint_core.maps.samples import Predictions


@pytest.mark.parametrize("coloring", ["true", "right"])
def test_a_static_map_combines_all_layers(coloring):
    positions = np.arange(12, dtype=np.float32).reshape(6, 2)
    classes = np.array([0, 0, 1, 1, 2, 2])
    codes = np.array([5, -3, 7, 8, 9, 10])
    extent = (positions.min(0), positions.max(0))
    names = ["a", "<b>", "c"]
    base = figure_json(base_layer(positions, classes, codes, names, extent, True))
    predicted = np.array([0, 1, 1, 1, 2, 0], dtype=np.int16)
    predictions = Predictions(predicted, np.ones(6, dtype=np.float32), np.zeros(6, dtype=np.int32))
    colors = json.dumps(color_layer(coloring, classes, names, predictions))
    below = [{"type": "scatter", "name": "shots"}, {"type": "scatter", "name": "assigned"}]
    above = [{"type": "scatter", "name": "proxies"}]
    layers = MapLayers(base, colors, (json.dumps(below), json.dumps(above)), "data:x", (0, 1, 2, 3))
    figure = static_map(layers, [2], selected=[7])
    traces = figure["data"]
    assert [t["name"] for t in traces[:6]] == ["assigned", "a", "&lt;b&gt;", "c", "shots", "proxies"]
    assert [t["visible"] for t in traces[1:4]] == [True, True, False]
    assert traces[1]["text"] == [
        "test sample 5<br>class a<br>predicted as a",
        "training sample 2<br>class a<br>predicted as &lt;b&gt;",
    ]
    assert [t["selectedpoints"] for t in traces[1:4]] == [[], [0], []]
    assert figure["layout"]["images"][0]["sizex"] == 2
    if coloring == "right":
        assert len(set(traces[1]["marker"]["color"])) == 2
        assert traces[1]["marker"]["symbol"] == ["circle", "x"]
    go.Figure(figure)
