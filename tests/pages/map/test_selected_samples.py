"""Selected samples and their tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imprint_core.framework.recipe import Recipe
from tests.pages.browser_events import decoded, send
from tests.pages.map.helpers import (
    DEFAULT,
    Reference,
    button,
    check_tiles,
    control,
    digits,
    fine,
    pick,
    positions,
    reference,
    sent,
)
from tests.pages.reading import page_text
from ui.controls.sample_selection import FIRST


def test_tiles_of_random_samples_have_their_images():
    """80 random samples."""
    app, ref = digits(shown="all"), reference()
    predictions = ref.predictions()
    assert sorted(positions(app)) == sorted(ref.codes.tolist())
    rng = np.random.default_rng(0)
    for codes in np.split(rng.choice(ref.codes, 5 * FIRST, replace=False), 5):
        fine(pick(app, "area", codes))
        assert sent(app)["selected"] == sorted(codes.tolist())
        tiles = sent(app, "selected")["tiles"]
        assert len(tiles) == FIRST
        check_tiles(ref, tiles, codes, predictions)
        rows = ref.rows(codes)
        correct = int((predictions[0][rows] == ref.y[rows]).sum())
        assert f"##### {FIRST} selected, {correct} correct" in page_text(app)


def test_images_equal_those_of_scikit_learn():
    """Compare pixels with `load_digits`, without the app's readers."""
    from sklearn.datasets import load_digits

    images = {(image * 1.0).tobytes(): int(t) for image, t in zip(*load_digits(return_X_y=True), strict=True)}
    app, ref = digits(), reference()
    pick(app, "area", ref.codes[:300:19])
    for tile in sent(app, "selected")["tiles"]:
        pixels = np.asarray(decoded(tile["image"]).convert("L"), dtype=float).ravel()
        grey = np.rint(pixels * 16 / 255)
        assert images[grey.tobytes()] == int(tile["title"])


def test_long_selections_are_shown_in_steps():
    app, ref = digits(), reference()
    codes = ref.codes[:100]
    pick(app, "area", codes)
    assert button(app, "Show more").label == "Show more (84 left)"
    button(app, "Show more").click().run()
    tiles = sent(app, "selected")["tiles"]
    assert len(tiles) == 3 * FIRST
    check_tiles(ref, tiles, codes, ref.predictions())
    button(app, "Clear").click().run()
    assert sent(fine(app))["selected"] == []
    # Without a selection, the misclassified samples are shown.
    predicted, _, _ = ref.predictions()
    wrong = ref.codes[: ref.test][(predicted != ref.y)[: ref.test]]
    assert f"##### {len(wrong)} of 596 samples misclassified" in page_text(app)
    check_tiles(ref, sent(app, "selected")["tiles"], wrong, ref.predictions())


def test_a_click_explains_and_a_shift_click_toggles():
    app, ref = digits(), reference()
    a, b, c = ref.codes[[5, 50, 500]].tolist()
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


def test_a_proxy_selects_its_assigned_samples():
    app, ref = digits(shown="all"), reference()
    winner = ref.predictions()[2]
    for proxy in (0, 17, 49):
        pick(app, "proxy", [proxy])
        assert sent(fine(app))["selected"] == sorted(ref.codes[winner == proxy].tolist())
        # Five proxies per class.
        assert f"**★ Proxy {proxy % 5 + 1} of class {proxy // 5}**, with a ring" in page_text(app)
        ring = sent(app)["overlays"]
        assert "focus" in str(ring)
    # Anything else that is selected removes the ring.
    pick(app, "area", [int(ref.codes[0])])
    assert "★ Proxy" not in page_text(app)
    assert "focus" not in str(sent(app)["overlays"])


def test_the_texts_agree_with_what_is_displayed():
    # These two classes are never confused.
    app, ref = digits(classes="0,1"), Reference(classes="0,1")
    assert not (ref.predictions()[0] != ref.y)[: ref.test].any()
    text = page_text(fine(app))
    assert f"All {ref.test} samples classified correctly" in text
    assert "misclassified" not in text
    app = digits(sample=str(int(reference().codes[0])))
    assert "smallest margin first" in page_text(fine(app))
    assert "No selection" not in page_text(app)


FORGED = [
    *("x", 7, [1], None, {}, {"how": "area"}, {"codes": [1]}),
    *({"how": how, "codes": [1]} for how in ("all", ["one"], {"a": "one"}, None, True)),
    *({"how": "area", "codes": codes} for codes in ("12", {"a": 1}, [True], [[1]], [1.0], [1, "2"])),
    *({"how": how, "codes": [code]} for how in ("area", "one", "add") for code in (10**4, 2**31, 10**400)),
]


def test_forged_picks_are_ignored():
    app = digits(classes="3,8", map="pca")
    ref = Reference(classes="3,8")
    codes = sorted(ref.codes[:3].tolist())
    pick(app, "area", codes)
    for value in FORGED:
        send(app, "map", value, "picked")
        assert not fine(app).warning, value
        assert sent(app)["selected"] == codes, value
        assert "sample" not in app.query_params, value
    # Unknown codes are skipped; an unknown proxy has no samples.
    pick(app, "area", [10**400, -(10**9), *codes[:1], -(10**400)])
    assert sent(fine(app))["selected"] == codes[:1]
    for proxy in (-1, 10**400):
        pick(app, "area", codes)
        pick(app, "proxy", [proxy])
        assert sent(fine(app))["selected"] == codes
        assert [note.value for note in app.info if "No displayed sample" in note.value]


def test_a_selection_stays_until_the_dataset_changes():
    app, ref = digits(), reference()
    codes = sorted(ref.codes[10:17].tolist())
    pick(app, "area", codes)
    squeezenet = Reference("squeezenet1_1")
    assert squeezenet.pool.id_test.tolist() == ref.pool.id_test.tolist()
    for change, changed, predictions in (
        (lambda: app.select_slider(key="k").set_value(2), ref, ref.predictions(replace(DEFAULT, k=2))),
        (lambda: app.select_slider(key="n").set_value(5), ref, ref.predictions(replace(DEFAULT, k=2), 5)),
        (lambda: app.selectbox(key="gen").set_value("mean"), ref, ref.predictions(Recipe("mean", 1), 5)),
        (lambda: control(app, "map").set_value("pca"), ref, ref.predictions(Recipe("mean", 1), 5)),
        (
            lambda: app.selectbox(key="fm").set_value("squeezenet1_1"),
            squeezenet,
            squeezenet.predictions(Recipe("mean", 1), 5),
        ),
    ):
        change().run()
        assert sent(fine(app))["selected"] == codes
        check_tiles(changed, sent(app, "selected")["tiles"], codes, predictions)
    app.selectbox(key="data").set_value("mnist").run()
    assert sent(fine(app))["selected"] == []
    assert "No selection. Misclassified samples, smallest margin first (true → predicted)." in page_text(app)
