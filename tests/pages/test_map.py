"""The Map page without a browser: every number and picture against the core."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.embeddings import find_sets, open_set
from imprint_core.embeddings.set_images import images_of
from imprint_core.embeddings.store import EXPLORED, write_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes, shot_order
from imprint_core.figures.embedding_map import COLORINGS
from imprint_core.figures.style import CLASS_COLORS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.explanation import why
from imprint_core.framework.explanation_text import in_words
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.jobs import MapJob
from imprint_core.maps.layouts import LAYOUT_GRID, MAP_METHODS, Layout
from imprint_core.maps.placement import place_points
from imprint_core.maps.store import load_map, set_maps_path
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS
from tests.conftest import ROOT
from tests.pages.browser_events import components, decoded, numbers, send
from ui.compute import base_maps
from ui.controls.sample_selection import FIRST
from ui.text.markdown import plain

DEFAULT = Recipe("kmeans", 5)
NAMES = tuple("0123456789")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def begun(monkeypatch, request):
    """The maps that a page would have had computed; no process is started for them."""
    asked = []
    if "computes_maps" not in request.fixturenames:
        monkeypatch.setattr(base_maps, "start_map_job", lambda info, norm, layouts: asked.append((norm, *layouts)))
        monkeypatch.setattr(base_maps, "read_map_job", lambda *wanted: MapJob(True, "laying out", 0.4, ""))
        monkeypatch.setattr(base_maps, "stop_map_job", lambda *wanted: None)
    return asked


@pytest.fixture
def computes_maps():
    """For the test in which maps are computed."""


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


def page_text(app):
    return " ".join(m.value for m in [*app.markdown, *app.caption])


def button(app, label):
    return next(b for b in app.button if b.label.startswith(label))


class Core:
    """What the page has to show, from the core alone: one set, one draw."""

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

    def verdict(self, recipe=DEFAULT, n=10):
        """Predictions, margins and winners of all samples, test samples first."""
        model = self.model(recipe, n)
        found = model.explain(self.X)
        return model.predict(self.X), found.margin, found.winner

    def rows(self, codes):
        return np.array([self.row[int(c)] for c in codes])


@lru_cache
def core(*args, **kwargs):
    return Core(*args, **kwargs)


def positions(app, name="map"):
    """Where each sample is on the map, by its number."""
    where = {}
    for trace in json.loads(sent(app, name)["base"])["data"]:
        points = zip(
            numbers(trace["customdata"]).tolist(),
            numbers(trace["x"]).tolist(),
            numbers(trace["y"]).tolist(),
            strict=True,
        )
        where |= {code: (x, y) for code, x, y in points}
    return where


def layer(app, trace, name="map"):
    """The traces of that name that lie over a map."""
    over = [t for part in sent(app, name)["overlays"] for t in json.loads(part)]
    return [t for t in over if t.get("name") == trace]


def stars(app, name="map"):
    (trace,) = layer(app, "proxies", name)
    return np.stack([numbers(trace["x"]), numbers(trace["y"])], axis=1), trace


# --- the map ---------------------------------------------------------------------------------


def test_opens_with_all_numbers_of_the_core(begun):
    app = fine(digits())
    assert not app.warning
    own, base = core(), load_map(core().set, "l2", Layout())
    shown = positions(app)
    assert sorted(shown) == sorted(own.pool.id_test.tolist())
    np.testing.assert_array_equal([shown[c] for c in own.codes[: own.test]], base.positions[len(own.pool.y_train) :])
    assert sent(app)["alt"] == "UMAP map of 596 samples coloured by true class, with 50 proxies"
    caption = next(c.value for c in app.caption if c.value.startswith("UMAP"))
    assert "(n\\_neighbors 15, min\\_dist 0.1, seed 0) of the embeddings after NORM pre (L2)" in caption
    assert "596 of 1,797 samples are displayed: the test samples;" in caption
    assert ("Trustworthiness" in caption) == (base.trust is not None)
    if base.trust is not None:
        assert f"**Trustworthiness {base.trust:.2f}** of 1" in caption
    assert "uses all 192 dimensions" in caption
    assert MAP_METHODS["umap"].help in caption
    assert not begun


def test_trustworthiness_is_told_where_it_is_known(monkeypatch):
    from ui.compute import stored_maps

    known = replace(load_map(core().set, "l2", Layout("pca")), trust=0.87654)
    monkeypatch.setattr(stored_maps, "available_map", lambda info, norm, layout: known)
    assert "**Trustworthiness 0.88** of 1" in page_text(fine(digits(map="pca")))
    monkeypatch.setattr(stored_maps, "available_map", lambda info, norm, layout: replace(known, trust=None))
    assert "Trustworthiness" not in page_text(fine(digits(map="pca")))


def test_a_part_of_a_large_set_is_told():
    assert "596 of 1,797 samples are displayed: the test samples; shots" in page_text(digits())
    info = find_sets(bundled_folder())[0]["squeezenet1_1", "mnist"]
    app = fine(opened(n="5", shown="all"))
    count = sum(info.meta["samples"][part]["count"] for part in ("train", "test"))
    whole = sum(open_set(info, EXPLORED).of)
    drawn = ", an equal number per class, drawn at random" if count < whole else ""
    assert f"{count:,} of {whole:,} samples are displayed: the test and training samples{drawn};" in page_text(app)


def test_the_base_depends_on_neither_shots_nor_recipe():
    app = digits()
    own, first = core(), sent(app)
    steps = (
        (lambda: app.select_slider(key="k").set_value(2), replace(DEFAULT, k=2), 10),
        (lambda: app.select_slider(key="n").set_value(4), replace(DEFAULT, k=2), 4),
        (lambda: app.selectbox(key="gen").set_value("mean"), Recipe("mean", 1), 4),
        (lambda: app.selectbox(key="norm_post").set_value("none"), Recipe("mean", 1, norm_post="none"), 4),
        (
            lambda: control(app, "agg").set_value("mnn"),
            Recipe("mean", 1, norm_post="none", agg="mnn"),
            4,
        ),
    )
    base = load_map(own.set, "l2", Layout())
    count = len(own.pool.y_train)
    for step, recipe, n in steps:
        step().run()
        now = sent(fine(app))
        assert all(now[part] == first[part] for part in ("base", "base_key", "image_position"))
        assert now["stamp"] != first["stamp"]
        # Proxies are placed as the core places them, and shots stand where they are.
        proxies, classes, around = Evaluator(own.pool, recipe.space).imprint(recipe, n, SEEDS[0])
        at, trace = stars(app)
        np.testing.assert_array_equal(at, place_points(proxies, around, base.positions[:count]))
        assert [text.split(" of class ")[1] for text in trace["text"]] == [NAMES[c] for c in classes]
        (rings,) = layer(app, "shots")
        rows = own.shots(n)
        assert numbers(rings["customdata"]).tolist() == own.pool.id_train[rows].tolist()
        np.testing.assert_array_equal(numbers(rings["x"]), base.positions[rows, 0])
    before = sent(app)["base"]
    control(app, "norm_pre").set_value("none").run()
    assert sent(fine(app))["base"] != before


def control(app, key):
    """A segmented control, or a selectbox."""
    found = [w for w in app.get("button_group") if w.key == key]
    return found[0] if found else app.selectbox(key=key)


# --- selections ------------------------------------------------------------------------------


def expected_tiles(own, codes, verdict):
    """Codes in the order in which they have to be shown: the closest calls first."""
    margin = verdict[1]
    rows = own.rows(sorted(int(c) for c in codes))
    return [own.codes[r] for r in rows[np.argsort(margin[rows].astype(np.float32), kind="stable")]]


def check_tiles(own, tiles, codes, verdict):
    predicted, margin, _ = verdict
    pictures = images_of(own.set)
    assert [t["code"] for t in tiles] == expected_tiles(own, codes, verdict)[: len(tiles)]
    for tile in tiles:
        code, row = tile["code"], own.row[tile["code"]]
        true, taken, lead = NAMES[own.y[row]], NAMES[predicted[row]], f"{np.float32(margin[row]):.4f}"
        assert tile["misclassified"] == (true != taken)
        assert tile["title"] == true
        assert tile["note"] == (lead if true == taken else f"→ {taken}")
        assert tile["color"] == CLASS_COLORS[own.y[row]]
        part, number = ("test", code) if code >= 0 else ("training", -1 - code)
        assert tile["description"] == f"{part} sample {number}: class {true}, predicted as {taken}, margin {lead}"
        assert tile["image"].startswith("data:image/png")
        image = (pictures.test if code >= 0 else pictures.train).by_id(number)
        np.testing.assert_array_equal(np.asarray(decoded(tile["image"]).convert("L")), np.asarray(image.convert("L")))


def test_random_samples_are_shown_by_their_ids():
    """80 random samples, and each one's image is its own."""
    app, own = digits(shown="all"), core()
    verdict = own.verdict()
    assert sorted(positions(app)) == sorted(own.codes.tolist())
    rng = np.random.default_rng(0)
    for codes in np.split(rng.choice(own.codes, 5 * FIRST, replace=False), 5):
        fine(pick(app, "area", codes))
        assert sent(app)["selected"] == sorted(codes.tolist())
        tiles = sent(app, "selected")["tiles"]
        assert len(tiles) == FIRST
        check_tiles(own, tiles, codes, verdict)
        rows = own.rows(codes)
        right = int((verdict[0][rows] == own.y[rows]).sum())
        assert f"##### {FIRST} selected, {right} correct" in page_text(app)


