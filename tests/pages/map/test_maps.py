"""The map: layers, captions and colorings against the core."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from imprint_core.embeddings import find_sets, open_set
from imprint_core.embeddings.store import EXPLORED
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS
from imprint_core.figures.embedding_map import COLORINGS
from imprint_core.figures.style import CLASS_COLORS
from imprint_core.framework.explanation import describe, explain_sample
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.layouts import MAP_METHODS, Layout
from imprint_core.maps.neighbours import place_points
from imprint_core.maps.store import load_map
from imprint_core.paths import bundled_folder
from tests.pages.browser_events import decoded, numbers
from tests.pages.map.helpers import (
    DEFAULT,
    NAMES,
    Reference,
    control,
    digits,
    fine,
    layer,
    mine,
    opened,
    pick,
    positions,
    random_embeddings,
    reference,
    save_set,
    sent,
    stars,
)
from tests.pages.reading import page_text
from ui.text.markdown import plain


def test_all_numbers_equal_the_core(requested):
    app = fine(digits())
    assert not app.warning
    ref, base = reference(), load_map(reference().set, "l2", Layout())
    displayed = positions(app)
    assert sorted(displayed) == sorted(ref.pool.id_test.tolist())
    np.testing.assert_array_equal(
        [displayed[c] for c in ref.codes[: ref.test]], base.positions[len(ref.pool.y_train) :]
    )
    assert sent(app)["alt"] == "UMAP map of 596 samples coloured by true class, with 50 proxies"
    caption = next(c.value for c in app.caption if c.value.startswith("UMAP"))
    assert "(n\\_neighbors 15, min\\_dist 0.1, seed 0) of the embeddings after NORM pre (L2)" in caption
    assert "596 of 1,797 samples are displayed: the test samples;" in caption
    assert ("Trustworthiness" in caption) == (base.trust is not None)
    if base.trust is not None:
        assert f"**Trustworthiness {base.trust:.2f}** of 1" in caption
    assert "uses all 192 dimensions" in caption
    assert MAP_METHODS["umap"].help in caption
    assert not requested


def test_trustworthiness_is_displayed_if_known(monkeypatch):
    from ui.compute import stored_maps

    known = replace(load_map(reference().set, "l2", Layout("pca")), trust=0.87654)
    monkeypatch.setattr(stored_maps, "available_map", lambda info, norm, layout: known)
    assert "**Trustworthiness 0.88** of 1" in page_text(fine(digits(map="pca")))
    monkeypatch.setattr(stored_maps, "available_map", lambda info, norm, layout: replace(known, trust=None))
    assert "Trustworthiness" not in page_text(fine(digits(map="pca")))


def test_a_subset_of_a_large_set_is_reported():
    assert "596 of 1,797 samples are displayed: the test samples; shots" in page_text(digits())
    info = find_sets(bundled_folder())[0]["squeezenet1_1", "mnist"]
    app = fine(opened(data="mnist", n="5", shown="all"))
    count = sum(info.meta["samples"][part]["count"] for part in ("train", "test"))
    whole = sum(open_set(info, EXPLORED).of)
    sampling = ", an equal number per class, random_embeddings at random" if count < whole else ""
    assert f"{count:,} of {whole:,} samples are displayed: the test and training samples{sampling};" in page_text(app)


def test_the_base_layer_depends_on_neither_shots_nor_recipe():
    app = digits()
    ref, first = reference(), sent(app)
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
    base = load_map(ref.set, "l2", Layout())
    count = len(ref.pool.y_train)
    for step, recipe, n in steps:
        step().run()
        now = sent(fine(app))
        assert all(now[part] == first[part] for part in ("base", "base_key", "image_position"))
        assert now["stamp"] != first["stamp"]
        # Proxies are placed as in the core, and shots at the positions of their embeddings.
        proxies, classes, embedded = Evaluator(ref.pool, recipe.space).imprint(recipe, n, SEEDS[0])
        points, trace = stars(app)
        np.testing.assert_array_equal(points, place_points(proxies, embedded, base.positions[:count]))
        assert [text.split(" of class ")[1] for text in trace["text"]] == [NAMES[c] for c in classes]
        (rings,) = layer(app, "shots")
        rows = ref.shots(n)
        assert numbers(rings["customdata"]).tolist() == ref.pool.id_train[rows].tolist()
        np.testing.assert_array_equal(numbers(rings["x"]), base.positions[rows, 0])
    before = sent(app)["base"]
    control(app, "norm_pre").set_value("none").run()
    assert sent(fine(app))["base"] != before


def test_colorings_equal_the_core():
    app, ref = digits(), reference()
    predicted, margin, _ = ref.predictions()
    options = app.selectbox(key="color").options
    assert options == [COLORINGS[key].label for key in ("true", "predicted", "right", "margin")]
    base = json.loads(sent(app)["base"])["data"]
    for key in ("true", "predicted", "right", "margin"):
        app.selectbox(key="color").set_value(key).run()
        assert f"coloured by {COLORINGS[key].label}," in sent(fine(app))["alt"]
        colors = json.loads(sent(app)["colors"])
        for trace, layer_trace in zip(base, colors["traces"], strict=True):
            rows = ref.rows(numbers(trace["customdata"]))
            marker = layer_trace["marker"]
            np.testing.assert_array_equal(numbers(layer_trace["predicted"]), predicted[rows])
            # Products of other shapes may round differently.
            np.testing.assert_allclose(numbers(layer_trace["margin"]), margin[rows], atol=1e-6)
            if key == "predicted":
                assert [CLASS_COLORS[c] for c in numbers(marker["color"])] == [CLASS_COLORS[c] for c in predicted[rows]]
            elif key == "right":
                np.testing.assert_array_equal(numbers(layer_trace["which"]), predicted[rows] != ref.y[rows])
            elif key == "margin":
                np.testing.assert_allclose(numbers(marker["color"]), margin[rows], atol=1e-6)
            else:
                assert trace["marker"]["color"] == CLASS_COLORS[ref.y[rows[0]]]
        assert ("coloraxis" in colors) == (key == "margin")
        # Class names are written on the map.
        legend = {"true": 0, "predicted": 0, "right": 2, "margin": 0}
        assert len(colors["legend"]) == legend[key]


def test_only_classes_hides_other_classes():
    app, ref = digits(shown="all"), reference()
    app.multiselect(key="only").set_value([3, 8]).run()
    assert app.query_params["only"] == "3,8"
    for page in (fine(app), fine(digits(shown="all", only="3,8"))):
        assert not page.warning
        assert sent(page)["hidden"] == [0, 1, 2, 4, 5, 6, 7, 9]
        (rings,) = layer(page, "shots")
        assert len(rings["text"]) == 20
        assert {text.split(" of class ")[1] for text in stars(page)[1]["text"]} == set(rings["text"]) == {"3", "8"}
        # Stars keep their row among all proxies.
        assert numbers(stars(page)[1]["customdata"]).tolist() == [*range(15, 20), *range(40, 45)]
        ids = ref.pool.id_train[ref.shots()]
        keep = np.isin(ref.pool.y_train[ref.shots()], (3, 8))
        assert numbers(rings["customdata"]).tolist() == ids[keep].tolist()
    # Predictions still use all classes; only samples of the displayed classes are listed.
    visible = np.isin(ref.y, (3, 8))
    misclassified = ref.predictions()[0] != ref.y
    assert f"{(misclassified & visible).sum():,} of {visible.sum():,} samples misclassified" in page_text(app)
    app.toggle(key="shots").set_value(False).run()
    (rings,) = layer(fine(app), "shots")
    assert not len(numbers(rings["x"]))
    assert len(stars(app)[1]["text"]) == 10
    app.multiselect(key="only").set_value([]).run()
    assert sent(fine(app))["hidden"] == []
    assert "only" not in app.query_params


def test_regions_have_the_majority_class_of_nearby_samples():
    ref = reference()
    app = fine(digits(regions="True"))
    uri = sent(app)["regions"]
    assert uri.startswith("data:image/png;base64,")
    picture = np.asarray(decoded(uri).convert("RGBA")).astype(int)
    height, width, _ = picture.shape
    box = sent(app)["image_position"]
    points_by_code = positions(app)
    points = np.array(list(points_by_code.values()))
    predicted = ref.predictions()[0][ref.rows(points_by_code)]
    colors = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in CLASS_COLORS])
    rng = np.random.default_rng(0)
    covered = np.argwhere(picture[..., 3] > 0)
    assert 0 < len(covered) < height * width
    assert (picture[..., 3][picture[..., 3] > 0] == round(255 * 0.28)).all()
    checked = 0
    for i, j in rng.permutation(covered)[:150]:
        x = box["x"] + (j + 0.5) / width * box["sizex"]
        y = box["y"] - (i + 0.5) / height * box["sizey"]
        near = predicted[np.argsort(np.hypot(*(points - (x, y)).T))[:5]]
        counts = np.bincount(near, minlength=10)
        # Ties go to the nearest sample.
        best = next(c for c in near if counts[c] == counts.max())
        assert picture[i, j, :3].tolist() == colors[best].tolist()
        checked += 1
    assert checked == 150
    app.toggle(key="regions").set_value(False).run()
    assert sent(fine(app))["regions"] == ""


def test_lines_connect_proxies_with_assigned_samples():
    app, ref = digits(lines="True"), reference()
    winner = ref.predictions()[2][: ref.test]
    star, _ = stars(fine(app))
    by_code = positions(app)
    expected = {
        (tuple(np.float32(star[w]).tolist()), by_code[code])
        for w, code in zip(winner, ref.codes[: ref.test].tolist(), strict=True)
    }
    displayed = set()
    for line in layer(app, "assigned"):
        ends = np.stack([numbers(line["x"]), numbers(line["y"])], axis=1).reshape(-1, 3, 2)
        displayed |= {(tuple(a.tolist()), tuple(b.tolist())) for a, b, _ in ends}
    assert displayed == expected
    app.multiselect(key="only").set_value([4]).run()
    (line,) = layer(fine(app), "assigned")
    proxies = ref.model().proxy_class_ == 4
    count = (proxies[winner] & (ref.pool.y_test == 4)).sum()
    assert len(numbers(line["x"])) == 3 * count
    app.toggle(key="lines").set_value(False).run()
    assert not layer(fine(app), "assigned")


def test_parts_of_a_merged_dataset_are_a_coloring(home):
    parts = [
        {"name": "mnist", "label": "MNIST", "first_id": 0},
        {"name": "svhn", "label": "SVHN", "first_id": 25},
    ]
    save_set(
        home, random_embeddings(60, 8), [0, 1] * 30, random_embeddings(40, 8, 1), [0, 1] * 20, ["a", "b"], parts=parts
    )
    app = mine(color="source", shown="all")
    assert not fine(app).warning
    colors = json.loads(sent(app)["colors"])
    assert [entry["name"] for entry in colors["legend"]] == ["MNIST", "SVHN"]
    for trace, layer_trace in zip(json.loads(sent(app)["base"])["data"], colors["traces"], strict=True):
        codes = numbers(trace["customdata"])
        ids = np.where(codes < 0, -1 - codes, codes)
        np.testing.assert_array_equal(numbers(layer_trace["which"]), ids >= 25)
    assert "coloured by source," in sent(app)["alt"]


def test_merged_classes_are_a_coloring(requested):
    app = fine(opened(fm="vit_tiny_patch16_224", data="tiny_imagenet_100", classes="3in1", n="5", color="source"))
    assert not app.warning
    ref = Reference(data="tiny_imagenet_100", classes="3in1")
    present = np.unique(ref.pool.origin_test)
    origin = dict(zip(ref.pool.id_test.tolist(), ref.pool.origin_test.tolist(), strict=True))
    colors = json.loads(sent(app)["colors"])
    for trace, layer_trace in zip(json.loads(sent(app)["base"])["data"], colors["traces"], strict=True):
        codes = numbers(trace["customdata"]).tolist()
        columns = np.searchsorted(present, [origin[c] for c in codes])
        np.testing.assert_array_equal(numbers(layer_trace["which"]), columns)
        assert len(layer_trace["symbols"]) == len(layer_trace["marker"]["colors"]) == len(present)
    assert "are not on this machine" in page_text(app)
    code = int(ref.codes[3])
    pick(app, "one", [code])
    explained = explain_sample(ref.model(DEFAULT, 5), ref.X[ref.row[code]])
    assert plain(describe(explained, ref.pool.names, int(ref.y[ref.row[code]]))) in page_text(fine(app))
    app.selectbox(key="classes").set_value("all").run()
    assert "Colour by = source is not available" in fine(app).warning[0].value
    assert "color" not in app.query_params
