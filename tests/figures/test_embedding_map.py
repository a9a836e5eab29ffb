import base64
import json

import numpy as np

from imprint_core.figures import embedding_map, style
from imprint_core.figures.embedding_map import base_layer, color_layer
from imprint_core.figures.plotly_json import figure_json
from imprint_core.maps.samples import Predictions
from tests.figures.plotly_objects import validated

NAMES = ["<b>", "two"]
EXTENT = (np.zeros(2, np.float32), np.ones(2, np.float32))


def array_of(spec):
    kind = {"u1": np.uint8, "i2": np.int16, "i4": np.int32, "f4": np.float32}[spec["dtype"]]
    return np.frombuffer(base64.b64decode(spec["bdata"]), kind)


def predictions(predicted, margin=None):
    predicted = np.array(predicted, dtype=np.int16)
    margin = np.linspace(0, 1, len(predicted)) if margin is None else margin
    return Predictions(predicted, np.asarray(margin, np.float32), np.zeros(len(predicted), np.int32))


def test_base_layer_has_codes_and_escapes_names():
    classes = np.array([0, 1, 1])
    figure = validated(base_layer(np.zeros((3, 2), np.float32), classes, np.array([7, -8, 9]), NAMES, EXTENT, True))
    assert [list(t.customdata) for t in figure.data] == [[7], [-8, 9]]
    assert figure.data[0].name == "&lt;b&gt;"
    assert figure.layout.yaxis.scaleanchor == "x"


def test_every_coloring_has_hover_data_and_a_legend():
    classes, predicted = np.array([0, 1, 1]), predictions([1, 1, 0])
    by = {
        name: color_layer(name, classes, NAMES, predicted, (np.array([0, 1, 1]), ["left", "right"]))
        for name in embedding_map.COLORINGS
    }
    for layer in by.values():
        assert [array_of(t["predicted"]).tolist() for t in layer["traces"]] == [[1], [1, 0]]
        json.dumps(layer, allow_nan=False)
    assert array_of(by["predicted"]["traces"][1]["marker"]["color"]).tolist() == [1, 0]
    assert [array_of(t["which"]).tolist() for t in by["right"]["traces"]] == [[1], [0, 1]]
    assert [e["name"] for e in by["right"]["legend"]] == ["correct", "misclassified"]
    assert [e["name"] for e in by["source"]["legend"]] == ["left", "right"]
    # Sources differ in color and symbol.
    assert [array_of(t["which"]).tolist() for t in by["source"]["traces"]] == [[0], [1, 1]]
    assert len(set(by["source"]["traces"][0]["symbols"])) == 2
    assert [e["marker"]["symbol"] for e in by["source"]["legend"]] == by["source"]["traces"][0]["symbols"]
    # Their names are written on the map.
    assert by["true"]["legend"] == []
    np.testing.assert_allclose(array_of(by["margin"]["traces"][1]["marker"]["color"]), predicted.margin[1:])
    assert by["margin"]["coloraxis"]["cmax"] > 0.9


def test_names_are_at_dense_places_of_their_classes_and_do_not_overlap():
    rng = np.random.default_rng(0)
    # The second class has a small and a large island, and the third lies on the large one.
    centres = np.array([[-0.8, -0.8], [0.8, 0.8], [0.1, 0.1], [0.1, 0.1]])
    classes = np.array([0] * 50 + [1] * 70 + [2] * 50)
    islands = np.concatenate([np.zeros(50, int), np.ones(10, int), np.full(60, 2), np.full(50, 3)])
    positions = (centres[islands] + 0.1 * rng.normal(size=(170, 2))).astype(np.float32)
    names = ["<b>", "a name of more than sixteen letters", "two"]
    figure = validated(base_layer(positions, classes, np.arange(170), names, EXTENT, False))
    labels = figure.layout.annotations
    assert [label.name for label in labels] == ["0", "1", "2"]
    assert [label.text for label in labels] == ["<b>&lt;b&gt;</b>", "<b>a name of more…</b>", "<b>two</b>"]
    places = np.array([(label.x, label.y) for label in labels])
    assert (np.linalg.norm(places - centres[[0, 2, 2]], axis=1) < 0.4).all()
    assert abs(places[1] - places[2]).max() > 0.08


def test_a_class_without_samples_is_in_the_legend():
    layer = color_layer("true", np.array([0, 0]), NAMES, listed=np.array([0, 1]))
    assert [entry["name"] for entry in layer["legend"]] == ["two"]
    assert (
        "annotations" not in base_layer(np.zeros((0, 2), np.float32), np.zeros(0, int), [], [], EXTENT, False)["layout"]
    )


def test_many_classes_have_no_legend():
    many = base_layer(
        np.zeros((30, 2), np.float32), np.arange(30), np.arange(30), [str(c) for c in range(30)], EXTENT, False
    )
    assert "annotations" not in many["layout"]
    layer = color_layer("true", np.arange(30), [str(c) for c in range(30)])
    assert layer["legend"] == []


def test_infinite_margins_of_one_class_can_be_drawn():
    layer = color_layer("margin", np.zeros(3, int), ["only"], predictions([0, 0, 0], [np.inf] * 3))
    json.dumps(layer["coloraxis"], allow_nan=False)
    assert np.isfinite(array_of(layer["traces"][0]["marker"]["color"])).all()


def test_layers_of_twenty_thousand_samples_take_less_than_a_megabyte():
    rng = np.random.default_rng(0)
    n = 20_000
    classes = np.sort(rng.integers(0, 10, n))
    positions = rng.uniform(-1, 1, (n, 2)).astype(np.float32)
    names = [f"class {c}" for c in range(10)]
    base = figure_json(base_layer(positions, classes, np.arange(n, dtype=np.int32), names, EXTENT, False))
    predicted = predictions(rng.integers(0, 10, n), rng.uniform(size=n))
    for coloring in embedding_map.COLORINGS:
        layer = json.dumps(color_layer(coloring, classes, names, predicted, (classes, names)))
        assert len(base) + len(layer) < 1_000_000, coloring


def test_colorings_without_predictions_are_fixed():
    fixed = {
        c: color_layer(c, np.array([0, 1]), NAMES, predictions([0, 0]), (np.array([0, 1]), NAMES))["fixed"]
        for c in ("true", "right")
    }
    assert fixed == {"true": "true", "right": ""}


def test_numbered_colors_are_class_colors():
    """Each class number is in the middle of its color's step."""
    marker = embedding_map.class_markers(np.arange(20))
    for c, number in enumerate(marker["color"]):
        position = (number - marker["cmin"]) / (marker["cmax"] - marker["cmin"])
        below = [color for edge, color in marker["colorscale"] if edge <= position][-1]
        above = next(color for edge, color in marker["colorscale"] if edge >= position)
        assert below == above == style.class_color(c)


def test_missing_maps_keep_their_panel():
    maps = [("one", None), ("two", np.zeros((3, 2), np.float32)), ("three", None)]
    figure = validated(embedding_map.layout_panels(maps, np.arange(3), 3, 1))
    assert [t.mode for t in figure.data] == ["text", "markers", "text"]
    assert "two" in [a.text for a in figure.layout.annotations][1]