def test_pixels_are_those_of_scikit_learn():
    """The same without the app's readers: ids count within a split of load_digits' images."""
    from sklearn.datasets import load_digits

    images = {(image * 1.0).tobytes(): int(t) for image, t in zip(*load_digits(return_X_y=True), strict=True)}
    app, own = digits(), core()
    pick(app, "area", own.codes[:300:19])
    for tile in sent(app, "selected")["tiles"]:
        pixels = np.asarray(decoded(tile["image"]).convert("L"), dtype=float).ravel()
        grey = np.rint(pixels * 16 / 255)
        assert images[grey.tobytes()] == int(tile["title"])


def test_many_are_shown_in_parts():
    app, own = digits(), core()
    codes = own.codes[:100]
    pick(app, "area", codes)
    assert button(app, "Show more").label == "Show more (84 left)"
    button(app, "Show more").click().run()
    tiles = sent(app, "selected")["tiles"]
    assert len(tiles) == 3 * FIRST
    check_tiles(own, tiles, codes, own.verdict())
    button(app, "Clear").click().run()
    assert sent(fine(app))["selected"] == []
    # Without a selection, the mistakes.
    predicted, _, _ = own.verdict()
    wrong = own.codes[: own.test][(predicted != own.y)[: own.test]]
    assert f"##### {len(wrong)} of 596 samples misclassified" in page_text(app)
    check_tiles(own, sent(app, "selected")["tiles"], wrong, own.verdict())


