"""Maps of sets without stored ones."""

from __future__ import annotations

import time

import numpy as np
import pytest

from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.maps.layouts import Layout
from imprint_core.maps.store import load_map, set_maps_path
from tests.pages.browser_events import send
from tests.pages.map.helpers import (
    NAMES,
    button,
    control,
    fine,
    mine,
    pick,
    positions,
    random_embeddings,
    reference,
    save_set,
    sent,
    stars,
)
from tests.pages.map.test_comparison import written
from tests.pages.reading import page_text
from ui.text.markdown import plain
from ui.widgets import base_maps

EDGE_CASES = {
    "one class": lambda: (random_embeddings(20, 8), [0] * 20, random_embeddings(9, 8, 1), [0] * 9, ["only"]),
    "two samples per class": lambda: (
        random_embeddings(4, 8),
        [0, 1, 0, 1],
        random_embeddings(2, 8, 1),
        [0, 1],
        ["a", "b"],
    ),
    "one sample per class": lambda: (random_embeddings(2, 8), [0, 1], random_embeddings(2, 8, 1), [0, 1], ["a", "b"]),
    "two dimensions": lambda: (
        random_embeddings(40, 2),
        [0, 1] * 20,
        random_embeddings(10, 2, 1),
        [0, 1] * 5,
        ["a", "b"],
    ),
    "one dimension": lambda: (
        random_embeddings(40, 1),
        [0, 1] * 20,
        random_embeddings(10, 1, 1),
        [0, 1] * 5,
        ["a", "b"],
    ),
    "all the same": lambda: (np.ones((40, 8)), [0, 1] * 20, np.ones((10, 8)), [0, 1] * 5, ["a", "b"]),
    "fewer than neighbours": lambda: (
        random_embeddings(6, 8),
        [0, 1] * 3,
        random_embeddings(4, 8, 1),
        [0, 1] * 2,
        ["a", "b"],
    ),
    "zero vectors": lambda: (np.zeros((40, 8)), [0, 1] * 20, np.zeros((10, 8)), [0, 1] * 5, ["a", "b"]),
    "hostile names": lambda: (
        random_embeddings(40, 8),
        [0, 1] * 20,
        random_embeddings(10, 8, 1),
        [0, 1] * 5,
        ["<b>$x$", "**7** `"],
    ),
    "very large": lambda: (
        random_embeddings(40, 8) * 1e15,
        [0, 1] * 20,
        random_embeddings(10, 8, 1) * 1e15,
        [0, 1] * 5,
        ["a", "b"],
    ),
}


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_case_sets_have_a_map(name, home, requested):
    X, y, X_test, y_test, names = EDGE_CASES[name]()
    save_set(home, X, y, X_test, y_test, names)
    app = fine(mine(sample="1", regions="True", lines="True", shown="all", color="margin"))
    assert requested == [("l2", Layout())]
    assert f"map of {len(y) + len(y_test)} samples" in sent(app)["alt"]
    assert np.isfinite(list(positions(app).values())).all()
    assert np.isfinite(stars(app)[0]).all()
    assert "##### Explanation: test sample 1 · class" in page_text(app)
    assert "The images of \\<b\\>Mine\\</b\\> are not on this machine" in page_text(app).replace("\u2060", "")
    assert all(tile["image"] is None for tile in sent(app, "neighbours")["tiles"])
    app.selectbox(key="color").set_value("right")
    app.text_input(key="sample").set_value("training 1")
    fine(written(app, "gen=mean, norm_pre=none"))
    control(app, "agg").set_value("mnn")
    fine(pick(app, "area", [0, -1]))
    control(app, "map").set_value("pca")
    app.toggle(key="nine").set_value(True)
    fine(send(app, "confusion-first", {"trace": 0, "point": [0, 0]}))
    assert all("<b>" not in m.value.replace("\\<b\\>", "") for m in app.markdown)


def test_a_map_that_cannot_be_computed_is_reported(home, monkeypatch):
    save_set(home, random_embeddings(40, 8), [0, 1] * 20, random_embeddings(10, 8, 1), [0, 1] * 5, ["a", "b"])

    def full(*job):
        raise ImprintError("The disk is <full>.")

    monkeypatch.setattr(base_maps, "start_map_job", full)
    app = fine(mine())
    assert sent(app)["alt"].startswith("PCA map of 10 samples")
    assert f"UMAP is not available: {plain('The disk is <full>.')}" in page_text(app)
    started = []
    monkeypatch.setattr(base_maps, "start_map_job", lambda *job: started.append(job))
    button(app, "Compute map").click().run()
    assert len(started) == 1
    assert "is not available" not in page_text(fine(app))
    button(app, "Stop").click().run()
    assert "UMAP is not available: Stopped." in page_text(fine(app))
    app.select_slider(key="k").set_value(2).run()
    assert len(started) == 1
    button(app, "Compute map").click().run()

    def stubborn(*job):
        raise ImprintError("The job still runs.")

    monkeypatch.setattr(base_maps, "stop_map_job", stubborn)
    button(app, "Stop").click().run()
    assert "UMAP is not available: The job still runs." in page_text(fine(app))
    button(app, "Compute map").click().run()
    assert button(app, "Stop")
    # Another window may stop it.
    monkeypatch.setattr(base_maps, "read_map_job", lambda *job: None)
    app.run()
    assert "UMAP is not available: Stopped, perhaps in another window." in page_text(fine(app))
    button(app, "Compute map").click().run()
    assert len(started) == 4
    # A map that is no longer displayed is not computed.
    control(app, "map").set_value("pca").run()
    assert not [b for b in app.button if b.label in ("Stop", "Compute map")]


def test_umap_is_computed_in_the_background_and_replaces_pca(computes_maps, home):
    """About ten seconds, because a process starts."""
    ref = reference()
    rows = np.concatenate([np.flatnonzero(ref.pool.y_train == c)[:30] for c in range(10)])
    info = save_set(
        home, ref.pool.X_train[rows], ref.pool.y_train[rows], ref.pool.X_test[::4], ref.pool.y_test[::4], NAMES
    )
    app = fine(mine(n="5"))
    assert sent(app)["alt"].startswith("PCA map of 149 samples")
    assert button(app, "Stop")
    pick(app, "area", [0, 1, 2])
    deadline = time.monotonic() + 120
    while sent(fine(app))["alt"].startswith("PCA"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
        app.run()
    base = load_map(open_set(info), "l2", Layout())
    by_code = positions(app)
    np.testing.assert_array_equal([by_code[i] for i in range(149)], base.positions[300:])
    assert f"**Trustworthiness {base.trust:.2f}** of 1" in page_text(app)
    assert sent(app)["selected"] == [0, 1, 2]
    assert not [b for b in app.button if b.label == "Stop"]
    assert not list((home / "maps").rglob("*.partial"))
    assert not set_maps_path(info).exists()
