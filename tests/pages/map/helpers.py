"""Open the Map page, and compute what it has to display from the core alone."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
from streamlit.testing.v1 import AppTest

from imprint_core.embeddings import find_sets, open_set
from imprint_core.embeddings.images import images_of
from imprint_core.embeddings.store import EXPLORED, write_set
from imprint_core.evaluation.task import SEEDS, choose_classes, shot_order
from imprint_core.figures.style import CLASS_COLORS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from imprint_core.paths import bundled_folder
from tests.conftest import ROOT
from tests.pages.browser_events import components, decoded, numbers, send

DEFAULT = Recipe("kmeans", 5)


NAMES = tuple("0123456789")


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = "map"
    return app.run()


def digits(**query):
    return opened(**{"fm": "vit_tiny_patch16_224", "data": "digits", "n": "10", **query})


def sent(app, name="map"):
    return components(app)[name][1]


def pick(app, how, codes, name="map"):
    return send(app, name, {"how": how, "codes": [int(c) for c in codes]}, "picked")


def fine(app):
    assert not app.exception, [e.value for e in app.exception]
    assert not app.error, [e.value for e in app.error]
    return app


def button(app, label):
    return next(b for b in app.button if b.label.startswith(label))


class Reference:
    """Expected results of one set and one draw, from the core alone."""

    def __init__(self, fm="vit_tiny_patch16_224", data="digits", classes="all", folder=None):
        self.info = find_sets(folder or bundled_folder())[0][fm, data]
        self.set = open_set(self.info, EXPLORED)
        self.pool = pool = choose_classes(self.set, classes)
        self.codes = np.concatenate([pool.id_test, -1 - pool.id_train]).astype(int)
        self.X = np.concatenate([pool.X_test, pool.X_train])
        self.y = np.concatenate([pool.y_test, pool.y_train])
        self.test = len(pool.y_test)
        self.row = {code: row for row, code in enumerate(self.codes.tolist())}

    def shots(self, n=10):
        return np.concatenate([order[:n] for order in shot_order(self.pool.y_train, SEEDS[0])])

    def model(self, recipe=DEFAULT, n=10):
        rows = self.shots(n)
        model = ImprintingClassifier.from_recipe(recipe, random_state=SEEDS[0])
        return model.fit(self.pool.X_train[rows], self.pool.y_train[rows])

    def predictions(self, recipe=DEFAULT, n=10):
        """Predictions, margins and nearest proxies of all samples, test samples first."""
        model = self.model(recipe, n)
        explained = model.explain(self.X)
        return model.predict(self.X), explained.margin, explained.winner

    def rows(self, codes):
        return np.array([self.row[int(c)] for c in codes])


@lru_cache
def reference(*args, **kwargs):
    return Reference(*args, **kwargs)


def positions(app, name="map"):
    """Position of each sample on the map, by its code."""
    by_code = {}
    for trace in json.loads(sent(app, name)["base"])["data"]:
        points = zip(
            numbers(trace["customdata"]).tolist(),
            numbers(trace["x"]).tolist(),
            numbers(trace["y"]).tolist(),
            strict=True,
        )
        by_code |= {code: (x, y) for code, x, y in points}
    return by_code


def layer(app, trace, name="map"):
    """Traces of that name in a map's overlays."""
    traces = [t for part in sent(app, name)["overlays"] for t in json.loads(part)]
    return [t for t in traces if t.get("name") == trace]


def stars(app, name="map"):
    (trace,) = layer(app, "proxies", name)
    return np.stack([numbers(trace["x"]), numbers(trace["y"])], axis=1), trace


def control(app, key):
    """A segmented control, or a selectbox."""
    controls = [w for w in app.get("button_group") if w.key == key]
    return controls[0] if controls else app.selectbox(key=key)


def expected_tiles(ref, codes, predictions):
    """Codes in the expected order: smallest margin first."""
    margin = predictions[1]
    rows = ref.rows(sorted(int(c) for c in codes))
    return [ref.codes[r] for r in rows[np.argsort(margin[rows].astype(np.float32), kind="stable")]]


def check_tiles(ref, tiles, codes, predictions):
    predicted, margin, _ = predictions
    pictures = images_of(ref.set)
    assert [t["code"] for t in tiles] == expected_tiles(ref, codes, predictions)[: len(tiles)]
    for tile in tiles:
        code, row = tile["code"], ref.row[tile["code"]]
        true, label, text = NAMES[ref.y[row]], NAMES[predicted[row]], f"{np.float32(margin[row]):.4f}"
        assert tile["misclassified"] == (true != label)
        assert tile["title"] == true
        assert tile["note"] == (text if true == label else f"→ {label}")
        assert tile["color"] == CLASS_COLORS[ref.y[row]]
        split, number = ("test", code) if code >= 0 else ("training", -1 - code)
        assert tile["description"] == f"{split} sample {number}: class {true}, predicted as {label}, margin {text}"
        assert tile["image"].startswith("data:image/png")
        image = (pictures.test if code >= 0 else pictures.train).by_id(number)
        np.testing.assert_array_equal(np.asarray(decoded(tile["image"]).convert("L")), np.asarray(image.convert("L")))


def save_set(home, X_train, y_train, X_test, y_test, names, **dataset):
    """Write a set named "mine"."""
    tensors, samples = {}, {}
    for part, X, y in (("train", X_train, y_train), ("test", X_test, y_test)):
        y = np.asarray(y, dtype=np.int32)
        tensors |= {f"X_{part}": np.asarray(X, dtype=np.float32), f"y_{part}": y}
        tensors[f"id_{part}"] = np.arange(len(y), dtype=np.int32)
        counts = np.bincount(y)
        samples[part] = {
            "count": len(y),
            "per_class_least": int(counts.min()),
            "per_class_most": int(counts.max()),
        }
    meta = {k: v for k, v in reference().info.meta.items() if k not in ("sha256", "format")}
    meta["fm"] = {**meta["fm"], "dim": tensors["X_train"].shape[1]}
    entry = {"name": "mine", "label": "<b>Mine</b>", "class_names": list(names), **dataset}
    return write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], **entry}, "samples": samples})


def mine(**query):
    return opened(**{"fm": "vit_tiny_patch16_224", "data": "mine", **query})


def random_embeddings(count, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dim)) + np.arange(count)[:, None] % 2