def test_cells_of_the_confusion_matrix_select_their_samples():
    app, own = digits(), core()
    predicted, true = own.verdict()[0][: own.test], own.pool.y_test
    z = numbers(json.loads(sent(app, "confusion-first")["figure"])["data"][0]["z"])
    counts = np.zeros((10, 10))
    np.add.at(counts, (true, predicted), 1)
    np.testing.assert_allclose(z, 100 * counts / counts.sum(axis=1, keepdims=True), rtol=1e-5)
    off = np.argwhere(counts * (1 - np.eye(10)))
    cells = [(0, 0), (8, 8), *map(tuple, off[:: len(off) // 4].tolist())]
    for row, column in cells:
        fine(send(app, "confusion-first", {"trace": 0, "point": [row, column]}))
        codes = own.pool.id_test[(true == row) & (predicted == column)]
        assert sent(app)["selected"] == sorted(codes.tolist())
        check_tiles(own, sent(app, "selected")["tiles"], codes, own.verdict())


def test_cells_of_a_subset_are_told_by_their_place():
    app, own = digits(classes="3,5,8"), Core(classes="3,5,8")
    predicted = own.verdict()[0][: own.test]
    for row, true in enumerate((3, 5, 8)):
        for column, taken in list(enumerate((3, 5, 8)))[1:]:
            fine(send(app, "confusion-first", {"trace": 0, "point": [row, column]}))
            expected = own.pool.id_test[(own.pool.y_test == true) & (predicted == taken)]
            assert sent(app)["selected"] == sorted(expected.tolist())


def test_one_asks_why_and_one_more_toggles():
    app, own = digits(), core()
    a, b, c = own.codes[[5, 50, 500]].tolist()
    pick(app, "one", [a])
    assert app.text_input(key="sample").value == str(a)
    assert app.query_params["sample"] == str(a)
    assert f"##### Explanation: test sample {a} · class" in page_text(fine(app))
    assert sent(app)["selected"] == []
    for codes, left in (([b], [b]), ([c], [b, c]), ([b], [c]), ([a], [a, c])):
        pick(app, "add", codes)
        assert sent(app)["selected"] == sorted(left)
    assert app.query_params["sample"] == str(a)
    send(app, "selected", {"code": c})
    assert app.query_params["sample"] == str(c)
    assert sent(app, "selected")["chosen"] == c
    pick(app, "none", [])
    assert sent(fine(app))["selected"] == []


def test_a_proxy_selects_what_it_won():
    app, own = digits(shown="all"), core()
    winner = own.verdict()[2]
    for proxy in (0, 17, 49):
        pick(app, "proxy", [proxy])
        assert sent(fine(app))["selected"] == sorted(own.codes[winner == proxy].tolist())


FORGED = [
    *("x", 7, [1], None, {}, {"how": "area"}, {"codes": [1]}),
    *({"how": how, "codes": [1]} for how in ("all", ["one"], {"a": "one"}, None, True)),
    *({"how": "area", "codes": codes} for codes in ("12", {"a": 1}, [True], [[1]], [1.0], [1, "2"])),
    *({"how": how, "codes": [code]} for how in ("area", "one", "add") for code in (10**4, 2**31, 10**400)),
]


def test_forged_picks_are_ignored():
    app = digits(classes="3,8", map="pca")
    own = Core(classes="3,8")
    codes = sorted(own.codes[:3].tolist())
    pick(app, "area", codes)
    for value in FORGED:
        send(app, "map", value, "picked")
        assert not fine(app).warning, value
        assert sent(app)["selected"] == codes, value
        assert "sample" not in app.query_params, value
    # Of those that a map has none of, the rest counts; and a proxy that isn't there has won nothing.
    pick(app, "area", [10**400, -(10**9), *codes[:1], -(10**400)])
    assert sent(fine(app))["selected"] == codes[:1]
    for proxy in (-1, 10**400):
        pick(app, "area", codes)
        pick(app, "proxy", [proxy])
        assert sent(fine(app))["selected"] == codes
        assert [note.value for note in app.info if "No displayed sample" in note.value]


def test_forged_clicks_on_the_confusion_matrix_are_ignored():
    app, own = digits(), core()
    codes = sorted(own.codes[:3].tolist())
    pick(app, "area", codes)
    for value in (
        {},
        {"trace": 0},
        {"trace": "0", "point": [0, 0]},
        *({"trace": 0, "point": p} for p in ([], [0], [0, 0, 0], [-1, 0], [0, 10], [10**400, 0], ["0", 0], "00", 7)),
    ):
        send(app, "confusion-first", value)
        assert sent(fine(app))["selected"] == codes, value


def test_a_selection_stays_until_the_data_are_others():
    app, own = digits(), core()
    codes = sorted(own.codes[10:17].tolist())
    pick(app, "area", codes)
    squeezenet = Core("squeezenet1_1")
    assert squeezenet.pool.id_test.tolist() == own.pool.id_test.tolist()
    for change, others, verdict in (
        (lambda: app.select_slider(key="k").set_value(2), own, own.verdict(replace(DEFAULT, k=2))),
        (lambda: app.select_slider(key="n").set_value(5), own, own.verdict(replace(DEFAULT, k=2), 5)),
        (lambda: app.selectbox(key="gen").set_value("mean"), own, own.verdict(Recipe("mean", 1), 5)),
        (lambda: control(app, "map").set_value("pca"), own, own.verdict(Recipe("mean", 1), 5)),
        (
            lambda: app.selectbox(key="fm").set_value("squeezenet1_1"),
            squeezenet,
            squeezenet.verdict(Recipe("mean", 1), 5),
        ),
    ):
        change().run()
        assert sent(fine(app))["selected"] == codes
        check_tiles(others, sent(app, "selected")["tiles"], codes, verdict)
    app.selectbox(key="data").set_value("mnist").run()
    assert sent(fine(app))["selected"] == []
    assert "No selection. Misclassified samples, smallest margin first (true → predicted)." in page_text(app)


# --- why -------------------------------------------------------------------------------------


def test_why_tells_what_the_core_finds():
    own = core()
    predicted, _, winner = own.verdict()
    wrong = int(own.codes[np.flatnonzero((predicted != own.y)[: own.test])[3]])
    right = int(own.codes[np.flatnonzero((predicted == own.y)[: own.test])[7]])
    app = digits(sample=str(wrong))
    model = own.model()
    for code in (wrong, right):
        app.text_input(key="sample").set_value(str(code)).run()
        row = own.row[code]
        found = why(model, own.X[row], NAMES)
        assert (found.label, found.winner) == (predicted[row], winner[row])
        true = int(own.y[row])
        assert f"##### Explanation: test sample {code} · class {true}" in page_text(fine(app))
        assert plain(in_words(found, NAMES, true)) in page_text(app)
        assert ("Wrong" in page_text(app)) == (code == wrong)
        check_bars(app, model, own.X[row], found)
        steps = [m.value for m in app.markdown if m.value.startswith("**") and ". " in m.value[:6]]
        assert steps == [f"**{i}. {plain(step.name)}**" for i, step in enumerate(found.steps, 1)]
        assert [c.value for c in app.code] == [step.formula for step in found.steps]
        assert all(plain(step.told) in page_text(app) for step in found.steps)
        tables = [step for step in found.steps if step.values]
        for step, table in zip(tables, app.dataframe, strict=True):
            told = [f"{value:.4g}".replace("-", "−") for _, value in step.values]
            assert table.value["value"].tolist() == told
        for sign, proxy in (("winner", found.winner), ("runner-up", found.second)):
            shots = model.shots_of(proxy)
            assert f"The {sign}: proxy {found.numbers[proxy]} of class {found.labels[proxy]}" in page_text(app)
            assert f"It represents {len(shots)} shot" in page_text(app)
            ids = own.pool.id_train[own.shots()[shots]]
            assert [t["code"] for t in sent(app, f"shots-{sign}")["tiles"]] == (-1 - ids[:6]).tolist()
        check_neighbours(app, own, code)
        check_marks(app, own, code, found)


def check_bars(app, model, x, found):
    """Every proxy's cosine, by brute force; winner and runner-up marked where they stand."""
    figure = json.loads(sent(app, "why")["figure"])
    cosine = l2(model.proxies_) @ l2(x)
    bars, where = {}, {}
    for trace, c in zip(figure["data"], np.unique(found.labels), strict=True):
        assert trace["name"] == NAMES[c]
        heights = numbers(trace["y"])
        assert (np.diff(heights) <= 0).all()
        for x_, y, number in zip(numbers(trace["x"]), heights, numbers(trace["customdata"]), strict=True):
            bars[int(c), int(number)], where[float(x_)] = float(y), (int(c), int(number))
    assert len(bars) == len(cosine)
    for proxy, value in enumerate(cosine):
        assert bars[int(found.labels[proxy]), int(found.numbers[proxy])] == pytest.approx(value, abs=1e-5)
    marked = {a["text"]: where[a["x"]] for a in figure["layout"]["annotations"]}
    rows = {"<b>winner</b>": found.winner, "<b>runner-up</b>": found.second}
    assert marked == {sign: (found.labels[r], found.numbers[r]) for sign, r in rows.items()}


def check_neighbours(app, own, code):
    """The nearest by brute force in the space that the map shows."""
    space = l2(own.X).astype(float)
    distance = np.linalg.norm(space - space[own.row[code]], axis=1)
    distance[own.row[code]] = np.inf
    nearest = np.argsort(distance, kind="stable")[:8]
    tiles = sent(app, "neighbours")["tiles"]
    assert [t["code"] for t in tiles] == own.codes[nearest].tolist()
    assert [t["note"] for t in tiles] == [f"{d:.3f}" for d in distance[nearest]]
    assert [t["title"] for t in tiles] == [NAMES[c] for c in own.y[nearest]]


def check_marks(app, own, code, found):
    """On the map, the sample is marked where it is, with a line to each proxy that counts."""
    base = load_map(own.set, "l2", Layout()).positions
    count = len(own.pool.y_train)
    at = np.concatenate([base[count:], base[:count]])[own.row[code]]
    near, won, second, ring = json.loads(sent(app)["overlays"][2])
    assert (numbers(ring["x"])[0], numbers(ring["y"])[0]) == tuple(at)
    assert len(numbers(near["x"])) == 3 * 8
    star, _ = stars(app)
    for line, proxy in ((won, found.winner), (second, found.second)):
        np.testing.assert_array_equal([numbers(line["x"])[1], numbers(line["y"])[1]], star[proxy])


@pytest.mark.parametrize(
    "query",
    [
        {"agg": "mnn", "m": "5"},
        {"agg": "sum"},
        {"pretransform": "whiten", "gen": "mean", "norm_pre": "none"},
        {"gen": "ls"},
        {"norm_pre": "none", "norm_post": "none", "norm_inf": "none"},
    ],
    ids=str,
)
def test_why_under_other_recipes(query):
    own = core()
    code = int(own.codes[40])
    app = fine(digits(sample=str(code), **query))
    assert not app.warning
    recipe = {"gen": "kmeans", "k": 5, **query}
    recipe = Recipe(
        recipe["gen"],
        recipe["k"],
        recipe.get("norm_pre", "l2"),
        recipe.get("norm_post", "l2"),
        recipe.get("norm_inf", "l2"),
        recipe.get("agg", "max"),
        m=int(recipe.get("m", 5)),
        pretransform=recipe.get("pretransform", "none"),
        lam=0.1,
    )
    found = why(own.model(recipe), own.X[own.row[code]], NAMES)
    assert plain(in_words(found, NAMES, int(own.y[own.row[code]]))) in page_text(app)


def test_samples_are_asked_about_by_their_numbers():
    app, own = digits(), core()
    shots = own.pool.id_train[own.shots()]
    shot, other = int(shots[3]), int(np.setdiff1d(own.pool.id_train, shots)[7])
    assert 12 not in shots
    for text, link, title in (
        ("429", "429", "test sample 429 · class"),
        (" #42 ", "42", "test sample 42 · class"),
        ("TRAIN 12", "training 12", "training 12 · class"),
        (f"training sample {shot}", f"training {shot}", f"training {shot} · class"),
        (f"training {other}", f"training {other}", f"training {other} · class"),
    ):
        app.text_input(key="sample").set_value(text).run()
        assert not fine(app).warning
        assert app.query_params["sample"] == link
        assert f"##### Explanation: {title}" in page_text(app)
        assert ("This sample is one of the shots" in page_text(app)) == (text == f"training sample {shot}")
        assert ("is not a shot of the first seed" in page_text(app)) == (link in ("training 12", f"training {other}"))
    before = {name: data for name, (_, data) in components(app).items()}
    for text in ("abc", "-3", "training 99999", "9" * 500, "<b>", "12 13", "²"):
        app.text_input(key="sample").set_value(text).run()
        assert len(fine(app).warning) == 1
        assert app.warning[0].value.startswith("“") or app.warning[0].value.startswith(plain("“"))
        assert "\n" not in app.warning[0].value
        assert app.query_params["sample"] == f"training {other}"
        assert {name: data for name, (_, data) in components(app).items()} == before
    app.text_input(key="sample").set_value("").run()
    assert not fine(app).warning
    assert "sample" not in app.query_params
    assert "Explanation:" not in page_text(app)


def test_a_sample_of_a_class_that_does_not_take_part():
    own = core()
    odd = int(own.pool.id_test[own.pool.y_test == 3][0])
    app = fine(digits(sample=str(odd), classes="even"))
    assert f"test sample {odd} is of class 3, which is not in the task" in app.warning[0].value.replace("\\", "")
    assert "sample" not in app.query_params
    app = digits(sample=str(odd))
    app.selectbox(key="classes").set_value("even").run()
    assert "which is not in the task" in fine(app).warning[0].value.replace("\\", "")
    assert "Explanation:" not in page_text(app)


# --- what is drawn ---------------------------------------------------------------------------


def test_colourings_tell_what_the_core_says():
    app, own = digits(), core()
    predicted, margin, _ = own.verdict()
    offered = app.selectbox(key="color").options
    assert offered == [COLORINGS[key].label for key in ("true", "predicted", "right", "margin")]
    base = json.loads(sent(app)["base"])["data"]
    for key in ("true", "predicted", "right", "margin"):
        app.selectbox(key="color").set_value(key).run()
        assert f"coloured by {COLORINGS[key].label}," in sent(fine(app))["alt"]
        paint = json.loads(sent(app)["colors"])
        for trace, colours in zip(base, paint["traces"], strict=True):
            rows = own.rows(numbers(trace["customdata"]))
            marker = colours["marker"]
            np.testing.assert_array_equal(numbers(colours["predicted"]), predicted[rows])
            # Products of another shape may round differently, by the processor.
            np.testing.assert_allclose(numbers(colours["margin"]), margin[rows], atol=1e-6)
            if key == "predicted":
                assert [CLASS_COLORS[c] for c in numbers(marker["color"])] == [CLASS_COLORS[c] for c in predicted[rows]]
            elif key == "right":
                np.testing.assert_array_equal(numbers(colours["which"]), predicted[rows] != own.y[rows])
            elif key == "margin":
                np.testing.assert_allclose(numbers(marker["color"]), margin[rows], atol=1e-6)
            else:
                assert trace["marker"]["color"] == CLASS_COLORS[own.y[rows[0]]]
        assert ("coloraxis" in paint) == (key == "margin")
        legend = {"true": 10, "predicted": 10, "right": 2, "margin": 0}
        assert len(paint["legend"]) == legend[key]


def test_only_some_classes():
    app, own = digits(shown="all"), core()
    app.multiselect(key="only").set_value([3, 8]).run()
    assert app.query_params["only"] == "3,8"
    for shown in (fine(app), fine(digits(shown="all", only="3,8"))):
        assert not shown.warning
        assert sent(shown)["hidden"] == [0, 1, 2, 4, 5, 6, 7, 9]
        (rings,) = layer(shown, "shots")
        assert len(rings["text"]) == 20
        assert {text.split(" of class ")[1] for text in stars(shown)[1]["text"]} == set(rings["text"]) == {"3", "8"}
        # A star tells which proxy it is of all, however many are shown.
        assert numbers(stars(shown)[1]["customdata"]).tolist() == [*range(15, 20), *range(40, 45)]
        ids = own.pool.id_train[own.shots()]
        keep = np.isin(own.pool.y_train[own.shots()], (3, 8))
        assert numbers(rings["customdata"]).tolist() == ids[keep].tolist()
    # Predictions stay those among all classes; the mistakes listed are those of the classes shown.
    seen = np.isin(own.y, (3, 8))
    wrong = own.verdict()[0] != own.y
    assert f"{(wrong & seen).sum():,} of {seen.sum():,} samples misclassified" in page_text(app)
    app.toggle(key="shots").set_value(False).run()
    (rings,) = layer(fine(app), "shots")
    assert not len(numbers(rings["x"]))
    assert len(stars(app)[1]["text"]) == 10
    app.multiselect(key="only").set_value([]).run()
    assert sent(fine(app))["hidden"] == []
    assert "only" not in app.query_params


def test_regions_take_the_class_of_the_samples_around():
    own = core()
    app = fine(digits(regions="True"))
    uri = sent(app)["regions"]
    assert uri.startswith("data:image/png;base64,")
    picture = np.asarray(decoded(uri).convert("RGBA")).astype(int)
    height, width, _ = picture.shape
    place = sent(app)["image_position"]
    where = positions(app)
    points = np.array(list(where.values()))
    predicted = own.verdict()[0][own.rows(where)]
    colors = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in CLASS_COLORS])
    rng = np.random.default_rng(0)
    told = np.argwhere(picture[..., 3] > 0)
    assert 0 < len(told) < height * width
    assert (picture[..., 3][picture[..., 3] > 0] == round(255 * 0.28)).all()
    sure = 0
    for i, j in rng.permutation(told)[:150]:
        x = place["x"] + (j + 0.5) / width * place["sizex"]
        y = place["y"] - (i + 0.5) / height * place["sizey"]
        near = predicted[np.argsort(np.hypot(*(points - (x, y)).T))[:5]]
        counts = np.bincount(near, minlength=10)
        # Of equally many, the nearest sample's class.
        best = next(c for c in near if counts[c] == counts.max())
        assert picture[i, j, :3].tolist() == colors[best].tolist()
        sure += 1
    assert sure == 150
    app.toggle(key="regions").set_value(False).run()
    assert sent(fine(app))["regions"] == ""


def test_lines_lead_from_proxies_to_what_they_won():
    app, own = digits(lines="True"), core()
    winner = own.verdict()[2][: own.test]
    star, _ = stars(fine(app))
    where = positions(app)
    expected = {
        (tuple(np.float32(star[w]).tolist()), where[code])
        for w, code in zip(winner, own.codes[: own.test].tolist(), strict=True)
    }
    drawn = set()
    for line in layer(app, "assigned"):
        ends = np.stack([numbers(line["x"]), numbers(line["y"])], axis=1).reshape(-1, 3, 2)
        drawn |= {(tuple(a.tolist()), tuple(b.tolist())) for a, b, _ in ends}
    assert drawn == expected
    app.multiselect(key="only").set_value([4]).run()
    (line,) = layer(fine(app), "assigned")
    proxies = own.model().proxy_class_ == 4
    count = (proxies[winner] & (own.pool.y_test == 4)).sum()
    assert len(numbers(line["x"])) == 3 * count
    app.toggle(key="lines").set_value(False).run()
    assert not layer(fine(app), "assigned")


def test_nine_layouts_and_a_click_on_one(begun):
    app = fine(opened(fm="resnet50", data="digits", n="5"))
    app.toggle(key="nine").set_value(True).run()
    kept = [load_map(Core("resnet50").set, "l2", layout) is not None for layout in LAYOUT_GRID]
    assert any(kept)
    assert begun == ([] if all(kept) else [("l2", *LAYOUT_GRID)])
    figure = json.loads(sent(fine(app), "nine")["figure"])
    assert len(figure["data"]) == len(LAYOUT_GRID)
    titles = [a["text"] for a in figure["layout"]["annotations"]]
    assert [i for i, title in enumerate(titles) if "●" in title] == [LAYOUT_GRID.index(Layout())]
    assert [len(numbers(t["x"])) > 1 for t in figure["data"]] == kept
    for value in ({"trace": 99, "point": [0]}, {"trace": -1, "point": [0]}, {"trace": "0", "point": [0]}):
        send(app, "nine", value)
        assert "neighbors" not in app.query_params
    chosen = LAYOUT_GRID.index(Layout("umap", 50, 0.5))
    send(fine(app), "nine", {"trace": chosen, "point": [3]})
    assert (app.query_params["neighbors"], app.query_params["min_dist"]) == ("50", "0.5")
    titles = [a["text"] for a in json.loads(sent(fine(app), "nine")["figure"])["layout"]["annotations"]]
    assert [i for i, title in enumerate(titles) if "●" in title] == [chosen]


# --- two recipes -----------------------------------------------------------------------------


def compared(app):
    """What stands above A and B."""
    heads = [m.value for m in app.markdown if m.value.startswith(("**A** ·", "**B** ·"))]
    return [float(head.split(" · ")[1].removesuffix(" %")) for head in heads]


def written(app, text):
    """A person writes what is to differ; the browser sends it as the text that it is."""
    box = app.selectbox(key="against")
    box.options.append(box.format_func(text))
    return box.set_value(text).run()


def accuracy(own, recipe):
    return 100 * float((own.verdict(recipe)[0] == own.y)[: own.test].mean())


def test_every_preset_can_be_compared_with():
    app, own = digits(), core()
    alone = sent(app)["base"]
    for name, preset in PRESETS.items():
        app.selectbox(key="against").set_value(name).run()
        assert app.query_params["against"] == name
        assert not fine(app).warning
        assert sent(app)["base"] == sent(app, "map-b")["base"] == alone
        recipe = replace(preset.recipe, lam=0.1)
        expected = [round(accuracy(own, r), 1) for r in (DEFAULT, recipe)]
        assert compared(app) == pytest.approx(expected, abs=0.051)
    app.selectbox(key="against").set_value("none").run()
    assert "map-b" not in components(fine(app))
    assert "against" not in app.query_params


def test_differences_select_exactly_their_samples():
    app, own = fine(digits(against="k=1")), core()
    other = replace(DEFAULT, k=1)
    a, b = ((own.verdict(r)[0] == own.y)[: own.test] for r in (DEFAULT, other))
    for told, rows in (("only A correct", a & ~b), ("only B correct", b & ~a), ("both misclassified", ~a & ~b)):
        asked = next(x for x in app.button if x.label.endswith(told))
        assert asked.label == f"{rows.sum()} samples: {told}"
        asked.click().run()
        codes = sorted(own.pool.id_test[rows].tolist())
        assert sent(fine(app))["selected"] == sent(app, "map-b")["selected"] == codes
        check_tiles(own, sent(app, "selected")["tiles"], codes, own.verdict())
    # A star of B selects what it won under B.
    pick(app, "proxy", [4], "map-b")
    winner = own.verdict(other)[2][: own.test]
    assert sent(fine(app))["selected"] == sorted(own.pool.id_test[winner == 4].tolist())
    assert len(stars(app, "map-b")[1]["text"]) == 10
    # Why is told for both.
    code = int(own.codes[9])
    pick(app, "one", [code], "map-b")
    found = why(own.model(other), own.X[own.row[code]], NAMES)
    assert f"**B:** {plain(in_words(found, NAMES, int(own.y[own.row[code]])))}" in page_text(fine(app))


def test_what_differs_can_be_written():
    app, own = digits(), core()
    written(app, "GEN = mean;  norm_pre=none")
    assert not fine(app).warning
    assert app.query_params["against"] == "gen=mean norm_pre=none"
    expected = [accuracy(own, DEFAULT), accuracy(own, replace(DEFAULT, gen="mean", norm_pre="none"))]
    assert compared(app) == pytest.approx(expected, abs=0.051)
    for text in ("nonsense", "k=", "k=999", "gen=<b>", "fm=resnet50", "a=1," * 200):
        written(app, text)
        assert len(fine(app).warning) == 1, text
        assert "\n" not in app.warning[0].value
        assert compared(app) == pytest.approx(expected, abs=0.051)
    app.select_slider(key="k").set_value(1).run()
    assert not fine(app).warning
    assert compared(app)[1] == pytest.approx(expected[1], abs=0.051)


@pytest.mark.parametrize(
    "query",
    [{"agg": "mnn", "m": "3"}, {"gen": "ls", "lam": "1.0"}, {"pretransform": "whitening", "gen": "mean"}],
    ids=str,
)
def test_a_recipe_is_kept_as_b(query):
    app = digits(k="3", **query)
    before = layer(app, "proxies")
    button(app, "Keep recipe as B").click().run()
    assert not fine(app).warning
    assert not [b for b in app.button if b.label.startswith("Keep")]
    a, b = compared(app)
    assert a == b
    assert layer(app, "proxies", "map-b") == before
    if "gen" in query:
        app.selectbox(key="gen").set_value("kmeans").run()
    app.select_slider(key="k").set_value(2).run()
    assert not fine(app).warning
    assert compared(app)[1] == b
    assert layer(app, "proxies", "map-b") == before
    assert layer(app, "proxies") != before
    # And so does the link.
    again = opened(**app.query_params)
    assert compared(again) == compared(app)


# --- links -----------------------------------------------------------------------------------

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


def test_every_control_is_in_the_link(begun):
    app = fine(digits(**EVERYTHING))
    assert not app.warning
    assert {k: app.query_params[k] for k in EVERYTHING} == EVERYTHING
    assert begun == [("l2", Layout("umap", 5, 0.25, 3))]
    again = fine(opened(**app.query_params))
    assert {n: d for n, (_, d) in components(again).items()} == {n: d for n, (_, d) in components(app).items()}
    assert page_text(again) == page_text(app)
    app = fine(digits(map="pca"))
    assert (app.query_params["map"], sent(app)["alt"][:4]) == ("pca", "PCA ")
    assert '"scaleanchor":"x"' in sent(app)["base"]


BAD_LINK = {
    "map": ("tsne", "Map can't be tsne here; it is one of UMAP, PCA"),
    "neighbors": ("8", "Neighbours (n_neighbors) can't be 8 here"),
    "min_dist": ("nan", "Minimum distance (min_dist) can't be nan here"),
    "map_seed": ("-1", "UMAP seed can't be -1 here"),
    "color": ("source", "Colour by can't be source here; it is one of true class"),
    "shown": ("9", "Samples can't be 9 here; it is one of test samples"),
    "only": ("3,77,cat", "Only classes: 77, cat is not among them; ignored."),
    "regions": ("maybe", "Decision regions can't be maybe here; it is one of off, on. Now off."),
    "against": ("k=99999", "“k=99999”: k can't be 99999; it is from 1 to"),
    "sample": ("training 99999", "“training 99999”: there is no training sample 99999 in this set."),
}


def test_bad_links_are_put_right_and_told(begun):
    app = fine(digits(**{key: value for key, (value, _) in BAD_LINK.items()}))
    told = app.warning[0].value.split("\n")
    assert len(app.warning) == 1
    assert len(told) == len(BAD_LINK)
    for line, (_, sentence) in zip(told, BAD_LINK.values(), strict=True):
        assert line.startswith(f"- {plain(sentence)}")
    # The nearest number is taken where there is one, and the default elsewhere.
    left = {key: app.query_params[key] for key in BAD_LINK if key in app.query_params}
    assert left == {"neighbors": "10", "only": "3"}
    assert begun == [("l2", Layout("umap", 10))]
    assert sent(app)["hidden"] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    app.select_slider(key="k").set_value(3).run()
    assert not fine(app).warning
    # None of it is taken for Markdown or HTML.
    app = fine(digits(against="<script>$x$", color="**", map="<b>", only="<i>"))
    assert len(app.warning[0].value.split("\n")) == 4
    assert "<b>" not in app.warning[0].value.replace("\\<b\\>", "")


# --- sets of one's own -----------------------------------------------------------------------


def keep_set(home, X_train, y_train, X_test, y_test, names, **dataset):
    """A set on this machine under the name "mine"."""
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
    meta = {k: v for k, v in core().info.meta.items() if k not in ("sha256", "format")}
    meta["fm"] = {**meta["fm"], "dim": tensors["X_train"].shape[1]}
    own = {"name": "mine", "label": "<b>Mine</b>", "class_names": list(names), **dataset}
    return write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], **own}, "samples": samples})


