"""Nine UMAP layouts."""

from __future__ import annotations

import json

from imprint_core.maps.layouts import LAYOUT_GRID, Layout
from imprint_core.maps.store import load_map
from tests.pages.browser_events import numbers, send
from tests.pages.map.helpers import Reference, fine, opened, sent


def test_a_click_on_a_layout_applies_it(requested):
    app = fine(opened(fm="resnet50", data="digits", n="5"))
    app.toggle(key="nine").set_value(True).run()
    available = [load_map(Reference("resnet50").set, "l2", layout) is not None for layout in LAYOUT_GRID]
    assert any(available)
    assert requested == ([] if all(available) else [("l2", *LAYOUT_GRID)])
    figure = json.loads(sent(fine(app), "nine")["figure"])
    assert len(figure["data"]) == len(LAYOUT_GRID)
    titles = [a["text"] for a in figure["layout"]["annotations"]]
    assert [i for i, title in enumerate(titles) if "●" in title] == [LAYOUT_GRID.index(Layout())]
    assert [len(numbers(t["x"])) > 1 for t in figure["data"]] == available
    for value in ({"trace": 99, "point": [0]}, {"trace": -1, "point": [0]}, {"trace": "0", "point": [0]}):
        send(app, "nine", value)
        assert "neighbors" not in app.query_params
    chosen = LAYOUT_GRID.index(Layout("umap", 50, 0.5))
    send(fine(app), "nine", {"trace": chosen, "point": [3]})
    assert (app.query_params["neighbors"], app.query_params["min_dist"]) == ("50", "0.5")
    titles = [a["text"] for a in json.loads(sent(fine(app), "nine")["figure"])["layout"]["annotations"]]
    assert [i for i, title in enumerate(titles) if "●" in title] == [chosen]
