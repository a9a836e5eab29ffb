import base64
import json

import numpy as np

from imprint_core.figures import embedding_map, style
from imprint_core.figures.embedding_map import Verdict, base_map, paint

NAMES = ["<b>", "two"]
EXTENT = (np.zeros(2, np.float32), np.ones(2, np.float32))


def array_of(spec):
    kind = {"u1": np.uint8, "i2": np.int16, "i4": np.int32, "f4": np.float32}[spec["dtype"]]
    return np.frombuffer(base64.b64decode(spec["bdata"]), kind)


def verdict(predicted, margin=None):
    predicted = np.array(predicted, dtype=np.int16)
    margin = np.linspace(0, 1, len(predicted)) if margin is None else margin
    return Verdict(predicted, np.asarray(margin, np.float32), np.zeros(len(predicted), np.int32))


def test_base_map_carries_codes_and_escapes_names():
    classes = np.array([0, 1, 1])
    figure = base_map(np.zeros((3, 2), np.float32), classes, np.array([7, -8, 9]), NAMES, EXTENT, True)
    assert [list(t.customdata) for t in figure.data] == [[7], [-8, 9]]
    assert figure.data[0].name == "&lt;b&gt;"
    assert figure.layout.yaxis.scaleanchor == "x"


def test_every_colouring_tells_each_sample_and_its_legend():
    classes, judged = np.array([0, 1, 1]), verdict([1, 1, 0])
    by = {
        name: paint(name, classes, NAMES, judged, (np.array([0, 1, 1]), ["left", "right"]))
        for name in embedding_map.COLORINGS
    }
    for painted in by.values():
        assert [array_of(t["predicted"]).tolist() for t in painted["traces"]] == [[1], [1, 0]]
        json.dumps(painted, allow_nan=False)
    assert array_of(by["predicted"]["traces"][1]["marker"]["color"]).tolist() == [1, 0]
    assert [array_of(t["which"]).tolist() for t in by["right"]["traces"]] == [[1], [0, 1]]
    assert [e["name"] for e in by["right"]["legend"]] == ["right", "wrong"]
    assert [e["name"] for e in by["source"]["legend"]] == ["left", "right"]
    # Never by colour alone.
    assert [array_of(t["which"]).tolist() for t in by["source"]["traces"]] == [[0], [1, 1]]
    assert len(set(by["source"]["traces"][0]["symbols"])) == 2
    assert [e["marker"]["symbol"] for e in by["source"]["legend"]] == by["source"]["traces"][0]["symbols"]
    assert [e["name"] for e in by["true"]["legend"]] == ["&lt;b&gt;", "two"]
    np.testing.assert_allclose(array_of(by["margin"]["traces"][1]["marker"]["color"]), judged.margin[1:])
    assert by["margin"]["coloraxis"]["cmax"] > 0.9


def test_many_classes_have_no_legend():
    painted = paint("true", np.arange(30), [str(c) for c in range(30)])
    assert painted["legend"] == []


def test_one_class_has_no_margin_and_still_a_picture():
    painted = paint("margin", np.zeros(3, int), ["only"], verdict([0, 0, 0], [np.inf] * 3))
    json.dumps(painted["coloraxis"], allow_nan=False)
    assert np.isfinite(array_of(painted["traces"][0]["marker"]["color"])).all()


def test_twenty_thousand_samples_take_less_than_a_megabyte():
    rng = np.random.default_rng(0)
    n = 20_000
    classes = np.sort(rng.integers(0, 10, n))
    positions = rng.uniform(-1, 1, (n, 2)).astype(np.float32)
    names = [f"class {c}" for c in range(10)]
    base = base_map(positions, classes, np.arange(n, dtype=np.int32), names, EXTENT, False).to_json()
    judged = verdict(rng.integers(0, 10, n), rng.uniform(size=n))
    for coloring in embedding_map.COLORINGS:
        painted = json.dumps(paint(coloring, classes, names, judged, (classes, names)))
        assert len(base) + len(painted) < 1_000_000, coloring


def test_stars_tell_each_proxy():
    at = np.arange(10, dtype=np.float32).reshape(5, 2)
    classes, numbers = np.array([0, 0, 1, 1, 1]), np.array([1, 2, 1, 2, 3])
    (stars,) = embedding_map.proxy_stars(at, classes, numbers, np.arange(3, 8), ["a", "<b>"])
    assert array_of(stars["customdata"]).tolist() == [3, 4, 5, 6, 7]
    assert stars["text"][1:3] == ["2 of class a", "1 of class &lt;b&gt;"]
    np.testing.assert_array_equal(array_of(stars["x"]), at[:, 0])
    assert array_of(stars["marker"]["color"]).tolist() == classes.tolist()


def test_lines_go_from_a_proxy_to_what_it_won():
    samples, at = np.array([[0.5, 0.5], [0.1, 0.2]], np.float32), np.array([[8, 9], [0, 1]], np.float32)
    shots = np.zeros((1, 2), np.float32), np.array([0]), np.array([5])
    *lines, rings = embedding_map.under_proxies(shots, ["a", "b"], (samples, at, np.array([1, 0])))
    assert [line["line"]["color"] for line in lines] == [style.class_color(0), style.class_color(1)]
    np.testing.assert_allclose(array_of(lines[1]["x"])[:2], [8, 0.5])
    np.testing.assert_allclose(array_of(lines[0]["y"])[:2], [1, 0.2])
    assert np.isnan(array_of(lines[0]["x"])[2])
    assert array_of(rings["customdata"]).tolist() == [5]


def test_a_look_that_no_verdict_changes_is_told():
    looks = {
        c: paint(c, np.array([0, 1]), NAMES, verdict([0, 0]), (np.array([0, 1]), NAMES))["still"]
        for c in ("true", "right")
    }
    assert looks == {"true": "true", "right": ""}


def test_numbered_colours_are_the_classes_colours():
    """Each class number falls in the middle of its colour's step."""
    marker = embedding_map.by_class(np.arange(20))
    for c, number in enumerate(marker["color"]):
        place = (number - marker["cmin"]) / (marker["cmax"] - marker["cmin"])
        below = [color for edge, color in marker["colorscale"] if edge <= place][-1]
        above = next(color for edge, color in marker["colorscale"] if edge >= place)
        assert below == above == style.class_color(c)


def test_maps_that_are_not_there_yet_leave_their_place():
    maps = [("one", None), ("two", np.zeros((3, 2), np.float32)), ("three", None)]
    figure = embedding_map.small_multiples(maps, np.arange(3), 3, 1)
    assert [t.mode for t in figure.data] == ["text", "markers", "text"]
    assert "two" in [a.text for a in figure.layout.annotations][1]