def mine(**query):
    return opened(**{"fm": "vit_tiny_patch16_224", "data": "mine", **query})


def drawn(count, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dim)) + np.arange(count)[:, None] % 2


BAD = {
    "one class": lambda: (drawn(20, 8), [0] * 20, drawn(9, 8, 1), [0] * 9, ["only"]),
    "two samples a class": lambda: (drawn(4, 8), [0, 1, 0, 1], drawn(2, 8, 1), [0, 1], ["a", "b"]),
    "one sample a class": lambda: (drawn(2, 8), [0, 1], drawn(2, 8, 1), [0, 1], ["a", "b"]),
    "two dimensions": lambda: (drawn(40, 2), [0, 1] * 20, drawn(10, 2, 1), [0, 1] * 5, ["a", "b"]),
    "one dimension": lambda: (drawn(40, 1), [0, 1] * 20, drawn(10, 1, 1), [0, 1] * 5, ["a", "b"]),
    "all the same": lambda: (np.ones((40, 8)), [0, 1] * 20, np.ones((10, 8)), [0, 1] * 5, ["a", "b"]),
    "fewer than neighbours": lambda: (drawn(6, 8), [0, 1] * 3, drawn(4, 8, 1), [0, 1] * 2, ["a", "b"]),
    "zero vectors": lambda: (np.zeros((40, 8)), [0, 1] * 20, np.zeros((10, 8)), [0, 1] * 5, ["a", "b"]),
    "hostile names": lambda: (drawn(40, 8), [0, 1] * 20, drawn(10, 8, 1), [0, 1] * 5, ["<b>$x$", "**7** `"]),
    "very large": lambda: (drawn(40, 8) * 1e15, [0, 1] * 20, drawn(10, 8, 1) * 1e15, [0, 1] * 5, ["a", "b"]),
}


