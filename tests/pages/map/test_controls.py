"""Controls of the map in links."""

from __future__ import annotations

from imprint_core.maps.layouts import Layout
from tests.pages.browser_events import components
from tests.pages.map.helpers import digits, fine, opened, sent
from tests.pages.reading import page_text
from ui.text.markdown import plain

EVERYTHING = {
    "color": "margin",
    "shown": "all",
    "only": "2,5,7",
    "shots": "False",
    "regions": "True",
    "lines": "True",
    "against": "k=1",
    "sample": "training 12",
    "neighbors": "5",
    "min_dist": "0.25",
    "map_seed": "3",
}


def test_every_control_is_in_the_link(requested):
    app = fine(digits(**EVERYTHING))
    assert not app.warning
    assert {k: app.query_params[k] for k in EVERYTHING} == EVERYTHING
    assert requested == [("l2", Layout("umap", 5, 0.25, 3))]
    restored = fine(opened(**app.query_params))
    assert {n: d for n, (_, d) in components(restored).items()} == {n: d for n, (_, d) in components(app).items()}
    assert page_text(restored) == page_text(app)
    app = fine(digits(map="pca"))
    assert (app.query_params["map"], sent(app)["alt"][:4]) == ("pca", "PCA ")
    assert '"scaleanchor":"x"' in sent(app)["base"]


BAD_LINK = {
    "map": ("tsne", "Map = tsne is not available. Available: UMAP, PCA"),
    "neighbors": ("8", "Neighbours (n_neighbors) = 8 is not available"),
    "min_dist": ("nan", "Minimum distance (min_dist) = nan is not available"),
    "map_seed": ("-1", "UMAP seed = -1 is not available"),
    "color": ("source", "Colour by = source is not available. Available: true class"),
    "shown": ("9", "Samples = 9 is not available. Available: test samples"),
    "only": ("3,77,cat", "Only classes: 77, cat is not available. Ignored."),
    "regions": ("maybe", "Decision regions = maybe is not available. Available: off, on. Using off."),
    "against": ("k=99999", "k is 99999; it must be a whole number from 1 to 50 on pages. Using 50."),
    "sample": ("training 99999", "“training 99999”: there is no training sample 99999 in this set."),
}


def test_invalid_links_are_corrected_with_a_note(requested):
    app = fine(digits(**{key: value for key, (value, _) in BAD_LINK.items()}))
    notes = app.warning[0].value.split("\n")
    assert len(app.warning) == 1
    assert len(notes) == len(BAD_LINK)
    for line, (_, sentence) in zip(notes, BAD_LINK.values(), strict=True):
        assert line.startswith(f"- {plain(sentence)}")
    # Numbers become the nearest valid one, others the default.
    corrected = {key: app.query_params[key] for key in BAD_LINK if key in app.query_params}
    assert corrected == {"neighbors": "10", "only": "3", "against": "k=50"}
    assert requested == [("l2", Layout("umap", 10))]
    assert sent(app)["hidden"] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    app.select_slider(key="k").set_value(3).run()
    assert not fine(app).warning
    # Values are escaped.
    app = fine(digits(against="<script>$x$", color="**", map="<b>", only="<i>"))
    assert len(app.warning[0].value.split("\n")) == 4
    assert "<b>" not in app.warning[0].value.replace("\\<b\\>", "")