@pytest.mark.parametrize("name", BAD)
def test_odd_sets_have_a_map_too(name, home, begun):
    X, y, X_test, y_test, names = BAD[name]()
    keep_set(home, X, y, X_test, y_test, names)
    app = fine(mine(sample="1", regions="True", lines="True", shown="all", color="margin"))
    assert begun == [("l2", Layout())]
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


def test_a_map_that_cannot_be_computed_is_told(home, monkeypatch):
    keep_set(home, drawn(40, 8), [0, 1] * 20, drawn(10, 8, 1), [0, 1] * 5, ["a", "b"])

    def full(*wanted):
        raise ImprintError("The disk is <full>.")

    monkeypatch.setattr(base_maps, "start_map_job", full)
    app = fine(mine())
    assert sent(app)["alt"].startswith("PCA map of 10 samples")
    assert f"UMAP is not available: {plain('The disk is <full>.')}" in page_text(app)
    asked = []
    monkeypatch.setattr(base_maps, "start_map_job", lambda *wanted: asked.append(wanted))
    button(app, "Compute map").click().run()
    assert len(asked) == 1
    assert "is not available" not in page_text(fine(app))
    button(app, "Stop").click().run()
    assert "UMAP is not available: Stopped." in page_text(fine(app))
    app.select_slider(key="k").set_value(2).run()
    assert len(asked) == 1
    button(app, "Compute map").click().run()

    def stubborn(*wanted):
        raise ImprintError("It goes on.")

    monkeypatch.setattr(base_maps, "stop_map_job", stubborn)
    button(app, "Stop").click().run()
    assert "UMAP is not available: It goes on." in page_text(fine(app))
    button(app, "Compute map").click().run()
    assert button(app, "Stop")
    # Another window may end it.
    monkeypatch.setattr(base_maps, "read_map_job", lambda *wanted: None)
    app.run()
    assert "UMAP is not available: Stopped, perhaps in another window." in page_text(fine(app))
    button(app, "Compute map").click().run()
    assert len(asked) == 4
    # What isn't looked at any more isn't computed either.
    control(app, "map").set_value("pca").run()
    assert not [b for b in app.button if b.label in ("Stop", "Compute map")]


def test_a_umap_is_computed_aside_and_takes_the_place_of_pca(computes_maps, home):
    """About ten seconds: a process of its own has to begin."""
    own = core()
    rows = np.concatenate([np.flatnonzero(own.pool.y_train == c)[:30] for c in range(10)])
    info = keep_set(
        home, own.pool.X_train[rows], own.pool.y_train[rows], own.pool.X_test[::4], own.pool.y_test[::4], NAMES
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
    where = positions(app)
    np.testing.assert_array_equal([where[i] for i in range(149)], base.positions[300:])
    assert f"**Trustworthiness {base.trust:.2f}** of 1" in page_text(app)
    assert sent(app)["selected"] == [0, 1, 2]
    assert not [b for b in app.button if b.label == "Stop"]
    assert not list((home / "maps").rglob("*.partial"))
    assert not set_maps_path(info).exists()


def test_parts_of_a_merged_set_are_a_colouring(home):
    parts = [
        {"name": "mnist", "label": "MNIST", "first_id": 0},
        {"name": "svhn", "label": "SVHN", "first_id": 25},
    ]
    keep_set(home, drawn(60, 8), [0, 1] * 30, drawn(40, 8, 1), [0, 1] * 20, ["a", "b"], parts=parts)
    app = mine(color="source", shown="all")
    assert not fine(app).warning
    paint = json.loads(sent(app)["colors"])
    assert [entry["name"] for entry in paint["legend"]] == ["MNIST", "SVHN"]
    for trace, colours in zip(json.loads(sent(app)["base"])["data"], paint["traces"], strict=True):
        codes = numbers(trace["customdata"])
        ids = np.where(codes < 0, -1 - codes, codes)
        np.testing.assert_array_equal(numbers(colours["which"]), ids >= 25)
    assert "coloured by source," in sent(app)["alt"]


def test_merged_classes_are_a_colouring(begun):
    app = fine(opened(fm="vit_tiny_patch16_224", data="tiny_imagenet_100", classes="3in1", n="5", color="source"))
    assert not app.warning
    own = Core(data="tiny_imagenet_100", classes="3in1")
    present = np.unique(own.pool.origin_test)
    origin = dict(zip(own.pool.id_test.tolist(), own.pool.origin_test.tolist(), strict=True))
    paint = json.loads(sent(app)["colors"])
    for trace, colours in zip(json.loads(sent(app)["base"])["data"], paint["traces"], strict=True):
        codes = numbers(trace["customdata"]).tolist()
        places = np.searchsorted(present, [origin[c] for c in codes])
        np.testing.assert_array_equal(numbers(colours["which"]), places)
        assert len(colours["symbols"]) == len(colours["marker"]["colors"]) == len(present)
    assert "are not on this machine" in page_text(app)
    code = int(own.codes[3])
    pick(app, "one", [code])
    found = why(own.model(DEFAULT, 5), own.X[own.row[code]], own.pool.names)
    assert plain(in_words(found, own.pool.names, int(own.y[own.row[code]]))) in page_text(fine(app))
    app.selectbox(key="classes").set_value("all").run()
    assert "Colour by can't be" in fine(app).warning[0].value
    assert "color" not in app.query_params


def test_another_dataset_has_other_samples():
    app = opened(data="mnist", sample="7750")
    assert app.text_input(key="sample").value == "7750"
    app.selectbox(key="data").set_value("digits").run()
    assert not app.exception
    # The browser is told, too, and doesn't go on showing what isn't asked about.
    assert app.text_input(key="sample").value == ""
    assert app.text_input(key="sample").proto.set_value
    assert "sample" not in app.query_params
